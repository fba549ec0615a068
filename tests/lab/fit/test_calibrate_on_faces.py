"""Boundaries fitted to labelled codes of a generator whose truth is known: what is asked of them shows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from facsmith.boundary import BoundarySet
from facsmith.errors import InputError
from facsmith.face import choose, crop_transform, find
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA, columns, spread
from facsmith.lab.fit import FitOptions, fit_boundaries
from facsmith.lab.fit.calibrate_on_faces import Judge, calibrate, held_out_judges, until_lost
from facsmith.latent import Latent

SIDE, NUM_WS, W_DIM = 64, 4, 16
SIZE = NUM_WS * W_DIM
FITTED = (1, 12, 26)
HELD_OUT, VARIANTS = 6, 8  # people, and pictures of each
TOLD = 0.5  # of an expression reaches the encoder's code


class MuscleGenerator:
    """Draws the astronaut with the intensities that her code holds along A, full ones in proportion stronger."""

    num_ws, w_dim, z_dim, resolution, generator_id = NUM_WS, W_DIM, W_DIM, SIDE, "muscles-1"
    w_avg = torch.zeros(W_DIM)

    def __init__(self) -> None:
        photo: Any = skimage.data.astronaut()
        points = choose(find(photo, provider="dlib")).face.landmarks
        transform = crop_transform(points, SIDE)
        self.crop, self.points = transform.crop(photo), transform.to_crop(points)
        self.warp = MuscleWarp(self.points, self.crop.shape)
        self.frame = np.linalg.qr(np.random.default_rng(0).standard_normal((SIZE, SIZE)))[0]
        self.directions = 3 * self.frame[:12]

    def shown(self, ws: np.ndarray) -> np.ndarray:
        """(N, 12) intensities that codes (N, num_ws, w_dim) show."""
        held = ws.reshape(len(ws), -1).astype(np.float64) @ self.directions.T / 9
        return np.sign(held) * np.abs(held) ** 1.5

    def synthesis(self, ws: Tensor, *, noise: str = "const") -> Tensor:
        pictures = np.stack([self.warp(self.crop, spread(e)) for e in self.shown(ws.numpy())])
        return torch.tensor(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


class Faces:
    """people x variants codes with known AUs; an encoder that gets them in the order in which they are asked for."""

    def __init__(
        self,
        generator: MuscleGenerator,
        root: Path,
        *,
        people: int = 40,
        held_out: int = HELD_OUT,
        variants: int = VARIANTS,
    ):
        random = np.random.default_rng(1)
        au = np.where(random.random((people, variants, 12)) < 0.3, random.uniform(0.2, 1, (people, variants, 12)), 0)
        au[:, 1] = 0
        identity = random.standard_normal((people, 1, 20)) @ generator.frame[12:32]
        self.ws = (identity + TOLD * au @ generator.directions).reshape(people, variants, NUM_WS, W_DIM)
        self.ws = (self.ws + 0.05 * random.standard_normal(self.ws.shape)).astype(np.float32)
        # The picture of a code is its number, so that the encoder below can look it up.
        numbers = np.arange(people * variants, dtype=np.uint32).view(np.uint8).reshape(people, variants, 4)
        images = np.zeros((people, variants, SIDE, SIDE, 3), np.uint8)
        images[:, :, 0, :4, 0] = numbers
        np.save(root / "images.npy", images)
        np.save(root / "au.npy", spread(au).astype(np.float32))
        np.save(root / "landmarks.npy", np.broadcast_to(generator.points, (people, variants, 68, 2)).astype(np.float32))
        np.savez(root / "attributes.npz", held_out=np.arange(people) < held_out)
        self.asked: list[int] = []

    def encode(self, images: Tensor) -> Tensor:
        digits = ((images[:, 0, 0, :4] + 1) * 127.5).round().numpy().astype(np.uint32)
        numbers = (digits << np.array([0, 8, 16, 24], np.uint32)).sum(axis=1)
        self.asked += numbers.tolist()
        return torch.tensor(self.ws.reshape(-1, NUM_WS, W_DIM)[numbers])


@pytest.fixture(scope="module")
def generator() -> MuscleGenerator:
    return MuscleGenerator()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faces")


@pytest.fixture(scope="module")
def faces(generator: MuscleGenerator, root: Path) -> Faces:
    return Faces(generator, root)


@pytest.fixture(scope="module")
def judges(generator: MuscleGenerator, root: Path, faces: Faces) -> list[Judge]:
    return held_out_judges(root, generator, faces.encode, count=3)


@pytest.fixture(scope="module")
def trained(generator: MuscleGenerator, root: Path, faces: Faces, judges: list[Judge]) -> BoundarySet:
    codes = faces.ws[HELD_OUT:]
    fitted = fit_boundaries(
        codes.reshape(-1, NUM_WS, W_DIM),
        columns(np.load(root / "au.npy"))[HELD_OUT:].reshape(-1, 12),
        groups=np.repeat(np.arange(len(codes)), VARIANTS),
        generator_id=generator.generator_id,
        options=FitOptions(aus=FITTED, threshold=0.5),
    )
    return calibrate(fitted, generator, judges)


@pytest.mark.slow
@pytest.mark.parametrize("au", FITTED)
def test_an_asked_intensity_shows(generator: MuscleGenerator, trained: BoundarySet, au: int):
    asked = np.outer((0.0, 0.3, 0.6, 1.0), np.eye(12)[DISFA.index(au)])
    rest = Latent(np.zeros((NUM_WS, W_DIM), np.float32), generator.generator_id)
    shown = generator.shown(trained.edit(rest, asked, source=np.zeros(12)).ws)
    # AU1 is weak: at 64 px its muscles move the brows by two pixels.
    assert shown[:, DISFA.index(au)] == pytest.approx([0, 0.3, 0.6, 1], abs=0.2 if au == 1 else 0.1)
    others = [k for k, other in enumerate(DISFA) if other not in FITTED]
    assert np.abs(shown[:, others]).max() < 0.03


def test_what_was_fitted_is_the_generators_own_direction(generator: MuscleGenerator, trained: BoundarySet):
    rows = [DISFA.index(au) for au in trained.aus]
    origin = Latent(np.zeros(trained.shape, np.float32), trained.generator_id)
    moves = trained.edit(origin, np.eye(len(DISFA))[rows], source=np.zeros(len(DISFA))).ws.reshape(len(rows), -1)
    wanted = generator.directions[rows]
    cosines = (moves * wanted).sum(axis=1) / np.linalg.norm(moves, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosines.min() > 0.95


def test_uncalibrated_distances_fall_short_and_the_report_says_what_shows(trained: BoundarySet):
    for boundary in trained.boundaries:
        report = boundary.report["shown"]
        assert report["people"] == 3
        assert report["asked"] == [0.25, 0.5, 0.75, 1.0]
        assert report["share_of_muscles"] == pytest.approx(report["asked"], abs=0.1)
        assert report["leak"] < 0.02
        assert json.loads(json.dumps(boundary.report)) == dict(boundary.report)
        # The codes tell half of an expression: from neutral to full they span 1.5, the generator needs 3.
        span = boundary.calibration.distances[-1] - boundary.calibration.distances[0]
        assert 2.4 < span < 3.6


def test_people_held_out_at_rest_are_the_judges_and_nobody_else(faces: Faces, judges: list[Judge]):
    people = np.array(faces.asked) // VARIANTS
    assert len(judges) == len(people) == len(set(people)) == 3
    assert set(people) <= set(range(HELD_OUT))
    assert {number % VARIANTS for number in faces.asked} == {1}
    assert all((judge.ws == faces.ws[:HELD_OUT, 1]).all(axis=(1, 2)).any() for judge in judges)


def test_an_au_that_shows_too_little_ends_where_it_was_tried(
    generator: MuscleGenerator, faces: Faces, trained: BoundarySet
):
    judges = [Judge(faces.ws[0, 1], generator.points)]
    only = BoundarySet((trained[26],), trained.generator_id)
    full = only[26].calibration
    weak = MuscleGenerator()
    weak.shown = lambda ws: generator.shown(ws) / 4  # type: ignore[method-assign]
    found = calibrate(only, weak, judges, reach=1.0)[26]
    assert found.calibration.distances[-1] == pytest.approx(full.distances[-1], rel=1e-4)
    assert found.report["shown"]["share_of_muscles"][-1] == pytest.approx(0.25, abs=0.1)


def test_an_au_ends_where_the_face_shows_most_of_it(generator: MuscleGenerator, trained: BoundarySet, faces: Faces):
    """A face that falls apart beyond .7 of an AU."""
    frail = MuscleGenerator()

    def shown(ws: np.ndarray) -> np.ndarray:
        held = generator.shown(ws)
        return np.where(held > 0.7, 0.1, held)

    frail.shown = shown  # type: ignore[method-assign]
    only = BoundarySet((trained[26],), trained.generator_id)
    found = calibrate(only, frail, [Judge(faces.ws[0, 1], generator.points)], reach=1.5)[26]
    assert found.report["shown"]["share_of_muscles"][-1] > 0.4
    assert until_lost(np.array([0.2, 0.5, 0.4, 0.6])) == 4
    assert until_lost(np.array([0.2, 0.5, 0.3, 0.9])) == 2


def test_wrong_folders_are_named(generator: MuscleGenerator, tmp_path: Path, faces: Faces):
    with pytest.raises(InputError, match="facsmith train data"):
        held_out_judges(tmp_path, generator, faces.encode)
    Faces(generator, tmp_path, people=4, held_out=0)
    with pytest.raises(InputError, match="held-out ones"):
        held_out_judges(tmp_path, generator, faces.encode)
