"""How strongly one face answers each AU: a step that makes one person smile may leave another unmoved.

A boundary's calibration holds for people at large. Here the AU's full intensity is drawn once on this face, and what
optical flow (`compose.motion`) and landmarks (`measure`) see of it is compared with the face's own muscles. By as much
as each is known to tell (`Response`), the step becomes longer or shorter. A face on which it shows little may also be
asked too much: behind glasses, eyes that open far fade away. A step that is to become longer is drawn, too, and where
it shows less than before, the one that shows most is taken. Where muscles move the photo (mode transfer), an AU shows
as asked, and nothing is fitted.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from math import inf, isfinite
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from facsmith._types import Image
from facsmith.boundary import BoundarySet, Response
from facsmith.compose.flow import FLOW_SIZE
from facsmith.compose.motion import Motion
from facsmith.errors import NoFaceError
from facsmith.face import CropTransform, Face, crop_transform
from facsmith.facs import AUS
from facsmith.measure import Follow, NeutralFace
from facsmith.options import Progress
from facsmith.render import MUSCLE_MODES, Renderer

__all__ = ["Draw", "fit_strengths", "strengthened"]

Draw = Callable[[BoundarySet, npt.NDArray[np.float64]], Image]
"""(boundaries, (K,) intensities) -> a frame (H, W, 3) that shows these and nothing else."""

_LONGER = 1.1  # times the step of people at large: whether that shows more is looked at
_SHORTER = (0.5, 0.75)


def strengthened(
    renderer: Renderer, aus: Iterable[int] | None, *, follow: Follow, progress: Progress | None = None
) -> Renderer:
    """The renderer with the steps of some AUs fitted to its face, where its options ask for that; None: all of them."""
    options = renderer.options
    if not options.personal or options.mode in MUSCLE_MODES or renderer.subject.face is None:
        return renderer
    wanted = [au for au in renderer.boundaries.aus if aus is None or au in set(aus)]
    if not wanted:
        return renderer

    def draw(boundaries: BoundarySet, intensities: npt.NDArray[np.float64]) -> Image:
        return renderer.still(intensities, boundaries)

    missing = [au for au in wanted if au not in renderer.fitted]  # films before this one may have asked for some
    if missing:
        neutral, face, boundaries = renderer.neutral, renderer.neutral_face, renderer.boundaries
        renderer.fitted |= fit_strengths(neutral, face, draw, boundaries, missing, follow=follow, progress=progress)
    return renderer.strengthened({au: renderer.fitted[au] for au in wanted if au in renderer.fitted})


def fit_strengths(
    neutral: Image,
    face: Face,
    draw: Draw,
    boundaries: BoundarySet,
    aus: Iterable[int],
    *,
    follow: Follow,
    progress: Progress | None = None,
) -> dict[int, float]:
    """Measure by what factor each AU's step has to be longer on this face than on people at large.

    Parameters
    ----------
    neutral
        (H, W, 3) uint8, the face with every AU at 0, as ``draw`` shows it.
    face
        Where it lies there.
    draw
        Draws the face with other intensities.
    boundaries
        The boundaries of people at large, with what is known of how they are seen (`Response`).
    aus
        AUs to fit; those of whose responses nothing is known are left out.
    follow
        Finds the face again in what is drawn.
    progress
        Told the stage ``strengths``.

    Returns
    -------
    dict
        AU -> factor.
    """
    known = {b.au: b.response for b in boundaries.boundaries}
    asked = [*aus]
    seen: _Seen | None = None
    factors: dict[int, float] = {}
    for done, au in enumerate(asked, 1):
        response = known.get(au)
        if response is not None and response.tells(face.provider):
            seen = seen or _Seen.of(neutral, face, follow, landmarks=_ask_landmarks(known.values(), face))
            factors[au] = _factor(seen, draw, boundaries, au, response)
        if progress is not None:
            progress("strengths", done, len(asked))
    return factors


def _ask_landmarks(responses: Iterable[Response | None], face: Face) -> bool:
    return any(response is not None and face.provider in response.landmarks for response in responses)


class _Seen(NamedTuple):
    """What looks at a face. close: cuts it out of a frame. landmarks: None where they are not asked, or lost in the
    neutral frame."""

    provider: str
    close: CropTransform
    motion: Motion
    landmarks: NeutralFace | None

    @classmethod
    def of(cls, neutral: Image, face: Face, follow: Follow, *, landmarks: bool) -> "_Seen":
        close = crop_transform(face.landmarks, FLOW_SIZE)
        motion = Motion(close.crop(neutral), close.to_crop(face.landmarks))
        rest = None
        if landmarks:
            with suppress(NoFaceError):
                rest = NeutralFace(neutral, face, follow=follow, sources=("landmarks",))
        return cls(face.provider, close, motion, rest)


def _factor(seen: _Seen, draw: Draw, boundaries: BoundarySet, au: int, response: Response) -> float:
    def told(step: float) -> tuple[float, float | None]:
        """What flow and landmarks show of the AU's full intensity at so many times its distance; None where landmarks
        are not to be asked, or cannot say."""
        frame = draw(boundaries.stretched({au: step}), np.eye(len(AUS))[AUS.index(au)])
        share = seen.motion.share(seen.motion.flow(seen.close.crop(frame)), au)
        if seen.provider not in response.landmarks or seen.landmarks is None:
            return share, None
        moved = seen.landmarks.relative_response(frame, au)
        return share, moved if isfinite(moved) else None

    first, by_landmarks = told(1.0)
    wanted = response.factor(first, seen.provider, by_landmarks)
    if wanted < _LONGER:
        return wanted

    def strength(share: float, moved: float | None) -> float:
        """On one scale for all steps: by landmarks, too, where they see the first; a step they lose is none."""
        if by_landmarks is None:
            return response.strength(share)
        return -inf if moved is None else response.strength(share, seen.provider, moved)

    strengths = {1.0: strength(first, by_landmarks), wanted: strength(*told(wanted))}
    if strengths[wanted] <= strengths[1.0]:
        strengths |= {step: strength(*told(step)) for step in _SHORTER}
    return max(strengths, key=strengths.__getitem__)
