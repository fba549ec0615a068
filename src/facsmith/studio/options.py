"""Where the studio listens, who may come in, and how much a visitor may bring."""

import ipaddress
from dataclasses import dataclass, field

from facsmith.errors import InputError
from facsmith.options import AnimateOptions

__all__ = ["StudioOptions"]


@dataclass(frozen=True)
class StudioOptions:
    """How the studio is served.

    Parameters
    ----------
    host
        An address to listen on; any but this machine's own (loopback) demands ``auth``.
    port
        0 takes a free one.
    auth
        ``"user:password"``.
    max_bytes
        Largest upload, in bytes.
    max_pixels
        Largest photo, in pixels.
    max_sessions
        Browsers whose work is kept; the longest unused makes room.
    grace
        Seconds for which a page that was closed, lost or loaded anew finds its work again.
    animate
        How photos are encoded, edited and composed.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    auth: str | None = field(default=None, repr=False)
    max_bytes: int = 24 << 20
    max_pixels: int = 36_000_000
    max_sessions: int = 24
    grace: float = 900.0
    animate: AnimateOptions = field(default_factory=AnimateOptions)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InputError(f"Port {self.port} does not exist; give 1 to 65535, or 0 for a free one.")
        if min(self.max_bytes, self.max_pixels, self.max_sessions) < 1 or not self.grace >= 0:
            raise InputError("The studio's limits are positive numbers.")
        if self.auth is not None:
            user, colon, password = self.auth.partition(":")
            if not (user and colon and password):
                raise InputError("--auth takes user:password, both of them not empty.")
        if self.auth is None and not self.is_local:
            raise InputError(
                f"On {self.host} others could reach the studio and the photos in it. Give --auth user:password, "
                "or listen on 127.0.0.1."
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can come in."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
