"""One run of the generator's training: everything that changes, one step of it, and how it is saved.

A step: gradients of the reconstruction of photos, in pixels and in features, and of the discriminators' verdict on it
and on new people; then one step of the discriminators. What they take for real are photographs, never warped ones:
a warped picture teaches where a face moves, at half its size and in coarse features, not what it looks like.
"""

from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from facsmith.generator.stylegan2 import StyleGAN2
from facsmith.lab.train.ddp_modules import Judge, Painter, Request, Seen
from facsmith.lab.train.distributed import Team
from facsmith.lab.train.faces import FaceBatch, Faces
from facsmith.lab.train.image_features import ImageFeatures
from facsmith.lab.train.latents import LabelledLatents
from facsmith.lab.train.losses import face_weights, reconstruction_loss
from facsmith.lab.train.options import GeneratorOptions
from facsmith.lab.train.projected import ProjectedDiscriminator, feature_distance
from facsmith.lab.train.state import load_state, mixed_precision, save_state
from facsmith.lab.train.views import VIEWS

__all__ = ["SETTLED", "STATE", "GeneratorRun"]

STATE = "state.safetensors"
SETTLED = 50_000
"""Images after which the average has its full half-life."""

_HALF_LIFE = 5000.0  # of the average, in images
_COARSE = 2
"""The strides of the features, from this one on, in which warped pictures are matched, too."""


class GeneratorRun:
    """Everything that changes while training.

    Parameters
    ----------
    features
        The discriminators' features; frozen, on the team's device.

    Attributes
    ----------
    painter, judge
        The networks that the optimisers' gradients come from.
    """

    def __init__(self, faces: Faces, out: Path, options: GeneratorOptions, team: Team, features: ImageFeatures) -> None:
        torch.manual_seed(options.seed)  # pyright: ignore[reportUnknownMemberType]
        self.options, self.out, self.faces, self.team, self.features = options, out, faces, team, features
        device = team.device
        config = options.network
        self.generator = StyleGAN2(config).to(device)
        self.average = StyleGAN2(config).to(device).requires_grad_(False)
        self.average.load_state_dict(self.generator.state_dict())
        self.average.framing = faces.framing
        self.latents = LabelledLatents(len(faces.photos), config.num_ws, config.w_dim).to(device)
        self.critic = nn.ModuleDict(
            {name: ProjectedDiscriminator(features.channels, seed=seed) for seed, name in enumerate(VIEWS)}
        ).to(device)
        self.optimizers = self._optimizers()
        self.rates = {name: [group["lr"] for group in o.param_groups] for name, o in self.optimizers.items()}
        self.painter = team.share(Painter(self.generator, self.latents, half=options.half))
        self.judge = Judge(self.critic)
        self.shared_judge = team.share(self.judge)
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
                [p for p in self.critic.parameters() if p.requires_grad],
                lr=self.options.adversary.learning_rate,
                betas=(0.0, 0.99),
                fused=True,
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
        }

    def save(self) -> None:
        """Write the state, whole or not at all."""
        counters = {"step": self.step, "images": self.images, "seconds": self.seconds, "options": asdict(self.options)}
        save_state(self.out / STATE, self.modules(), self.optimizers, counters)

    def resume(self) -> None:
        """Go on from the state in ``out``.

        Raises
        ------
        CheckpointError
            It is of a run with other sizes.
        """
        counters = load_state(self.out / STATE, self.modules(), self.optimizers)
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
        resolution = opt.stage(self.images)
        adversarial = resolution >= min(gan.resolution, opt.resolution)
        for name in ("generator", "delta"):
            self.optimizers[name].zero_grad(set_to_none=True)
        report: dict[str, Tensor] = {}
        seen: list[dict[str, Seen]] = []
        for part in range(opt.accumulate):
            with self.team.alone(self.painter, until_last=part < opt.accumulate - 1):
                told, shown = self._generator_part(resolution, adversarial=adversarial)
            report |= told
            seen += [shown] if shown else []
        for name in ("generator", "delta"):
            self.optimizers[name].step()  # pyright: ignore[reportUnknownMemberType]
        if seen:
            report |= self._critic_step(seen)
        images = self._size(resolution) * opt.accumulate * self.team.size
        self._average(images)
        self.step += 1
        self.images += images
        return report | {"resolution": torch.tensor(resolution)}

    def _size(self, resolution: int) -> int:
        """Of a batch: small pictures leave room for larger ones."""
        return self.options.batch * (2 if resolution <= 32 else 1)

    def _set_learning_rate(self) -> None:
        factor = min(1.0, self.step / 200)
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self.rates[name], strict=True):
                group["lr"] = rate * factor

    def _generator_part(self, resolution: int, *, adversarial: bool) -> tuple[dict[str, Tensor], dict[str, Seen]]:
        """Gradients of one part of the batch; measures; and what each discriminator has to learn from."""
        opt, device = self.options, self.team.device
        size = self._size(resolution)
        batch = self.faces.batch(self.random, size, resolution, device)
        delta = self.latents.delta(batch.photos)
        z, z_au = self._strangers(size // 2) if adversarial else (None, None)
        request = Request(batch.codes, delta, batch.au, z, z_au, resolution, self.noise)
        drawn, sampled = self.painter(request)
        weights = face_weights(batch.landmarks, batch.inside, batch.moved, resolution=resolution)
        loss = reconstruction_loss(drawn, batch.images, weights, sharp=batch.photographed)
        report = {"loss": loss.detach(), "l1": (drawn - batch.images).abs().mean().detach()}
        loss = loss + opt.delta_decay * delta.square().sum(dim=1).mean()
        seen: dict[str, Seen] = {}
        if sampled is not None:
            adversary, told, seen = self._adversary(batch, drawn, sampled)
            loss, report = loss + adversary, report | told
        torch.autograd.backward(loss / opt.accumulate)
        return report, seen

    def _strangers(self, count: int) -> tuple[Tensor, Tensor]:
        """Codes (N, C) of new people, and expressions (N, K) that photographs show: nothing but the discriminators'
        verdict teaches how these look, and it knows no other expressions."""
        device = self.team.device
        z = torch.randn(count, self.options.w_dim, device=device, generator=self.noise)
        return z, self.faces.expressions(self.random, count).to(device)

    def _adversary(
        self, batch: FaceBatch, drawn: Tensor, sampled: Tensor
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Seen]]:
        gan, device, count = self.options.adversary, self.team.device, len(drawn)
        real, fake = batch.images * batch.inside, drawn * batch.inside
        new = sampled * batch.inside[: len(sampled)]
        more = int((~batch.photographed).sum())
        if more:  # as many photographs as there are pictures in the batch
            images, inside = self.faces.photographs(self.random, more, drawn.shape[-1], device)
            real = torch.cat([real, images * inside])
        warped = torch.nonzero(~batch.photographed)[:, 0]
        plain = torch.nonzero(batch.photographed)[:, 0]
        seen: dict[str, Seen] = {}
        fool, match = drawn.new_zeros(()), drawn.new_zeros(())
        for name, view in VIEWS.items():
            network = cast(ProjectedDiscriminator, self.critic[name])
            network.learn(False)
            shown = self.features(view(torch.cat([fake, new]), self.faces.framing))
            with torch.no_grad():
                wanted = self.features(view(real, self.faces.framing))
            with mixed_precision(device):
                fool = fool + self.judge.fooled(name, [f[:count] for f in shown])
                fool = fool + self.judge.fooled(name, [f[count:] for f in shown])
            network.learn(True)
            apart = feature_distance([f[plain] for f in shown], [f[plain] for f in wanted]).sum()
            if more:
                coarse = [[f[warped] for f in layers[_COARSE:]] for layers in (shown, wanted)]
                apart = apart + feature_distance(*coarse).sum()
            match = match + apart / count
            photographs = [torch.cat([f[plain], f[count:]]) for f in wanted]
            detached = [f.detach() for f in shown]
            seen[name] = Seen(photographs, [f[:count] for f in detached], [f[count:] for f in detached])
        told = {"fool": fool.detach(), "match": match.detach()}
        return gan.weight * fool + gan.features * match, told, seen

    def _critic_step(self, seen: list[dict[str, Seen]]) -> dict[str, Tensor]:
        parts = self.options.accumulate
        self.optimizers["critic"].zero_grad(set_to_none=True)
        report: dict[str, Tensor] = {}
        for part, shown in enumerate(seen):
            with self.team.alone(self.shared_judge, until_last=part < parts - 1):
                with mixed_precision(self.team.device):
                    loss, real = self.shared_judge(shown)
                torch.autograd.backward(loss / parts)
            report = {"critic": loss.detach(), "real": real}
        self.optimizers["critic"].step()  # pyright: ignore[reportUnknownMemberType]
        return report

    @torch.no_grad()
    def _average(self, count: int) -> None:
        # A young average forgets its first pictures soon.
        beta = 0.5 ** (count / min(_HALF_LIFE, max(100.0, _HALF_LIFE * self.images / SETTLED)))
        for kept, new in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            kept.lerp_(new, 1 - beta)
        self.average.mapping.w_avg.copy_(self.generator.mapping.w_avg)
