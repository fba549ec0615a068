"""Eq. 1, watched: every face searched for from every start, with what there is to see on the way."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from facsmith import image
from facsmith._types import Array, Image
from facsmith.descriptor import Descriptor
from facsmith.inversion import InversionOptions, Start, invert
from facsmith.lab.evaluate.faces import JudgedFace
from facsmith.lab.evaluate.reconstruction import evaluation_descriptor, likeness
from facsmith.lab.reproduce.bench import Bench, described
from facsmith.lab.reproduce.store import Pieces

__all__ = ["LIKENESS", "STARTS", "Search", "batches", "eq1", "searches", "watched"]


LIKENESS: Final = ("l1", "lpips", "identity", "identity_distance")
"""What is read of a picture beside its photo: fields of `Search` and `Reconstruction` (`lab.evaluate`)."""
STARTS: Final[tuple[Start, ...]] = ("encoder", "mean", "random")
_BATCH: Final = 4
_LARGE: Final = 256  # pixels: larger faces are searched for one by one, for want of memory
_RANDOM: Final = 1_000_000  # seeds of random starts begin here: no face that is searched for was drawn from one
_SHOWN: Final = 256  # pixels: larger pictures are kept smaller


@dataclass(frozen=True, eq=False)
class Search:
    """The search for one face.

    Parameters
    ----------
    losses
        (T + 1,), the start's first.
    at
        (K,) iterations looked at.
    pictures
        (K, side, side, 3), the pictures there.
    l1, lpips, identity, identity_distance
        (K,), as in `lab.evaluate`.
    seconds
        Processor time, in all.
    """

    losses: Array
    at: npt.NDArray[np.int64]
    pictures: Image
    l1: Array
    lpips: Array
    identity: Array
    identity_distance: Array
    seconds: float

    def reached(self, threshold: float) -> int | None:
        """The first iteration at which the loss is not above a threshold."""
        below = np.flatnonzero(self.losses <= threshold)
        return int(below[0]) if below.size else None

    def column(self, iteration: int) -> int:
        """Where in ``at`` an iteration stands: itself, else the last before it."""
        return int(np.flatnonzero(self.at <= iteration)[-1])


def eq1(start: Start, iterations: int, *, seed: int = 0, **weights: float) -> InversionOptions:
    """The paper's Eq. 1 to the end: the descriptor's L1 alone, no prior, no early stop.

    Parameters
    ----------
    weights
        Weights of other terms.
    """
    terms = {"descriptor": 1.0, "pixel": 0.0, "perceptual": 0.0, "prior": 0.0, "motion": 0.0}
    terms |= {"learning_rate": 0.05, **weights}
    return InversionOptions(start, iterations, patience=iterations + 1, min_improvement=0.0, seed=seed, **terms)


def searches(bench: Bench) -> dict[Start, list[Search]]:
    """Of all faces, by start; without an encoder, from the other two. A random code serves the faces of one batch."""
    starts: list[Start] = [start for start in STARTS if start != "encoder" or bench.networks.encoder is not None]
    found: dict[Start, list[Search]] = {start: [] for start in starts}
    together = list(batches(bench))
    done, total = 0, len(together) * len(starts)
    for number, batch in enumerate(together):
        for start in starts:
            options = eq1(start, bench.plan.iterations, seed=_RANDOM + bench.plan.seed + number)
            found[start] += watched(bench, f"search-{start}", batch, options, bench.plan.powers)
            done += 1
            bench.progress("searches (Eq. 1)", done, total)
    return found


def watched(
    bench: Bench,
    name: str,
    faces: Sequence[JudgedFace],
    options: InversionOptions,
    at: Sequence[int],
    *,
    descriptor: Descriptor | None = None,
) -> list[Search]:
    """Search for a batch of faces at most together; one piece of the store.

    Parameters
    ----------
    descriptor
        What the search looks through; by default the model's.
    """
    settings: dict[str, Any] = {"faces": [described(face) for face in faces], "options": repr(options), "at": list(at)}
    if descriptor is not None:
        settings["looks through"] = descriptor.name
    seen_by = descriptor or bench.networks.descriptor
    piece = bench.piece(name, settings, lambda: _watch(bench, faces, options, at, seen_by))
    return [_search(piece, row) for row in range(len(faces))]


def batches(bench: Bench, count: int | None = None) -> Iterator[Sequence[JudgedFace]]:
    """The faces that are searched for together.

    Parameters
    ----------
    count
        Only the first so many faces. None: all.
    """
    size = _BATCH if bench.networks.generator.resolution <= _LARGE else 1
    faces = bench.faces[:count]
    for first in range(0, len(faces), size):
        yield faces[first : first + size]


def _watch(
    bench: Bench, faces: Sequence[JudgedFace], options: InversionOptions, at: Sequence[int], descriptor: Descriptor
) -> Pieces:
    networks, judge_descriptor = bench.networks, evaluation_descriptor(bench.networks)
    seen: dict[int, Image] = {}

    def watch(step: int, photos: Tensor, pictures: Tensor) -> None:
        if step in at:
            seen[step] = image.to_uint8(pictures)

    began = time.process_time()
    found = invert(
        torch.cat([image.to_tensor(face.crop) for face in faces]).to(networks.generator.w_avg.device),
        networks.generator,
        descriptor=descriptor,
        encoder=networks.encoder if options.start == "encoder" else None,
        options=options,
        edits=networks.edits,
        watch=watch,
    )
    seconds = (time.process_time() - began) / len(faces)
    rows: Mapping[str, list[list[float]]] = {key: [] for key in LIKENESS}
    for number, face in enumerate(faces):
        alike = [likeness("", [face], pictures[number : number + 1], judge_descriptor) for pictures in seen.values()]
        for key, values in rows.items():
            values.append([getattr(one, key) for one in alike])
    shown = np.stack([np.stack([_small(p) for p in pictures]) for pictures in seen.values()], axis=1)
    return {
        "losses": np.array(found.trace),
        "at": np.array(list(seen), np.int64),
        "pictures": shown,
        "seconds": np.full(len(faces), seconds),
        **{key: np.array(values) for key, values in rows.items()},
    }


def _search(piece: Pieces, row: int) -> Search:
    per_face = {key: values[row] for key, values in piece.items() if key not in ("at", "seconds")}
    return Search(at=piece["at"], seconds=float(piece["seconds"][row]), **per_face)


def _small(picture: Image) -> Image:
    side = min(_SHOWN, picture.shape[0])
    return image.resize(picture, (side, side)) if side < picture.shape[0] else picture
