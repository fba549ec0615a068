"""Fakes that stand in for trained networks and landmark libraries, through the same protocols."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import settings
from torch import Tensor

from facsmith.errors import ModelUnavailableError, NoFaceError
from facsmith.face import Face, choose, find
from facsmith.facs import DISFA
from facsmith.inversion import InversionOptions
from facsmith.options import AnimateOptions

# A busy machine is no bug: properties are judged by their outcome, not by their time.
settings.register_profile("facsmith", deadline=None)
settings.load_profile("facsmith")

LONGEST_FIRST = (
    *(
        "studio/test_studio_browser",
        "lab/reproduce/test_report",
        "project/test_examples",
        "lab/train/test_train_generator",
    ),
    *("lab/train/test_train_engine", "stimuli/test_battery", "footage", "batch", "lab/evaluate/test_model"),
    *("project/test_wheel", "lab", "studio", "project"),
)
"""Files and folders of tests by how long they take, so that none of them is alone at the end of a run on two cores."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each process takes the next file (`--dist=loadfile`): the longest come first."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(here).as_posix()
        return next((k for k, start in enumerate(LONGEST_FIRST) if name.startswith(start)), len(LONGEST_FIRST))

    items.sort(key=place)  # stable: a file's tests stay together, in their order


SHARED = Path(__file__).parents[2] / "shared"

QUICK = AnimateOptions(fps=10, onset=0.3, apex=0.3, offset=0.3, inversion=InversionOptions(iterations=2))
"""A film of ten frames, of a face that is hardly searched for."""


def face_points(x: float = 0.0, y: float = 0.0, iod: float = 1.0) -> np.ndarray:
    """(68, 2) iBUG points of a schematic frontal face; (x, y) is the midpoint of the eyes."""
    jaw = np.linspace(np.pi, 0, 17)
    rows = [np.stack([1.15 * np.cos(jaw), 0.25 + 1.35 * np.sin(jaw)], 1)]
    for side in (-1, 1):
        across = np.linspace(0.78, 0.2, 5) if side < 0 else np.linspace(0.2, 0.78, 5)
        rows.append(np.stack([side * across, -0.3 - 0.08 * np.sin(np.linspace(0, np.pi, 5))], 1))
    rows.append(np.stack([np.zeros(4), np.linspace(0, 0.5, 4)], 1))
    rows.append(np.stack([np.linspace(-0.2, 0.2, 5), [0.58, 0.61, 0.63, 0.61, 0.58]], 1))
    eye_x, eye_y = 0.17 * np.array([-1, -0.4, 0.4, 1, 0.4, -0.4]), [0, -0.07, -0.07, 0, 0.06, 0.06]
    rows += [np.stack([side * 0.5 + eye_x, eye_y], 1) for side in (-1, 1)]
    outer = np.array([np.pi * (1 - i / 6) for i in range(7)] + [-np.pi * i / 6 for i in range(1, 6)])
    rows.append(np.stack([0.4 * np.cos(outer), 1.05 - 0.14 * np.sin(outer)], 1))
    inner = np.array([np.pi * (1 - i / 4) for i in range(5)] + [-np.pi * i / 4 for i in range(1, 4)])
    rows.append(np.stack([0.3 * np.cos(inner), 1.05 - 0.01 * np.sin(inner)], 1))
    return np.concatenate(rows) * iod + [x, y]


def face_at(x: float, y: float, iod: float, *, yaw: float = 0.0) -> Face:
    points = face_points(x, y, iod)
    box = (*points.min(0).tolist(), *points.max(0).tolist())
    return Face(landmarks=points, box=box, score=1.0, provider="mediapipe", yaw_degrees=yaw)


@dataclass
class FakeFaces:
    """Finds what it was told to; ``found`` counts the photos looked at."""

    faces: tuple[Face, ...]
    found: int = 0

    def find(self, image: np.ndarray, *, provider: str = "auto") -> list[Face]:
        self.found += 1
        return [replace(face, provider="dlib" if provider == "dlib" else face.provider) for face in self.faces]

    def follow(self, image: np.ndarray, face: Face) -> Face:
        if not image.any():
            raise NoFaceError("nothing to be seen in a black picture")
        return face


class FakeDescriptor:
    """1000 fixed projections of the picture's 8 x 8 thumbnail."""

    name = "fake"

    def __init__(self) -> None:
        self.projection = torch.sin(torch.arange(192 * 1000, dtype=torch.float64) * 1.37).float().reshape(192, 1000)

    def __call__(self, images: Tensor) -> Tensor:
        return self.layers(images)[0].flatten(1) @ self.projection / 192

    def layers(self, images: Tensor) -> list[Tensor]:
        return [torch.nn.functional.adaptive_avg_pool2d(images, 8)]

    def describe(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self(images), self.layers(images)


def tiny_boundaries(generator_id: str, aus: tuple[int, ...] = DISFA):
    """Twelve orthogonal boundaries in 4 x 8; distance -1 is neutral, 1 full intensity."""
    from facsmith.boundary import Boundary, BoundarySet, Calibration

    basis, _ = np.linalg.qr(np.sin(np.arange(32 * 12) * 2.3).reshape(32, 12))
    return BoundarySet(
        tuple(
            Boundary(
                au, basis[:, DISFA.index(au)].reshape(4, 8), 0.0, Calibration((0.0, 1.0), (-1.0, 1.0)), {"pairs": 9}
            )
            for au in aus
        ),
        generator_id,
    )


def waves() -> np.ndarray:
    """(96, 120, 3) uint8, nothing repeated in it."""
    y, x = np.mgrid[:96, :120]
    return np.stack([120 + 60 * np.sin(x / 9 + y / 31), 2 * x, 2.4 * y], 2).astype(np.uint8)


@pytest.fixture
def photo() -> np.ndarray:
    """See `waves`."""
    return waves()


@pytest.fixture
def faces() -> FakeFaces:
    return FakeFaces((face_at(60, 35, 28),))


def fake_animator(faces: FakeFaces | None = None, **parts: object):
    """An Animator of fakes; keyword arguments replace parts of it."""
    from facsmith.animator import Animator
    from facsmith.encoder import Encoder, EncoderConfig
    from facsmith.generator import TinyGenerator

    generator = TinyGenerator(num_ws=4, w_dim=8, resolution=16)
    encoder = Encoder(EncoderConfig(4, 8, generator.generator_id, "fake", width=8, blocks=1, rank=4)).eval()
    encoder.w_start.copy_(generator.w_avg.expand(4, 8))
    settled = {
        "descriptor": FakeDescriptor(),
        "encoder": encoder.requires_grad_(False),
        "boundaries": tiny_boundaries(generator.generator_id),
        "faces": faces or FakeFaces((face_at(60, 35, 28),)),
        "name": "tiny",
    }
    return Animator(generator, **(settled | parts))


@pytest.fixture
def make_animator(faces: FakeFaces) -> Callable[..., object]:
    """See `fake_animator`; all that one test makes look for faces by the same fake."""
    return partial(fake_animator, faces=faces)


@pytest.fixture(scope="module")
def landmarks_alone() -> Iterator[None]:
    """Faces are read by landmarks alone: the networks that look, too, take seconds per face, and what they see is
    tested in tests/measure and in test_receipt."""
    from facsmith.footage import people
    from facsmith.measure import neutral_face

    def unavailable() -> None:
        raise ModelUnavailableError("left out of this test")

    with pytest.MonkeyPatch.context() as patch:
        for module in (neutral_face, people):
            patch.setattr(module, "available_readout", lambda: None)
        patch.setattr(neutral_face, "default_population", unavailable)
        yield


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A whole model on disk, as small as they come: 8 px, 4 layers of 8."""
    from facsmith.bundle import FILES, seal
    from facsmith.checkpoint import load_generator, save_generator
    from facsmith.descriptor import BundledDescriptor, DescriptorConfig
    from facsmith.encoder import Encoder, EncoderConfig
    from facsmith.generator import StyleGAN2, StyleGAN2Config

    folder = tmp_path / "model"
    torch.manual_seed(0)
    network = StyleGAN2(StyleGAN2Config(8, z_dim=8, w_dim=8, mapping_layers=1, channel_base=32, channel_max=4))
    save_generator(network, folder / FILES[0], metadata={})
    generator = load_generator(folder / FILES[0])
    BundledDescriptor(DescriptorConfig()).save(folder / FILES[1])
    descriptor = BundledDescriptor.load(folder / FILES[1])
    Encoder(EncoderConfig(4, 8, generator.generator_id, descriptor.name, width=8, rank=2)).save(folder / FILES[2])
    tiny_boundaries(generator.generator_id).save(folder / FILES[3])
    seal(folder, {"generator": "tiny", "licence": "none"})
    return folder


@pytest.fixture(scope="session")
def ray() -> Iterator[object]:
    """Two CPUs of Ray for all tests that need it: it takes seconds to start. Its workers import what tests import."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed (the extra: facsmith[ray])")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    import ray

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        object_store_memory=80 << 20,
        log_to_driver=False,
        logging_level="error",
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "batch"), *sys.path])}},
    )
    yield ray
    ray.shutdown()


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """(360, 360, 3): the astronaut's head and shoulders."""
    photo: Any = skimage.data.astronaut()
    return np.ascontiguousarray(photo[:360, 50:410])


@pytest.fixture(scope="session")
def found(portrait: np.ndarray) -> Face:
    return choose(find(portrait, provider="dlib")).face
