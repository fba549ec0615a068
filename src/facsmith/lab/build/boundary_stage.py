"""The stage of a build that chooses each AU's best move and calibrates it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
import torch

from facsmith import image
from facsmith._types import Codes
from facsmith.boundary import Boundary, BoundarySet, Calibration
from facsmith.bundle import FILES
from facsmith.errors import BoundaryError
from facsmith.facs import DISFA
from facsmith.lab.build.bench import Bench
from facsmith.lab.build.candidate_moves import candidate_moves
from facsmith.lab.build.faces import require_faces
from facsmith.lab.fit.calibrate_on_faces import Judge, calibrate
from facsmith.lab.fit.moves import Choice, best_moves, boundaries_of_moves, mixes
from facsmith.lab.fit.own_faces import OwnFace

__all__ = ["fit"]


_ENOUGH: Final = 0.7
"""Share of the muscles' motion that a generator must show of an AU; with less the muscles do it: `check`'s."""
_STILL: Final = 0.045  # IOD; what else moves on the generator's own faces
_REACH: Final = 1.5  # times a move's length, which other faces found
_JUDGES: Final = 12
_RESTING: Final = 256
_SLOW: Final = 0.2  # seconds a picture, from which one judge has to do where there is no time for three


def fit(bench: Bench) -> dict[str, Any]:
    """-> boundaries.safetensors: of every AU the best move, calibrated; of those that the generator shows."""
    ways, notes = candidate_moves(bench)
    judges = _judges(bench, ways=len(ways) + len(mixes([*ways])))
    choose = require_faces([*bench.faces.faces("choose", judges)], 1, "to choose boundaries on")
    choices = best_moves(
        ways,
        choose,
        bench.networks.small,
        batch=bench.batch,
        progress=lambda done, total: bench.tell("boundaries", done, 2 * total),
    )
    verify = require_faces([*bench.faces.faces("verify", judges)], 1, "to calibrate boundaries on")
    chosen = {c.au: c.move for c in choices if np.isfinite(c.move).all() and c.move.any()}
    unmoved = {c.au: "no move of its code was found that shows it" for c in choices if c.au not in chosen}
    if not chosen:
        raise BoundaryError("No move of its codes shows any AU: nothing in this generator's pictures can be moved so.")
    resting = _resting(bench, [*choose, *verify])
    whole = boundaries_of_moves(chosen, resting, bench.networks.generator.generator_id, reports={})
    done = calibrate(
        whole,
        bench.networks.small,
        [Judge(face.ws, face.landmarks) for face in verify],
        reach=_REACH,
        progress=lambda stage, row, total: bench.tell("boundaries", total + row, 2 * total),
    )
    shown = {b.au: dict(b.report["shown"]) for b in done.boundaries}
    weak = unmoved | {au: why for au, report in shown.items() if (why := _weakness(report)) is not None}
    kept = [au for au in chosen if au not in weak] or [max(shown, key=lambda au: shown[au]["share_of_muscles"][-1])]
    boundaries = boundaries_of_moves(
        {au: chosen[au] for au in kept},
        resting,
        bench.networks.generator.generator_id,
        reports={c.au: _report(c, shown[c.au]) for c in choices if c.au in shown},
    )
    bent = tuple(_bent(b, whole[b.au].calibration, done[b.au].calibration) for b in boundaries.boundaries)
    BoundarySet(bent, boundaries.generator_id).save(bench.folder / FILES[3])
    return {
        "judges": [len(choose), len(verify)],
        "ways": {f"AU{c.au}": c.way for c in choices},
        "scores": {f"AU{c.au}": {name: round(s.score, 3) for name, s in c.shown.items()} for c in choices},
        "shown": {f"AU{au}": shown[au]["share_of_muscles"][-1] if au in shown else 0.0 for au in DISFA},
        "leak": {f"AU{au}": report["leak"] for au, report in shown.items()},
        "latent": [f"AU{au}" for au in kept],
        "muscles": {f"AU{au}": why for au, why in weak.items() if au not in kept},
        "weak": {f"AU{au}": why for au, why in weak.items() if au in kept},
        **({"notes": notes} if notes else {}),
    }


def _resting(bench: Bench, faces: Sequence[OwnFace]) -> Codes:
    """(N, num_ws, w_dim) codes of random faces, as they are and as the encoder sees them: photos' codes are its."""
    descriptor, encoder = bench.networks.descriptor, bench.networks.encoder  # loaded outside of inference mode
    z = torch.randn(_RESTING, bench.networks.small.z_dim, generator=torch.Generator().manual_seed(bench.options.seed))
    with torch.inference_mode():
        known = bench.networks.small.mapping(z.to(bench.networks.small.w_avg)).float().cpu().numpy()
        seen = [
            encoder(descriptor(image.to_tensor(face.picture).to(bench.networks.small.w_avg.device))) for face in faces
        ]
    return np.concatenate([known, *(ws.float().cpu().numpy() for ws in seen)])


def _weakness(report: Mapping[str, Any]) -> str | None:
    """Why the generator does not show an AU, in a few words; None where it does."""
    share, leak = report["share_of_muscles"][-1], report["leak"]
    if share < _ENOUGH:
        return f"shows {int(100 * max(share, 0))} % of what the muscles move"
    if leak > _STILL:
        return f"moves what it should leave alone by {leak:.3f} eye distances"
    return None


def _judges(bench: Bench, *, ways: int) -> int:
    """How many faces the time allows to choose and to calibrate on."""
    pictures = len(DISFA) * (8 * ways + 14)
    each = pictures * (bench.speed.draw + 0.025)  # seconds of optical flow
    least = 1 if bench.speed.draw > _SLOW else 3
    return int(np.clip(bench.options.seconds("boundaries") / each, least, _JUDGES))


def _report(choice: Choice, shown: Mapping[str, Any]) -> dict[str, Any]:
    ways = {
        name: {key: round(x, 4) for key, x in (*asdict(s).items(), ("score", s.score))}
        for name, s in choice.shown.items()
    }
    return {"shown": dict(shown), "way": choice.way, "ways": ways}


def _bent(boundary: Boundary, line: Calibration, curve: Calibration) -> Boundary:
    """A boundary of a move, bent as another boundary of the same move was: from its line to its curve.

    The joint edit of both is the move times a share of it. That share is what an intensity means; the distance depends
    on what other boundaries there are.
    """
    shares = (np.array(curve.distances) - line.distances[0]) / (line.distances[-1] - line.distances[0])
    rest, full = boundary.calibration.distances[0], boundary.calibration.distances[-1]
    distances = rest + shares * (full - rest)
    return replace(boundary, calibration=Calibration(curve.intensities, tuple(distances.tolist())))
