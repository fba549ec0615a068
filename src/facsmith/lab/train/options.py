"""How to train the generator: sizes, budget, and the discriminators' own set of options."""

from dataclasses import dataclass, field

from facsmith.errors import InputError
from facsmith.generator.stylegan2 import StyleGAN2Config

__all__ = ["AdversaryOptions", "GeneratorOptions"]


@dataclass(frozen=True)
class AdversaryOptions:
    """Terms in EfficientNet-Lite0's features, on top of the reconstruction of pixels.

    Parameters
    ----------
    resolution
        Resolution of pictures from which on these terms play; smaller ones say nothing to the network.
    features
        Weight of the distance of a reconstruction's features from its photo's.
    weight
        Weight of the projected discriminators' verdict on reconstructions and on random faces (Sauer et al. 2021).
    learning_rate
        Learning rate of the discriminators.
    """

    resolution: int = 64
    features: float = 1.0
    weight: float = 0.05
    learning_rate: float = 5e-4

    def __post_init__(self) -> None:
        if min(self.weight, self.features) < 0 or not self.learning_rate > 0:
            raise InputError("The adversary's weights are not negative, and its learning rate is above 0.")


@dataclass(frozen=True)
class GeneratorOptions:
    """How a generator is trained.

    Parameters
    ----------
    resolution, w_dim, channel_base, channel_max, mapping_layers
        Shape of the network, see `generator.stylegan2`.
    minutes, steps
        The budget over resumed runs, as time or as steps.
    grow
        (resolution, images) pairs: the network draws at that resolution until so many images were seen; then at the
        next, at last at its own. The schedule is one of images, so that a budget can be raised at any time.
    batch
        Images a step and process, drawn ``accumulate`` times; twice as many up to 32 px.
    learning_rate
        Constant after 200 steps; the average of the weights settles what it stirs up.
    delta_decay
        Pull of the photos' own corrections towards 0.
    balance
        How far groups of people are made even, from 0 to 1 (`lab.train.faces`).
    half
        Run the generator in bfloat16. None: on a GPU only.
    snapshot_minutes
        Minutes between states and sample sheets.
    log_every
        Steps between lines of metrics.
    samples
        Random faces for the Fréchet distance of each snapshot, 0: none.
    """

    resolution: int = 256
    w_dim: int = 256
    channel_base: int = 4096
    channel_max: int = 256
    mapping_layers: int = 2
    minutes: float = 900.0
    steps: int | None = None
    grow: tuple[tuple[int, int], ...] = ((16, 16_000), (32, 40_000), (64, 64_000), (128, 100_000))
    batch: int = 16
    accumulate: int = 1
    learning_rate: float = 2e-3
    delta_decay: float = 1e-4
    balance: float = 0.5
    half: bool | None = None
    snapshot_minutes: float = 10.0
    log_every: int = 20
    samples: int = 1000
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
        if not 0 <= self.balance <= 1:
            raise InputError(f"balance is {self.balance:g}; give 0 (people as they are) to 1 (all groups alike).")

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

    def stage(self, images: int) -> int:
        """Resolution after so many images."""
        for resolution, until in self.grow:
            if images < until and resolution < self.resolution:
                return resolution
        return self.resolution
