"""face.muscles: each AU moves its own sites by the table, lips part and meet, and nothing else moves."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facsmith.face.muscle_table import MIDLINE_AUS, muscle_table
from facsmith.face.muscle_warp import MuscleWarp, warp
from facsmith.face.muscles import basis, displacement, moved_points
from facsmith.facs import AUS

Array = NDArray[np.float64]
FIELDS = tuple(au for au in AUS if au < 60)
"""AUs that move skin."""


def one(au: int, intensity: float = 1.0) -> Array:
    e = np.zeros(len(AUS))
    e[AUS.index(au)] = intensity
    return e


@pytest.fixture(scope="module")
def face() -> Array:
    """A symmetric frontal face with closed lips, IOD 100 px, eye midpoint at (256, 200)."""
    p = np.zeros((68, 2))
    t = np.linspace(-np.pi / 2, np.pi / 2, 17)
    p[:17] = np.stack([110 * np.sin(t), 20 + 170 * np.cos(t)], axis=1)
    p[17:22] = [[-75, -25], [-63, -33], [-48, -36], [-33, -34], [-18, -28]]
    p[22:27] = p[21:16:-1] * [-1, 1]
    p[27:31] = [[0, 0], [0, 18], [0, 36], [0, 54]]
    p[31:36] = [[-18, 62], [-9, 66], [0, 68], [9, 66], [18, 62]]
    p[36:42] = [[-66, 0], [-56, -7], [-43, -7], [-34, 0], [-43, 6], [-56, 6]]
    p[42:48] = p[[39, 38, 37, 36, 41, 40]] * [-1, 1]
    p[48:55] = [[-40, 105], [-26, 98], [-10, 94], [0, 96], [10, 94], [26, 98], [40, 105]]
    p[55:60] = [[26, 114], [10, 120], [0, 121], [-10, 120], [-26, 114]]
    p[60:65] = [[-36, 105], [-12, 105], [0, 105], [12, 105], [36, 105]]
    p[65:68] = [[12, 106], [0, 106], [-12, 106]]
    return p + [256, 200]


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    """Texture everywhere, so that any movement shows."""
    noise = np.random.default_rng(0).integers(90, 200, (64, 64, 3), dtype=np.uint8)
    return np.kron(noise, np.ones((8, 8, 1), np.uint8))


PARTS = {
    "inner brow": [20, 21, 22, 23],
    "outer brow": [17, 18, 25, 26],
    "lids": [37, 38, 40, 41, 43, 44, 46, 47],
    "mouth": list(range(48, 68)),
    "jaw": list(range(4, 13)),
}
MOVES = {  # FACS: what an AU moves (dy < 0 is up), and what it leaves alone
    1: ("inner brow", -1, ["mouth", "jaw"]),
    2: ("outer brow", -1, ["mouth", "jaw"]),
    4: ("inner brow", 1, ["mouth", "jaw"]),
    5: ("lids", -1, ["mouth", "jaw"]),
    27: ("jaw", 1, ["inner brow", "outer brow"]),
    26: ("jaw", 1, ["inner brow", "outer brow"]),
}


@pytest.mark.parametrize("au", MOVES)
def test_an_au_moves_its_part_of_the_face_and_leaves_the_others(face: Array, au: int) -> None:
    moved = displacement(face, one(au)) / 100
    part, direction, still = MOVES[au]
    at = [37, 38, 43, 44] if au == 5 else PARTS[part]
    assert moved[at, 1].mean() * direction > 0.015
    for other in still:
        assert np.abs(moved[PARTS[other]]).max() < 0.015, other


def test_corners_go_up_and_out_in_a_smile_and_down_in_its_opposite(face: Array) -> None:
    smile, frown = (displacement(face, one(au))[48] / 100 for au in (12, 15))
    assert smile[0] < -0.1 and smile[1] < -0.1
    assert frown[1] > 0.04


@pytest.mark.parametrize("au", AUS)
def test_one_side_moves_its_half_of_the_face(face: Array, au: int) -> None:
    """The person's own left is the viewer's right; AUs of the whole mouth and jaw have no sides."""
    left = np.zeros((2, len(AUS)))
    left[0, AUS.index(au)] = 1
    moved = np.linalg.norm(displacement(face, left), axis=1)
    whole = np.linalg.norm(displacement(face, one(au)), axis=1)
    outer = [26, 25, 44, 46, 54, 13]
    if au in MIDLINE_AUS or not whole[outer].any():
        return
    assert moved[outer].sum() > 3 * moved[[17, 18, 37, 41, 48, 3]].sum()


def test_a_turned_head_moves_along_its_own_surface(face: Array) -> None:
    """Seen from the side, a mouth's corner that goes outwards and back moves less far across the picture."""
    table = muscle_table()
    frontal = table.neutral[:68]
    angle = np.radians(30)
    x = np.cos(angle) * frontal[:, 0] + np.sin(angle) * frontal[:, 2]
    turned = np.stack([x, frontal[:, 1]], axis=1) * 100 + 256
    straight = frontal[:, :2] * 100 + 256
    away, near = displacement(turned, one(12))[[48, 54]], displacement(straight, one(12))[[48, 54]]
    assert abs(away[1, 0]) < 0.9 * abs(near[1, 0])
    np.testing.assert_allclose(away[:, 1], near[:, 1], rtol=0.15)


def test_a_smile_without_parted_lips_keeps_them_closed(face: Array) -> None:
    after = face + displacement(face, one(12))
    assert after[66, 1] - after[62, 1] < 2.5
    parted = face + displacement(face, one(12) + one(25))
    assert parted[66, 1] - parted[62, 1] > 12


@pytest.mark.parametrize("au", FIELDS)
def test_both_sides_mirror_each_other(au: int) -> None:
    table = basis()[AUS.index(au)]
    np.testing.assert_allclose(table[[17, 21, 36, 41, 48, 5, 31]], table[[26, 22, 45, 46, 54, 11, 35]] * [-1, 1])


def test_a_smile_of_one_side_keeps_its_lips_closed(face: Array) -> None:
    right = np.zeros((2, len(AUS)))
    right[1, AUS.index(12)] = 1
    after = face + displacement(face, right)
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        assert after[lower, 1] - after[upper, 1] < face[lower, 1] - face[upper, 1] + 2.5


def test_displacement_is_in_proportion_and_additive_where_lips_do_not_meet(face: Array) -> None:
    e = one(20, 0.5) + one(1, 0.25)
    np.testing.assert_allclose(
        displacement(face, e), 0.5 * displacement(face, one(20)) + 0.25 * displacement(face, one(1)), atol=1e-9
    )


@pytest.mark.parametrize("au", [9, 17])
def test_lips_never_pass_through_each_other(face: Array, au: int) -> None:
    after = face + displacement(face, one(au) + one(15))
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        assert after[lower, 1] >= after[upper, 1] - 1e-9


def test_undoing_lip_parting_closes_the_mouth(face: Array) -> None:
    opened = face + displacement(face, one(25) + one(26, 0.3))
    assert opened[66, 1] - opened[62, 1] > 10
    closed = opened + displacement(opened, -one(25) - one(26, 0.3))
    gaps = closed[[67, 66, 65], 1] - closed[[61, 62, 63], 1]
    np.testing.assert_allclose(gaps, 0, atol=1.5)


def test_no_intensity_gives_the_photo_back(face: Array, photo: NDArray[np.uint8]) -> None:
    out = warp(photo, face, np.zeros(28))
    assert np.array_equal(out, photo)
    assert out is not photo


@pytest.mark.parametrize("au", FIELDS)
def test_an_au_leaves_the_far_parts_of_the_face_alone(face: Array, photo: NDArray[np.uint8], au: int) -> None:
    changed = np.abs(warp(photo, face, one(au)).astype(int) - photo).max(axis=2) > 8
    assert changed.any()
    assert (
        not changed[:60].any() and not changed[-40:].any() and not changed[:, :40].any() and not changed[:, -40:].any()
    )
    if not moved_points(au)[48:68].any():  # an AU of the upper face
        assert changed[300:, :].mean() < 0.05


def test_parting_the_lips_paints_a_mouth_between_them(face: Array) -> None:
    skin = np.full((512, 512, 3), (200, 160, 140), np.uint8)
    out = warp(skin, face, one(26))
    after = face + displacement(face, one(26))
    low = out[int(after[66, 1]) - 8, 256]
    assert low.mean() < 110  # dark, below the teeth
    assert np.abs(out[int(after[57, 1]) + 12, 256].astype(int) - skin[0, 0]).max() < 30  # skin below the lip


def test_painted_teeth_are_the_seed_s(face: Array) -> None:
    skin = np.full((512, 512, 3), (200, 160, 140), np.uint8)
    move = MuscleWarp(face, skin.shape, seed=3)
    assert np.array_equal(move(skin, one(25)), MuscleWarp(face, skin.shape, seed=3)(skin, one(25)))
    assert not np.array_equal(move(skin, one(25)), MuscleWarp(face, skin.shape, seed=4)(skin, one(25)))


def test_undoing_a_smile_fills_its_fold(face: Array) -> None:
    """The cheek's shadow goes with the smile; skin without one keeps its brightness."""
    skin = np.full((512, 512, 3), (200, 160, 140), np.uint8)
    folded = warp(skin, face, one(12))
    rest = warp(folded, face + displacement(face, one(12)), -one(12))

    def shadow(picture: NDArray[np.uint8]) -> float:
        cheeks = picture[240:295, [*range(185, 232), *range(280, 327)]].astype(float)
        return float(np.maximum(skin[0, 0] - cheeks, 0).sum())

    assert shadow(folded) > 50_000
    assert shadow(rest) < 0.7 * shadow(folded)
    assert np.abs(rest[150:190].astype(int) - skin[150:190]).max() < 4


def test_a_smile_is_no_wider_than_peoples(face: Array) -> None:
    """The broadest of 40 smiling portraits has 1.18 IOD; the sum of a laugh's AUs has 1.25."""
    wide = face.copy()
    wide[48:68, 0] = 256 + 1.08 * (face[48:68, 0] - 256)

    def width(intensity: float) -> float:
        moved = wide + displacement(wide, intensity * (one(6) + one(12) + one(25)))
        return float(moved[54, 0] - moved[48, 0]) / 100

    widths = np.array([width(t) for t in np.linspace(0, 1, 21)])
    assert widths[-1] < 1.19
    assert (np.diff(widths) > 0).all() and np.abs(np.diff(widths, 2)).max() < 0.006  # without a jerk
    halves = [displacement(wide, t * one(12))[54, 0] for t in (0.5, 1.0)]
    assert halves[0] == pytest.approx(halves[1] / 2, rel=0.02)  # one AU alone moves in proportion
    laughing = wide + [0, 0]
    laughing[48:68, 0] = 256 + 1.3 * (wide[48:68, 0] - 256)
    undone = displacement(laughing, -one(12))
    assert undone[48, 0] - undone[54, 0] == pytest.approx(
        displacement(face, -one(12))[48, 0] - displacement(face, -one(12))[54, 0], rel=0.05
    )  # what the photo shows is undone in full
