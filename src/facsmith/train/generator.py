"""Train the bundled generator without a day of GPU: StyleGAN2's synthesis network as the decoder of labelled faces.

A GAN from scratch does not converge on a few cores. So every training photo has a known latent from the start,

    ws(photo, e) = mapping(code) + H code + delta(photo) + A e,

with ``code`` its whitened PCA code (Gaussian like z, so the mapping network is trained on the way), H and ``delta``
small per-layer corrections, common and its own, and A the directions of the 12 AUs, shared by everyone; A is kept
orthogonal to the span of mapping's output and to the corrections, so identity and expression are separate
coordinates of W+. The network grows from 16 px, learns to draw `face.muscles` variants, and is sharpened by a
discriminator at the end.
"""

import json
import math
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from facsmith._arrays import write_tensors
from facsmith.errors import InputError
from facsmith.facs import AUS
from facsmith.generator.stylegan2 import StyleGAN2, StyleGAN2Config
from facsmith.train.discriminator import Discriminator, gradient_penalty
from facsmith.train.faces import FaceBatch, Faces
from facsmith.train.losses import face_weights, reconstruction_loss
from facsmith.train.state import load_state, mixed_precision, save_state

__all__ = ["GeneratorOptions", "LabelledLatents", "train_generator"]


@dataclass(frozen=True)
class GeneratorOptions:
    """How to train. Shares are of the budget, in order: of ``steps`` where given, else of ``minutes``.

    Both count over resumed runs.
    """

    resolution: int = 128
    w_dim: int = 256
    channel_base: int = 2048
    channel_max: int = 128
    mapping_layers: int = 2
    minutes: float = 90.0
    steps: int | None = None
    grow: tuple[tuple[int, float], ...] = ((16, 0.03), (32, 0.10), (64, 0.27))
    batch: int = 16
    learning_rate: float = 3e-3
    adversarial_from: float = 0.6
    adversarial_weight: float = 0.05
    feature_weight: float = 0.5
    delta_decay: float = 1e-4
    snapshot_minutes: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch < 4 or self.batch % 2 or self.minutes <= 0:
            raise InputError(
                f"batch must be even and at least 4, minutes positive; got {self.batch} and {self.minutes}."
            )
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps must be at least 1, or None to train by minutes; got {self.steps}.")

    def stage(self, progress: float) -> int:
        """Resolution at this share of the budget."""
        until = 0.0
        for resolution, share in self.grow:
            until += share
            if progress < until and resolution < self.resolution:
                return resolution
        return self.resolution


class LabelledLatents(nn.Module):
    """The latents of the training photos: what is not in the generator itself.

    delta: (photos, num_ws * w_dim) corrections; spread: H, codes to corrections; directions(): A above.
    """

    def __init__(self, photos: int, num_ws: int, w_dim: int) -> None:
        super().__init__()
        self.num_ws, self.w_dim = num_ws, w_dim
        self.delta = nn.Embedding(photos, num_ws * w_dim, sparse=True)
        self.spread = nn.Linear(w_dim, num_ws * w_dim, bias=False)
        nn.init.zeros_(self.delta.weight)
        nn.init.zeros_(self.spread.weight)
        self.raw = nn.Parameter(0.2 * torch.randn(len(AUS), num_ws, w_dim))

    def directions(self) -> Tensor:
        """(12, num_ws, w_dim), orthogonal to anything that is the same in every layer, as mapping's output is."""
        return self.raw - self.raw.mean(dim=1, keepdim=True)

    def forward(
        self, base: Tensor, codes: Tensor, delta: Tensor | None, au: Tensor, *, keep: Tensor | None = None
    ) -> Tensor:
        """The latents of people.

        Args:
            base: (N, num_ws, w_dim) from mapping.
            codes: (N, w_dim) that base was mapped from.
            delta: (N, num_ws * w_dim) own corrections, None for a stranger.
            au: (N, 12).
            keep: (N, 1), 0 where mapping alone shall draw the person; all 1 where None.
        """
        directions = self.directions()
        with torch.no_grad():
            basis: Tensor = cast(Any, torch.linalg).qr(directions.flatten(1).t()).Q
        correction = self.spread(codes) / math.sqrt(self.w_dim)
        if delta is not None:
            correction = correction + delta
        correction = correction - (correction @ basis) @ basis.t()
        if keep is not None:
            correction = correction * keep
        return base + correction.view_as(base) + torch.einsum("nk,kld->nld", au, directions)


class _Run:
    """Everything that changes while training, and how it is saved."""

    def __init__(self, faces: Faces, out: Path, options: GeneratorOptions) -> None:
        cast(Any, torch).manual_seed(options.seed)
        self.options, self.out, self.faces = options, out, faces
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        config = StyleGAN2Config(
            options.resolution,
            z_dim=options.w_dim,
            w_dim=options.w_dim,
            mapping_layers=options.mapping_layers,
            channel_base=options.channel_base,
            channel_max=options.channel_max,
        )
        self.generator = StyleGAN2(config).to(self.device)
        self.average = StyleGAN2(config).to(self.device).requires_grad_(False)
        self.average.load_state_dict(self.generator.state_dict())
        self.latents = LabelledLatents(len(faces.photos), config.num_ws, config.w_dim).to(self.device)
        self.critic = Discriminator(options.resolution).to(self.device)
        lr = options.learning_rate
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(
                [
                    {"params": self.generator.synthesis.parameters(), "lr": lr},
                    # Mapping layers store weights 100 times larger than they act.
                    {"params": self.generator.mapping.parameters(), "lr": 100 * lr},
                    {"params": [self.latents.raw, self.latents.spread.weight], "lr": lr},
                ],
                betas=(0.8, 0.99),
                fused=True,
            ),
            "delta": torch.optim.SparseAdam(self.latents.delta.parameters(), lr=10 * lr),
            "critic": torch.optim.Adam(self.critic.parameters(), lr=2e-3, betas=(0.0, 0.99), fused=True),
        }
        self.rates = {name: [group["lr"] for group in o.param_groups] for name, o in self.optimizers.items()}
        self.step, self.images, self.seconds = 0, 0, 0.0
        self.random = np.random.default_rng(options.seed)

    @property
    def progress(self) -> float:
        if self.options.steps is not None:
            return min(1.0, self.step / self.options.steps)
        return min(1.0, self.seconds / (60 * self.options.minutes))

    def set_learning_rate(self) -> None:
        factor = min(1.0, self.step / 200) * (0.5 + 0.5 * math.cos(math.pi * max(0.0, self.progress - 0.4) / 0.6) * 0.9)
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self.rates[name], strict=True):
                group["lr"] = rate * factor

    def modules(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "average": self.average, "latents": self.latents, "critic": self.critic}

    def save(self) -> None:
        counters = {"step": self.step, "images": self.images, "seconds": self.seconds, "options": asdict(self.options)}
        save_state(self.out / "state.safetensors", self.modules(), self.optimizers, counters)

    def resume(self) -> None:
        counters = load_state(self.out / "state.safetensors", self.modules(), self.optimizers)
        self.step, self.images, self.seconds = (
            int(counters["step"]),
            int(counters["images"]),
            float(counters["seconds"]),
        )
        self.random = np.random.default_rng([self.options.seed, self.step])

    # -- one step ---------------------------------------------------------------------------------------------------

    def train_step(self) -> dict[str, float]:
        self.set_learning_rate()
        opt = self.options
        resolution = opt.stage(self.progress)
        # Small pictures leave room for larger batches.
        batch = self.faces.batch(self.random, opt.batch * (2 if resolution <= 32 else 1), resolution, self.device)
        sampled: Tensor | None = None
        adversarial = self.progress >= opt.adversarial_from and resolution == opt.resolution
        delta = self.latents.delta(batch.photos)
        with mixed_precision(self.device):
            generated = self.generator.synthesis(self._ws(batch, delta), noise="const", until=resolution)
        weights = face_weights(batch.landmarks, batch.inside, batch.moved, resolution=resolution)
        loss = reconstruction_loss(generated, batch.images, weights)
        report = {
            "loss": loss.item(),
            "l1": (generated - batch.images).abs().mean().item(),
            "resolution": float(resolution),
        }
        loss = loss + opt.delta_decay * delta.square().sum(dim=1).mean()
        if adversarial:
            sampled = self._sampled(len(batch.photos) // 2)
            adversary, report_critic = self._adversary(batch, generated, sampled)
            loss = loss + adversary
            report |= report_critic
        for name in ("generator", "delta"):
            self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        for name in ("generator", "delta"):
            self.optimizers[name].step()
        if sampled is not None:
            report |= self._critic_step(batch, generated.detach(), sampled.detach())
        self._average(len(batch.photos))
        self.step += 1
        self.images += len(batch.photos)
        return report

    def _ws(self, batch: FaceBatch, delta: Tensor) -> Tensor:
        codes = batch.codes + 0.05 * torch.randn_like(batch.codes)
        base = self.generator.mapping(codes)
        with torch.no_grad():
            self.generator.mapping.w_avg.lerp_(base[:, 0].mean(dim=0), 0.005)
        # A third of the time without its correction: mapping alone should draw the person too.
        keep = (torch.rand(len(batch.photos), 1, device=self.device) > 0.33).float()
        keep = keep.view(-1, 2, 1)[:, :1].expand(-1, 2, 1).reshape(-1, 1)
        return self.latents(base, codes, delta, batch.au, keep=keep)

    def _sampled(self, count: int) -> Tensor:
        """New people with random expressions, seen by the discriminator alone."""
        z = torch.randn(count, self.options.w_dim, device=self.device)
        au = self.faces.expressions(self.random, count).to(self.device)
        with mixed_precision(self.device):
            ws = self.generator.mapping(z) + torch.einsum("nk,kld->nld", au, self.latents.directions())
            return self.generator.synthesis(ws, noise="const")

    def _adversary(self, batch: FaceBatch, generated: Tensor, sampled: Tensor) -> tuple[Tensor, dict[str, float]]:
        self.critic.requires_grad_(False)
        mask = batch.inside
        with mixed_precision(self.device):
            score, features = self.critic(generated * mask)
            sampled_score, _ = self.critic(sampled * mask[: len(sampled)])
            with torch.no_grad():
                _, wanted = self.critic(batch.images * mask)
        fool = F.softplus(-score).mean() + F.softplus(-sampled_score).mean()
        match = sum(
            ((a.float() - b.float()).abs().mean() for a, b in zip(features, wanted, strict=True)), torch.zeros(())
        )
        self.critic.requires_grad_(True)
        total = self.options.adversarial_weight * fool + self.options.feature_weight * match / len(features)
        return total, {"fool": fool.item(), "match": match.item()}

    def _critic_step(self, batch: FaceBatch, generated: Tensor, sampled: Tensor) -> dict[str, float]:
        mask = batch.inside
        with mixed_precision(self.device):
            real, _ = self.critic(batch.images * mask)
            fake, _ = self.critic(generated * mask)
            new, _ = self.critic(sampled * mask[: len(sampled)])
        loss = F.softplus(-real).mean() + 0.5 * F.softplus(fake).mean() + 0.5 * F.softplus(new).mean()
        if self.step % 16 == 0:  # lazy regularisation
            loss = loss + 16 * 0.5 * gradient_penalty(self.critic, (batch.images * mask)[:4])
        self.optimizers["critic"].zero_grad(set_to_none=True)
        cast(Any, loss).backward()
        self.optimizers["critic"].step()
        return {"critic": loss.item(), "real": real.mean().item(), "fake": fake.mean().item()}

    @torch.no_grad()
    def _average(self, count: int) -> None:
        beta = 0.5 ** (count / min(5000.0, max(100.0, 0.1 * self.images)))
        for kept, new in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            kept.lerp_(new, 1 - beta)
        self.average.mapping.w_avg.copy_(self.generator.mapping.w_avg)

    # -- looking ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def held_out_l1(self, resolution: int, limit: int = 128) -> float:
        """Mean absolute error on people never trained on, from their PCA codes alone (a floor for inversion)."""
        batch = self.faces.held_out(limit, resolution, self.device)
        ws = self.latents(self.average.mapping(batch.codes), batch.codes, None, batch.au)
        images = torch.cat([self.average.synthesis(part, until=resolution) for part in ws.split(16)])
        return float(((images.clamp(-1, 1) - batch.images).abs() * batch.inside).sum() / batch.inside.sum() / 3)

    @torch.no_grad()
    def sheet(self) -> NDArray[np.uint8]:
        """Rows: photos, their reconstructions, one person through the 12 AUs, held-out people from codes, new
        people."""
        resolution = self.options.stage(self.progress)
        batch = self.faces.batch(np.random.default_rng(1), 26, resolution, self.device)
        base, delta = self.average.mapping(batch.codes), self.latents.delta(batch.photos)
        full = self.latents(base, batch.codes, delta, batch.au)
        rest = self.latents(base, batch.codes, delta, torch.zeros_like(batch.au))
        directions = self.latents.directions()
        rows = [batch.images[:13], self._draw(full[:13], resolution)]
        rows += [self._draw(torch.cat([rest[p : p + 1], rest[p : p + 1] + directions]), resolution) for p in (0, 4)]
        held = self.faces.held_out(13, resolution, self.device)
        strangers = self.latents(self.average.mapping(held.codes), held.codes, None, held.au)
        rows += [held.images, self._draw(strangers, resolution)]
        z = torch.randn(13, self.options.w_dim, generator=torch.Generator().manual_seed(1)).to(self.device)
        rows.append(self._draw(self.average.mapping(z), resolution))
        strips = [torch.cat(list(row), dim=2) for row in rows]
        widest = max(strip.shape[2] for strip in strips)
        grid = torch.cat([F.pad(strip, (0, widest - strip.shape[2])) for strip in strips], dim=1)
        return ((grid.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy()

    def _draw(self, ws: Tensor, resolution: int) -> Tensor:
        return self.average.synthesis(ws, until=resolution)


def train_generator(
    dataset: str | Path,
    out: str | Path,
    options: GeneratorOptions | None = None,
    *,
    progress: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Path:
    """Train on a data set of `train.data`, resuming from ``out`` where a run was left.

    Writes into ``out``: ``generator.safetensors`` (the averaged weights), ``latents.safetensors`` (deltas and AU
    directions), ``state.safetensors`` (everything, to go on), ``metrics.jsonl`` and sample sheets. Ctrl-C saves and
    stops.
    """
    options = options or GeneratorOptions()
    root = Path(out)
    root.mkdir(parents=True, exist_ok=True)
    run = _Run(Faces(Path(dataset), code_size=options.w_dim), root, options)
    if (root / "state.safetensors").is_file():
        run.resume()
    stop = False

    def ask_to_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    previous = signal.signal(signal.SIGINT, ask_to_stop)
    try:
        snapshot = run.seconds
        while run.progress < 1 and not stop:
            began = time.monotonic()
            report = run.train_step()
            run.seconds += time.monotonic() - began
            if run.step % 50 == 0:
                _log(root, run, report, progress)
            if run.seconds - snapshot > 60 * options.snapshot_minutes:
                snapshot = run.seconds
                _snapshot(root, run, progress)
    finally:
        signal.signal(signal.SIGINT, previous)
    _snapshot(root, run, progress)
    return root


def _log(root: Path, run: _Run, report: dict[str, float], progress: Callable[[dict[str, Any]], None]) -> None:
    row = {"step": run.step, "images": run.images, "minutes": round(run.seconds / 60, 2)}
    row |= {name: round(value, 5) for name, value in report.items()}
    with (root / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    progress(row)


def _snapshot(root: Path, run: _Run, progress: Callable[[dict[str, Any]], None]) -> None:
    from facsmith import image
    from facsmith.checkpoint import save_generator

    run.save()
    save_generator(run.average, root / "generator.safetensors", metadata={"images": str(run.images)})
    latents = {
        "delta": run.latents.delta.weight,
        "spread": run.latents.spread.weight,
        "directions": run.latents.directions(),
    }
    write_tensors(
        root / "latents.safetensors", {name: value.detach().cpu().numpy() for name, value in latents.items()}, {}
    )
    image.write(root / f"sheet-{run.images // 1000:05d}k.png", run.sheet())
    _log(root, run, {"held_out_l1_64": run.held_out_l1(min(64, run.options.stage(run.progress)))}, progress)
