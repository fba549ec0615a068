"""Train the bundled descriptor: what does a face's 1000-d feature have to tell?

Linear heads read from it (a) the picture, as whitened PCA codes, so that an encoder finds there what it needs; (b) the
68 landmarks; (c) the 12 AUs, above all the *difference* of AUs between two variants of one photo, which no difference
between people can disturb; (d) age and gender. Heads that are linear keep these things on straight lines in the
feature, where the L1 of Eq. 1 measures them. The heads are dropped afterwards.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facsmith.descriptor import FEATURES, BundledDescriptor, DescriptorConfig
from facsmith.errors import InputError
from facsmith.facs import DISFA
from facsmith.lab.train.labelled import Batch, FaceData
from facsmith.lab.train.loop import Budget, Report, Run, seeded
from facsmith.lab.train.state import mixed_precision

__all__ = ["DescriptorTraining", "train_descriptor"]

_WEIGHTS: Final = {"codes": 1.0, "landmarks": 1.0, "au_change": 1.0, "au": 0.3, "age": 0.1, "gender": 0.1}
_SURVEY: Final = 16
"""Batches of 128 crops from which means, spreads and principal components are taken."""


@dataclass(frozen=True)
class DescriptorTraining:
    """How a descriptor is trained.

    Parameters
    ----------
    photos
        Photos per step, two variants each.
    codes
        Principal components to keep, of pictures shrunk to thumbnail pixels.
    log_every
        Steps between lines of metrics.
    evaluate_every
        Steps between measurements on the held-out photos.
    """

    config: DescriptorConfig = field(default_factory=DescriptorConfig)
    photos: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    codes: int = 256
    thumbnail: int = 32
    log_every: int = 50
    evaluate_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.photos, self.codes, self.thumbnail, self.log_every, self.evaluate_every) < 1:
            raise InputError("photos, codes, thumbnail, log_every and evaluate_every are positive numbers.")
        if self.config.resolution % self.thumbnail:
            raise InputError(f"thumbnail {self.thumbnail} must divide the resolution {self.config.resolution}.")


def train_descriptor(
    data: str | Path,
    out: str | Path,
    *,
    budget: Budget,
    options: DescriptorTraining | None = None,
    report: Report | None = None,
    device: torch.device | None = None,
) -> BundledDescriptor:
    """Train on a data set of `lab.train.data`; write ``descriptor.safetensors``, metrics and state to ``out``.

    Each feature is brought to mean 0 and variance 1 over the training faces, so that a mean L1 of about 1.1 between two
    descriptors means "someone else". The same command again goes on where the run stopped.
    """
    options = options or DescriptorTraining()
    device = device or torch.device("cpu")
    faces = FaceData(data, resolution=options.config.resolution)
    with seeded(options.seed):
        net = BundledDescriptor(options.config).to(device)
        heads = _Heads(options).to(device)
    run = Run(
        out,
        budget=budget,
        modules={"net": net, "heads": heads},
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        settings=asdict(options),
        report=report,
    )
    if not run.resumed:
        heads.calibrate(_survey(faces, options.seed, device))
    seconds, images = run.seconds, 0
    for step in run.steps():
        batch = faces.sample(faces.training, options.photos, seed=(options.seed, 0, step), device=device, augment=True)
        with mixed_precision(device):
            features = net(batch.images)
        losses = heads.losses(features.float(), batch)
        run.descend(torch.stack([_WEIGHTS[name] * loss for name, loss in losses.items()]).sum())
        images += len(batch.images)
        if (step + 1) % options.log_every == 0:
            speed = images / max(run.seconds - seconds, 1e-9)
            run.log(
                images_per_second=round(speed, 1), **{name: round(float(x.detach()), 4) for name, x in losses.items()}
            )
        if (step + 1) % options.evaluate_every == 0:
            run.log(held_out=_measure(net, heads, faces, device))
    finished = _standardised(net, _survey(faces, options.seed, device))
    finished.save(run.folder / "descriptor.safetensors")
    run.log(held_out=_measure(net, heads, faces, device), descriptor=finished.name)
    return finished


class _Heads(nn.Module):
    """The linear readers, and the scales that make their errors comparable."""

    mean_shape: Tensor
    basis: Tensor
    mean_thumbnail: Tensor
    deviations: Tensor
    scales: Tensor

    def __init__(self, options: DescriptorTraining) -> None:
        super().__init__()
        self.thumbnail = options.thumbnail
        pixels = 3 * options.thumbnail**2
        self.codes = nn.Linear(FEATURES, min(options.codes, pixels))
        self.landmarks = nn.Linear(FEATURES, 136)
        self.au = nn.Linear(FEATURES, len(DISFA))
        self.age = nn.Linear(FEATURES, 1)
        self.gender = nn.Linear(FEATURES, 1)
        self.register_buffer("mean_shape", torch.zeros(136))
        self.register_buffer("mean_thumbnail", torch.zeros(pixels))
        self.register_buffer("basis", torch.zeros(self.codes.out_features, pixels))
        self.register_buffer("deviations", torch.ones(self.codes.out_features))
        self.register_buffer("scales", torch.ones(4))  # landmarks' deviation, AUs' deviation, mean age, age's deviation

    def calibrate(self, survey: Iterable[Batch]) -> None:
        """Set principal components and scales from a sample of the training faces."""
        looked = [(self._thumbnails(b.images), b.landmarks.flatten(1), b.au, b.age) for b in survey]
        pixels, shapes, au, age = (torch.cat(parts) for parts in zip(*looked, strict=True))
        self.mean_thumbnail.copy_(pixels.mean(0))
        pixels = pixels - self.mean_thumbnail
        variances, directions = np.linalg.eigh((pixels.T @ pixels / len(pixels)).cpu().numpy())
        count = len(self.deviations)
        self.basis.copy_(torch.tensor(directions[:, ::-1][:, :count].T.copy()))
        self.deviations.copy_(torch.tensor(variances[::-1][:count].copy()).clamp_min(0).sqrt().clamp_min(1e-4))
        self.mean_shape.copy_(shapes.mean(0))
        age = age[age >= 0] if (age >= 0).any() else age
        values = ((shapes - self.mean_shape).std(correction=0), (au - au.mean(0)).std(correction=0), age.mean())
        self.scales.copy_(torch.stack([*values, age.std(correction=0)]).clamp_min(1e-3))

    def losses(self, features: Tensor, batch: Batch) -> dict[str, Tensor]:
        """features: (2P, 1000). Returns each task's loss; near 1 where the head knows no more than the mean."""
        errors = (self.codes(features) - self.targets(batch.images)).square()
        # Between "all alike" (noise in the late codes) and "by explained variance" (only light and pose): the root.
        weights = self.deviations / self.deviations.sum()
        shape_errors = self.landmarks(features) - (batch.landmarks.flatten(1) - self.mean_shape) / self.scales[0]
        read = self.au(features)
        a, b = read.chunk(2)
        wanted_a, wanted_b = batch.au.chunk(2)
        age = (batch.age - self.scales[2]) / self.scales[3]
        return {
            "codes": (errors * weights).sum(1).mean(),
            "landmarks": shape_errors.square().mean(),
            "au_change": ((a - b - (wanted_a - wanted_b)) / self.scales[1]).square().mean() / 2,
            "au": ((read - batch.au) / self.scales[1]).square().mean(),
            "age": _masked((self.age(features)[:, 0] - age).square(), batch.age >= 0),
            "gender": _masked(
                F.binary_cross_entropy_with_logits(
                    self.gender(features)[:, 0], batch.gender.clamp_min(0), reduction="none"
                ),
                batch.gender >= 0,
            ),
        }

    def targets(self, images: Tensor) -> Tensor:
        """The whitened PCA codes of these very pictures, augmented or not. images: (N, 3, R, R) -> (N, codes)."""
        return (self._thumbnails(images) - self.mean_thumbnail) @ self.basis.T / self.deviations

    def _thumbnails(self, images: Tensor) -> Tensor:
        return F.avg_pool2d(images, images.shape[-1] // self.thumbnail).contiguous().flatten(1)


def _measure(net: BundledDescriptor, heads: _Heads, faces: FaceData, device: torch.device) -> Mapping[str, Any]:
    """How well the heads read held-out photos.

    codes_r2: explained part of the thumbnails' variance. landmarks_iod: mean distance in IOD. au_change_r2: explained
    part of the AU differences, au_r2 the same per AU. age_years: mean absolute error. gender: share correct.
    """
    batch = faces.sample(faces.held_out, min(256, 2 * len(faces.held_out)), seed=(0,), device=device)
    with torch.no_grad(), mixed_precision(device):
        features = torch.cat([net(images) for images in torch.split(batch.images, 64)]).float()
    with torch.no_grad():
        wanted, codes = heads.targets(batch.images), heads.codes(features)
        variances = heads.deviations.square()
        shapes = (heads.landmarks(features) * heads.scales[0] + heads.mean_shape).unflatten(1, (68, 2))
        distances = (shapes - batch.landmarks).norm(dim=2).mean(1) / batch.iod
        a, b = heads.au(features).chunk(2)
        wanted_a, wanted_b = batch.au.chunk(2)
        change = wanted_a - wanted_b
        unexplained = (a - b - change).square().mean(0) / change.square().mean(0).clamp_min(1e-6)
        years = (heads.age(features)[:, 0] * heads.scales[3] + heads.scales[2] - batch.age).abs()
        right = (heads.gender(features)[:, 0] > 0) == (batch.gender > 0)
        error = (variances * (codes - wanted).square().mean(0)).sum()
        codes_r2 = 1 - error / (variances * wanted.square().mean(0)).sum().clamp_min(1e-6)
    return {
        "codes_r2": round(float(codes_r2), 4),
        "landmarks_iod": round(float(distances.mean()), 4),
        "au_change_r2": round(1 - float(unexplained.mean()), 4),
        "au_r2": {f"AU{au}": round(1 - float(x), 3) for au, x in zip(DISFA, unexplained, strict=True)},
        "age_years": round(float(_masked(years, batch.age >= 0)), 2),
        "gender": round(float(_masked(right.float(), batch.gender >= 0)), 4),
    }


def _survey(faces: FaceData, seed: int, device: torch.device) -> Iterator[Batch]:
    for part in range(_SURVEY):
        yield faces.sample(faces.training, 64, seed=(seed, 1, part), device=device)


def _standardised(net: BundledDescriptor, survey: Iterable[Batch]) -> BundledDescriptor:
    """A frozen copy whose features have mean 0 and variance 1 over the survey: folded into the last layer."""
    net = copy.deepcopy(net).eval().requires_grad_(False)
    with mixed_precision(net.fc.weight.device):
        features = torch.cat([net(batch.images) for batch in survey]).float()
    mean, deviation = features.mean(0), features.std(0, correction=0).clamp_min(1e-4)
    net.fc.weight.div_(deviation[:, None])
    net.fc.bias.sub_(mean).div_(deviation)
    return net


def _masked(values: Tensor, known: Tensor) -> Tensor:
    """Mean over the known; 0 where nothing is."""
    return torch.where(known, values, torch.zeros_like(values)).sum() / known.sum().clamp_min(1)
