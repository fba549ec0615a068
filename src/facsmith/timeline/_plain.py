"""YAML from strangers as plain values: counted before anything is built, nothing constructed, no key lost."""

from collections.abc import Hashable, Iterable
from typing import Any, cast

from facsmith.errors import InputError, TimelineError

__all__ = ["load_plain", "shown"]

_MAX_NODES = 100_000
_MAX_DEPTH = 12


def load_plain(text: str) -> Any:
    """The values of one YAML document: mappings, lists, text, numbers, booleans.

    Raises
    ------
    TimelineError
        No YAML, more than one document, aliases, a key given twice, or too much of it.
    """
    import yaml

    module: Any = yaml
    loader: Any = getattr(module, "CSafeLoader", module.SafeLoader)
    try:
        _count(module.parse(text, Loader=loader), module)
        return module.load(text, Loader=_strict(loader))
    except module.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise TimelineError(f"{line}no valid YAML: {problem}.") from error
    except (ValueError, TypeError) as error:  # a date that is none, a key that cannot be one
        if isinstance(error, InputError):
            raise
        raise TimelineError(f"no valid YAML: {error}.") from error


def shown(value: Any) -> str:
    """A value as a refusal quotes it."""
    if value is None:
        return "missing"
    text = f"a {type(cast(object, value)).__name__}" if isinstance(value, list | dict) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _count(events: Iterable[Any], module: Any) -> None:
    depth = 0
    for count, event in enumerate(events):
        if isinstance(event, module.AliasEvent):
            raise TimelineError(f"line {event.start_mark.line + 1}: aliases (*name) are not read; write it out.")
        depth += isinstance(event, module.CollectionStartEvent) - isinstance(event, module.CollectionEndEvent)
        if count > _MAX_NODES or depth > _MAX_DEPTH:
            raise TimelineError("too many or too deeply nested values for a timeline.")


def _strict(loader: Any) -> Any:
    """The safe loader; a key that is given twice is refused instead of the last one winning."""

    def construct_mapping(self: Any, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if not all(isinstance(key, Hashable) for key in keys):
            raise TimelineError(f"line {node.start_mark.line + 1}: a list or a mapping is no name for a value.")
        twice = next((key for key in keys if keys.count(key) > 1), None) if len(set(keys)) < len(keys) else None
        if twice is not None:
            raise TimelineError(f"line {node.start_mark.line + 1}: {shown(twice)} is given twice.")
        return loader.construct_mapping(self, node, deep=deep)

    return type("Strict", (loader,), {"construct_mapping": construct_mapping})
