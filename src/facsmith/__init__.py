"""facsmith: one face photo and FACS Action Units in, a facial-expression animation out.

>>> from facsmith import Animator
>>> film = Animator.from_pretrained().animate("her.jpg", "happiness")  # doctest: +SKIP
>>> film.save("happy.mp4")  # doctest: +SKIP

Every public name is loaded when it is first used: ``import facsmith`` alone costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facsmith.animator import Animator
    from facsmith.boundary import Boundary, BoundarySet
    from facsmith.bundle import Bundle, load_bundle
    from facsmith.checkpoint import load_generator
    from facsmith.errors import FacsmithError
    from facsmith.facs import AUS, DISFA, EMOTIONS, ActionUnits, Emotion, parse_expression
    from facsmith.film import Animation, Picture
    from facsmith.footage import FilmChange, FilmOptions, FilmReceipt
    from facsmith.generator import Generator
    from facsmith.inversion import Inversion, InversionOptions
    from facsmith.latent import Latent
    from facsmith.options import AnimateOptions
    from facsmith.receipt import Receipt
    from facsmith.subject import Subject
    from facsmith.timeline import Keyframe, Timeline

__version__ = "0.2.0"

__all__ = [
    "AUS",
    "DISFA",
    "EMOTIONS",
    "ActionUnits",
    "AnimateOptions",
    "Animation",
    "Animator",
    "Boundary",
    "BoundarySet",
    "Bundle",
    "Emotion",
    "FacsmithError",
    "FilmChange",
    "FilmOptions",
    "FilmReceipt",
    "Generator",
    "Inversion",
    "InversionOptions",
    "Keyframe",
    "Latent",
    "Picture",
    "Receipt",
    "Subject",
    "Timeline",
    "__version__",
    "load_bundle",
    "load_generator",
    "parse_expression",
]

_HOME = {
    "animator": ("Animator",),
    "boundary": ("Boundary", "BoundarySet"),
    "bundle": ("Bundle", "load_bundle"),
    "checkpoint": ("load_generator",),
    "errors": ("FacsmithError",),
    "film": ("Animation", "Picture"),
    "footage": ("FilmChange", "FilmOptions", "FilmReceipt"),
    "facs": ("AUS", "DISFA", "EMOTIONS", "ActionUnits", "Emotion", "parse_expression"),
    "generator": ("Generator",),
    "inversion": ("Inversion", "InversionOptions"),
    "latent": ("Latent",),
    "options": ("AnimateOptions",),
    "receipt": ("Receipt",),
    "subject": ("Subject",),
    "timeline": ("Keyframe", "Timeline"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(f"facsmith.{module}"), name)
    raise AttributeError(f"module 'facsmith' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
