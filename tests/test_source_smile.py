"""A smile is read from what its removal leaves, so that a neutral face is one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import skimage.data

from facsmith import face
from facsmith.animator import Animator
from facsmith.errors import NoFaceError
from facsmith.facs import DISFA, ActionUnits
from facsmith.inversion import InversionOptions
from facsmith.options import AnimateOptions
from facsmith.render import Renderer
from facsmith.source_smile import refine_source_smile
from facsmith.subject import Subject

OPTIONS = AnimateOptions(provider="dlib", inversion=InversionOptions(iterations=10))
SMILE = DISFA.index(12)


@pytest.fixture(scope="module")
def animator() -> Animator:
    return Animator.from_pretrained()


@pytest.fixture(scope="module")
def smiling(animator: Animator) -> Subject:
    """NASA's astronaut, who smiles broadly, as half a smile."""
    photo: Any = skimage.data.astronaut()
    subject = animator.prepare(np.ascontiguousarray(photo[:360, 50:410]), options=OPTIONS)
    return replace(subject, photo_aus=ActionUnits({**subject.photo_aus, 12: 0.5}), neutral=None)


def rendering(animator: Animator, subject: Subject) -> Renderer:
    return Renderer(subject, animator.networks.generator, animator.networks.boundaries, OPTIONS)


def smile_at_rest(animator: Animator, subject: Subject) -> float:
    neutral = rendering(animator, subject).neutral
    assert subject.face is not None
    return float(face.own_expression(face.follow(neutral, subject.face).landmarks)[SMILE])


def settle(animator: Animator, subject: Subject, faces: Any = face) -> Subject:
    networks = animator.networks
    return refine_source_smile(subject, networks.generator, networks.boundaries, faces)


def test_an_underestimated_smile_goes(animator: Animator, smiling: Subject):
    whole = settle(animator, smiling)
    assert 0.6 < whole.photo_aus[12] <= 0.75  # half as much again at most
    assert {au: e for au, e in whole.photo_aus.items() if au != 12} == {
        au: e for au, e in smiling.photo_aus.items() if au != 12
    }
    assert smile_at_rest(animator, whole) < smile_at_rest(animator, smiling) - 0.1


def test_the_photo_is_still_what_its_own_expression_gives(animator: Animator, smiling: Subject):
    whole = settle(animator, smiling)
    assert np.array_equal(animator.edit(whole, whole.photo_aus, options=OPTIONS).image, smiling.photo)


def test_a_face_that_hardly_smiles_is_left_alone(animator: Animator, smiling: Subject):
    serious = replace(smiling, photo_aus=ActionUnits({12: 0.2}))
    assert settle(animator, serious) is serious
    assert smiling.face is not None
    faceless = replace(smiling, face=None)
    assert settle(animator, faceless) is faceless


def test_a_neutral_frame_without_a_face_changes_nothing(animator: Animator, smiling: Subject):
    class Blind:
        find: Callable[..., Any] = staticmethod(face.find)

        def follow(self, image: np.ndarray, face: Any) -> Any:
            raise NoFaceError("nothing to be seen")

    assert settle(animator, smiling, Blind()) is smiling
