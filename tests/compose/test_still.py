"""What stands before a face stays where it is: glasses drawn on the astronaut, her hair, a brim."""

import cv2
import numpy as np
import pytest
from test_compose import Scene, change

from facsmith.compose import Compositor
from facsmith.compose.canvas import canvas
from facsmith.compose.still import filled, rims_moved


def with_glasses(scene: Scene, colour: tuple[int, int, int] = (25, 20, 20)) -> tuple[Scene, np.ndarray]:
    """The scene with round glasses, and (H, W) where their rims are."""
    rims = np.zeros(scene.photo.shape[:2], np.uint8)
    iod = float(np.linalg.norm(scene.landmarks[42:48].mean(axis=0) - scene.landmarks[36:42].mean(axis=0)))
    middles = [scene.landmarks[eye].mean(axis=0) + [0, 0.08 * iod] for eye in (slice(36, 42), slice(42, 48))]
    for middle in middles:
        axes = (round(0.40 * iod), round(0.32 * iod))
        cv2.ellipse(rims, np.rint(middle).astype(int).tolist(), axes, 0, 0, 360, (1,), max(2, round(0.045 * iod)))
    photo = scene.photo.copy()
    photo[rims > 0] = colour
    return Scene(photo, scene.landmarks, scene.transform), rims > 0


@pytest.fixture(scope="module")
def bare():
    return Scene.of(scale=2)


@pytest.fixture(scope="module")
def glassed(bare):
    return with_glasses(bare)


def compositor(scene: Scene) -> Compositor:
    return Compositor(scene.photo, scene.transform, scene.landmarks, scene.reference)


def test_glasses_are_found_and_bare_eyes_have_none(bare, glassed):
    found, none = compositor(glassed[0]).still, compositor(bare).still
    assert found is not None and found.glasses
    assert none is None or not none.glasses


@pytest.mark.parametrize("expression", ["AU1=1,AU2=1", "AU4=1", "AU6=1,AU12=1"])
def test_rims_stay_where_they_are_while_brows_move(glassed, expression):
    scene, rims = glassed
    frame = compositor(scene).frame(scene.reference, change=change(expression))
    assert np.abs(frame[rims].astype(int) - scene.photo[rims]).mean() < 3
    assert (frame != scene.photo).any()
    points = scene.landmarks
    assert rims_moved(scene.photo, frame, canvas(scene.transform, points), points) == 0


def test_a_faint_rim_is_found_where_the_other_lens_has_its_own(bare):
    """A lid's dark fold below a faint part of one rim is no rim: the other lens has none there."""
    points = bare.landmarks
    iod = float(np.linalg.norm(points[42:48].mean(axis=0) - points[36:42].mean(axis=0)))
    skin = bare.photo.copy()
    (left, top), right = (points[17] - 0.1 * iod).astype(int), int(points[26, 0] + 0.1 * iod)
    skin[top - round(0.3 * iod) : int(points[30, 1]), left:right] = (205, 160, 140)
    scene, rims = with_glasses(Scene(skin, points, bare.transform))
    middle = points[36:42].mean(axis=0) + [0, 0.08 * iod]
    y, x = np.mgrid[: rims.shape[0], : rims.shape[1]]
    faint = rims & (y < middle[1] - 0.2 * iod) & (np.abs(x - middle[0]) < 0.25 * iod)
    photo = scene.photo.copy()
    photo[faint] = (151, 118, 104)
    fold = np.rint(middle - [0, 0.13 * iod]).astype(int).tolist()
    axes = (round(0.28 * iod), round(0.06 * iod))
    cv2.ellipse(photo, fold, axes, 0, 180, 360, (60, 40, 40), round(0.035 * iod))
    found = compositor(Scene(photo, points, bare.transform)).still
    assert found is not None and found.glasses
    band = found.window.box(photo.shape)
    share = np.zeros(rims.shape, np.float32)
    share[band.slices] = found.window.lift(found.share, band)
    along = cv2.dilate(share, np.ones((round(0.03 * iod), 1), np.uint8))[faint]
    assert along.mean() > 0.4  # .05 where the path follows the fold


def test_the_same_rims_would_bend_without(glassed):
    """The measure sees what the law forbids: rims that follow the brows."""
    scene, _ = glassed
    bent = scene.truth("AU1=1,AU2=1")
    moved = rims_moved(scene.photo, bent, canvas(scene.transform, scene.landmarks), scene.landmarks)
    assert moved is not None and moved > 0.02


def test_no_glasses_no_measure(bare):
    assert rims_moved(bare.photo, bare.photo, canvas(bare.transform, bare.landmarks), bare.landmarks) is None


def test_skin_moves_behind_the_rims_without_their_edges(glassed):
    """Above the rims, where the lifted brow takes skin along, nothing as dark as they are appears."""
    scene, rims = glassed
    frame = compositor(scene).frame(scene.reference, change=change("AU1=1,AU2=1"))
    near = cv2.dilate(rims.astype(np.uint8), np.ones((15, 15), np.uint8)).astype(bool) & ~rims
    new = (frame.max(axis=2) < 40) & (scene.photo.max(axis=2) > 70) & near
    assert new.sum() < 0.01 * near.sum()


def test_a_brim_stays_straight(bare):
    photo = bare.photo.copy()
    brow = bare.landmarks[17:27, 1].min()
    edge = int(brow - 0.1 * np.linalg.norm(bare.landmarks[45] - bare.landmarks[36]))
    photo[:edge] = (30, 32, 40)
    scene = Scene(photo, bare.landmarks, bare.transform)
    frame = compositor(scene).frame(scene.reference, change=change("AU1=1,AU2=1"))
    left, right = (int(bare.landmarks[k, 0]) for k in (18, 25))
    assert np.abs(frame[edge - 6 : edge, left:right].astype(int) - photo[edge - 6 : edge, left:right]).max() <= 3


def test_skin_bends_beside_a_brim(bare):
    """Brows go down, and nothing comes out from under the brim: the skin at its edge is the photo's."""
    photo = bare.photo.copy()
    iod = float(np.linalg.norm(bare.landmarks[45] - bare.landmarks[36]))
    edge = int(bare.landmarks[17:27, 1].min() - 0.2 * iod)
    left, right = (int(bare.landmarks[k, 0]) for k in (18, 25))
    photo[edge : edge + round(0.15 * iod) : 2, left:right] -= 40  # texture that no fill has
    photo[:edge] = (30, 32, 40)
    scene = Scene(photo, bare.landmarks, bare.transform)
    frame = compositor(scene).frame(scene.reference, change=change("AU4=1"))
    off = np.abs(frame.astype(int) - photo)[:, left:right].mean(axis=(1, 2))
    assert off[edge + 1 : edge + round(0.04 * iod)].max() < 6
    assert off[edge + round(0.15 * iod) :].max() > 12


def test_a_brow_turns_about_the_end_that_hair_holds(bare):
    """Hair over one end of a brow: what it holds of it fades evenly along it, and the parts of the
    photo that are looked at hold all of it."""
    points = bare.landmarks
    iod = float(np.linalg.norm(points[42:48].mean(axis=0) - points[36:42].mean(axis=0)))
    photo = bare.photo.copy()
    (left, top), (right, bottom) = np.rint(points[17] + np.array([[-0.6, -1.2], [0.06, 0.3]]) * iod).astype(int)
    photo[max(top, 0) : bottom, max(left, 0) : right] = (25, 20, 20)
    found, area = compositor(Scene(photo, points, bare.transform)).still, canvas(bare.transform, points)
    assert found is not None and found.hair
    brow = (area.points(points[17:22]) - found.window.origin) * found.window.finer
    held = np.array([found.held[int(y), int(x)] for x, y in brow])
    assert held[0] > 0.8 and held[-1] < 0.2
    assert np.abs(np.diff(held)).max() < 0.46 and held[2] > 0.15, "bent beside the hair"
    places = np.argwhere(found.held > 0.05)[::97, ::-1] / found.window.finer + found.window.origin
    there = (places - area.matrix[:, 2]) @ np.linalg.inv(area.matrix[:, :2]).T
    there = there[(there > 0).all(axis=1) & (there < photo.shape[1::-1]).all(axis=1)]
    parts = np.array([[part.left, part.top, part.right, part.bottom] for part in found.parts(photo.shape)])
    inside = (there[:, None] >= parts[:, :2] - 1).all(axis=2) & (there[:, None] <= parts[:, 2:] + 1).all(axis=2)
    assert inside.any(axis=1).all()


def test_hidden_skin_is_filled_from_the_skin_around():
    seen = np.full((60, 60, 3), 150, np.float32)
    share = np.zeros((60, 60), np.float32)
    seen[25:30], share[24:31] = 10, 1
    without = filled(seen, share, np.zeros((60, 60), np.uint8))
    assert np.abs(without - 150).max() < 2
    assert np.array_equal(without[:20], seen[:20])


def test_no_brow_is_smeared_over_the_skin_that_was_hidden():
    seen = np.full((60, 60, 3), 150, np.float32)
    share, brow = np.zeros((60, 60), np.float32), np.zeros((60, 60), np.uint8)
    seen[16:22], brow[16:22] = 40, 1
    seen[24:30], share[23:31] = 10, 1
    without = filled(seen, share, brow)
    assert np.abs(without[23:31] - 150).max() < 4
    assert np.array_equal(without[16:22], seen[16:22])


def test_hardly_any_change_gives_hardly_any(glassed):
    scene, _ = glassed
    frame = compositor(scene).frame(scene.reference, change=change("AU1=1,AU2=1", 0.005))
    assert np.abs(frame.astype(int) - scene.photo).max() <= 12
