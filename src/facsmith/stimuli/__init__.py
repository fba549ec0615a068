"""Stimuli for experiments: photos x Action Units x levels as stills and films, made alike by norms, with their tables,
averages of faces, and a kit to have them rated.
"""

from facsmith.stimuli.battery import Battery, render_battery
from facsmith.stimuli.design import Condition, Design, parse_aus, parse_levels
from facsmith.stimuli.norms import Norms, parse_size
from facsmith.stimuli.photos import find_photos
from facsmith.stimuli.tables import MANIFEST, MEASURED

__all__ = [
    "MANIFEST",
    "MEASURED",
    "Battery",
    "Condition",
    "Design",
    "Norms",
    "find_photos",
    "parse_aus",
    "parse_levels",
    "parse_size",
    "render_battery",
]
