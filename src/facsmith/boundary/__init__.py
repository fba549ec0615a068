"""Action Unit boundaries in W+: distance, intensity, and the joint edit that moves one AU and no other.

Conventions: b_i is the unit normal of AU i's hyperplane in flattened W+, pointing from neutral to the AU; c_i its
intercept; d_i(z) = ⟨z, b_i⟩ - c_i the signed distance in W+ units. A calibration maps intensity in [0, 1] to distance
and back.
"""

from facsmith.boundary.calibration import Calibration
from facsmith.boundary.directions import conditional, export_directions, import_direction, read_direction
from facsmith.boundary.edit import Boundary, BoundarySet
from facsmith.boundary.response import LandmarkResponse, Response

__all__ = [
    "Boundary",
    "BoundarySet",
    "Calibration",
    "LandmarkResponse",
    "Response",
    "conditional",
    "export_directions",
    "import_direction",
    "read_direction",
]
