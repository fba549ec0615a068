"""How to train the generator: sizes, budget, and the adversary's own set of options."""

from dataclasses import dataclass, field

from facsmith.errors import InputError
from facsmith.generator.stylegan2 import StyleGAN2Config

__all__ = ["AdversaryOptions", "GeneratorOptions"]


@dataclass(frozen=True)
class AdversaryOptions:
    """StyleGAN2's terms (Karras et al. 2020), on top of the labelled latents.

    begin: part of the budget after which the discriminator plays. weight: of its verdict on reconstructions and on
    random faces; features: of the match of its features between a reconstruction and its photo. learning_rate: of the
    discriminator, with channels ``min(channel_base // r, channel_max)`` at resolution r.

    r1: gamma of the penalty on the verdict's gradient at photos, every r1_every steps, on a part ``share`` of a batch.
    path: weight, relative to ``weight``, of the path length penalty on random faces, every path_every steps, on the
    same part; 0: none.

    Adaptive augmentation: every augment_every steps the chance p of each transformation goes up where the mean sign of
    the verdict on photos is above augment_target, else down, so fast that augment_images images take it from 0 to 1;
    it ends at augment_most. augment_target None: no augmentation.
    """

    begin: float = 0.6
    weight: float = 0.05
    features: float = 0.5
    learning_rate: float = 2e-3
    channel_base: int = 2048
    channel_max: int = 128
    r1: float = 1.0
    r1_every: int = 16
    path: float = 2.0
    path_every: int = 8
    share: float = 0.25
    augment_target: float | None = 0.6
    augment_every: int = 4
    augment_images: int = 500_000
    augment_most: float = 0.8

    def __post_init__(self) -> None:
        if min(self.r1_every, self.path_every, self.augment_every, self.augment_images) < 1:
            raise InputError("r1_every, path_every, augment_every and augment_images are counts from 1.")
        if min(self.weight, self.features, self.r1, self.path) < 0 or not self.learning_rate > 0:
            raise InputError("The adversary's weights are not negative, and its learning rate is above 0.")
        if not (self.begin >= 0 and 0 < self.share <= 1 and 0 <= self.augment_most < 1):
            raise InputError(
                f"begin is 0 or more, share in (0, 1], augment_most in [0, 1); got {self.begin:g}, {self.share:g} and "
                f"{self.augment_most:g}."
            )
        if self.augment_target is not None and not -1 < self.augment_target < 1:
            raise InputError(f"augment_target is {self.augment_target:g}; give a mean sign between -1 and 1, or None.")


@dataclass(frozen=True)
class GeneratorOptions:
    """How to train. Shares are of the budget, in order: of ``steps`` where given, else of ``minutes``.

    Both count over resumed runs. batch: images a step and process, drawn ``accumulate`` times. snapshot_minutes:
    between states and sample sheets. log_every: steps between lines of metrics. samples: random faces for the Fréchet
    distance of each snapshot, 0: none.
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
    accumulate: int = 1
    learning_rate: float = 3e-3
    delta_decay: float = 1e-4
    snapshot_minutes: float = 5.0
    log_every: int = 50
    samples: int = 256
    adversary: AdversaryOptions = field(default_factory=AdversaryOptions)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch < 4 or self.batch % 2 or self.minutes <= 0:
            raise InputError(
                f"batch must be even and at least 4, minutes positive; got {self.batch} and {self.minutes}."
            )
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps must be at least 1, or None to train by minutes; got {self.steps}.")
        if min(self.accumulate, self.log_every) < 1 or self.samples < 0 or not self.learning_rate > 0:
            raise InputError(
                "accumulate and log_every are counts from 1, samples from 0, and the learning rate is above 0."
            )

    @property
    def network(self) -> StyleGAN2Config:
        """The generator's sizes."""
        return StyleGAN2Config(
            self.resolution,
            z_dim=self.w_dim,
            w_dim=self.w_dim,
            mapping_layers=self.mapping_layers,
            channel_base=self.channel_base,
            channel_max=self.channel_max,
        )

    def stage(self, progress: float) -> int:
        """Resolution at this share of the budget."""
        until = 0.0
        for resolution, share in self.grow:
            until += share
            if progress < until and resolution < self.resolution:
                return resolution
        return self.resolution
