"""Every error a user can meet, each one clear sentence: what was given, what is accepted, what to do.

FacsmithError
├── InputError (also a ValueError)
│   ├── ActionUnitError      an unknown AU or emotion, an intensity outside [0, 1]
│   ├── TimelineError        keyframes or durations that describe no animation
│   ├── PhotoError           a file that is no usable photo
│   │   └── NoFaceError      a photo without a usable face
│   ├── LatentError          a latent of another generator or of a wrong shape
│   ├── BoundaryError        boundaries that do not fit, or cannot be fitted
│   └── CheckpointError      a model file that is refused, damaged or of an unknown format
├── OutputError              a result that could not be written; nothing half-written is left
├── MissingExtraError        a package of an extra that is not installed (also an ImportError)
└── ModelUnavailableError    weights that are neither on this machine nor downloadable
"""

__all__ = [
    "ActionUnitError",
    "BoundaryError",
    "CheckpointError",
    "FacsmithError",
    "InputError",
    "LatentError",
    "MissingExtraError",
    "ModelUnavailableError",
    "NoFaceError",
    "OutputError",
    "PhotoError",
    "TimelineError",
]


class FacsmithError(Exception):
    """Base of every error that facsmith raises on purpose."""


class InputError(FacsmithError, ValueError):
    """Something the user gave cannot be used."""


class ActionUnitError(InputError):
    """An unknown Action Unit or emotion, or an intensity outside [0, 1]."""


class TimelineError(InputError):
    """Keyframes or durations that describe no animation."""


class PhotoError(InputError):
    """A file that is no usable photo."""


class NoFaceError(PhotoError):
    """A photo without a usable face."""


class LatentError(InputError):
    """A latent of another generator, or of a wrong shape."""


class BoundaryError(InputError):
    """Boundaries that do not fit the generator, or cannot be fitted to the data."""


class CheckpointError(InputError):
    """A model file that is refused, damaged or of an unknown format."""


class OutputError(FacsmithError):
    """A result that could not be written; nothing half-written is left behind."""


class MissingExtraError(FacsmithError, ImportError):
    """A package of one of facsmith's extras is needed and not installed."""


class ModelUnavailableError(FacsmithError):
    """Weights that are neither on this machine nor downloadable from here."""
