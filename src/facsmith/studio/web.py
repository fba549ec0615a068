"""The gate before the page: who may come in, how much may be sent, and which doors of the web framework stay shut.

Conventions: plain ASGI; nothing here knows Gradio but by the names of its routes.
"""

import base64
import json
import secrets
from typing import Any, Final, cast

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facsmith._json import is_list

__all__ = ["Gate"]

_OPEN: Final = {
    "GET": (
        "", "config", "theme.css", "assets/", "static/", "svelte/", "favicon.ico", "robots.txt", "manifest.json",
        "gradio_api/theme.css", "gradio_api/info", "gradio_api/openapi.json", "gradio_api/app_id",
        "gradio_api/startup-events", "gradio_api/user", "gradio_api/login_check", "gradio_api/heartbeat/",
        "gradio_api/queue/", "download/",
    ),
    "POST": ("gradio_api/queue/join", "gradio_api/cancel", "gradio_api/reset"),
}  # fmt: skip
"""What the page and scripts (`gradio_client`) ask for. Gradio's other routes stay shut: those by which files come in,
go out, or are fetched from elsewhere. A name that ends in a slash stands for all below it.
"""

_POLICY: Final = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'self'; "
    "form-action 'self'; object-src 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


class Gate:
    """Wraps an ASGI application.

    A request without the right user and password gets no further; one that calls this machine by a stranger's name
    neither, when only this machine may come in (a page elsewhere whose name was pointed here would). Bodies are bounded
    and name no files. Every answer forbids the browser to ask any other host.

    Parameters
    ----------
    auth
        ``user:password`` or None.
    local
        Answer to this machine's own names only.
    max_bytes
        Largest body of a request, in bytes.
    """

    def __init__(self, app: ASGIApp, *, auth: str | None, local: bool, max_bytes: int) -> None:
        self._app = app
        self._auth = None if auth is None else auth.encode()
        self._local = local
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            request, send = Request(scope, receive), _with_headers(send)
            refusal = self._refusal(request)
            if refusal is None and request.method == "POST":
                body = await _whole(request, self._max_bytes)
                if body is None:
                    refusal = _refused(413, f"At most {self._max_bytes / 1e6:.0f} MB are taken here.")
                elif _names_a_file(body):
                    refusal = _refused(400, "No file can be named here.")
                else:
                    receive = _again(body, receive)
            await (refusal or self._app)(scope, receive, send)

    def _refusal(self, request: Request) -> PlainTextResponse | None:
        """Why a request gets no further, as far as that is known without its body."""
        if self._local and _host(request.headers.get("host", "")) not in {"127.0.0.1", "localhost", "::1"}:
            return _refused(421, "This studio answers to its own machine only: http://127.0.0.1.")
        if self._auth is not None and not _knows(request.headers.get("authorization", ""), self._auth):
            ask = {"www-authenticate": 'Basic realm="facsmith studio", charset="UTF-8"'}
            return _refused(401, "User and password, please.", ask)
        return None if _is_open(request.method, request.scope["path"]) else _refused(404, "There is nothing here.")


def _host(value: str) -> str:
    name = value.lower()
    return name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]


def _knows(given: str, auth: bytes) -> bool:
    scheme, _, encoded = given.partition(" ")
    return scheme.lower() == "basic" and secrets.compare_digest(encoded.encode(), base64.b64encode(auth))


def _is_open(method: str, path: str) -> bool:
    plain = path.strip("/")
    known = _OPEN.get("GET" if method == "HEAD" else method, ())
    return any(plain == door or (door.endswith("/") and plain.startswith(door)) for door in known)


async def _whole(request: Request, most: int) -> bytes | None:
    """A request's body; None where it is longer than ``most`` bytes, of which no more are held."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            return None
    return bytes(body)


def _names_a_file(body: bytes) -> bool:
    """Whether the JSON holds what Gradio takes for a file or an address, and would open or fetch."""
    try:
        waiting: list[Any] = [json.loads(body)]
    except ValueError:
        return False  # Gradio reads nothing but JSON here
    except RecursionError:
        return True
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            if "path" in fields:
                return True
            waiting.extend(fields.values())
        elif is_list(value):
            waiting.extend(value)
    return False


def _again(body: bytes, receive: Receive) -> Receive:
    """The body as one message, then whatever follows."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return sending


def _refused(status: int, sentence: str, headers: dict[str, str] | None = None) -> PlainTextResponse:
    return PlainTextResponse(f"{sentence}\n", status, headers)
