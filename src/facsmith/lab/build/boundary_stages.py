"""The stages of a build that make and judge boundaries."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from facsmith import image
from facsmith.boundary import Boundary, BoundarySet, Calibration
from facsmith.bundle import FILES
from facsmith.errors import BoundaryError, FacsmithError
from facsmith.facs import DISFA
from facsmith.lab.build.bench import Bench, enough
from facsmith.lab.build.stages import found_moves
from facsmith.lab.evaluate import animator_render
from facsmith.lab.evaluate import check as run_check
from facsmith.lab.evaluate.check import Check, rows_of
from facsmith.lab.fit import FitOptions, fit_boundaries
from facsmith.lab.fit.calibrate_on_faces import Judge, calibrate
from facsmith.lab.fit.encoding import encoding
from facsmith.lab.fit.encoding_job import collect
from facsmith.lab.fit.fit import enough as enough_samples
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.lab.fit.moves import Choice, best_moves, boundaries_of_moves, moves_of
from facsmith.lab.fit.own_faces import OwnFace
from facsmith.lab.fit.sources import SampleOptions, Samples, open_source
from facsmith.lab.fit.sources.samples import measured

__all__ = ["check", "fit", "samples"]

Codes = npt.NDArray[np.float32]

_NATURAL: Final = "samples"
_CODED: Final = "source"
_SHOWS: Final = {_NATURAL: 0.4, _CODED: 0.7}
_ENOUGH: Final = 0.7
"""Share of the muscles' motion that a generator must show of an AU; with less the muscles do it: `check`'s."""
_STILL: Final = 0.045  # IOD; what else moves on the generator's own faces
_MOST_SAMPLES: Final = 3000
_FEWEST_SAMPLES: Final = 100
_JUDGES: Final = 12
_RESTING: Final = 256
_SLOW: Final = 0.2  # seconds a picture, from which one judge has to do where there is no time for three
_LARGE: Final = 512  # a generated face is checked as a photo of this size


def samples(bench: Bench) -> dict[str, Any]:
    """Natural faces of the generator's own, scored by `measure`, and those of a source that the user named, encoded ->
    build/samples/, build/source/."""
    report: dict[str, Any] = {}
    room = bench.options.seconds("samples")
    score = partial(measured, provider=bench.options.provider)
    # The first ones tell how long one takes; they are scored again.
    tried = sum(1 for _ in Samples(bench.small, 8, score, SampleOptions(seed=bench.options.seed)).items())
    count = min(_MOST_SAMPLES, int(8 * room / max(bench.spent, 1e-6)))
    if tried and count >= _FEWEST_SAMPLES:
        source = Samples(bench.small, count, score, SampleOptions(seed=bench.options.seed))
        labelled = collect(
            source,
            bench.work / _NATURAL,
            bench.small,
            None,
            name=_NATURAL,
            provider=bench.options.provider,
            progress=lambda _, done, total: bench.tell("samples", done, total),
        )
        report["scored"] = len(labelled.ws)
        _save(bench, _NATURAL, labelled)
    else:
        report["note"] = "no time for natural faces" if tried else "no natural face can be measured"
    if bench.options.source:
        coded = collect(
            open_source(bench.options.source, bench.small, seed=bench.options.seed, provider=bench.options.provider),
            bench.work / _CODED,
            bench.small,
            encoding(bench.small, bench.descriptor, bench.encoder),
            name=bench.options.source,
            provider=bench.options.provider,
            progress=lambda _, done, total: bench.tell("samples", done, total),
        )
        report["coded"] = len(coded.ws)
        _save(bench, _CODED, coded)
    return report


def fit(bench: Bench) -> dict[str, Any]:
    """-> boundaries.safetensors: of every AU the best move, calibrated; of those that the generator shows."""
    ws, moves = found_moves(bench)
    ways: dict[str, Mapping[int, Codes]] = {"search": dict(zip(DISFA, moves.mean(axis=0), strict=True))}
    labelled = LabelledCodes(
        np.concatenate([ws[:, None], ws[:, None] + moves], axis=1).reshape(-1, *ws.shape[1:]),
        np.tile(np.vstack([np.zeros(len(DISFA)), np.eye(len(DISFA))]), (len(ws), 1)),
        np.repeat(np.arange(len(ws)), 1 + len(DISFA)),
    )
    notes: dict[str, str] = {}
    for name, codes in (("search by SVM", labelled), *_kept(bench)):
        try:
            ways[name] = _svm_moves(codes, bench.generator.generator_id, _SHOWS.get(name, 0.7), bench.options.seed)
        except BoundaryError as error:
            notes[name] = str(error)
    judges = _judges(bench, ways=len(ways))
    choose = enough([*bench.faces("choose", judges)], 1, "to choose boundaries on")
    choices = best_moves(
        ways,
        choose,
        bench.small,
        batch=bench.batch,
        progress=lambda done, total: bench.tell("boundaries", done, 2 * total),
    )
    verify = enough([*bench.faces("verify", judges)], 1, "to calibrate boundaries on")
    chosen = {c.au: c.move for c in choices if np.isfinite(c.move).all() and c.move.any()}
    unmoved = {c.au: "no move of its code was found that shows it" for c in choices if c.au not in chosen}
    if not chosen:
        raise BoundaryError("No move of its codes shows any AU: nothing in this generator's pictures can be moved so.")
    resting = _resting(bench, [*choose, *verify])
    whole = boundaries_of_moves(chosen, resting, bench.generator.generator_id, reports={})
    done = calibrate(
        whole,
        bench.small,
        [Judge(face.ws, face.landmarks) for face in verify],
        reach=1.0,  # the moves have their lengths; beyond, optical flow loses brows
        progress=lambda stage, row, total: bench.tell("boundaries", total + row, 2 * total),
    )
    shown = {b.au: dict(b.report["shown"]) for b in done.boundaries}
    weak = unmoved | {au: why for au, report in shown.items() if (why := _weakness(report)) is not None}
    kept = [au for au in chosen if au not in weak] or [max(shown, key=lambda au: shown[au]["share_of_muscles"][-1])]
    boundaries = boundaries_of_moves(
        {au: chosen[au] for au in kept},
        resting,
        bench.generator.generator_id,
        reports={c.au: _report(c, shown[c.au]) for c in choices if c.au in shown},
    )
    bent = tuple(_bent(b, whole[b.au].calibration, done[b.au].calibration) for b in boundaries.boundaries)
    BoundarySet(bent, boundaries.generator_id).save(bench.folder / FILES[3])
    return {
        "judges": [len(choose), len(verify)],
        "ways": {f"AU{c.au}": c.way for c in choices},
        "shown": {f"AU{au}": shown[au]["share_of_muscles"][-1] if au in shown else 0.0 for au in DISFA},
        "leak": {f"AU{au}": report["leak"] for au, report in shown.items()},
        "latent": [f"AU{au}" for au in kept],
        "muscles": {f"AU{au}": why for au, why in weak.items() if au not in kept},
        "weak": {f"AU{au}": why for au, why in weak.items() if au in kept},
        **({"notes": notes} if notes else {}),
    }


def check(
    bench: Bench, photos: Sequence[tuple[str, npt.NDArray[np.uint8]]], found: list[Check] | None = None
) -> dict[str, Any]:
    """Films of every AU on photos, as `facsmith boundaries check` judges them -> build/check.json.

    Parameters
    ----------
    photos
        (name, pixels), all checked; where there are none, the astronaut's and, as far as time allows, faces of the
        generator's own.
    found
        Called with the whole check.
    """
    from facsmith.animator import Animator
    from facsmith.bundle import load_bundle
    from facsmith.inversion import InversionOptions
    from facsmith.options import AnimateOptions

    pictures = [*photos] or _own_photos(bench)
    bundle = load_bundle(bench.folder)
    animator = Animator(
        bench.generator,
        descriptor=bench.descriptor,
        encoder=bench.encoder,
        boundaries=bundle.boundaries,
        name=bench.folder.name,
    )
    room = bench.options.seconds("check")
    # A search takes four passes a step (the motion term draws, too), and may have half of a single photo's time.
    steps = int(np.clip(0.5 * room / (4 * bench.speed.step), 2, InversionOptions().iterations))
    render = animator_render(
        animator, AnimateOptions(provider=bench.options.provider, inversion=InversionOptions(iterations=steps))
    )
    began, names = bench.spent, [name for name, _ in pictures]
    parts: list[Check] = []
    for number, picture in enumerate(pictures[: bench.options.photos], 1):
        try:
            parts.append(run_check(render, [picture], provider=bench.options.provider))
        except FacsmithError:
            continue
        bench.tell("check", number, min(len(pictures), bench.options.photos))
        if not photos and (bench.spent - began) * (number + 1) / number > max(room, 1.0):
            break
    if not parts:
        raise BoundaryError(f"None of the photos can be checked ({', '.join(names)}); give portraits: --portraits.")
    result = joined(parts)
    if found is not None:
        found.append(result)
    (bench.work / "check.json").write_text(json.dumps(result.to_json(), indent=1), encoding="utf-8")
    return {
        "photos": len({r.photo for r in result.readings}),
        "iterations": steps,
        "passed": [f"AU{row.au}" for row in result.rows if row.passed],
        "failed": [f"AU{row.au}" for row in result.rows if not row.passed],
        "portraits": bool(photos),
    }


def joined(parts: Sequence[Check]) -> Check:
    """One `Check` of several, each of other photos."""
    readings = tuple(reading for part in parts for reading in part.readings)
    providers = tuple(sorted({p for part in parts for p in part.providers}))
    skipped = {name: why for part in parts for name, why in part.skipped.items()}
    return Check(parts[0].bar, rows_of(readings, DISFA, parts[0].bar), readings, skipped, providers)


def _resting(bench: Bench, faces: Sequence[OwnFace]) -> Codes:
    """(N, num_ws, w_dim) codes of random faces, as they are and as the encoder sees them: photos' codes are its."""
    descriptor, encoder = bench.descriptor, bench.encoder  # loaded outside of inference mode
    z = torch.randn(_RESTING, bench.small.z_dim, generator=torch.Generator().manual_seed(bench.options.seed))
    with torch.inference_mode():
        known = bench.small.mapping(z.to(bench.small.w_avg)).float().cpu().numpy()
        seen = [encoder(descriptor(image.to_tensor(face.picture).to(bench.small.w_avg.device))) for face in faces]
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


def _svm_moves(codes: LabelledCodes, generator_id: str, threshold: float, seed: int) -> dict[int, Codes]:
    shown = codes.au.clip(0, 1)
    options = FitOptions(aus=enough_samples(shown, threshold), threshold=threshold, seed=seed)
    return moves_of(
        fit_boundaries(
            codes.ws.astype(np.float32), shown, groups=codes.people, generator_id=generator_id, options=options
        )
    )


def _save(bench: Bench, name: str, codes: LabelledCodes) -> None:
    folder = bench.work / f"{name}-codes"
    folder.mkdir(exist_ok=True)
    for part, values in codes._asdict().items():
        np.save(folder / f"{part}.npy", values)


def _kept(bench: Bench) -> list[tuple[str, LabelledCodes]]:
    from facsmith.lab.fit.folder import read_codes

    folders = [(name, bench.work / f"{name}-codes") for name in (_NATURAL, _CODED)]
    return [(name, read_codes(folder)) for name, folder in folders if (folder / "ws.npy").is_file()]


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


def _own_photos(bench: Bench) -> list[tuple[str, npt.NDArray[np.uint8]]]:
    import skimage.data

    data: Any = skimage.data
    pictures: list[tuple[str, npt.NDArray[np.uint8]]] = [("astronaut", data.astronaut())]
    if bench.record["framing"]["found"]:
        faces = bench.faces("check", bench.options.photos - 1)
        pictures += [(f"sample {face.seed}", image.resize(face.picture, (_LARGE, _LARGE))) for face in faces]
    return pictures
