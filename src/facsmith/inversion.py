"""g^-1: the latent whose picture is the photo (the paper's 3.2, Eq. 1).

    z_x = argmin_z || Feature(g(z)) - Feature(I_x) ||_1        started at z_0 = v(I_x)

with optional companions: the L1 of the pixels, a perceptual distance over the descriptor's layers, a prior that holds
W+ near the encoder's code, where edits behave, and, where the edits are given, a term that asks for just that: what
they change in the picture shall stay what they change at the encoder's code (the idea of `facsmith.tuning`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, cos, inf, pi
from typing import Literal

import torch
from torch import Tensor

from facsmith import image
from facsmith._types import Pixels
from facsmith.descriptor import Descriptor, apart, perceptual_distance, unit_length
from facsmith.encoder import Encoder
from facsmith.errors import InputError, LatentError
from facsmith.generator import Generator
from facsmith.latent import Latent
from facsmith.networks import picture_of
from facsmith.options import InversionOptions, Start

__all__ = ["CLAIM", "Inversion", "InversionOptions", "Start", "StopReason", "check_claim", "invert"]

CLAIM = 0.8
"""Perceptual distance of a latent's picture to the photo, the mean face's being 1, above which it is not believed.

On seven portraits, latents of the photo had .13 to .26, latents of other people .85 and more.
"""

StopReason = Literal["threshold", "plateau", "limit"]

_WARM_UP = 0.05
_BETAS = (0.9, 0.99)
_MOTION_EVERY = 2  # steps; the weight is as many times larger in those


@dataclass(frozen=True, eq=False)
class Inversion:
    """What was found for N photos.

    Parameters
    ----------
    latent
        Ws (N, num_ws, w_dim), each photo's best.
    reconstruction
        (N, 3, R, R), nominally in [-1, 1], the pictures of those.
    trace
        Per photo, the total loss of every point visited, the start first.
    iterations
        Steps taken, per photo.
    stopped
        Reason why the search ended, per photo.
    """

    latent: Latent
    reconstruction: Tensor
    trace: tuple[tuple[float, ...], ...]
    start: Start
    iterations: tuple[int, ...]
    stopped: tuple[StopReason, ...]

    @property
    def loss(self) -> tuple[float, ...]:
        """Each photo's best total loss, that of ``latent``."""
        return tuple(min(trace) for trace in self.trace)


def invert(
    images: Tensor,
    generator: Generator,
    *,
    descriptor: Descriptor,
    encoder: Encoder | None = None,
    options: InversionOptions | None = None,
    mask: Tensor | None = None,
    edits: Callable[[Tensor], Tensor] | None = None,
    on_step: Callable[[int, int], None] | None = None,
    watch: Callable[[int, Tensor, Tensor], None] | None = None,
) -> Inversion:
    """Find the latents of photos; each photo is searched on its own, whatever stands beside it in the batch.

    Parameters
    ----------
    images
        (N, 3, R, R) in [-1, 1], R the generator's resolution.
    encoder
        Needed by the start ``encoder``, and the centre of the prior where given (else the mean face is).
    mask
        (N or 1, 1, R, R), where the pixel term looks, >= 0.
    edits
        Codes (N, num_ws, w_dim) -> (M, N, num_ws, w_dim), the same faces with M expressions, for the motion term.
    on_step
        Called with (steps taken, photos still searching).
    watch
        Called at every point visited, the start first, with (steps taken, which photos (M,), their pictures (M, 3, R,
        R)).

    Raises
    ------
    InputError
        Images, mask, options and encoder that do not fit one another.
    LatentError
        An encoder of another generator.
    """
    options = options or InversionOptions()
    _check(images, generator, mask, options)
    if encoder is not None:
        _check_encoder(encoder, generator, descriptor)
    with torch.no_grad():
        wanted = _Wanted.of(images, descriptor, mask, options)
        mean = generator.w_avg.expand(len(images), generator.num_ws, generator.w_dim)
        random_ws, scale = _sample(generator, images, options.seed)
        features = descriptor(images) if wanted.features is None and encoder is not None else wanted.features
        encoded = None if encoder is None else encoder(features)
        wanted.anchor = mean if encoded is None else encoded
        if options.start == "random":
            ws = random_ws.expand(len(images), -1, -1)
        elif options.start == "mean":
            ws = mean
        elif encoded is not None:
            ws = encoded
        else:
            raise InputError("The start 'encoder' needs an encoder; give one, or start from 'mean' or 'random'.")

    count = len(images)
    best_ws, best_images = ws.clone(), torch.zeros_like(images)
    traces: list[list[float]] = [[] for _ in range(count)]
    stopped: list[StopReason] = ["limit"] * count
    progress = [_Progress() for _ in range(count)]
    active = torch.arange(count, device=images.device)
    search = _Adam(ws.clone(), options.learning_rate * scale)
    motion: _Motion | None = None
    if options.start == "encoder" and encoded is not None and edits is not None:
        motion = _Motion(encoded, edits, generator, options)
    for step in range(options.iterations + 1):
        last = step == options.iterations
        with torch.set_grad_enabled(not last):
            search.ws.requires_grad_(not last)
            pictures = generator.synthesis(search.ws)
            losses = wanted.loss(search.ws, pictures, descriptor, scale)
        if watch is not None:
            watch(step, active, pictures.detach())
        values = losses.detach().cpu()
        going = torch.ones(len(active), dtype=torch.bool)
        for row in range(len(active)):
            photo, loss = int(active[row]), float(values[row])
            traces[photo].append(loss)
            if progress[photo].update(loss, options.min_improvement):
                best_ws[photo], best_images[photo] = search.ws[row].detach(), pictures[row].detach()
            reason = progress[photo].reason(options)
            if reason:
                stopped[photo], going[row] = reason, False
        if on_step is not None:
            on_step(step, 0 if last else int(going.sum()))
        if last or not going.any():
            break
        total = losses.sum()  # photos are independent: one sum serves them all
        if motion is not None:
            total = total + motion.loss(step, search.ws, pictures)
        (gradient,) = torch.autograd.grad(total, search.ws)
        search.step(gradient, _schedule(step, options.iterations))
        if not going.all():
            going = going.to(images.device)
            active = active[going]
            search.keep(going)
            wanted.keep(going)
            if motion is not None:
                motion.keep(going)
    return Inversion(
        latent=Latent(best_ws.float().cpu().numpy(), generator.generator_id),
        reconstruction=best_images,
        trace=tuple(tuple(trace) for trace in traces),
        start=options.start,
        iterations=tuple(len(trace) - 1 for trace in traces),
        stopped=tuple(stopped),
    )


def check_claim(crop: Pixels, latent: Latent, generator: Generator, descriptor: Descriptor) -> str:
    """What is said of a code from a file that names no generator: how near its picture is to the photo.

    Raises
    ------
    LatentError
        Hardly nearer than the mean face, so that it is another face's, generator's or crop's.
    """
    device = generator.w_avg.device
    mean = Latent(generator.w_avg.expand(generator.num_ws, -1).cpu().numpy(), latent.generator_id)
    seen, drawn, average = (
        image.to_tensor(picture).to(device)
        for picture in (crop, picture_of(generator, latent), picture_of(generator, mean))
    )
    share = float(perceptual_distance(descriptor, seen, drawn)) / max(
        float(perceptual_distance(descriptor, seen, average)), 1e-9
    )
    if share > CLAIM:
        raise LatentError(
            f"This latent's picture is {share:.2f} as far from the photo as the mean face; a latent of this photo and "
            "generator comes nearer. Is it another photo's or generator's, or of a photo cut otherwise? Invert the "
            "photo: leave out --latent."
        )
    return f"The latent's file names no generator; its picture is {share:.2f} as far from the photo as the mean face."


@dataclass
class _Wanted:
    """What the photos still in the search look like to the loss terms. The first axis of each tensor is the photo."""

    options: InversionOptions
    images: Tensor
    mask: Tensor | None
    features: Tensor | None
    layers: list[Tensor]
    anchor: Tensor
    prior: Tensor | None

    @classmethod
    def of(cls, images: Tensor, descriptor: Descriptor, mask: Tensor | None, options: InversionOptions) -> "_Wanted":
        features, layers = _look(images, descriptor, options)
        prior = torch.as_tensor(options.priors, dtype=images.dtype, device=images.device)
        return cls(
            options=options,
            images=images,
            mask=None if mask is None else mask.expand(len(images), -1, -1, -1),
            features=features,
            layers=[unit_length(layer) for layer in layers],
            anchor=images.new_zeros(len(images)),
            prior=prior if prior.any() else None,
        )

    def loss(self, ws: Tensor, pictures: Tensor, descriptor: Descriptor, scale: float) -> Tensor:
        """(N,) total loss of each photo."""
        options = self.options
        total = pictures.new_zeros(len(pictures))
        features, layers = _look(pictures, descriptor, options)
        if features is not None and self.features is not None:  # Eq. 1: the mean L1 between descriptors
            total = total + options.descriptor * (features - self.features).abs().mean(1)
        if options.pixel:
            difference = (pictures - self.images).abs().mean(1, keepdim=True)
            if self.mask is None:
                total = total + options.pixel * difference.mean((1, 2, 3))
            else:
                weighted = (difference * self.mask).sum((1, 2, 3)) / self.mask.sum((1, 2, 3))
                total = total + options.pixel * weighted
        if layers:
            total = total + options.perceptual * apart(layers, self.layers)
        if self.prior is not None:
            total = total + (self.prior * ((ws - self.anchor) / scale).square().mean(2)).mean(1)
        return total

    def keep(self, rows: Tensor) -> None:
        """Forget the photos that are done."""
        self.images, self.anchor = self.images[rows], self.anchor[rows]
        self.mask = None if self.mask is None else self.mask[rows]
        self.features = None if self.features is None else self.features[rows]
        self.layers = [layer[rows] for layer in self.layers]


class _Motion:
    """What edits change in the pictures of the encoder's codes, to be changed alike at the codes of the search.

    One edit is looked at in every second step, in turn; the first axis of tensors but the edits' is the photo.
    """

    def __init__(
        self, anchor: Tensor, edits: Callable[[Tensor], Tensor], generator: Generator, options: InversionOptions
    ) -> None:
        self._generator, self._weight = generator, _MOTION_EVERY * options.motion
        self._steps: list[Tensor] = []
        self._changes: list[Tensor] = []
        looks = options.iterations // _MOTION_EVERY
        if options.motion and looks:
            with torch.no_grad():
                own = generator.synthesis(anchor)
                for edited in edits(anchor)[:looks]:  # one at a time: a batch of all would need M times the memory
                    self._steps.append(edited.to(anchor) - anchor)
                    self._changes.append(generator.synthesis(edited.to(anchor)) - own)

    def loss(self, step: int, ws: Tensor, pictures: Tensor) -> Tensor:
        """Of all photos together. pictures: of ``ws``."""
        turn, off = divmod(step + 1, _MOTION_EVERY)
        if off or not self._steps:
            return pictures.new_zeros(())
        index = (turn - 1) % len(self._steps)
        changed = self._generator.synthesis(ws + self._steps[index]) - pictures
        return self._weight * (changed - self._changes[index]).abs().mean((1, 2, 3)).sum()

    def keep(self, rows: Tensor) -> None:
        """Forget the photos that are done."""
        self._steps = [step[rows] for step in self._steps]
        self._changes = [change[rows] for change in self._changes]


class _Adam:
    """Adam (Kingma & Ba 2015) whose samples can leave on their own."""

    def __init__(self, ws: Tensor, learning_rate: float) -> None:
        self.ws = ws
        self._rate = learning_rate
        self._steps = 0
        self._first, self._second = torch.zeros_like(ws), torch.zeros_like(ws)

    def step(self, gradient: Tensor, factor: float) -> None:
        self._steps += 1
        fast, slow = _BETAS
        self._first.lerp_(gradient, 1 - fast)
        self._second.lerp_(gradient.square(), 1 - slow)
        first = self._first / (1 - fast**self._steps)
        second = self._second / (1 - slow**self._steps)
        self.ws = self.ws.detach() - self._rate * factor * first / (second.sqrt() + 1e-8)

    def keep(self, rows: Tensor) -> None:
        self.ws, self._first, self._second = self.ws[rows], self._first[rows], self._second[rows]


@dataclass
class _Progress:
    """One photo's best loss, and how long ago it last fell by a noticeable part."""

    best: float = inf
    milestone: float = inf
    waited: int = 0

    def update(self, loss: float, min_improvement: float) -> bool:
        """Returns whether this is the best so far."""
        if loss < self.milestone * (1 - min_improvement):
            self.milestone, self.waited = loss, 0
        else:
            self.waited += 1
        improved = loss < self.best
        self.best = min(self.best, loss)
        return improved

    def reason(self, options: InversionOptions) -> StopReason | None:
        if self.best <= options.threshold:
            return "threshold"
        return "plateau" if self.waited >= options.patience else None


def _schedule(step: int, steps: int) -> float:
    """Adam's rate over the search: a short linear rise, so that its first estimates do no harm, then half a cosine."""
    return min(1.0, (step + 1) / max(1, ceil(_WARM_UP * steps))) * (0.5 + 0.5 * cos(pi * step / steps))


def _look(images: Tensor, descriptor: Descriptor, options: InversionOptions) -> tuple[Tensor | None, list[Tensor]]:
    """Only the passes through the descriptor that the weights ask for."""
    if options.descriptor and options.perceptual:
        return descriptor.describe(images)
    if options.perceptual:
        return None, descriptor.layers(images)
    return (descriptor(images), []) if options.descriptor else (None, [])


def _sample(generator: Generator, like: Tensor, seed: int, count: int = 256) -> tuple[Tensor, float]:
    """A random code (1, num_ws, w_dim), the same for every photo of a seed, and the standard deviation of W."""
    z = torch.randn(count, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    ws = generator.mapping(z.to(like))
    spread = float((ws - generator.w_avg).square().mean().sqrt())
    return ws[:1], spread if spread > 0 else 1.0


def _check(images: Tensor, generator: Generator, mask: Tensor | None, options: InversionOptions) -> None:
    side = generator.resolution
    if images.ndim != 4 or images.shape[1:] != (3, side, side) or len(images) == 0:
        raise InputError(
            f"This generator inverts images of shape (N, 3, {side}, {side}), N >= 1; got {tuple(images.shape)}. "
            "Align and crop the photo to it first."
        )
    if not bool(torch.isfinite(images).all()):
        raise InputError("The images to invert hold NaN or infinite pixels; give values in [-1, 1].")
    if isinstance(options.prior, tuple) and len(options.prior) != generator.num_ws:
        raise InputError(
            f"Got {len(options.prior)} prior weights; this generator has {generator.num_ws} layers. "
            "Give one weight per layer, or one number for all."
        )
    if mask is not None:
        if mask.ndim != 4 or mask.shape[1:] != (1, side, side) or len(mask) not in (1, len(images)):
            raise InputError(f"The mask has shape {tuple(mask.shape)}; give (1 or {len(images)}, 1, {side}, {side}).")
        if not bool(torch.isfinite(mask).all() and (mask >= 0).all() and (mask.sum((1, 2, 3)) > 0).all()):
            raise InputError("The mask is finite, not negative, and above 0 somewhere in every photo; this one is not.")


def _check_encoder(encoder: Encoder, generator: Generator, descriptor: Descriptor) -> None:
    if encoder.config.generator_id != generator.generator_id:
        raise LatentError(
            f"This encoder was trained for generator {encoder.config.generator_id}, not for {generator.generator_id}; "
            "load its own, or train one: facsmith train encoder."
        )
    if encoder.config.descriptor != descriptor.name:
        raise InputError(
            f"This encoder was trained on descriptor {encoder.config.descriptor}, not on {descriptor.name}; "
            "load the descriptor it belongs to."
        )
