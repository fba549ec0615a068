"""The compositor's laws that concern whole pictures: colour, shading, the mouth's rows over a film."""

import cv2
import numpy as np
import pytest
from test_compose import Scene, change

from facsmith.compose import Compositor
from facsmith.face.muscles import FaceMuscles, lips_apart

EXPRESSIONS = ["AU6=1,AU12=1,AU25=1", "AU1=1,AU2=1,AU5=.4,AU25=.4,AU26=1", "AU9=1,AU10=1,AU16=1", "AU4=1,AU15=1"]


def compositor(scene: Scene) -> Compositor:
    return Compositor(scene.photo, scene.transform, scene.landmarks, scene.reference)


@pytest.fixture(scope="module")
def scene():
    return Scene.of(scale=1.5)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.86, 0.68)], ids=["grey", "sepia"])
def test_a_photo_of_one_tone_stays_in_it(scene, expression, tint):
    grey = cv2.cvtColor(scene.photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    photo = np.rint(grey[..., None] * np.float32(tint)).astype(np.uint8)
    toned = Scene(photo, scene.landmarks, scene.transform)
    frame = compositor(toned).frame(toned.reference, change=change(expression))
    assert (frame != photo).any()
    wanted = frame[..., :1].astype(np.float32) * np.float32(tint)  # what red tells of green and blue
    off = np.abs(frame - wanted).max(axis=2)
    assert off.max() <= (2 if tint[2] == 1 else 12)
    if tint[2] == 1:
        assert np.ptp(frame.astype(int), axis=2).max() <= 2


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_skin_gets_no_blots(scene, expression):
    """Areas of some tenth of the eyes' distance: no darker than a quarter, no lighter than a seventh."""
    frame = compositor(scene).frame(scene.reference, change=change(expression))
    skin = np.zeros(scene.photo.shape[:2], np.uint8)
    points = scene.landmarks
    iod = float(np.linalg.norm(points[45] - points[36]))
    for place in (points[27] - [0, 0.5 * iod], points[[36, 48]].mean(axis=0), points[[45, 54]].mean(axis=0)):
        cv2.circle(skin, np.rint(place).astype(int).tolist(), round(0.1 * iod), (1,), -1)
    before, after = (cv2.GaussianBlur(p.mean(axis=2), (0, 0), 0.08 * iod) for p in (scene.photo, frame))
    ratio = after[skin > 0] / before[skin > 0]
    assert ratio.min() > 0.72 and ratio.max() < 1.25


def test_lips_part_by_no_more_than_peoples_do(scene):
    muscles = FaceMuscles(scene.closed().landmarks)
    moved = muscles.moved(change("AU6=1,AU9=1,AU10=1,AU12=1,AU16=1,AU20=1,AU25=1"))
    assert moved[66, 1] - moved[62, 1] < 0.22
    assert lips_apart(change("AU25=1")) < 0.22
    jaw = muscles.moved(change("AU25=1,AU27=1"))
    assert jaw[66, 1] - jaw[62, 1] > 0.4  # a jaw that drops opens as far as it goes


def test_a_film_of_surprise_goes_on_without_flicker(scene):
    """Each frame's change goes on in the next: what comes into view does not come and go."""
    mouth = compositor(scene.closed())
    frames = [
        mouth.frame(scene.closed().reference, change=change("AU1=1,AU2=1,AU25=.4,AU26=1", a)).astype(int)
        for a in np.linspace(0.1, 1, 10)
    ]
    steps = np.abs(np.diff(np.stack(frames), axis=0)).mean(axis=(1, 2, 3))
    assert steps.max() < 3 * np.median(steps)
    again = mouth.frame(scene.closed().reference, change=change("AU1=1,AU2=1,AU25=.4,AU26=1", 0.1))
    assert np.array_equal(again, frames[0])
