"""Boundaries of one generator, and the edit f_B (the paper's Eq. 2-3, as DESIGN.md's laws put them)."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from facsmith._arrays import read_tensors, write_tensors
from facsmith._types import Array
from facsmith.boundary.calibration import Calibration
from facsmith.boundary.response import LandmarkResponse, Response
from facsmith.errors import ActionUnitError, BoundaryError, LatentError
from facsmith.facs import AUS, DISFA, EYE_AUS, ActionUnits, au_list
from facsmith.latent import MAX_NUM_WS, MAX_W_DIM, Latent

__all__ = ["Boundary", "BoundarySet"]


_FORMAT = "facsmith-boundaries-1"
_MAX_FILE_BYTES = 64 << 20
# Eigenvalues of B B^T below this are directions in which normals are parallel (two of them within 2.6 degrees): to move
# along them would multiply the displacement thirtyfold and more.
_PARALLEL = 1e-3


@dataclass(frozen=True, eq=False)
class Boundary:
    """One AU's hyperplane in W+.

    Parameters
    ----------
    normal
        (num_ws, w_dim) float64, unit length when flattened, neutral -> AU.
    intercept
        C in d(z) = ⟨z, normal⟩ - c.
    report
        How it was made (JSON values): counts, held-out accuracy, residual.
    response
        How people differ in what a step shows; None where that was not measured, and everyone gets the same step.
    """

    au: int
    normal: Array
    intercept: float
    calibration: Calibration
    report: Mapping[str, Any] = field(default_factory=dict[str, Any])
    response: Response | None = None

    def __post_init__(self) -> None:
        movable = [au for au in AUS if au not in EYE_AUS]
        if self.au not in movable:
            raise BoundaryError(f"AU{self.au} cannot have a boundary; these can: {au_list(movable)}.")
        normal = np.ascontiguousarray(self.normal, dtype=np.float64)
        if normal.ndim != 2 or not (0 < normal.shape[0] <= MAX_NUM_WS and 0 < normal.shape[1] <= MAX_W_DIM):
            raise BoundaryError(f"AU{self.au}: a normal has shape (num_ws, w_dim); given: {normal.shape}.")
        with np.errstate(over="ignore", invalid="ignore"):
            length = float(np.linalg.norm(normal))
        if not (abs(length - 1) < 1e-6 and np.isfinite(self.intercept)):
            raise BoundaryError(
                f"AU{self.au}: a normal has unit length and a finite intercept; given: length {length:g}."
            )
        object.__setattr__(self, "normal", normal)


@dataclass(frozen=True, eq=False)
class BoundarySet:
    """The boundaries of one generator (K of them, one per AU)."""

    boundaries: tuple[Boundary, ...]
    generator_id: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "boundaries", tuple(self.boundaries))
        if not self.boundaries:
            raise BoundaryError("A boundary set without boundaries; give at least one.")
        if len(set(self.aus)) < len(self.aus):
            raise BoundaryError(f"An AU has two boundaries in {au_list(self.aus)}; give one per AU.")
        shapes = {b.normal.shape for b in self.boundaries}
        if len(shapes) > 1:
            raise BoundaryError(f"Boundaries of different shapes {sorted(shapes)}; all must be of one generator.")

    @property
    def aus(self) -> tuple[int, ...]:
        """The K AUs that have a boundary, in the order of all (K, ...) arrays here."""
        return tuple(b.au for b in self.boundaries)

    @property
    def shape(self) -> tuple[int, int]:
        """(num_ws, w_dim) of the generator."""
        return cast("tuple[int, int]", self.boundaries[0].normal.shape)

    def __getitem__(self, au: int) -> Boundary:
        for boundary in self.boundaries:
            if boundary.au == au:
                return boundary
        raise BoundaryError(
            f"AU{au} has no boundary here; available: {au_list(self.aus)}. Fit one: facsmith boundaries fit --au {au}"
        )

    def stretched(self, factors: Mapping[int, float]) -> "BoundarySet":
        """The same boundaries with the calibrated distances from neutral of each AU in ``factors`` times that."""
        changed = (
            replace(b, calibration=b.calibration.stretched(factors[b.au])) if b.au in factors else b
            for b in self.boundaries
        )
        return BoundarySet(tuple(changed), self.generator_id)

    @cached_property
    def normals(self) -> Array:
        """(K, num_ws * w_dim) float64: the matrix B of unit normals."""
        return np.stack([b.normal.ravel() for b in self.boundaries])

    @cached_property
    def intercepts(self) -> Array:
        """(K,) float64."""
        return np.array([b.intercept for b in self.boundaries])

    def cosines(self) -> Array:
        """(K, K): B B^T, how much the boundaries are entangled; the identity when not at all."""
        return self.normals @ self.normals.T

    def distances(self, latent: Latent) -> Array:
        """Signed distances (..., K) in W+ units of a latent (..., num_ws, w_dim)."""
        self._check(latent)
        flat = latent.ws.reshape(*latent.ws.shape[:-2], -1).astype(np.float64)
        return flat @ self.normals.T - self.intercepts

    def intensities(self, latent: Latent) -> Array:
        """Calibrated intensities (..., K) in [0, 1] read from a latent."""
        d = self.distances(latent)
        return np.stack([b.calibration.intensity(d[..., k]) for k, b in enumerate(self.boundaries)], axis=-1)

    def edit(
        self,
        latent: Latent,
        intensities: npt.ArrayLike | ActionUnits,
        *,
        mode: Literal["absolute", "relative"] = "absolute",
        entangled: bool = False,
        source: npt.ArrayLike | ActionUnits | None = None,
        aus: Sequence[int] = DISFA,
    ) -> Latent:
        """Move a latent so that it shows the asked intensities.

        t - d is taken between the calibrated distances of target and source. Then dz = B^T (B B^T)^+ (t - d): the
        shortest move that brings every boundary to its distance, so that one AU's move leaves all others where they
        are. Where normals are (nearly) parallel no move can, and it is the shortest least-squares one. Entangled: dz =
        B^T (t - d), the plain sum.

        A target equal to the source moves exactly nothing.

        Parameters
        ----------
        latent
            (num_ws, w_dim), or (T, num_ws, w_dim): one code for each row of intensities.
        intensities
            (T, C) or (C,) in [0, 1], a column for each of the C AUs of ``aus``; or ActionUnits (the larger of their
            sides).
        mode
            "absolute" (what the face shall show) or "relative" (added to what it shows).
        source
            Intensities that the face shows now, (C,) or (T, C); by default read from the latent with the calibrations.
        aus
            The AUs of the columns, by default the paper's twelve. AUs with a boundary that are not among them are asked
            for at 0, and so is what ``source`` says of them.

        Returns
        -------
        Latent
            Ws (T, num_ws, w_dim).
        """
        if mode not in ("absolute", "relative"):
            raise BoundaryError(f"Unknown mode {mode!r}; available: absolute, relative.")
        self._check(latent)
        if isinstance(intensities, ActionUnits):
            for au in intensities:
                self[au]  # raises for an AU without boundary
        vectors = np.atleast_2d(_vectors(intensities, aus))
        for column in np.flatnonzero(vectors.max(axis=0, initial=0.0)).tolist():
            self[aus[column]]
        asked = self._ordered(vectors, aus)
        current = np.atleast_2d(
            self.intensities(latent) if source is None else self._ordered(_vectors(source, aus), aus)
        )
        if latent.ws.ndim > 3 or len({len(asked), len(current), latent.ws[..., 0, 0].size} - {1}) > 1:
            raise LatentError(
                f"A latent of shape {latent.ws.shape} and {len(current)} source expressions cannot be edited to "
                f"{len(asked)} frames. Give one face, or one for each frame."
            )
        target = asked if mode == "absolute" else np.clip(current + asked, 0.0, 1.0)
        change = self._calibrated(target) - self._calibrated(current)
        moves = change @ (self.normals if entangled else self._joint)
        return Latent((latent.ws + moves.reshape(-1, *self.shape)).astype(np.float32), self.generator_id)

    def singles(self, latent: Latent, *, source: npt.ArrayLike | ActionUnits | None = None) -> Latent:
        """The face (num_ws, w_dim) at rest, and with each AU alone at 1: ws (K + 1, num_ws, w_dim)."""
        alone = np.vstack([np.zeros(len(self.aus)), np.eye(len(self.aus))])
        if isinstance(source, ActionUnits):
            return self.edit(latent, alone, source=source, aus=self.aus)
        shown = None if source is None else self._ordered(_vectors(source, DISFA), DISFA)
        return self.edit(latent, alone, source=shown, aus=self.aus)

    def _ordered(self, vectors: Array, aus: Sequence[int]) -> Array:
        """(..., C) columns of ``aus`` -> (..., K) columns of the boundaries; 0 of AUs that are not among them."""
        found = np.zeros((*vectors.shape[:-1], len(self.aus)))
        for column, au in enumerate(self.aus):
            if au in aus:
                found[..., column] = vectors[..., aus.index(au)]
        return found

    @cached_property
    def _joint(self) -> Array:
        """(K, num_ws * w_dim): row k is the move that changes distance k by 1 and the others not at all."""
        values, vectors = np.linalg.eigh(self.cosines())
        inverse = np.where(values > _PARALLEL, 1 / np.maximum(values, _PARALLEL), 0.0)
        return (vectors * inverse) @ (vectors.T @ self.normals)

    def _calibrated(self, intensities: Array) -> Array:
        """(..., K) distances of (..., K) intensities."""
        return np.stack([b.calibration.distance(intensities[..., k]) for k, b in enumerate(self.boundaries)], axis=-1)

    def _check(self, latent: Latent) -> None:
        latent.check(self.generator_id)
        if latent.ws.shape[-2:] != self.shape:
            raise LatentError(
                f"A latent of shape {latent.ws.shape}; these boundaries need (..., {self.shape[0]}, {self.shape[1]})."
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one safetensors file: ``normals`` (K, num_ws, w_dim) float64, all else as JSON metadata."""
        entries = [
            {
                "au": b.au,
                "intercept": float(b.intercept),
                **asdict(b.calibration),
                "report": dict(b.report),
                **({} if b.response is None else {"response": _response_entry(b.response)}),
            }
            for b in self.boundaries
        ]
        metadata = {
            "format": _FORMAT,
            "generator_id": self.generator_id,
            "boundaries": json.dumps(entries, allow_nan=False),
        }
        write_tensors(path, {"normals": self.normals.reshape(-1, *self.shape)}, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "BoundarySet":
        """Read a file that ``save`` wrote; anything else raises BoundaryError."""
        tensors, metadata = read_tensors(path, max_bytes=_MAX_FILE_BYTES, error=BoundaryError)
        if metadata.get("format") != _FORMAT or set(tensors) != {"normals"}:
            raise BoundaryError(f"{path} holds no boundaries of facsmith. Give a file of `facsmith boundaries fit`.")
        try:
            entries: list[dict[str, Any]] = json.loads(metadata["boundaries"])
            boundaries = tuple(
                _boundary(entry, normal) for entry, normal in zip(entries, tensors["normals"], strict=True)
            )
            return cls(boundaries, metadata["generator_id"])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as cause:
            if isinstance(cause, BoundaryError):
                raise
            raise BoundaryError(f"{path} holds damaged boundaries: {cause}. Fit or download them again.") from cause


def _vectors(intensities: npt.ArrayLike | ActionUnits, aus: Sequence[int]) -> Array:
    """(C,) or (T, C) intensities in [0, 1] of the AUs named."""
    given = intensities.vector(aus=aus) if isinstance(intensities, ActionUnits) else intensities
    values = np.asarray(given, dtype=np.float64)
    count = len(aus)
    if values.ndim not in (1, 2) or values.shape[-1] != count:
        raise ActionUnitError(
            f"Intensities have shape (T, {count}) or ({count},), in the order {tuple(aus)}; given: {values.shape}."
        )
    if not np.all((values >= 0) & (values <= 1)):
        raise ActionUnitError("An intensity is NaN or outside [0, 1]; give numbers from 0 to 1.")
    return values


def _boundary(entry: dict[str, Any], normal: Array) -> Boundary:
    known = {"au", "intercept", "intensities", "distances", "report"}
    if set(entry) - {"response"} != known or not isinstance(entry["report"], dict):
        raise ValueError(f"an entry has the keys {sorted(entry)}, not {sorted(known)}")
    calibration = Calibration(tuple(entry["intensities"]), tuple(entry["distances"]))
    report = cast("dict[str, Any]", entry["report"])
    response = _response(dict(entry["response"])) if "response" in entry else None
    return Boundary(int(entry["au"]), normal, float(entry["intercept"]), calibration, report, response)


def _response_entry(response: Response) -> dict[str, Any]:
    """Without ``landmarks`` where there are none, as before there were any; older versions refuse files that have
    them."""
    entry = asdict(response)
    return entry if entry["landmarks"] else {key: entry[key] for key in ("typical", "trust")}


def _response(entry: dict[str, Any]) -> Response:
    known = dict(entry.pop("landmarks", {}))
    return Response(**entry, landmarks={str(provider): LandmarkResponse(**one) for provider, one in known.items()})
