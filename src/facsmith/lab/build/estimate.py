"""How large a generator's steps are, and what a build of it will take: measured on a few of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from facsmith.generator import Generator
from facsmith.generator.stylegan1 import StyleGAN1Config
from facsmith.generator.stylegan2 import StyleGAN2Config
from facsmith.lab.build.options import FEWEST_FACES, SHARES, BuildOptions
from facsmith.lab.fit.own_faces import working

__all__ = ["Estimate", "Speed", "estimate", "fastest", "fitting_batch", "measured_speed"]

_ROOM: Final = 1.2e9  # bytes for a batch's activations, forward and backward
_TENSORS: Final = 12  # of a block's size that are alive in a pass with gradients
_MOST: Final = 12


@dataclass(frozen=True)
class Speed:
    """Seconds a picture at the working resolution: drawn, and drawn with gradients."""

    draw: float
    step: float


@dataclass(frozen=True)
class Estimate:
    """What a build will take.

    Parameters
    ----------
    seconds
        Seconds planned, by stage.
    faces
        Number of faces that are searched.
    steps
        Training steps of the encoder.
    batch
        Pictures at a time.
    side
        Working resolution, in pixels.
    gigabytes
        Memory at most, besides the libraries' own.
    """

    seconds: dict[str, float]
    faces: int
    steps: int
    batch: int
    side: int
    gigabytes: float


def picture_bytes(generator: Generator) -> float:
    """About how many bytes one picture's pass with gradients keeps.

    Parameters
    ----------
    generator
        The generator at its working resolution.
    """
    base: object = getattr(generator, "_base", generator)
    config: object = getattr(base, "config", None)
    side = generator.resolution
    if not isinstance(config, StyleGAN1Config | StyleGAN2Config):
        return 4.0 * _TENSORS * 64 * side**2
    stops = isinstance(config, StyleGAN2Config) and config.architecture == "skip"
    drawn = [r for r in config.block_resolutions if r <= side or not stops]
    return 4.0 * _TENSORS * sum(_channels(config, r) * r**2 for r in drawn)


def fitting_batch(generator: Generator, wanted: int | None) -> int:
    """How many pictures are worked on at a time.

    Parameters
    ----------
    wanted
        The number the user asks for. None: as many as the memory planned for holds.
    """
    return wanted or max(1, min(_MOST, int(_ROOM / picture_bytes(generator))))


def measured_speed(generator: Generator) -> Speed:
    """Seconds that a generator takes for a picture, measured on two each; the first ones warm up.

    Parameters
    ----------
    generator
        The generator at its working resolution.
    """
    ws = generator.w_avg.expand(1, generator.num_ws, -1).clone()

    def draw() -> None:
        with torch.inference_mode():
            generator.synthesis(ws)

    def step() -> None:
        moved = ws.clone().requires_grad_(True)
        torch.autograd.grad(generator.synthesis(moved).square().mean(), moved)

    return Speed(fastest(draw), fastest(step))


def estimate(generator: Generator, options: BuildOptions, *, workers: int = 1) -> Estimate:
    """What building a model of this generator takes, by the minutes and by what its pictures cost here.

    Parameters
    ----------
    workers
        Processes that search faces, as fast as this one.
    """
    low = working(generator)
    speed, batch = measured_speed(low), fitting_batch(low, options.batch)
    face = 12 * 14 * 1.6 * speed.step  # twelve AUs, a dozen steps, the descriptor beside the generator
    faces = int(min(options.faces, max(FEWEST_FACES, workers * options.seconds("search") / face)))
    step = 24 * speed.draw + 8 * 1.6 * speed.step
    return Estimate(
        seconds={stage: options.seconds(stage) for stage in SHARES},
        faces=faces,
        steps=int(options.seconds("encoder") / step),
        batch=batch,
        side=low.resolution,
        gigabytes=round((batch * picture_bytes(low) + _weights(generator)) / 1e9, 1),
    )


def _channels(config: StyleGAN1Config | StyleGAN2Config, resolution: int) -> int:
    return config.channels(resolution) if isinstance(config, StyleGAN2Config) else config.channels[resolution]


def _weights(generator: Generator) -> float:
    return 4.0 * sum(p.numel() for p in generator.parameters()) if isinstance(generator, nn.Module) else 0.0


def fastest(work: Callable[[], object]) -> float:
    """Seconds, the least of three tries."""
    times: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return max(min(times), 1e-5)
