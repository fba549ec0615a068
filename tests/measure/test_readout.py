"""The readout learned from coders: a person's scale, its file, its features."""

from pathlib import Path

import numpy as np
import pytest

from facsmith.errors import CheckpointError
from facsmith.face import Face
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA
from facsmith.measure.appearance_features import APPEARANCE_LENGTH, part_crops
from facsmith.measure.readout import LENGTH, Readout, default_readout, difference, observe


def test_nothing_differs_from_itself(portrait: np.ndarray, found: Face):
    seen = observe(portrait, found.landmarks)
    assert seen.parts.shape == (APPEARANCE_LENGTH,)
    assert difference(seen, seen) == pytest.approx(np.zeros(LENGTH), abs=1e-9)


def test_the_mirror_image_differs_from_nothing_much(portrait: np.ndarray, found: Face):
    """Features are even: a mirrored crop gives the same numbers."""
    from facsmith.face.points import MIRROR

    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    points = found.landmarks[list(MIRROR)] * [-1, 1] + [portrait.shape[1] - 1, 0]
    here, there = observe(portrait, found.landmarks).parts, observe(mirrored, points).parts
    assert np.linalg.norm(here - there) < 0.05 * np.linalg.norm(here)


def test_exposure_is_no_expression(portrait: np.ndarray, found: Face):
    darker = (portrait * 0.6 + 8).astype(np.uint8)
    assert np.abs(part_crops(portrait, found.landmarks) - part_crops(darker, found.landmarks)).max() < 12


@pytest.mark.parametrize("levels", [{26: 0.6}, {1: 0.8, 2: 0.5}, {12: 0.4, 25: 0.6}])
def test_muscles_are_read_as_asked_in_the_persons_own_scale(
    portrait: np.ndarray, found: Face, levels: dict[int, float]
):
    from facsmith.face import follow

    warp, neutral = MuscleWarp(found.landmarks, portrait.shape), observe(portrait, found.landmarks)

    def seen(aus: dict[int, float]) -> np.ndarray:
        picture = warp(portrait, np.array([aus.get(au, 0.0) for au in DISFA]))
        return difference(observe(picture, follow(picture, found).landmarks), neutral)

    readout = default_readout()
    scale = readout.scale({au: seen({au: 1.0}) for au in DISFA}, found.provider)
    read = dict(zip(readout.aus, readout.read(seen(levels), scale, found.provider), strict=True))
    for au, value in read.items():
        # To dlib a jaw that parts the lips is like lips that part, and the inner brow like the outer one.
        assert value == pytest.approx(levels.get(au, 0.0), abs=0.35), au


def test_the_card_says_how_people_left_out_are_read():
    areas = default_readout().card["auc of people left out"]
    for provider in ("mediapipe", "dlib"):
        twelve = [areas[provider][f"AU{au}"] for au in DISFA]
        assert np.mean(twelve) >= 0.93 and min(twelve) >= 0.82
        assert all(areas[provider][f"AU{au}"] >= 0.8 for au in (7, 23, 24, 27))


def test_its_file_is_whole_or_refused(tmp_path: Path):
    small = Readout((1, 7), {"dlib": np.random.default_rng(0).normal(size=(LENGTH, 2))}, {"peaks": 3})
    small.save(tmp_path / "r.safetensors")
    again = Readout.load(tmp_path / "r.safetensors")
    assert again.aus == (1, 7) and again.card == {"peaks": 3}
    np.testing.assert_allclose(again.weights["dlib"], small.weights["dlib"], rtol=2e-3, atol=1e-3)
    assert again.scores(np.ones(LENGTH), "mediapipe").shape == (2,)  # another provider: the one that there is
    Readout((1,), {"dlib": np.zeros((5, 1))}, {}).save(tmp_path / "s.safetensors")
    for name, content in (("t", b"nothing"), ("s", None)):
        if content is not None:
            (tmp_path / f"{name}.safetensors").write_bytes(content)
        with pytest.raises(CheckpointError):
            Readout.load(tmp_path / f"{name}.safetensors")
