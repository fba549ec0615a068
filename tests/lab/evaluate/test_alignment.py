"""alignment: points arrive where they are sent; a head that turned comes back over itself."""

import cv2
import numpy as np
from skimage.data import astronaut

from facsmith.face import choose, find, follow
from facsmith.face.points import interocular
from facsmith.lab.evaluate.alignment import laid_over, onto_points
from facsmith.measure import aligned_displacement


def test_points_arrive_and_far_away_nothing_moves():
    photo = np.ascontiguousarray(astronaut())
    found = choose(find(photo, provider="dlib")).face
    moved = np.zeros((68, 2))
    moved[48:68, 1] = 0.15  # the mouth goes down
    frame = onto_points(photo, found.landmarks, moved)
    seen = aligned_displacement(follow(frame, found).landmarks, follow(photo, found).landmarks)
    assert np.abs(seen[48:68, 1] - 0.15).mean() < 0.04
    assert np.abs(seen[17:48]).mean() < 0.02
    far = int(found.landmarks[:, 1].mean() + 2.3 * interocular(found.landmarks))
    assert np.array_equal(frame[far:], photo[far:])


def test_a_tilted_head_is_laid_over_itself():
    photo = np.ascontiguousarray(astronaut())
    points = choose(find(photo, provider="dlib")).face.landmarks
    tilt = cv2.getRotationMatrix2D((256, 256), 12, 0.9)
    tilted = cv2.warpAffine(photo, tilt, (512, 512))
    back = laid_over(tilted, points @ tilt[:, :2].T + tilt[:, 2], points, photo.shape)
    x, y = points.mean(axis=0).astype(int)
    box = np.s_[y - 60 : y + 60, x - 50 : x + 50]
    assert np.abs(back[box].astype(int) - photo[box]).mean() < 4
