"""Modules that another library imports at its start and hardly ever uses: loaded when something of them is used."""

import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

__all__ = ["late"]


class _Late(ModuleType):
    """Stands for a module until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system's own questions load nothing
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def late(*names: str) -> Generator[None]:
    """While it lasts, an import of these modules gives what stands for them; whoever kept that has the real one on use.

    Modules that are there already are left alone, and so are those whose package is.

    Parameters
    ----------
    names
        Packages before their submodules: ``"matplotlib", "matplotlib.pyplot"``.
    """
    stand_ins: dict[str, ModuleType] = {}
    for name in names:
        package, _, own = name.rpartition(".")
        if name in sys.modules or (package in sys.modules and package not in stand_ins):
            continue
        sys.modules[name] = stand_ins[name] = _Late(name)
        if package in stand_ins:
            setattr(stand_ins[package], own, stand_ins[name])
    try:
        yield
    finally:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
