"""From options to a running web server."""

import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from facsmith import _optional
from facsmith.animator import Animator
from facsmith.studio.options import StudioOptions
from facsmith.studio.sessions import Sessions

if TYPE_CHECKING:
    import uvicorn

    from facsmith.studio.web import Gate

__all__ = ["application", "make_server", "serve"]

_BODY = 1.4
"""A request body in uploads: base64 takes a third more, and some room for the rest."""


def application(animator: Animator, options: StudioOptions) -> "Gate":
    """The studio as an ASGI application; its sessions end with it."""
    # Before Gradio is imported: no statistics, no look at a hub for news.
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1")
    import gradio as gr
    from fastapi import FastAPI, HTTPException
    from fastapi.responses import FileResponse, Response

    from facsmith.studio.app import build
    from facsmith.studio.boards import STYLE
    from facsmith.studio.web import Gate

    sessions = Sessions(animator, options)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        sessions.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/download/{token}")
    def download(token: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        found = sessions.fetch(token)
        if found is None:
            raise HTTPException(404, "This file is gone; make it again.")
        name, file = found
        headers = {"cache-control": "no-store"}
        if isinstance(file, Path):
            return FileResponse(file, filename=name, headers=headers)
        return Response(file(), headers={**headers, "content-disposition": f'attachment; filename="{name}"'})

    gradio: Any = gr  # typed in part
    fonts = ["system-ui", "-apple-system", "Segoe UI", "sans-serif"]
    theme: Any = gradio.themes.Base(font=fonts, font_mono=["ui-monospace", "monospace"])
    # Light for everyone: pictures are judged against one ground.
    for name in [name for name in cast("dict[str, Any]", vars(theme)) if name.endswith("_dark")]:
        delattr(theme, name)
    gradio.mount_gradio_app(
        app,
        build(sessions),
        path="",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        show_error=True,
        max_file_size=1,
        theme=theme,
        css=STYLE.read_text(encoding="utf-8"),
    )
    return Gate(app, auth=options.auth, local=options.is_local, max_bytes=int(_BODY * options.max_bytes) + 65536)


def make_server(animator: Animator, options: StudioOptions, *, ready: Callable[[str], None]) -> "uvicorn.Server":
    """A server to ``run()``, in any thread; ``should_exit`` ends it.

    Parameters
    ----------
    ready
        Told the page's address once it is open.
    """
    _optional.load("gradio")
    import uvicorn

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                port = self.servers[0].sockets[0].getsockname()[1]
                ready(f"http://{f'[{options.host}]' if ':' in options.host else options.host}:{port}/")

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # An open page listens for ever: waiting for it, Ctrl-C would end nothing until the last visitor has left.
            for connection in self.server_state.connections:
                connection.transport.close()
            await super().shutdown(sockets)

    app = application(animator, options)
    return Announcing(uvicorn.Config(app, host=options.host, port=options.port, log_level="warning", ws="none"))


def serve(animator: Animator, options: StudioOptions, *, ready: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    ready
        Told the page's address once it can be opened.
    """
    make_server(animator, options, ready=ready).run()
