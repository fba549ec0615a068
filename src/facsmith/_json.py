"""JSON out of files that others made: nested too deep is one more way of being damaged."""

import json
from typing import Any, TypeGuard

__all__ = ["is_list", "is_record", "parse_json"]


def parse_json(text: str | bytes) -> Any:
    """What ``json.loads`` gives.

    Raises
    ------
    ValueError
        It is no JSON, or nested deeper than Python can follow.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def is_record(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether it is a JSON object: a dict, for the type checker one of strings to anything."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether it is a JSON array: a list, for the type checker one of anything."""
    return isinstance(value, list)
