"""From AU-labelled latents to boundaries: a linear SVM per AU, made independent of the other AUs, and calibrated."""

from facsmith.lab.fit.calibrate import recalibrate
from facsmith.lab.fit.fit import FitOptions, fit_boundaries
from facsmith.lab.fit.remove_leakage import remove_leakage

__all__ = ["FitOptions", "fit_boundaries", "recalibrate", "remove_leakage"]
