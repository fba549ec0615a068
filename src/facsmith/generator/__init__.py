"""Generators of faces: StyleGAN2, StyleGAN1, and the protocol they share."""

from facsmith.generator.protocol import Generator, NoiseMode, generator_id
from facsmith.generator.stylegan2 import StyleGAN2, StyleGAN2Config

__all__ = ["Generator", "NoiseMode", "StyleGAN2", "StyleGAN2Config", "generator_id"]
