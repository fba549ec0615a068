"""What the page sent: who, when, and the fields of a message, each checked where it is taken."""

import base64
import binascii
from typing import Any

import gradio as gr

from facsmith.errors import InputError

__all__ = ["field", "file", "sent", "turn", "visitor"]


def visitor(request: gr.Request) -> str:
    """The key of a page that is open, or of a script."""
    return str(request.session_hash)


def sent(event: gr.EventData) -> Any:
    """What came with an event."""
    return getattr(event, "_data", None)


def turn(value: Any) -> int:
    """The number of a slider's movement; 0 where it is none."""
    number = field(value, "turn") if isinstance(value, dict) and "turn" in value else 0
    return number if isinstance(number, int) and 0 <= number < 1 << 50 else 0


def field(value: Any, name: str) -> Any:
    """One field of what the page sent."""
    if not isinstance(value, dict) or name not in value:
        raise InputError("The page sent something that cannot be read; reload it.")
    return value[name]  # pyright: ignore[reportUnknownVariableType]


def file(value: Any) -> tuple[bytes, str]:
    """The bytes and the name of a file that the page sent."""
    try:
        return base64.b64decode(str(field(value, "data")), validate=True), str(field(value, "name"))
    except binascii.Error as error:
        raise InputError("The file did not arrive whole; send it again.") from error
