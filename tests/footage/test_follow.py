"""One person's face is followed, whoever else comes by."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import face_at

from facsmith.errors import NoFaceError
from facsmith.footage.follow import FaceFollower, Sight

SHE, HE = np.eye(128)[0], np.eye(128)[1]


class Scene:
    """Faces where a script puts them; a frame's first pixel tells which moment it is."""

    def __init__(self, *moments):
        self.moments = moments  # of each moment: [(face, who), ...]
        self.found = 0

    def frame(self, moment, *, shot=0):
        picture = np.full((90, 160, 3), 90 * shot, np.uint8)
        picture[0, 0, 0] = moment
        return picture

    def find(self, image, *, provider="auto"):
        self.found += 1
        return [face for face, _ in self.moments[image[0, 0, 0]]]

    def follow(self, image, face):
        for there, _ in self.moments[image[0, 0, 0]]:
            if np.hypot(*(there.landmarks.mean(0) - face.landmarks.mean(0))) < 0.8 * face.interocular:
                return there
        raise NoFaceError("gone")

    def embed(self, image, landmarks):
        for face, who in self.moments[image[0, 0, 0]]:
            if np.array_equal(face.landmarks, landmarks):
                return who
        raise AssertionError("no such face")

    def played(self, *shots, every=1 / 30, **options):
        follower = FaceFollower(self, embed=self.embed, **options)
        return [follower.see(self.frame(moment, shot=shot), moment * every) for moment, shot in enumerate(shots)]


def at(x, iod=30.0):
    return face_at(x, 30, iod)


def x_of(followed):
    return None if followed.face is None else round(float(followed.face.landmarks[[36, 45], 0].mean()))


def test_a_face_that_moves_is_followed_without_looking_for_it():
    scene = Scene(*[[(at(40 + 2 * k), SHE)] for k in range(12)])
    seen = scene.played(*[0] * 12)
    assert [x_of(f) for f in seen] == [40 + 2 * k for k in range(12)]
    assert scene.found == 1 and not any(f.cut for f in seen)


def test_a_cut_to_both_finds_the_same_person_though_the_other_is_larger():
    scene = Scene(*[[(at(40), SHE)]] * 3, *[[(at(40, 40.0), HE), (at(115), SHE)]] * 3)
    seen = scene.played(0, 0, 0, 1, 1, 1)
    assert [x_of(f) for f in seen] == [40, 40, 40, 115, 115, 115]
    assert [f.cut for f in seen] == [False, False, False, True, False, False]


def test_a_cut_to_another_leaves_frames_alone():
    scene = Scene([(at(40), SHE)], [(at(40), HE)], [(at(44), SHE)])
    seen = scene.played(0, 1, 0)
    assert [f.sight for f in seen] == [Sight.SEEN, Sight.ANOTHER, Sight.SEEN]
    assert seen[1].face is None and seen[1].sight.reason == "only another person's face was found"


def test_somebody_who_takes_the_place_is_noticed_within_half_a_second():
    scene = Scene(*[[(at(40), SHE)]] * 4, *[[(at(40), HE)]] * 10)
    seen = scene.played(*[0] * 14, every=0.1)
    assert [f.face is None for f in seen[:4]] == [False] * 4
    assert all(f.sight is Sight.ANOTHER or f.face is None for f in seen[9:])


def test_a_lost_face_is_found_again():
    scene = Scene([(at(40), SHE)], [], [], [], [], [(at(100), SHE)], [(at(100), SHE)], [(at(100), SHE)])
    seen = scene.played(*[0] * 8)
    assert [f.sight for f in seen[1:5]] == [Sight.NONE] * 4
    assert x_of(seen[-1]) == 100 and scene.found < 6


@pytest.mark.parametrize(
    ("change", "why"),
    [({"score": 0.1}, Sight.COVERED), ({"yaw_degrees": 55.0}, Sight.TURNED)],
)
def test_covered_and_turned_faces_are_left_alone(change, why):
    scene = Scene([(at(40), SHE)], [(replace(at(41), **change), SHE)], [(at(40), SHE)])
    seen = scene.played(0, 0, 0)
    assert [f.sight for f in seen] == [Sight.SEEN, why, Sight.SEEN]


def test_the_face_asked_for():
    both = [(at(40, 40.0), SHE), (at(115), HE)]
    assert [x_of(f) for f in Scene(both, both).played(0, 0, face=1)] == [115, 115]
