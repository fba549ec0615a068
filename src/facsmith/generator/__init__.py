"""Generators of faces: StyleGAN2, StyleGAN1, and the protocol they share."""

from facsmith.generator.device import read_device
from facsmith.generator.gpu import GraphedGenerator, graphed, use_half_precision
from facsmith.generator.lower import LowerGenerator, lowered
from facsmith.generator.protocol import Generator, GeneratorConfig, NoiseMode, generator_id
from facsmith.generator.stylegan1 import StyleGAN1, StyleGAN1Config
from facsmith.generator.stylegan2 import StyleGAN2, StyleGAN2Config
from facsmith.generator.tiny import TinyConfig, TinyGenerator
from facsmith.generator.tuned import TunedGenerator, tunable

__all__ = [
    "Generator",
    "GeneratorConfig",
    "GraphedGenerator",
    "LowerGenerator",
    "NoiseMode",
    "StyleGAN1",
    "StyleGAN1Config",
    "StyleGAN2",
    "StyleGAN2Config",
    "TinyConfig",
    "TinyGenerator",
    "TunedGenerator",
    "generator_id",
    "graphed",
    "lowered",
    "read_device",
    "tunable",
    "use_half_precision",
]
