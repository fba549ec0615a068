"""How strongly does the photo smile? What is left of the smile in the neutral frame tells.

One look underestimates a broad smile, so that a trace of it stays on the face at rest. The neutral frame is drawn once
and looked at: the part that went is what was read, so the whole is that much more.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from facsmith import face
from facsmith.boundary import BoundarySet
from facsmith.errors import NoFaceError
from facsmith.face import FaceReader
from facsmith.facs import DISFA, ActionUnits
from facsmith.generator import Generator
from facsmith.options import AnimateOptions
from facsmith.render import Renderer
from facsmith.subject import Subject

__all__ = ["refine_source_smile"]

_SMILE: Final = 12
_SEEN: Final = 0.25  # a weaker smile is as likely the shape of a mouth
_AT_REST: Final = 0.1  # what the points of a mouth at rest are read as, give or take
_MOST: Final = 1.5  # times what was read


def refine_source_smile(subject: Subject, generator: Generator, boundaries: BoundarySet, faces: FaceReader) -> Subject:
    """The subject with its smile (AU12) read from what its removal leaves.

    Of other AUs, and weak smiles, it stays as it is; the neutral frame that was drawn is kept where it still holds.
    """
    read = subject.photo_aus.get(_SMILE, 0.0)
    if subject.face is None or read < _SEEN:
        return subject
    before = _smile(subject.face)
    if before < _SEEN:
        return subject
    renderer = Renderer(subject, generator, boundaries, AnimateOptions(personal=False))
    try:
        left = _smile(faces.follow(renderer.neutral, subject.face))
    except NoFaceError:
        return subject
    gone = before - max(left - _AT_REST, 0.0)
    more = float(np.clip(before / max(gone, 1e-6), 1.0, _MOST))
    if more == 1.0:
        return replace(subject, neutral=renderer.neutral)
    return replace(subject, photo_aus=ActionUnits({**subject.photo_aus, _SMILE: min(read * more, 1.0)}))


def _smile(found: face.Face) -> float:
    return float(face.own_expression(found.landmarks)[DISFA.index(_SMILE)])
