"""The crop: where a face lands in it, and the way back."""

import numpy as np
import pytest
from conftest import face_points
from hypothesis import given
from hypothesis import strategies as st

from facsmith.errors import NoFaceError
from facsmith.face import crop_transform
from facsmith.face.points import (
    BROWS,
    EYES,
    INNER_LIPS,
    JAW,
    MESH_TO_IBUG,
    MIRROR,
    NOSE,
    OUTER_LIPS,
    eye_centers,
    interocular,
    to_ibug,
    yaw_degrees,
)


def turned(points: np.ndarray, degrees: float, scale: float = 1.0, shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    a = np.radians(degrees)
    return scale * points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + shift


def test_the_eyes_lie_where_the_definition_puts_them():
    for resolution in (64, 128, 257):
        eyes = eye_centers(crop_transform(face_points(310, 200, 40), resolution).to_crop(face_points(310, 200, 40)))
        unit, middle = resolution / 2.9, (resolution - 1) / 2
        np.testing.assert_allclose(
            eyes, [[middle - unit / 2, middle - 0.62 * unit], [middle + unit / 2, middle - 0.62 * unit]]
        )


@given(
    degrees=st.floats(-180, 180), scale=st.floats(0.1, 30), x=st.floats(-500, 3000), resolution=st.integers(16, 1024)
)
def test_the_crop_of_a_face_does_not_depend_on_where_and_how_it_lies(degrees, scale, x, resolution):
    upright = face_points(300, 200, 40)
    moved = turned(upright, degrees, scale, (x, -x))
    a, b = crop_transform(upright, resolution), crop_transform(moved, resolution)
    np.testing.assert_allclose(a.to_crop(upright), b.to_crop(moved), atol=1e-6 * resolution)
    assert b.scale * scale == pytest.approx(a.scale)


@given(degrees=st.floats(-180, 180), resolution=st.integers(8, 1024))
def test_to_photo_undoes_to_crop(degrees, resolution):
    transform = crop_transform(turned(face_points(300, 200, 40), degrees), resolution)
    points = np.array([[0.0, 0], [640, 480], [-33, 1000.5]])
    np.testing.assert_allclose(transform.to_photo(transform.to_crop(points)), points, atol=1e-6)


@pytest.mark.parametrize("resolution", [64, 128, 400])  # smaller and larger than the photo's own density
def test_the_crop_shows_at_each_pixel_what_the_photo_shows_there(resolution):
    y, x = np.mgrid[:300, :300]
    photo = np.stack([x / 2 + 20, y / 2 + 20, (x + y) / 4 + 20], 2).astype(np.float64)
    transform = crop_transform(turned(face_points(0, 0, 50), 12, shift=(150, 120)), resolution)
    at = transform.to_photo(np.stack(np.meshgrid(np.arange(resolution), np.arange(resolution)), -1))
    inside = ((at > 3) & (at < 296)).all(-1)
    expected = np.stack([at[..., 0] / 2 + 20, at[..., 1] / 2 + 20, at.sum(-1) / 4 + 20], -1)
    difference = transform.crop(np.rint(photo).astype(np.uint8)) - expected
    assert inside.mean() > 0.8
    assert np.abs(difference[inside]).max() < 1.6  # rounding of 8-bit values


def test_a_small_crop_averages_instead_of_aliasing():
    checkers = np.broadcast_to((np.indices((1000, 1000)).sum(0) % 2 * 255)[..., None], (1000, 1000, 3)).astype(np.uint8)
    crop = crop_transform(face_points(500, 400, 200), 32).crop(checkers)
    assert np.abs(crop.astype(int) - 127).max() <= 4


def test_a_crop_beyond_the_photo_is_filled():
    photo = np.full((100, 100, 3), 200, np.uint8)
    assert (crop_transform(face_points(5, 5, 60), 64).crop(photo) == 200).all()


def test_eyes_on_one_spot_are_refused():
    with pytest.raises(NoFaceError, match="eyes"):
        crop_transform(np.zeros((68, 2)), 64)


def test_the_groups_name_every_point_once():
    assert sorted((*JAW, *BROWS, *NOSE, *EYES, *OUTER_LIPS, *INNER_LIPS)) == list(range(68))


def test_mirroring_twice_changes_nothing_and_keeps_the_groups():
    mirror = np.array(MIRROR)
    assert (mirror[mirror] == np.arange(68)).all()
    for group in (JAW, BROWS, NOSE, EYES, OUTER_LIPS, INNER_LIPS):
        assert set(mirror[list(group)]) == set(group)
    points = face_points()
    np.testing.assert_allclose(points[mirror] * [-1, 1], points, atol=1e-12)


def test_the_mesh_gives_68_different_points_and_drops_the_depth():
    mesh = np.random.default_rng(0).random((5, 478, 3))
    points = to_ibug(mesh)
    assert points.shape == (5, 68, 2)
    np.testing.assert_array_equal(points[0, 33], mesh[0, 2, :2])
    assert len({frozenset(pair) for pair in MESH_TO_IBUG}) == 68


@given(yaw=st.floats(-70, 70), roll=st.floats(-90, 90), iod=st.floats(10, 300))
def test_yaw_is_read_off_a_turned_head_whatever_its_roll_and_size(yaw, roll, iod):
    depth = np.zeros(68)
    depth[[29, 30]] = 0.771  # towards the camera, before the eyes
    a = np.radians(yaw)
    flat = face_points()
    projected = np.stack([flat[:, 0] * np.cos(a) + depth * np.sin(a), flat[:, 1]], 1)
    assert yaw_degrees(turned(projected * iod, roll)) == pytest.approx(yaw, abs=1e-6)


def test_interocular_distance_is_in_the_landmarks_unit():
    assert interocular(face_points(3, 9, 37.0)) == pytest.approx(37.0)
    assert interocular(np.stack([face_points(iod=2), face_points(iod=3)])) == pytest.approx([2, 3])


def test_cropping_leaves_the_photo_as_it_was():
    photo = np.random.default_rng(1).integers(0, 255, (120, 120, 3), dtype=np.uint8)
    before = photo.copy()
    crop_transform(face_points(60, 50, 30), 32).crop(photo)
    assert (photo == before).all()
