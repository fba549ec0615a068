"""From AU-labelled latents to boundaries: a linear SVM per AU, made independent of the other AUs, and calibrated."""

from facsmith.boundary_fit.calibrate import recalibrate
from facsmith.boundary_fit.fit import FitOptions, fit_boundaries
from facsmith.boundary_fit.untangle import untangle

__all__ = ["FitOptions", "fit_boundaries", "recalibrate", "untangle"]
