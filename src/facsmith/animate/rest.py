"""How strongly does the photo smile? What is left of the smile in the neutral frame tells.

A code and 68 points each underestimate a broad smile, so that a trace of it stays on the face at rest. The neutral
frame is drawn once and looked at: the part that went is what was read, so the whole is that much more.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from facsmith import face
from facsmith.animate.options import AnimateOptions
from facsmith.animate.render import Renderer
from facsmith.animate.subject import Subject
from facsmith.animate.witness import FaceReader
from facsmith.boundary import BoundarySet
from facsmith.errors import NoFaceError
from facsmith.facs import DISFA, ActionUnits
from facsmith.generator import Generator

__all__ = ["settled"]

_SMILE: Final = 12
_SEEN: Final = 0.25  # a weaker smile is as likely the shape of a mouth
_AT_REST: Final = 0.1  # what the points of a mouth at rest are read as, give or take
_MOST: Final = 1.5  # times what was read


def settled(
    subject: Subject, generator: Generator, boundaries: BoundarySet, options: AnimateOptions, faces: FaceReader
) -> Subject:
    """The subject with its smile (AU12) read from what its removal leaves; of other AUs, and weak smiles, as it is."""
    read = subject.source.get(_SMILE, 0.0)
    if subject.face is None or _SMILE not in boundaries.aus or read < _SEEN:
        return subject
    before = _smile(subject.face)
    if before < _SEEN:
        return subject
    plain = replace(options, mode="transfer", personal=False)
    neutral = Renderer(generator, boundaries, subject, plain, follow=faces.follow).neutral()
    try:
        left = _smile(faces.follow(neutral, subject.face))
    except NoFaceError:
        return subject
    gone = before - max(left - _AT_REST, 0.0)
    more = float(np.clip(before / max(gone, 1e-6), 1.0, _MOST))
    return replace(subject, source=ActionUnits({**subject.source, _SMILE: min(read * more, 1.0)}))


def _smile(found: face.Face) -> float:
    return float(face.own_expression(found.landmarks)[DISFA.index(_SMILE)])
