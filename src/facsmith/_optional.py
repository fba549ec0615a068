"""Packages of an extra, loaded where they are used: the one sentence when they are not installed is made here."""

import importlib
from typing import Any, Final

from facsmith.errors import MissingExtraError

__all__ = ["load"]

_EXTRAS: Final = {
    "c2pa": ("c2pa-python", "signed"),
    "cryptography": ("cryptography", "signed"),
    "gradio": ("Gradio", "studio"),
    "matplotlib": ("Matplotlib", "plots"),
    "ray": ("Ray", "ray"),
    "skimage": ("scikit-image", "lab"),
    "sklearn": ("scikit-learn", "lab"),
}


def load(module: str) -> Any:
    """A module of an optional package, untyped: these packages have no stubs, or partial ones.

    Parameters
    ----------
    module : str
        Its full name, such as ``"sklearn.svm"``.

    Raises
    ------
    MissingExtraError
        The package is not installed; the sentence names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != top:
            raise  # something that the package itself needs
        package, extra = _EXTRAS[top]
        raise MissingExtraError(
            f"{package} is not installed here. Install it: pip install 'facsmith[{extra}]'."
        ) from error
