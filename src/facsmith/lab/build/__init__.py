"""A whole model from a generator's checkpoint: `facsmith models build`."""

from facsmith.lab.build.build import Built, build_model
from facsmith.lab.build.estimate import Estimate, estimate
from facsmith.lab.build.options import BuildOptions

__all__ = ["BuildOptions", "Built", "Estimate", "build_model", "estimate"]
