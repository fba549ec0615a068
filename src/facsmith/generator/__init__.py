"""Generators of faces: StyleGAN2, StyleGAN1, and the protocol they share.

Importing this package tunes glibc's allocator for synthesis (see ``facsmith._alloc`` for what, why and how to refuse).
"""

from facsmith import _alloc
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
    "tunable",
    "use_half_precision",
]

_alloc.tune()  # after torch is imported: measured equal to before, and no thread of torch's has allocated yet
