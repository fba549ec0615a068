"""The edges of an open mouth's lips are the picture's, where its landmarks lie a little off."""

import cv2
import numpy as np
import pytest
from conftest import face_points

from facsmith._types import Array
from facsmith.face.lip_edges import lip_edges
from facsmith.face.mouth import LipLine, OwnMouth
from facsmith.face.muscle_warp import MuscleField
from facsmith.face.muscles import FaceFrame
from facsmith.facs import ActionUnits

FRAME = FaceFrame(np.array([250.0, 120.0]), np.eye(2), 200.0, 0.0)
SKIN, LIP, TEETH = (215.0, 170.0, 150.0), (170.0, 90.0, 90.0), (235.0, 230.0, 220.0)


def laughing(gap: float = 0.24) -> Array:
    """(68, 2) landmarks of an open mouth, face coordinates."""
    face = face_points()
    face[60:68, 1] = face[60:68, 1].mean()
    face[61:64, 1] -= gap / 4
    face[65:68, 1] += 3 * gap / 4
    face[55:60, 1] = face[66, 1] + [0.02, 0.10, 0.12, 0.10, 0.02]
    face[49:54, 1] = face[62, 1] - [0.06, 0.1, 0.1, 0.1, 0.06]
    return face


def drawn(face: Array) -> np.ndarray:
    """A picture of the mouth whose landmarks are these."""
    picture = np.full((500, 500, 3), SKIN, np.float32)
    for points, colour in ((face[48:60], LIP), (np.concatenate(LipLine(face).contours), TEETH)):
        if colour is TEETH:
            above, below = LipLine(face).contours
            points = np.concatenate([above, below[::-1]])
        cv2.fillPoly(picture, [np.rint(FRAME.to_photo(points) * 8).astype(np.int32)], colour, shift=3)
    return cv2.GaussianBlur(picture, (0, 0), 1.0)


@pytest.mark.parametrize("low", [-0.02, 0.0, 0.025])
def test_the_edge_is_the_pictures_not_the_landmarks(low: float) -> None:
    face = laughing()
    moved = face.copy()
    moved[65:68, 1] += low
    off = lip_edges(drawn(moved), FRAME, face, LipLine(face))
    middle = slice(off.shape[1] // 3, -off.shape[1] // 3)
    assert np.abs(off[1, middle] - low).max() < 0.008
    assert np.abs(off[0, middle]).max() < 0.008
    assert not off[:, [0, -1]].any()  # corners stay


def test_a_shut_mouth_is_left_as_it_is() -> None:
    face = laughing(0.03)
    assert not lip_edges(drawn(laughing()), FRAME, face, LipLine(face)).any()


def test_teeth_beyond_the_landmarks_stay_in_the_mouth() -> None:
    """Undone smiles showed them as a rim on the lower lip."""
    face = laughing()
    real = face.copy()
    real[65:68, 1] += 0.03
    field = MuscleField(FRAME.to_photo(face))
    picture = drawn(real)
    field.look(picture)
    moves = field.moves(-ActionUnits.parse("AU12=.5,AU25=.5").vector())
    y, x = np.mgrid[:500, :500].astype(np.float64)
    places = FRAME.to_face(np.stack([x, y], axis=-1))
    motion = field.motion(places, moves, own=OwnMouth(field.lips), pixel=1 / 200)
    at = FRAME.to_photo(motion.source).astype(np.float32)
    seen = cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    below = (places[..., 1] > moves.lips.lower(places[..., 0]) + 0.02) & (np.abs(places[..., 0]) < 0.2)
    assert (seen[below][:, 1] < 200).all()


def test_the_moved_contours_are_where_the_lips_part() -> None:
    field = MuscleField(FRAME.to_photo(laughing(0.02)))
    moves = field.moves(ActionUnits.parse("AU12=.8,AU25=.8,AU26=.5").vector())
    y, x = np.mgrid[:500, :500].astype(np.float64)
    places = FRAME.to_face(np.stack([x, y], axis=-1))
    parted = field.motion(places, moves, own=None, pixel=1 / 200).parted > 0.5
    line = moves.lips
    for column in range(190, 320, 10):
        rows = np.flatnonzero(parted[:, column])
        at = places[rows[[0, -1]], column]
        assert abs(at[0, 1] - float(line.upper(at[0, 0]))) < 0.01
        assert abs(at[1, 1] - float(line.lower(at[1, 0]))) < 0.01
