"""Boundaries calibrated on finished films: the last link of the chain counts, not the generator's crops.

What reaches the photo is not what the generator draws: the transfer loses some of a small movement and completes a
large one. So every AU is filmed on a few portraits at each of `LEVELS` and measured as `check` measures it; its map
from intensity to distance is bent until an asked 0.6 is measured as 0.6 of what the same face's muscles show.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from facsmith.boundary import BoundarySet
from facsmith.boundary_fit import recalibrate
from facsmith.evaluate.check import LEVELS, Check, Reading, animator_render, check

if TYPE_CHECKING:
    from facsmith.animate import AnimateOptions, Animator

__all__ = ["calibrate_on_films"]

Image = npt.NDArray[np.uint8]

_REACH = 1.5  # times the old range, at most, in one go


def calibrate_on_films(
    animator: "Animator",
    photos: Sequence[tuple[str, Image]],
    *,
    options: "AnimateOptions | None" = None,
    provider: str = "auto",
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> BoundarySet:
    """The animator's boundaries, recalibrated.

    photos: (name, (H, W, 3) uint8 RGB), portraits that neither the boundaries nor their judgement were made from; ten
    and more, as people differ. Each Boundary's report gains ``films``: on how many photos, by landmarks or by flow, and
    what each asked level showed before and shows now.

    Raises:
        InputError: no photo shows a usable face. BoundaryError: an AU moves nothing.
    """
    from facsmith.animate import Animator

    def films(subject: Animator, stage: str) -> Check:
        return check(
            animator_render(subject, options),
            photos,
            aus=subject.networks.boundaries.aus,
            provider=provider,
            progress=lambda _, done, total: progress(stage, done, total),
        )

    networks = animator.networks
    before = films(animator, "calibrate")
    bent = networks.boundaries
    for row in before.rows:
        bent = recalibrate(bent, row.au, LEVELS, _shown(before, row.au), reach=_REACH)
    after = films(
        Animator(
            networks.generator,
            descriptor=networks.descriptor,
            encoder=networks.encoder,
            boundaries=bent,
            name=networks.name,
            faces=networks.faces,
        ),
        "verify",
    )
    return BoundarySet(
        tuple(replace(b, report={**b.report, "films": _report(before, after, b.au)}) for b in bent.boundaries),
        bent.generator_id,
    )


def _shown(result: Check, au: int) -> npt.NDArray[np.float64]:
    """What each of LEVELS showed, over the photos, as a share of the muscles at 1, by the AU's judge."""
    readings = [r for r in result.readings if r.au == au and _seen(r)]
    if _judge(result, au) == "flow":
        return np.median([r.flow for r in readings], axis=0)
    return np.sum([r.along for r in readings], axis=0) / np.sum([r.muscles for r in readings])


def _judge(result: Check, au: int) -> str:
    return next(row.judged_by for row in result.rows if row.au == au)


def _seen(reading: Reading) -> bool:
    return bool(np.isfinite([*reading.along, reading.muscles]).all())


def _report(before: Check, after: Check, au: int) -> dict[str, Any]:
    row = next(row for row in after.rows if row.au == au)
    return {
        "photos": row.photos,
        "judged_by": row.judged_by,
        "asked": list(LEVELS),
        "showed": [round(float(x), 3) for x in _shown(before, au)],
        "shows": [round(float(x), 3) for x in _shown(after, au)],
        "leak": round(row.leak, 4),
    }
