"""JSON out of files that others made: nested too deep is one more way of being damaged."""

import json
from typing import Any

__all__ = ["parse_json"]


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
