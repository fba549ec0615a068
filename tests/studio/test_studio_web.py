"""The gate: an ASGI application behind it is reached by those who may, and with what is bounded."""

import asyncio
import base64
import json
import sys

import pytest

from facsmith.__main__ import main
from facsmith.errors import MissingExtraError
from facsmith.studio import StudioOptions, make_server
from facsmith.studio.web import Gate


class Behind:
    """Remembers what reached it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope, receive, send) -> None:
        self.bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"welcome"})


def ask(gate, path="/", *, method="GET", headers=(), parts=(b"",)):
    """(status, headers, body) of one request."""
    messages = [{"type": "http.request", "body": part, "more_body": i < len(parts) - 1} for i, part in enumerate(parts)]
    sent = []

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    known = {b"host": b"127.0.0.1:7860"} | dict(headers)
    scope = {"type": "http", "method": method, "path": path, "headers": list(known.items())}
    asyncio.run(gate(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(m.get("body", b"") for m in sent[1:])


@pytest.fixture
def behind():
    return Behind()


def test_the_page_forbids_other_hosts(behind):
    status, headers, body = ask(Gate(behind, auth=None, local=True, max_bytes=100))
    assert (status, body) == (200, b"welcome")
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'self'" in policy and "http" not in policy and "*" not in policy


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/upload", "/gradio_api/file=/etc/passwd", "/gradio_api/proxy=http://x", "/gradio_api/stream/x",
     "/gradio_api/component_server", "/gradio_api/file/x", "/monitoring", "/gradio_api/vibe-edit", "/login",
     "/gradio_api/process_recording", "/gradio_api/call/x", "//gradio_api/upload", "/config/../gradio_api/upload"],
)  # fmt: skip
def test_doors_that_the_page_does_not_need_are_shut(behind, path):
    gate = Gate(behind, auth=None, local=True, max_bytes=100)
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert ask(gate, path, method=method)[0] == 404
    assert behind.bodies == []


@pytest.mark.parametrize("host", [b"evil.example", b"127.0.0.1.evil.example:7860", b"", b"192.168.1.5"])
def test_this_machine_answers_to_its_own_names(behind, host):
    assert ask(Gate(behind, auth=None, local=True, max_bytes=100), headers={b"host": host})[0] == 421
    assert ask(Gate(behind, auth=None, local=False, max_bytes=100), headers={b"host": host})[0] == 200


@pytest.mark.parametrize("host", [b"localhost:1", b"127.0.0.1", b"[::1]:7860"])
def test_own_names(behind, host):
    assert ask(Gate(behind, auth=None, local=True, max_bytes=100), headers={b"host": host})[0] == 200


@pytest.mark.parametrize("said", [b"", b"Basic", b"Basic !!!", b"Basic " + base64.b64encode(b"ann:wrong"), b"Bearer x"])
def test_strangers_are_asked_for_the_password(behind, said):
    gate = Gate(behind, auth="ann:sécret:x", local=False, max_bytes=100)
    status, headers, _ = ask(gate, headers={b"authorization": said})
    assert status == 401 and headers[b"www-authenticate"].startswith(b"Basic")
    assert behind.bodies == []
    known = b"Basic " + base64.b64encode("ann:sécret:x".encode())
    assert ask(gate, headers={b"authorization": known})[0] == 200


def test_bodies_are_bounded_as_they_arrive(behind):
    gate = Gate(behind, auth=None, local=True, max_bytes=100)
    join = "/gradio_api/queue/join"
    assert ask(gate, join, method="POST", parts=[b"x" * 60, b"x" * 60])[0] == 413
    assert behind.bodies == []
    assert ask(gate, join, method="POST", parts=[b"x" * 60, b"x" * 40])[0] == 200
    assert behind.bodies == [b"x" * 100]


def test_no_file_is_named(behind):
    gate = Gate(behind, auth=None, local=True, max_bytes=10_000)
    named = {"data": [[{"x": {"path": "http://elsewhere/x", "meta": {"_type": "gradio.FileData"}}}]]}
    for body in (json.dumps(named), json.dumps(named).replace("path", "p\\u0061th"), "[" * 9000):
        assert ask(gate, "/gradio_api/queue/join", method="POST", parts=[body.encode()])[0] == 400
    assert behind.bodies == []
    assert ask(gate, "/gradio_api/queue/join", method="POST", parts=[b'{"data": [{"left": {}}]}'])[0] == 200


def test_the_command_refuses_other_hosts_without_a_password(capsys, monkeypatch):
    monkeypatch.delenv("FACSMITH_STUDIO_AUTH", raising=False)
    assert main(["studio", "--host", "0.0.0.0", "--no-open"]) == 2
    assert "--auth user:password" in capsys.readouterr().err


def test_without_the_extra_its_name_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)  # as where it is not installed
    with pytest.raises(MissingExtraError, match=r"facsmith\[studio\]"):
        make_server(None, StudioOptions(), ready=print)


def test_the_help_names_the_extra_whole(capsys):
    assert main(["studio", "--help"]) == 0
    assert "facsmith[studio]" in capsys.readouterr().out
