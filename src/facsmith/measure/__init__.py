"""Action Units and identity, measured on pictures.

>>> from facsmith import measure
>>> measure.action_units(photo, neutral).action_units  # doctest: +SKIP

Three sources are asked, and each answer is kept: landmarks (how the 68 points moved), MediaPipe's blendshapes where its
model is at hand, and appearance (a linear head on the bundled descriptor). Against the person's own neutral
(`NeutralFace`) every source is calibrated on that face moved by its muscles; without it, faces in general stand in.
"""

from facsmith.measure.displacement import (
    POINT_WEIGHTS,
    Leak,
    aligned_displacement,
    along,
    empty_points,
    from_displacement,
    leak,
)
from facsmith.measure.identity import Identity, alike, embedding, identity
from facsmith.measure.measured import Measured
from facsmith.measure.neutral_face import Follow, NeutralFace, relative_response
from facsmith.measure.pictures import action_units, alone
from facsmith.measure.population import SOURCES, Population, Source
from facsmith.measure.rest import Rest, rest_of, resting_frames

__all__ = [
    "POINT_WEIGHTS",
    "SOURCES",
    "Follow",
    "Identity",
    "Leak",
    "Measured",
    "NeutralFace",
    "Population",
    "Rest",
    "Source",
    "action_units",
    "aligned_displacement",
    "alike",
    "alone",
    "along",
    "embedding",
    "empty_points",
    "from_displacement",
    "identity",
    "leak",
    "relative_response",
    "rest_of",
    "resting_frames",
]
