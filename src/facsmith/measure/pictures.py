"""action_units: what a photo shows."""

from typing import TYPE_CHECKING

import numpy as np

from facsmith import face as face_module
from facsmith._types import Array, Image
from facsmith.errors import NoFaceError
from facsmith.face import Face
from facsmith.facs import DISFA
from facsmith.measure.appearance import from_appearance
from facsmith.measure.blendshapes import from_blendshapes
from facsmith.measure.measured import Measured
from facsmith.measure.neutral_face import NeutralFace
from facsmith.measure.population import SOURCES, Population, Source, default_population
from facsmith.measure.single_photo import combined, from_shape

if TYPE_CHECKING:
    from facsmith.descriptor import Descriptor

__all__ = ["action_units", "alone"]


SKILLED = 0.5
"""Correlation with the truth, on people held out, from which an AU of a stranger is reliable."""


def action_units(
    image: Image,
    neutral: Image | None = None,
    *,
    provider: str = "auto",
    face: int | None = None,
    sources: tuple[Source, ...] = SOURCES,
) -> Measured:
    """The Action Units that a photo shows, intensities in [0, 1], with a flag of reliability for each.

    For many pictures of one person make a `NeutralFace` once.

    Parameters
    ----------
    image, neutral
        (H, W, 3) uint8 RGB, of the same person; without a neutral, faces in general stand in for it, and fewer AUs are
        reliable.
    provider
        Library that finds landmarks, as in `face.find`.
    face
        Number of the face, 0 the largest.
    sources
        The sources that are asked.

    Raises
    ------
    NoFaceError
        A picture without a usable face.
    CheckpointError
        There is no neutral, and the model's folder lacks ``measure.safetensors``.
    """
    chosen = face_module.choose(face_module.find(image, provider=provider), face).face
    if neutral is None:
        return alone(image, chosen, sources=sources)
    rest = face_module.choose(face_module.find(neutral, provider=chosen.provider)).face
    return NeutralFace(neutral, rest, sources=sources).read(image, chosen)


def alone(
    image: Image,
    face: Face,
    *,
    sources: tuple[Source, ...] = SOURCES,
    knowledge: "tuple[Population, Descriptor] | None" = None,
) -> Measured:
    """The AUs of a face whose neutral is not at hand.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    face
        The face found in the image.
    knowledge
        What is known of faces in general; by default the bundled model's.
    """
    population, descriptor = knowledge or default_population()
    readings: dict[str, Array] = {}
    if "landmarks" in sources:
        readings["landmarks"] = from_shape(face.landmarks, population, provider=face.provider)
    if "blendshapes" in sources and face.blendshapes is not None:
        readings["blendshapes"] = from_blendshapes(face.blendshapes)
    if "appearance" in sources:
        readings["appearance"] = from_appearance(image, face, population, descriptor)
    if not readings:
        raise NoFaceError("No source can read this face; ask landmarks or appearance, too.")
    together = set(readings) >= set(population.errors)  # else the best of those asked
    judged = ["combined"] if together else [source for source in readings if source in population.skill]
    skill = np.max([population.skill.get(who, -np.ones(len(DISFA))) for who in judged], axis=0)
    return Measured(
        intensities=combined(readings, population),
        reliable=skill >= SKILLED,
        by_source={source: np.clip(read, 0.0, 1.0) for source, read in readings.items()},
        face=face,
        against="faces in general",
    )
