"""One run of the generator's training: everything that changes, one step of it, and how it is saved.

A step: gradients of the reconstruction of photos, of the adversary's verdict on them and on new people, now and then of
the path length penalty; then one step of the discriminator, now and then with R1.
"""

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facsmith.generator.stylegan2 import StyleGAN2
from facsmith.train.augment import Augmenter
from facsmith.train.discriminator import Discriminator
from facsmith.train.faces import FaceBatch, Faces
from facsmith.train.latents import LabelledLatents
from facsmith.train.losses import face_weights, reconstruction_loss
from facsmith.train.options import GeneratorOptions
from facsmith.train.players import Critic, Painter, PathRequest, Request
from facsmith.train.state import load_state, mixed_precision, save_state
from facsmith.train.team import Team

__all__ = ["SETTLED", "STATE", "GeneratorRun"]

STATE = "state.safetensors"
SETTLED = 50_000
"""Images after which the average has its full half-life."""

_PATH_DECAY = 0.01
_HALF_LIFE = 5000.0  # of the average, in images


class _Paths(nn.Module):
    """The running mean of path lengths, part of a run's state."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))


class GeneratorRun:
    """Everything that changes while training. painter, judge: what the optimisers' gradients come from."""

    def __init__(self, faces: Faces, out: Path, options: GeneratorOptions, team: Team) -> None:
        torch.manual_seed(options.seed)  # pyright: ignore[reportUnknownMemberType]
        self.options, self.out, self.faces, self.team = options, out, faces, team
        device, gan = team.device, options.adversary
        config = options.network
        self.generator = StyleGAN2(config).to(device)
        self.average = StyleGAN2(config).to(device).requires_grad_(False)
        self.average.load_state_dict(self.generator.state_dict())
        self.latents = LabelledLatents(len(faces.photos), config.num_ws, config.w_dim).to(device)
        self.critic = Discriminator(options.resolution, channel_base=gan.channel_base, channel_max=gan.channel_max).to(
            device
        )
        self.augmenter = Augmenter(
            target=gan.augment_target or 0.0,
            every=gan.augment_every,
            images=gan.augment_images,
            most=0.0 if gan.augment_target is None else gan.augment_most,
        ).to(device)
        self.paths = _Paths().to(device)
        self.optimizers = self._optimizers()
        self.rates = {name: [group["lr"] for group in o.param_groups] for name, o in self.optimizers.items()}
        self.painter, self.judge = team.share(Painter(self.generator, self.latents)), team.share(Critic(self.critic))
        self.step, self.images, self.seconds = 0, 0, 0.0
        self.random, self.noise = np.random.default_rng(options.seed), torch.Generator(device)

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        lr = self.options.learning_rate
        return {
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
            "critic": torch.optim.Adam(
                self.critic.parameters(), lr=self.options.adversary.learning_rate, betas=(0.0, 0.99), fused=True
            ),
        }

    @property
    def progress(self) -> float:
        """The part of the budget that is used up."""
        if self.options.steps is not None:
            return min(1.0, self.step / self.options.steps)
        return min(1.0, self.seconds / (60 * self.options.minutes))

    def modules(self) -> dict[str, nn.Module]:
        """What a state holds, by name."""
        return {
            "generator": self.generator,
            "average": self.average,
            "latents": self.latents,
            "critic": self.critic,
            "augmenter": self.augmenter,
            "paths": self.paths,
        }

    def save(self) -> None:
        """Write the state, whole or not at all."""
        counters = {"step": self.step, "images": self.images, "seconds": self.seconds, "options": asdict(self.options)}
        save_state(self.out / STATE, self.modules(), self.optimizers, counters)

    def resume(self) -> None:
        """Go on from the state in ``out``.

        Raises:
            CheckpointError: it is of a run with other sizes.
        """
        counters = load_state(self.out / STATE, self.modules(), self.optimizers, newer=("augmenter", "paths"))
        self.step, self.images = int(counters["step"]), int(counters["images"])
        self.seconds = float(counters["seconds"])

    @torch.no_grad()
    def gather_corrections(self) -> None:
        """Each process trains its own photos' corrections: put them together, for files and sheets."""
        if self.team.size == 1:
            return
        own = torch.zeros(len(self.faces.photos), 1, device=self.team.device)
        own[self.faces.own] = 1
        weight = self.latents.delta.weight
        moments = self.optimizers["delta"].state.get(weight, {})
        for table in (weight, *(value for value in moments.values() if isinstance(value, Tensor) and value.ndim == 2)):
            table.copy_(self.team.sum(table * own))

    # -- one step ---------------------------------------------------------------------------------------------------

    def train_step(self) -> dict[str, Tensor]:
        """One step of every optimiser; what it measured, as tensors: to read them would wait for the device."""
        opt, gan = self.options, self.options.adversary
        # Everything random follows from seed, process and step, so that a resumed run draws what it would have drawn.
        seeds = np.random.SeedSequence([opt.seed, self.team.rank, self.step]).generate_state(2, np.uint64)
        self.random = np.random.default_rng(int(seeds[0]))
        self.noise.manual_seed(int(seeds[1] >> np.uint64(1)))
        self._set_learning_rate()
        resolution = opt.stage(self.progress)
        adversarial = self.progress >= gan.begin and resolution == opt.resolution
        for name in ("generator", "delta"):
            self.optimizers[name].zero_grad(set_to_none=True)
        report: dict[str, Tensor] = {}
        seen: list[tuple[Tensor, Tensor, Tensor]] = []
        for part in range(opt.accumulate):
            with self.team.alone(self.painter, until_last=part < opt.accumulate - 1):
                told, shown = self._generator_part(resolution, adversarial=adversarial)
            report |= told
            seen += [] if shown is None else [shown]
        if adversarial and gan.path and self.step % gan.path_every == 0:
            report |= self._path_part()
        for name in ("generator", "delta"):
            self.optimizers[name].step()  # pyright: ignore[reportUnknownMemberType]
        if seen:
            report |= self._critic_step(seen)
        images = opt.batch * (2 if resolution <= 32 else 1) * opt.accumulate * self.team.size
        self._average(images)
        self.step += 1
        self.images += images
        return report | {"resolution": torch.tensor(resolution)}

    def _set_learning_rate(self) -> None:
        factor = min(1.0, self.step / 200) * (0.5 + 0.5 * math.cos(math.pi * max(0.0, self.progress - 0.4) / 0.6) * 0.9)
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self.rates[name], strict=True):
                group["lr"] = rate * factor

    def _generator_part(
        self, resolution: int, *, adversarial: bool
    ) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor, Tensor] | None]:
        """Gradients of one part of the batch; measures; and (photos, reconstructions, new people) for the critic."""
        opt = self.options
        # Small pictures leave room for larger batches.
        size = opt.batch * (2 if resolution <= 32 else 1)
        batch = self.faces.batch(self.random, size, resolution, self.team.device)
        delta = self.latents.delta(batch.photos)
        z, z_au = self._strangers(size // 2) if adversarial else (None, None)
        request = Request(batch.codes, delta, batch.au, z, z_au, resolution, self.noise)
        drawn, sampled = self.painter(request)
        weights = face_weights(batch.landmarks, batch.inside, batch.moved, resolution=resolution)
        loss = reconstruction_loss(drawn, batch.images, weights)
        report = {"loss": loss.detach(), "l1": (drawn - batch.images).abs().mean().detach()}
        loss = loss + opt.delta_decay * delta.square().sum(dim=1).mean()
        shown = None
        if sampled is not None:
            adversary, told, shown = self._adversary(batch, drawn, sampled)
            loss, report = loss + adversary, report | told
        torch.autograd.backward(loss / opt.accumulate)
        return report, shown

    def _strangers(self, count: int) -> tuple[Tensor, Tensor]:
        """Codes (N, K) and random expressions (N, 12) of new people, whom only the discriminator sees."""
        device = self.team.device
        z = torch.randn(count, self.options.w_dim, device=device, generator=self.noise)
        return z, self.faces.expressions(self.random, count).to(device)

    def _adversary(
        self, batch: FaceBatch, drawn: Tensor, sampled: Tensor
    ) -> tuple[Tensor, dict[str, Tensor], tuple[Tensor, Tensor, Tensor]]:
        gan = self.options.adversary
        self.critic.requires_grad_(False)
        pair, alone = self.augmenter.draw(drawn, self.noise), self.augmenter.draw(sampled, self.noise)
        real, fake, new = batch.images * batch.inside, drawn * batch.inside, sampled * batch.inside[: len(sampled)]
        with mixed_precision(self.team.device):
            # One augmentation for both of a pair: their features stay comparable.
            score, features = self.critic(pair(fake))
            sampled_score, _ = self.critic(alone(new))
            with torch.no_grad():
                _, wanted = self.critic(pair(real))
        fool = F.softplus(-score).mean() + F.softplus(-sampled_score).mean()
        match = _apart(features, wanted)
        self.critic.requires_grad_(True)
        told = {"fool": fool.detach(), "match": match.detach()}
        return gan.weight * fool + gan.features * match, told, (real, fake.detach(), new.detach())

    def _path_part(self) -> dict[str, Tensor]:
        """Gradients of the path length penalty, heavier by as many steps as it is left out of (lazy)."""
        gan = self.options.adversary
        z, au = self._strangers(max(2, int(gan.share * self.options.batch)))
        lengths, _ = self.painter(PathRequest(z, au, self.noise))
        now = self.team.sum(lengths.mean().detach()) / self.team.size
        mean = torch.where(self.paths.mean > 0, self.paths.mean.lerp(now, _PATH_DECAY), now)
        penalty = (lengths - mean).square().mean()
        torch.autograd.backward(gan.weight * gan.path * gan.path_every * penalty)
        self.paths.mean.copy_(mean)
        return {"path": now, "path_penalty": penalty.detach()}

    def _critic_step(self, seen: list[tuple[Tensor, Tensor, Tensor]]) -> dict[str, Tensor]:
        gan, parts = self.options.adversary, self.options.accumulate
        penalised = max(2, int(gan.share * self.options.batch)) if gan.r1 and self.step % gan.r1_every == 0 else 0
        self.optimizers["critic"].zero_grad(set_to_none=True)
        report: dict[str, Tensor] = {}
        for part, pictures in enumerate(seen):
            with torch.no_grad():
                views = [self.augmenter.draw(images, self.noise)(images) for images in pictures]
            with self.team.alone(self.judge, until_last=part < parts - 1):
                loss, penalty, scores = self.judge(*views, penalised=penalised)
                torch.autograd.backward((loss + gan.r1_every * gan.r1 / 2 * penalty) / parts)
            self.augmenter.note(scores)
            report = {"critic": loss.detach(), "real": scores.mean(), "augment": self.augmenter.chance.clone()}
            report |= {"r1": penalty.detach()} if penalised else {}
        self.optimizers["critic"].step()  # pyright: ignore[reportUnknownMemberType]
        if (self.step + 1) % gan.augment_every == 0:
            self.augmenter.adjust(self.team.sum(self.augmenter.signs), self.team.sum(self.augmenter.count))
        return report

    @torch.no_grad()
    def _average(self, count: int) -> None:
        # A young average forgets its first pictures soon.
        beta = 0.5 ** (count / min(_HALF_LIFE, max(100.0, _HALF_LIFE * self.images / SETTLED)))
        for kept, new in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            kept.lerp_(new, 1 - beta)
        self.average.mapping.w_avg.copy_(self.generator.mapping.w_avg)


def _apart(features: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Mean L1 between two pictures' features; 0 where a tiny discriminator has none."""
    pairs = zip(features, wanted, strict=True)
    apart = [(a.float() - b.float()).abs().mean() for a, b in pairs]
    return torch.stack(apart).mean() if apart else torch.zeros(())
