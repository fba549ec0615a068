"""Train the encoder v(I): pairs (z, g(z)) of any generator, known pairs (photo, ws), and faces without a latent.

A pair teaches by the distance in W+; every picture, also a real face whose latent nobody knows, by the distance between
itself and g(v(I)): L1 of the pixels and of the descriptors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from facsmith.descriptor import Descriptor
from facsmith.encoder import Encoder, EncoderConfig
from facsmith.errors import InputError
from facsmith.framing import framing_of
from facsmith.generator import Generator
from facsmith.lab.train.dataset import check_framing
from facsmith.lab.train.loop import Budget, Report, Run, seeded
from facsmith.lab.train.state import mixed_precision

__all__ = ["EncoderTraining", "train_encoder"]

_CHUNK = 32


@dataclass(frozen=True)
class EncoderTraining:
    """How an encoder is trained: sources, losses and sizes.

    Parameters
    ----------
    random, pairs, faces
        Relative shares of each batch drawn from the generator's own samples, the known pairs and the faces, where
        given.
    mixing
        The part of random samples whose layers come from two codes.
    psi
        The least truncation; each sample draws its own between it and 1.
    latent, pixel, descriptor
        Weights of the losses.
    pictures_after
        The part of the budget after which g(v(I)) is drawn at all.
    drawn
        For how many pictures of a batch g(v(I)) is drawn, faces first; one costs as much as ten latents.
    width, blocks, rank
        As in `EncoderConfig`.
    survey
        Number of pictures from which the encoder's scales are taken.
    measured
        Held-out pictures of each source to measure on.
    at_once
        Pictures drawn at a time where no gradient is needed: memory is bounded by it, and by ``drawn`` where one is.
    """

    batch: int = 32
    learning_rate: float = 1e-3
    random: float = 1.0
    pairs: float = 1.0
    faces: float = 1.0
    mixing: float = 0.5
    psi: float = 0.5
    latent: float = 1.0
    pixel: float = 1.0
    descriptor: float = 0.5
    pictures_after: float = 0.3
    drawn: int = 8
    width: int = 384
    blocks: int = 2
    rank: int = 192
    survey: int = 2048
    measured: int = 64
    at_once: int = 32
    log_every: int = 50
    evaluate_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.batch, self.survey, self.measured, self.at_once, self.drawn, self.log_every, self.evaluate_every)
        if min(counts) < 1:
            raise InputError(
                "batch, survey, measured, at_once, drawn, log_every and evaluate_every are positive numbers."
            )
        parts = (self.mixing, self.psi, self.pictures_after)
        weights = (self.random, self.pairs, self.faces, self.latent, self.pixel, self.descriptor)
        if not all(0 <= x <= 1 for x in parts) or min(weights) < 0:
            raise InputError("mixing, psi and pictures_after lie in [0, 1]; shares and weights are not negative.")


def train_encoder(
    generator: Generator,
    descriptor: Descriptor,
    out: str | Path,
    *,
    budget: Budget,
    pairs: str | Path | None = None,
    faces: str | Path | None = None,
    directions: Tensor | None = None,
    start: Encoder | None = None,
    options: EncoderTraining | None = None,
    report: Report | None = None,
) -> Encoder:
    """Train for one generator and one descriptor; write ``encoder.safetensors``, metrics and state to ``out``.

    The same command again goes on where the run stopped.

    Parameters
    ----------
    pairs
        A folder with images.npy (..., R, R, 3) uint8 and ws.npy (..., num_ws, w_dim) of the same leading shape.
    faces
        A folder with images.npy, such as a data set of `lab.train.data`. Photos that attributes.npz in either folder
        marks ``held_out`` are only measured on.
    directions
        (K, num_ws, w_dim), moves in W+ that a generator's own samples lack, such as an AU from rest to full; three
        samples in four take one to three of them by parts of [0, 1].
    start
        An encoder of the same sizes to begin from, such as that of the same generator before it was trained further.
    """
    options = options or EncoderTraining()
    sources = _Sources(generator, options, pairs=pairs, faces=faces, directions=directions)
    config = EncoderConfig(
        num_ws=generator.num_ws,
        w_dim=generator.w_dim,
        generator_id=generator.generator_id,
        descriptor=descriptor.name,
        width=options.width,
        blocks=options.blocks,
        rank=options.rank,
    )
    device = generator.w_avg.device
    with seeded(options.seed):
        encoder = Encoder(config).to(device)
    run = Run(
        out,
        budget=budget,
        modules={"encoder": encoder},
        learning_rate=options.learning_rate,
        settings={**asdict(options), "encoder": asdict(config)},
        report=report,
    )
    if start is not None and not run.resumed:
        try:
            encoder.load_state_dict(start.state_dict())
        except RuntimeError as error:
            raise InputError(f"The encoder to start from has other sizes than the one to train ({config}).") from error
    elif not run.resumed:
        _calibrate(encoder, sources, descriptor)
    seconds, images = run.seconds, 0
    for step in run.steps():
        batch = sources.sample(options.batch, seed=(options.seed, 0, step))
        begun = run.budget.spent(run.step, run.seconds) >= options.pictures_after or not batch.known.any()
        losses = _losses(encoder, generator, descriptor, batch, drawn=options.drawn if begun else 0)
        weights = {"latent": options.latent, "pixel": options.pixel, "descriptor": options.descriptor}
        run.descend(torch.stack([weights[name] * loss for name, loss in losses.items()]).sum())
        images += len(batch.images)
        if (step + 1) % options.log_every == 0:
            speed = images / max(run.seconds - seconds, 1e-9)
            values = {name: round(float(x.detach()), 4) for name, x in losses.items()}
            run.log(images_per_second=round(speed, 1), **values)
        if (step + 1) % options.evaluate_every == 0:
            run.log(held_out=_measure(encoder, sources, descriptor))
    run.log(held_out=_measure(encoder, sources, descriptor))
    encoder.save(run.folder / "encoder.safetensors")
    return Encoder.load(run.folder / "encoder.safetensors").to(device)


@dataclass(frozen=True, eq=False)
class _Batch:
    """images: (N, 3, R, R) in [-1, 1]. ws: (N, num_ws, w_dim), of meaning where known (N,) bool says so."""

    images: Tensor
    ws: Tensor
    known: Tensor


class _Sources:
    """Pictures to learn from: the generator's own, known pairs, faces."""

    def __init__(
        self,
        generator: Generator,
        options: EncoderTraining,
        *,
        pairs: str | Path | None,
        faces: str | Path | None,
        directions: Tensor | None,
    ) -> None:
        codes = (generator.num_ws, generator.w_dim)
        if directions is not None and (directions.ndim != 3 or directions.shape[1:] != codes or len(directions) < 3):
            raise InputError(
                f"directions have shape {tuple(directions.shape)}; give (K, {codes[0]}, {codes[1]}), K >= 3."
            )
        self.generator = generator
        self.options = options
        self._directions = directions
        self._folders = {
            "pairs": None if pairs is None else _Folder(pairs, generator, with_ws=True),
            "faces": None if faces is None else _Folder(faces, generator, with_ws=False),
        }
        shares = {"random": options.random, "pairs": options.pairs, "faces": options.faces}
        self._shares = {
            name: share for name, share in shares.items() if share > 0 and (self._folders.get(name) or name == "random")
        }
        if not self._shares:
            raise InputError("There is nothing to train on: give random a share, or folders of pairs or faces.")

    @property
    def names(self) -> Sequence[str]:
        """The sources in use."""
        return tuple(self._shares)

    def sample(self, count: int, *, seed: Sequence[int], names: Sequence[str] = (), held_out: bool = False) -> _Batch:
        """A batch over the sources in use, or those named, by their shares. The same seed draws the same batch."""
        random = np.random.default_rng(list(seed))
        names = names or self.names
        shares = np.array([self._shares[name] for name in names])
        counts = random.multinomial(count, shares / shares.sum())
        parts = [self._draw(name, int(n), random, held_out) for name, n in zip(names, counts, strict=True) if n]
        return _Batch(*(torch.cat([getattr(part, field) for part in parts]) for field in ("images", "ws", "known")))

    def _draw(self, name: str, count: int, random: np.random.Generator, held_out: bool) -> _Batch:
        folder, device = self._folders.get(name), self.generator.w_avg.device
        if folder is not None:
            return folder.draw(count, random, held_out=held_out, device=device)
        ws = self.codes(count, random)
        with torch.no_grad(), mixed_precision(device):
            parts = [self.generator.synthesis(part) for part in _pieces(ws, self.options.at_once)]
            images = torch.cat(parts).float().clamp(-1, 1)
        return _Batch(images, ws, torch.ones(count, dtype=torch.bool, device=device))

    def codes(self, count: int, random: np.random.Generator) -> Tensor:
        """(count, num_ws, w_dim) random codes, truncated and mixed."""
        like = self.generator.w_avg
        z = torch.tensor(random.standard_normal((2, count, self.generator.z_dim), dtype=np.float32)).to(like)
        psi = torch.tensor(random.uniform(self.options.psi, 1, (count, 1, 1))).to(like)
        # Style mixing (Karras et al. 2019): from a random layer on, the second code.
        layers = np.arange(self.generator.num_ws)
        mixed = random.random(count) < self.options.mixing
        border = np.where(mixed, random.integers(1, max(2, len(layers)), count), len(layers))
        second = torch.tensor(layers >= border[:, None], device=like.device)[:, :, None]
        with torch.no_grad():
            ws = torch.where(second, self.generator.mapping(z[1]), self.generator.mapping(z[0]))
            ws = like + psi * (ws - like)
            if self._directions is None:
                return ws
            moves = np.zeros((count, len(self._directions)))
            for row, taken in zip(moves, random.integers(0, 4, count), strict=True):
                row[random.choice(len(row), taken, replace=False)] = random.uniform(0, 1, taken)
            return ws + torch.einsum("nk,kld->nld", torch.tensor(moves).to(like), self._directions.to(like))


class _Folder:
    """images.npy, and ws.npy where asked for, memory-mapped."""

    def __init__(self, folder: str | Path, generator: Generator, *, with_ws: bool) -> None:
        root, side = Path(folder), generator.resolution
        check_framing(root, framing_of(generator))
        try:
            images = np.load(root / "images.npy", mmap_mode="r", allow_pickle=False)
            ws = np.load(root / "ws.npy", mmap_mode="r", allow_pickle=False) if with_ws else None
            held_out = np.zeros(images.shape[:1], dtype=bool)
            if (root / "attributes.npz").exists():
                with np.load(root / "attributes.npz", allow_pickle=False) as attributes:
                    held_out = attributes["held_out"].astype(bool)
        except (OSError, ValueError, KeyError) as error:
            wanted = "images.npy and ws.npy" if with_ws else "images.npy"
            raise InputError(f"{folder} is not a folder with {wanted} ({error}).") from error
        lead = images.shape[:-3]
        codes = (generator.num_ws, generator.w_dim)
        if images.shape[-3:] != (side, side, 3) or images.dtype != np.uint8 or len(held_out) != len(images):
            raise InputError(
                f"{root / 'images.npy'} has shape {images.shape} and type {images.dtype}; this generator learns from "
                f"(..., {side}, {side}, 3) uint8, and held_out has one entry per photo."
            )
        if ws is not None and ws.shape != (*lead, *codes):
            raise InputError(f"{root / 'ws.npy'} has shape {ws.shape}; these images need {(*lead, *codes)}.")
        self._codes = codes
        self._images = images.reshape(-1, side, side, 3)
        self._ws = None if ws is None else ws.reshape(-1, *codes)
        held = np.repeat(held_out, len(self._images) // max(1, len(images)))
        self._rows = {False: np.flatnonzero(~held), True: np.flatnonzero(held)}
        if len(self._rows[False]) == 0:
            raise InputError(f"{folder} holds no photo to train on.")

    def draw(self, count: int, random: np.random.Generator, *, held_out: bool, device: torch.device) -> _Batch:
        """Rows with replacement; without held-out photos, those to train on serve for both."""
        rows: npt.NDArray[np.intp] = self._rows[held_out] if len(self._rows[held_out]) else self._rows[False]
        chosen = random.choice(rows, count)
        images = torch.tensor(self._images[chosen], device=device).permute(0, 3, 1, 2).float() / 127.5 - 1
        known = torch.full((count,), self._ws is not None, device=device)
        if self._ws is None:
            return _Batch(images, torch.zeros(count, *self._codes, device=device), known)
        return _Batch(images, torch.tensor(self._ws[chosen].astype(np.float32), device=device), known)


def _losses(
    encoder: Encoder, generator: Generator, descriptor: Descriptor, batch: _Batch, *, drawn: int
) -> dict[str, Tensor]:
    """The terms of the loss.

    latent: mean square in W's standard deviations. pixel, descriptor: mean L1 between I and g(v(I)) over the last
    ``drawn`` pictures; left out where that is 0.
    """
    device = batch.images.device
    with torch.no_grad(), mixed_precision(device):
        features = descriptor(batch.images).float()
    ws = encoder(features)
    known = batch.known[:, None, None]
    squares = torch.where(known, (ws - batch.ws) / encoder.w_scale, torch.zeros_like(ws)).square()
    losses = {"latent": squares.mean((1, 2)).sum() / batch.known.sum().clamp_min(1)}
    if drawn:
        with mixed_precision(device):
            pictures = generator.synthesis(ws[-drawn:])
            seen = descriptor(pictures)
        losses["pixel"] = (pictures.float() - batch.images[-drawn:]).abs().mean()
        losses["descriptor"] = (seen.float() - features[-drawn:]).abs().mean()
    return losses


def _pieces(rows: Tensor, size: int) -> list[Tensor]:
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def _calibrate(encoder: Encoder, sources: _Sources, descriptor: Descriptor) -> None:
    options = sources.options
    features: list[Tensor] = []
    ws: list[Tensor] = []
    for part in range(-(-options.survey // _CHUNK)):
        batch = sources.sample(_CHUNK, seed=(options.seed, 1, part))
        with torch.no_grad(), mixed_precision(batch.images.device):
            features.append(descriptor(batch.images).float())
        ws.append(batch.ws[batch.known])
    known = torch.cat(ws)
    if len(known) < 2:  # faces alone: the spread of W stands in
        known = sources.codes(options.survey, np.random.default_rng([options.seed, 1]))
    encoder.calibrate(torch.cat(features), known)


def _measure(encoder: Encoder, sources: _Sources, descriptor: Descriptor) -> Mapping[str, Any]:
    """Each source's losses on pictures that are never trained on."""
    found: dict[str, Any] = {}
    for name in sources.names:
        options = sources.options
        batch = sources.sample(options.measured, seed=(options.seed, 2), names=(name,), held_out=True)
        fields = (batch.images, batch.ws, batch.known)
        parts = [_Batch(*part) for part in zip(*(_pieces(field, options.at_once) for field in fields), strict=True)]
        with torch.no_grad():
            each = [_losses(encoder, sources.generator, descriptor, part, drawn=len(part.images)) for part in parts]
        shares = [len(part.images) / len(batch.images) for part in parts]
        losses = {
            key: sum(share * float(loss[key]) for share, loss in zip(shares, each, strict=True)) for key in each[0]
        }
        found[name] = {
            key: round(float(value), 4) for key, value in losses.items() if key != "latent" or batch.known.any()
        }
    return found
