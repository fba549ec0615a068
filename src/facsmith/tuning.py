"""The generator tuned to one face: pivotal tuning (Roich et al. 2021, "Pivotal Tuning for Latent-based Editing").

Inversion finds the latent whose picture is nearest to the photo, and stops where the generator's own faces end. Tuning
goes on from there: the latent stays (the pivot), and the synthesis network's weights change a little until the pivot's
picture is the photo (Eq. 3). What must not change is how that face moves: where Roich et al. hold the pictures of
random latents near the pivot in place (Eq. 4-5), here the differences between the pivot's picture and those of its
edits are held, since these differences are what reaches a film.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facsmith import image, measure
from facsmith._types import Pixels
from facsmith._weights import load_weights, read_metadata, save_weights
from facsmith.checkpoint import read_stored_tensors
from facsmith.descriptor import Descriptor, apart, perceptual_distance, unit_length
from facsmith.errors import CheckpointError, InputError, LatentError
from facsmith.facs import ActionUnits
from facsmith.generator import Generator, TunedGenerator, tunable
from facsmith.latent import MAX_NUM_WS, MAX_W_DIM, Latent
from facsmith.networks import Networks, picture_of
from facsmith.options import Progress

__all__ = ["TunedLatent", "TuningOptions", "read_latent", "tune", "tune_to_face"]

_KIND = "tuned latent"
_PIVOT = "pivot"
_MOST_NUMBERS = MAX_NUM_WS * MAX_W_DIM
_BETAS = (0.9, 0.99)
_WARM_UP = 10


@dataclass(frozen=True)
class TuningOptions:
    """How far a generator's weights go for a face.

    The defaults suit the bundled model. On three portraits they brought the mean L1 of the pixels from .101 to .064 and
    the cosine of dlib's embeddings from .927 to .961; 100 steps at .002 with half the motion term .938 to .960, but
    changed what edits do half as much again.

    Parameters
    ----------
    steps
        Gradient steps.
    learning_rate
        Adam's rate, in the stored weights' unit (about 1).
    pixel, perceptual, descriptor
        Weights of what the picture shall share with the photo.
    motion
        Weight of what edits shall go on doing.
    farthest
        Largest change of a parameter, as a part of its length.
    seed
        Seed of the order in which edits are looked at.
    """

    steps: int = 150
    learning_rate: float = 3e-3
    pixel: float = 3.0
    perceptual: float = 1.0
    descriptor: float = 1.0
    motion: float = 6.0
    farthest: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        weights = (self.pixel, self.perceptual, self.descriptor, self.motion)
        if self.steps < 1 or not all(math.isfinite(x) and x >= 0 for x in weights) or not any(weights[:3]):
            raise InputError(
                "Tuning needs 1 step or more and finite weights, none negative, one of pixel, perceptual and "
                f"descriptor above 0; got {self.steps} steps and {weights}."
            )
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0 and 0 < self.farthest <= 1):
            raise InputError(
                f"Tuning needs a learning rate above 0 and farthest in (0, 1]; got {self.learning_rate:g} and "
                f"{self.farthest:g}."
            )


@dataclass(frozen=True, eq=False)
class TunedLatent:
    """A face's latent, and the small change of its generator's weights that makes its picture the photo's.

    Parameters
    ----------
    latent
        The pivot, ws (num_ws, w_dim).
    delta
        Changes of `generator.tunable`'s parameters, by name.
    trace
        The loss before every step.
    report
        Settings and what came of it (JSON values).
    """

    latent: Latent
    delta: Mapping[str, Tensor]
    trace: tuple[float, ...] = ()
    report: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def generator(self, base: Generator) -> TunedGenerator:
        """The generator with the change.

        Raises
        ------
        LatentError
            The latent is another generator's.
        CheckpointError
            The change does not fit the generator.
        """
        self.latent.check(base.generator_id)
        return TunedGenerator(base, self.delta)

    def save(self, path: str | os.PathLike[str]) -> None:
        """One safetensors file, the changes in half precision: two bytes a weight."""
        pivot = torch.tensor(self.latent.ws)
        config = {"generator_id": self.latent.generator_id, "report": dict(self.report)}
        # A vector is stored as it is: rounded, the pivot would be another one.
        tensors = {_PIVOT: pivot.reshape(-1), **self.delta}
        save_weights(path, tensors, kind=_KIND, config={**config, "shape": list(pivot.shape)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "TunedLatent":
        """Read a file that ``save`` wrote.

        Raises
        ------
        CheckpointError
            No such file, damaged, or of another kind.
        """
        config, tensors = load_weights(path, kind=_KIND)
        try:
            rows, columns = config["shape"]
            ws = tensors.pop(_PIVOT).reshape(rows, columns).numpy()
            latent, report = Latent(ws, str(config["generator_id"])), dict(config["report"])
        except (KeyError, TypeError, ValueError, RuntimeError, InputError) as error:
            raise CheckpointError(f"{path} is a damaged {_KIND} file ({error}); tune the face again.") from error
        return cls(latent, tensors, report=report)


def read_latent(path: str | os.PathLike[str], generator: Generator | None = None) -> Latent | TunedLatent:
    """A latent's file, a tuned latent's, or W+ as others exchange it: .npy, and .pt of pSp, e4e or pivotal tuning.

    Parameters
    ----------
    generator
        The generator whose W+ a .npy or .pt is taken to be, as such a file does not say. Of a .pt, the one tensor of
        its shape (num_ws, w_dim) or (1, num_ws, w_dim) is meant.

    Raises
    ------
    LatentError
        Codes of another shape, none or several in the file, or no generator given for it.
    CheckpointError
        The file is damaged, or refused; nothing in it is executed.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".npy", ".pt", ".pth"):
        if generator is None:
            raise LatentError(f"{path} does not name its generator; give it where one is known, to --latent.")
        ws = _exchanged(path, generator) if suffix != ".npy" else Latent.from_array(path, generator_id="unknown").ws
        if ws.shape[-2:] != (generator.num_ws, generator.w_dim) or ws.size != ws.shape[-2] * ws.shape[-1]:
            raise LatentError(
                f"{path} holds codes of shape {ws.shape}; this generator takes one face of W+, "
                f"({generator.num_ws}, {generator.w_dim}), a w for each layer."
            )
        return Latent(ws.reshape(ws.shape[-2:]), generator.generator_id, claimed=True)
    try:
        tuned = read_metadata(path).get("facsmith") == _KIND
    except CheckpointError:
        tuned = False
    return TunedLatent.load(path) if tuned else Latent.load(path)


def _exchanged(path: str | os.PathLike[str], generator: Generator) -> NDArray[Any]:
    """The one code in a torch file: of this generator's shape, or the only tensor."""
    found = read_stored_tensors(path)
    fitting = {name: t for name, t in found.items() if t.shape[-2:] == (generator.num_ws, generator.w_dim)}
    chosen = fitting or found
    if len(chosen) != 1:
        held = f"{len(chosen)} codes ({', '.join(sorted(chosen)[:3])})" if chosen else "no tensor"
        raise LatentError(f"{path} holds {held}; give a file with the W+ code of one face.")
    (tensor,) = chosen.values()
    if len(tensor.shape) < 2 or math.prod(tensor.shape) > _MOST_NUMBERS:
        raise LatentError(f"{path} holds numbers of shape {tensor.shape}; one face of W+ is (num_ws, w_dim).")
    return tensor.numpy()


def tune(
    photo: Tensor,
    latent: Latent,
    generator: Generator,
    *,
    descriptor: Descriptor,
    edits: Tensor | None = None,
    options: TuningOptions | None = None,
    on_step: Callable[[int], None] | None = None,
) -> TunedLatent:
    """Change the generator's weights until it draws the photo at the latent; the generator given stays as it is.

    Parameters
    ----------
    photo
        (1, 3, R, R) in [-1, 1].
    latent
        Ws (num_ws, w_dim), of `inversion.invert`.
    edits
        (M, num_ws, w_dim), the latent's own edits, whose differences to it shall stay.
    on_step
        Called with the steps taken.

    Raises
    ------
    InputError
        A photo or edits of another shape, or a generator that cannot be tuned.
    LatentError
        A latent of another generator.
    """
    options = options or TuningOptions()
    latent.check(generator.generator_id)
    side, ws = generator.resolution, torch.as_tensor(latent.ws)[None].to(generator.w_avg)
    if photo.shape != (1, 3, side, side) or ws.shape != (1, generator.num_ws, generator.w_dim):
        raise InputError(
            f"Tuning takes one photo (1, 3, {side}, {side}) and its latent ({generator.num_ws}, {generator.w_dim}); "
            f"got {tuple(photo.shape)} and {latent.ws.shape}."
        )
    if edits is not None and (edits.ndim != 3 or edits.shape[1:] != ws.shape[1:] or not bool(edits.isfinite().all())):
        raise InputError(f"Edits have shape (M, {generator.num_ws}, {generator.w_dim}); got {tuple(edits.shape)}.")
    start = {name: p.detach().clone() for name, p in tunable(generator).items()}
    tuned = TunedGenerator(generator, {})
    goal = _Goal(photo.to(ws), ws, edits, generator, descriptor, options)
    trace = _descend(tuned, goal, start, options, on_step)
    delta = {name: p.detach() - start[name] for name, p in tuned.tunable.items()}
    return TunedLatent(latent, delta, trace=tuple(trace), report={"settings": asdict(options)})


def tune_to_face(
    crop: Pixels,
    landmarks: NDArray[np.float64],
    latent: Latent,
    photo_aus: ActionUnits,
    networks: Networks,
    progress: Progress | None,
) -> TunedLatent:
    """The generator tuned to the crop; what its AUs do is held. The report says how much more alike the pictures are.

    Parameters
    ----------
    crop
        (R, R, 3) uint8 RGB.
    landmarks
        (68, 2) crop pixels.
    latent
        The crop's.
    photo_aus
        What the photo shows.
    progress
        Told ("tuning", step, steps).
    """
    options = TuningOptions()
    edits = networks.boundaries.singles(latent, source=photo_aus).ws

    def on_step(step: int) -> None:
        if progress is not None:
            progress("tuning", step, options.steps)

    tuned = tune(
        image.to_tensor(crop).to(networks.generator.w_avg.device),
        latent,
        networks.generator,
        descriptor=networks.descriptor,
        edits=torch.as_tensor(edits),
        options=options,
        on_step=on_step,
    )
    pictures = [picture_of(g, latent) for g in (networks.generator, tuned.generator(networks.generator))]
    seen, *drawn = (image.to_tensor(p).to(networks.generator.w_avg.device) for p in (crop, *pictures))
    likeness = {
        "l1": [round(float((seen - p).abs().mean()), 4) for p in drawn],
        "perceptual": [round(float(perceptual_distance(networks.descriptor, seen, p)), 4) for p in drawn],
        "identity": [round(measure.identity(crop, p, landmarks=(landmarks, landmarks)).cosine, 4) for p in pictures],
    }
    return replace(tuned, report={**tuned.report, "likeness": likeness})


class _Goal:
    """What one step looks at."""

    def __init__(
        self,
        photo: Tensor,
        ws: Tensor,
        edits: Tensor | None,
        generator: Generator,
        descriptor: Descriptor,
        options: TuningOptions,
    ) -> None:
        self._photo, self._ws, self._descriptor, self._options = photo, ws, descriptor, options
        self._edits = ws[:0] if edits is None or options.motion == 0 else edits.to(ws)
        with torch.no_grad():
            features, layers = descriptor.describe(photo)
            self._features, self._layers = features.clone(), [unit_length(layer) for layer in layers]
            own = generator.synthesis(ws)
            # One at a time: a batch of all would need M times the memory.
            self._moves: list[Tensor] = [generator.synthesis(edit[None]) - own for edit in self._edits]
        order = torch.Generator().manual_seed(options.seed)
        drawn = torch.randint(max(len(self._edits), 1), (options.steps,), generator=order)
        self._order = [int(index) for index in drawn]

    def loss(self, synthesis: Callable[[Tensor], Tensor], step: int) -> Tensor:
        """Of the pivot's picture, and of one edit's."""
        options, chosen = self._options, self._order[step]
        edit = self._edits[chosen : chosen + 1]
        pictures = synthesis(torch.cat([self._ws, edit]))
        own = pictures[:1]
        total = options.pixel * (own - self._photo).abs().mean()
        if options.perceptual or options.descriptor:
            features, layers = self._descriptor.describe(own)
            total = total + options.perceptual * apart(layers, self._layers)[0]
            total = total + options.descriptor * (features - self._features).abs().mean()
        if len(edit):
            total = total + options.motion * (pictures[1:] - own - self._moves[chosen]).abs().mean()
        return total


def _descend(
    tuned: TunedGenerator,
    goal: _Goal,
    start: Mapping[str, Tensor],
    options: TuningOptions,
    on_step: Callable[[int], None] | None,
) -> list[float]:
    """Adam on a short rise and half a cosine; every parameter stays within ``farthest`` of its start."""
    moving = tuned.tunable
    for p in moving.values():
        p.requires_grad_(True)
    reach = {name: options.farthest * max(_length(p), 1e-3 * math.sqrt(p.numel())) for name, p in start.items()}
    search = torch.optim.Adam(moving.values(), lr=options.learning_rate, betas=_BETAS)
    trace: list[float] = []
    for step in range(options.steps):
        rate = min(1.0, (step + 1) / _WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * step / options.steps))
        for group in search.param_groups:
            group["lr"] = options.learning_rate * rate
        search.zero_grad()
        loss = goal.loss(tuned.synthesis, step)
        torch.autograd.backward(loss)
        search.step()  # pyright: ignore[reportUnknownMemberType]
        with torch.no_grad():
            for name, p in moving.items():
                length = _length(p - start[name])
                if length > reach[name]:
                    p.copy_(start[name] + (reach[name] / length) * (p - start[name]))
        trace.append(float(loss.detach()))
        if on_step is not None:
            on_step(step + 1)
    for p in moving.values():
        p.requires_grad_(False)
    return trace


def _length(tensor: Tensor) -> float:
    return float(tensor.square().sum().sqrt())
