"""Boundaries from sources that anyone has: the model's own samples, moved by muscles or measured as they are.

They stand in for DISFA, whose licence keeps it out of here, in the ablation of where boundaries come from.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from facsmith import image
from facsmith.boundary import Boundary, BoundarySet, Calibration, conditional
from facsmith.errors import BoundaryError
from facsmith.lab.fit import FitOptions
from facsmith.lab.fit.collect_codes import collect
from facsmith.lab.fit.encoding import encoding
from facsmith.lab.fit.fit import enough, fit_separable
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.lab.fit.sources import SampleOptions, Samples
from facsmith.lab.fit.sources.muscles import MuscleOptions, MuscleSource
from facsmith.lab.reproduce.bench import Bench
from facsmith.lab.reproduce.faces import sample_photo

__all__ = ["conditioned", "measured_samples", "moved_samples", "step_length", "uncalibrated"]

_MUSCLE_SEEDS: Final = 2_000_000  # of samples that are moved: none of them is judged
_SCORED_SEED: Final = 3


def moved_samples(bench: Bench, *, raw: bool = False) -> BoundarySet | None:
    """Samples moved by muscles and encoded; None where there are too few.

    Parameters
    ----------
    raw
        The SVMs' own normals, as in the paper: nobody's baseline subtracted, nothing unmixed.
    """
    plan, networks = bench.plan, bench.networks
    if networks.encoder is None or plan.people == 0:
        return None
    name = f"moved-{plan.people}x{plan.variants}-{plan.seed}-{plan.psi:g}-{networks.generator.generator_id}"
    folder = bench.store.folder / name
    if not (folder / "source.json").is_file():
        for person in range(plan.people):
            path = folder / "photos" / f"{person:04d}.png"
            if not path.is_file():
                seed = _MUSCLE_SEEDS + plan.seed + person
                image.write(path, sample_photo(networks, seed=seed, psi=plan.psi))
    source = MuscleSource(folder / "photos", MuscleOptions(plan.variants, plan.provider, plan.seed))
    encode = encoding(networks.generator, networks.descriptor, networks.encoder, iterations=0)

    def codes() -> LabelledCodes:
        return collect(
            source,
            folder,
            networks.generator,
            encode,
            name=name,
            provider=plan.provider,
            progress=_told(bench, "moved"),
        )

    options = FitOptions(seed=plan.seed)
    return _fitted(bench, folder, codes, replace(options, baseline="none", unmix=False) if raw else options)


def measured_samples(bench: Bench) -> BoundarySet | None:
    """Samples as they are, scored by `facsmith measure`, as InterFaceGAN scores attributes."""
    plan, networks = bench.plan, bench.networks
    if plan.scored == 0:
        return None
    name = f"scored-{plan.scored}-{plan.seed}-{networks.generator.generator_id}"
    folder = bench.store.folder / name
    seed = _SCORED_SEED + plan.seed
    source = Samples(networks.generator, plan.scored, options=SampleOptions(quota=400, seed=seed))

    def codes() -> LabelledCodes:
        return collect(source, folder, networks.generator, None, name=name, progress=_told(bench, "scored"))

    # Measured on strangers, intensities are drawn towards 0, and each face is a person of its own.
    return _fitted(bench, folder, codes, FitOptions(threshold=0.4, seed=plan.seed))


def step_length(boundaries: BoundarySet) -> float:
    """The median over the AUs of how far intensity 1 lies from 0: what a method without calibration does not know."""
    ranges = [np.diff(b.calibration.distance([0.0, 1.0]))[0] for b in boundaries.boundaries]
    return float(np.median(ranges))


def uncalibrated(boundaries: BoundarySet, length: float) -> BoundarySet:
    """Every AU moves the same length from 0 to 1, in a straight line, on everybody."""

    def straight(boundary: Boundary) -> Boundary:
        rest = float(boundary.calibration.distance(0.0))
        return replace(boundary, calibration=Calibration((0.0, 1.0), (rest, rest + length)), response=None)

    return BoundarySet(tuple(straight(b) for b in boundaries.boundaries), boundaries.generator_id)


def conditioned(boundaries: BoundarySet) -> BoundarySet:
    """Each normal made orthogonal to all the others' (InterFaceGAN's conditional boundary)."""
    normals = [b.normal for b in boundaries.boundaries]
    found = [
        replace(b, normal=conditional(b.normal, [n for n in normals if n is not b.normal]))
        for b in boundaries.boundaries
    ]
    return BoundarySet(tuple(found), boundaries.generator_id)


def _fitted(bench: Bench, folder: Path, codes: Callable[[], LabelledCodes], options: FitOptions) -> BoundarySet | None:
    """Of all AUs that the codes show often enough; None where nothing can be fitted. Kept in ``folder``."""
    path = folder / f"boundaries-{options.baseline}-{options.unmix}.safetensors"
    if path.is_file():
        return BoundarySet.load(path)
    try:
        labelled = codes()
        shown = labelled.au.clip(0, 1)
        fitted = fit_separable(
            labelled.ws.astype(np.float32),
            shown,
            groups=labelled.people,
            generator_id=bench.networks.generator.generator_id,
            options=replace(options, aus=enough(shown, options.threshold)),
        ).boundaries
    except BoundaryError:
        return None  # too few faces, or too little of them
    fitted.save(path)
    return fitted


def _told(bench: Bench, what: str) -> Callable[[str, int, int], None]:
    return lambda stage, done, total: bench.progress(f"boundaries ({what} samples)", done, total)
