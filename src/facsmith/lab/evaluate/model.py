"""How good is a model, on faces it was not trained on? One table, and one object with the same numbers.

Definitions (units: `lab.evaluate.control`; each face against its own neutral frame):

- ``au_mae``: mean of |measured - asked| over the AUs, the levels .25 to 1 and the faces; AUs whose movement landmarks
  hardly see even when the muscles do it (`Thresholds.visible`) are measured by optical flow.
- ``au_leakage``: how far each AU not asked for moves, mean over all frames of one AU at intensity 1.
- ``au_spearman_min``: rank correlation of asked and measured on each face, mean over the faces; the lowest of the AUs.
- ``inter_au_correlation``: over random expressions, each AU drawn on its own, the mean |correlation| between what is
  measured of two AUs. ``chance`` is the same number of what was asked: it is not 0, and nothing can be far below it.
- ``identity``, ``reconstruction_lpips``: of the inverted latents' pictures (`lab.evaluate.reconstruction`).
- ``frechet``: of random faces from training (else from the judged) ones (`lab.frechet`).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from facsmith._types import Array, Image
from facsmith.animator import Animator
from facsmith.errors import InputError, NoFaceError
from facsmith.facs import DISFA
from facsmith.inversion import InversionOptions
from facsmith.lab.evaluate.check import LEVELS, Thresholds, animator_render
from facsmith.lab.evaluate.control import Control, entanglement, mixed_expressions, read_control
from facsmith.lab.evaluate.faces import JudgedFace, age_band, skin_band
from facsmith.lab.evaluate.reconstruction import (
    Principal,
    Reconstruction,
    evaluation_descriptor,
    likeness,
    reconstructions,
)
from facsmith.lab.frechet import described, frechet_distance, random_faces
from facsmith.options import AnimateOptions, Fidelity

__all__ = ["AuRow", "Group", "Judgement", "ModelOptions", "ModelReport", "evaluate_model", "summarise"]


@dataclass(frozen=True)
class ModelOptions:
    """How a model is judged.

    Parameters
    ----------
    mode
        What is judged, the finished film (``transfer``) or the generator's own picture (``crop``).
    fidelity
        As in `AnimateOptions`; ``high`` also leads the reconstructions.
    iterations
        Steps of every inversion.
    expressions
        Random expressions per face.
    components
        Number of principal components (PCA).
    samples
        Random faces for the Fréchet distance, 0: none.
    provider
        Library that finds landmarks.
    judge
        Library whose landmarks measure, where they shall be others than those by which AUs were fitted to the face:
        ``mediapipe`` or ``dlib``.
    """

    mode: Literal["transfer", "paste", "crop"] = "transfer"
    fidelity: Fidelity = "standard"
    iterations: int = 60
    expressions: int = 16
    components: int = 512
    samples: int = 1000
    provider: Literal["auto", "mediapipe", "dlib"] = "auto"
    judge: Literal["mediapipe", "dlib"] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.iterations, self.samples) < 0 or self.expressions < 2 or self.components < 1:
            raise InputError(
                "An evaluation needs iterations and samples from 0, expressions from 2 and components from 1; got "
                f"{self.iterations}, {self.samples}, {self.expressions} and {self.components}."
            )


@dataclass(frozen=True)
class AuRow:
    """One AU over all faces.

    Parameters
    ----------
    measured
        Mean intensity at each of LEVELS, by the judge.
    leakage
        What is seen of the other AUs at intensity 1.
    """

    au: int
    judged_by: Literal["landmarks", "flow"]
    mae: float
    mae_landmarks: float
    mae_flow: float
    measured: tuple[float, ...]
    leakage: float
    spearman: float


@dataclass(frozen=True)
class Group:
    """The control of AUs on some of the faces.

    Parameters
    ----------
    kind
        ``age`` or ``skin``.
    """

    kind: str
    name: str
    faces: int
    au_mae: float


@dataclass(frozen=True)
class Judgement:
    """The numbers of AU control.

    Parameters
    ----------
    chance
        Correlation to be expected by chance, see the module's text on ``inter_au_correlation``.
    """

    rows: tuple[AuRow, ...]
    au_mae: float
    au_leakage: float
    au_spearman_min: float
    inter_au_correlation: float
    chance: float


@dataclass(frozen=True)
class ModelReport:
    """Everything that was measured.

    Parameters
    ----------
    fitted_by, providers
        Landmarkers that found the faces and fitted AUs to them, and that measured.
    skipped
        Face -> why it was left out.
    """

    model: str
    generator_id: str
    options: ModelOptions
    faces: int
    frames: int
    fitted_by: tuple[str, ...]
    providers: tuple[str, ...]
    control: Judgement
    perceptual: str
    reconstructions: tuple[Reconstruction, ...]
    frechet: float | None
    frechet_of: str
    groups: tuple[Group, ...]
    skipped: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The headline numbers at the top; rounded to four places, NaN as None."""
        own, control = self.reconstructions[0], self.control
        return _plain(
            {
                "model": self.model,
                "generator_id": self.generator_id,
                "sample_count": self.faces,
                "frames": self.frames,
                "au_mae": control.au_mae,
                "au_leakage": control.au_leakage,
                "au_spearman_min": control.au_spearman_min,
                "inter_au_correlation": control.inter_au_correlation,
                "inter_au_correlation_chance": control.chance,
                "identity": own.identity,
                "identity_distance": own.identity_distance,
                "reconstruction_lpips": own.lpips,
                "reconstruction_features": self.perceptual,
                "reconstructions": [asdict(row) for row in self.reconstructions],
                "frechet": self.frechet,
                "frechet_of": self.frechet_of,
                "fitted_by": list(self.fitted_by),
                "landmarks": list(self.providers),
                "levels": list(LEVELS),
                "aus": [asdict(row) for row in control.rows],
                "groups": [asdict(group) for group in self.groups],
                "options": asdict(self.options),
                "skipped": self.skipped,
            }
        )


def evaluate_model(
    animator: Animator,
    faces: Sequence[JudgedFace],
    *,
    training: Image | None = None,
    options: ModelOptions | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> ModelReport:
    """Judge a model on faces it was not trained on.

    Parameters
    ----------
    training
        (N, R, R, 3), crops it was trained on: for the PCA and the Fréchet distance.
    progress
        Told (stage, done, total).

    Raises
    ------
    InputError
        None of the faces can be measured, or the judge would judge itself.
    """
    options = options or ModelOptions()
    if not faces:
        raise InputError("There is no face to judge the model on; give portraits, or a data set with held-out people.")
    networks = animator.networks
    settings = AnimateOptions(
        provider=options.provider,
        mode=options.mode,
        fidelity=options.fidelity,
        inversion=InversionOptions(iterations=options.iterations),
    )
    tuned: list[tuple[JudgedFace, Image]] = []
    read: list[tuple[JudgedFace, Control]] = []
    skipped: dict[str, str] = {}
    fitters: set[str] = set()
    providers: set[str] = set()
    count = options.expressions
    asked = mixed_expressions(np.random.default_rng(options.seed), count * len(faces))
    for done, judged in enumerate(faces, 1):
        try:
            subject = animator.prepare(judged.photo, options=settings)
            if subject.face is None:
                raise NoFaceError("No face was found.")
            found = subject.face
            if subject.transform is not None:
                at = subject.transform.to_crop(found.landmarks)
                if subject.tuned is not None:
                    cut = replace(judged, crop=subject.transform.crop(judged.photo), landmarks=at)
                    tuned.append((cut, subject.reference))
                if options.mode == "crop":  # its frames are crops
                    found = replace(found, landmarks=at)
            fitters.add(found.provider)
            if options.judge is not None:
                if found.provider == options.judge:
                    raise InputError(f"{options.judge} fits AUs to the faces here; give another judge, or provider.")
                found = replace(found, provider=options.judge)  # its place is known; frames are read by the judge
            mixed = asked[count * (done - 1) : count * done]
            read.append((judged, read_control(animator_render(animator, settings), judged.photo, found, mixed)))
            providers.add(found.provider)
        except NoFaceError as error:
            skipped[judged.name] = str(error)
        progress("faces", done, len(faces))
    if not read:
        raise InputError(f"None of {len(faces)} faces can be measured. {' '.join(skipped.values())}")
    measured = [judged for judged, _ in read]
    judge_descriptor = evaluation_descriptor(networks)
    principal = None if training is None else Principal(training, components=options.components, seed=options.seed)
    rebuilt = reconstructions(
        measured, networks, options=settings, seen_by=judge_descriptor, principal=principal, progress=progress
    )
    if tuned:
        pictures = np.stack([picture for _, picture in tuned])
        rebuilt = (likeness("high", [cut for cut, _ in tuned], pictures, judge_descriptor), *rebuilt)
    others = training if training is not None else np.stack([judged.crop for judged in measured])
    frechet = _frechet(animator, others, options) if options.samples > 1 and len(others) > 1 else None
    control = summarise([one for _, one in read])
    return ModelReport(
        model=networks.name,
        generator_id=networks.generator.generator_id,
        options=options,
        faces=len(read),
        frames=len(read) * (len(DISFA) * len(LEVELS) + options.expressions),
        fitted_by=tuple(sorted(fitters)),
        providers=tuple(sorted(providers)),
        control=control,
        perceptual=f"{judge_descriptor.name}, unit-length features",
        reconstructions=rebuilt,
        frechet=frechet,
        frechet_of=(
            f"{options.samples} samples, {'training' if training is not None else 'judged'} faces, "
            f"{judge_descriptor.name}"
        ),
        groups=_groups(read, control),
        skipped=skipped,
    )


def summarise(read: Sequence[Control], *, visible: float = Thresholds().visible) -> Judgement:
    """The numbers of AU control, over the faces read.

    Parameters
    ----------
    visible
        As in `Thresholds`.
    """
    rows = tuple(_row(read, k, visible) for k in range(len(DISFA)))
    mixed, asked = np.concatenate([one.mixed for one in read]), np.concatenate([one.asked for one in read])
    seen = ~np.isnan(mixed).any(axis=1)
    return Judgement(
        rows=rows,
        au_mae=fmean(row.mae for row in rows),
        au_leakage=fmean(row.leakage for row in rows),
        au_spearman_min=min(row.spearman for row in rows),
        inter_au_correlation=entanglement(mixed[seen]),
        chance=entanglement(asked[seen]),
    )


def _row(read: Sequence[Control], k: int, visible: float) -> AuRow:
    levels = np.array(LEVELS)
    shares, flow = np.stack([one.shares[k] for one in read]), np.stack([one.flow[k] for one in read])
    by_landmarks = not fmean(one.visible[k] for one in read) < visible
    judge = shares if by_landmarks else flow
    others = [np.delete(one.measured[k, -1], k) for one in read]
    return AuRow(
        au=DISFA[k],
        judged_by="landmarks" if by_landmarks else "flow",
        mae=_mean(np.abs(judge - levels)),
        mae_landmarks=_mean(np.abs(shares - levels)),
        mae_flow=_mean(np.abs(flow - levels)),
        measured=tuple(_mean(judge[:, column]) for column in range(len(levels))),
        leakage=_mean(np.abs(others)),
        spearman=_mean(np.array([_rank_correlation(row) for row in judge])),
    )


def _groups(read: Sequence[tuple[JudgedFace, Control]], control: Judgement) -> tuple[Group, ...]:
    errors: dict[tuple[str, str], list[float]] = {}
    judges = ["shares" if row.judged_by == "landmarks" else "flow" for row in control.rows]
    for judged, one in read:
        shown = np.stack([getattr(one, judge)[k] for k, judge in enumerate(judges)])
        error = _mean(np.abs(shown - np.array(LEVELS)))
        age, skin = ("age", age_band(judged.age)), ("skin", skin_band(judged.typology_angle))
        for key in (age, skin):
            errors.setdefault(key, []).append(error)
    return tuple(
        Group(kind, name, len(found), _mean(np.array(found))) for (kind, name), found in sorted(errors.items())
    )


def _frechet(animator: Animator, others: Image, options: ModelOptions) -> float:
    networks = animator.networks
    judge_descriptor = evaluation_descriptor(networks)
    rows = np.sort(np.random.default_rng(options.seed).permutation(len(others))[: max(2, options.samples)])
    real = torch.tensor(others[rows]).permute(0, 3, 1, 2).float() / 127.5 - 1
    drawn = random_faces(networks.generator, options.samples, seed=options.seed)
    device = networks.generator.w_avg.device
    return frechet_distance(described(judge_descriptor, real.to(device)), described(judge_descriptor, drawn))


def _rank_correlation(shown: Array) -> float:
    """Spearman's, of LEVELS with 0 before them and what was shown (0 at 0); NaN where a frame was not seen."""
    if np.isnan(shown).any():
        return np.nan
    rank = np.argsort(np.argsort([0.0, *shown])).astype(np.float64)
    wanted = np.arange(len(rank), dtype=np.float64)
    return float(np.corrcoef(rank, wanted)[0, 1])


def _mean(values: npt.ArrayLike) -> float:
    """Over what was seen; NaN where nothing was."""
    found = np.asarray(values, dtype=np.float64)
    found = found[~np.isnan(found)]
    return float(found.mean()) if found.size else float("nan")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float):
        return round(value, 4) if np.isfinite(value) else None
    return value
