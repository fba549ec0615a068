"""The registry, the cache, and downloads: from a server of this test, never from the network."""

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from checkpoint_forge import ada_pickle, random_stylegan2

from facsmith.checkpoint import MODELS, cache_dir, cached_path, download, entries, info, load_generator, pull
from facsmith.errors import CheckpointError, ModelUnavailableError, OutputError

NAME = "stylegan2-ffhq-256"


class Server:
    """Answers every path with ``body`` and ``status``; counts requests."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.server.shutdown()
    server.server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


def publish(monkeypatch: pytest.MonkeyPatch, name: str = NAME, **changes: object) -> None:
    monkeypatch.setitem(MODELS, name, replace(MODELS[name], **changes))  # type: ignore[arg-type]


# The registry


def test_the_registry_names_each_file_once_with_licence_address_and_origin() -> None:
    assert {"stylegan1-ffhq-1024", "stylegan1-celebahq-1024", "stylegan2-ffhq-1024", NAME} <= set(MODELS)
    assert {MODELS["vgg16"].kind, MODELS["face-landmarker"].kind} == {"descriptor", "landmarks"}
    assert len({entry.filename for entry in MODELS.values()}) == len(MODELS)
    for name, entry in MODELS.items():
        assert entry.name == name
        assert entry.url.startswith("https://")
        assert entry.licence
        assert entry.origin


def test_a_figure_that_is_not_published_is_said_to_be_so() -> None:
    for entry in MODELS.values():
        assert (entry.sha256 is None) == ("not published" in entry.origin)
        assert entry.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
        told = info(entry.name)
        assert told["sha256"] == (entry.sha256 or "not published")
        assert told["size"] == "not published" or entry.size
    assert [row["name"] for row in entries()] == list(MODELS)


def test_vgg16s_hash_begins_with_the_digits_of_its_file_name() -> None:
    entry = MODELS["vgg16"]
    assert entry.sha256 is not None
    assert entry.filename == f"vgg16-{entry.sha256[:8]}.pth"


# The cache


def test_the_cache_is_where_the_environment_says_or_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACSMITH_CACHE", "~/models")
    assert cache_dir() == Path.home() / "models"
    monkeypatch.delenv("FACSMITH_CACHE")
    assert cache_dir().name == "facsmith"


def test_a_file_put_into_the_cache_by_hand_needs_no_network(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, url=f"{server.url}/network.pkl")
    path = cached_path(NAME)
    path.parent.mkdir(parents=True)
    path.write_bytes(ada_pickle(random_stylegan2()))
    assert pull(NAME) == path
    assert not server.requests
    assert info(NAME)["in_cache"]


def test_a_wrong_file_in_the_cache_is_named_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, sha256="0" * 64)
    path = cached_path(NAME)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x80\x04N.")
    with pytest.raises(CheckpointError, match="delete it and pull again"):
        pull(NAME)
    assert path.exists()


# Downloads


def test_a_download_is_verified_and_kept(
    server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    server.body = ada_pickle(random_stylegan2())
    publish(
        monkeypatch,
        url=f"{server.url}/network.pkl",
        size=len(server.body),
        sha256=hashlib.sha256(server.body).hexdigest(),
    )
    assert pull(NAME).read_bytes() == server.body
    assert "100%" in capfd.readouterr().err
    pull(NAME)
    assert server.requests == ["/network.pkl"]


@pytest.mark.parametrize(
    ("body", "changes", "match"),
    [
        (b"\x80\x04N.", {"sha256": "0" * 64}, "sha256"),
        (b"\x80\x04N.", {"size": 999}, "4 bytes instead of 999"),
        (b"<!DOCTYPE html><html>Virus scan warning", {}, "web page"),
        (b"", {}, "0 bytes"),
    ],
)
def test_a_download_that_is_not_the_published_file_is_not_kept(
    body: bytes, changes: dict, match: str, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.body = body
    publish(monkeypatch, url=f"{server.url}/network.pkl", **changes)
    with pytest.raises(CheckpointError, match=match) as caught:
        pull(NAME, progress=False)
    assert "not kept" in str(caught.value)
    assert not any(cache.iterdir())


def test_a_machine_without_connection_is_told_which_file_to_put_where(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/network.pkl"
    publish(monkeypatch, url=url)
    with pytest.raises(ModelUnavailableError) as caught:
        load_generator(NAME)
    message = str(caught.value)
    assert url in message
    assert str(cached_path(NAME)) in message
    assert "no connection" in message
    assert not any(cache.iterdir())


def test_a_server_that_refuses_is_quoted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.status = 404
    publish(monkeypatch, url=f"{server.url}/network.pkl")
    with pytest.raises(ModelUnavailableError, match="answered 404"):
        pull(NAME, progress=False)


def test_a_cache_that_cannot_be_written_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FACSMITH_CACHE", str(tmp_path / "file"))
    publish(monkeypatch, url=f"{server.url}/network.pkl")
    with pytest.raises(OutputError):
        pull(NAME, progress=False)


def test_google_drives_click_is_answered_in_the_address() -> None:
    address = download._direct(MODELS["stylegan1-ffhq-1024"].url)
    assert address.startswith("https://drive.usercontent.google.com/download?id=1MEGjdvVpUsu1jB4zrXZN7Y4kBBOzizDQ&")
    assert download._direct(MODELS["vgg16"].url) == MODELS["vgg16"].url


def test_a_named_generator_is_pulled_and_converted_once(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = random_stylegan2()
    server.body = ada_pickle(network)
    publish(monkeypatch, url=f"{server.url}/network.pkl")
    first = load_generator(NAME)
    cached_path(NAME).unlink()
    second = load_generator(NAME)
    assert server.requests == ["/network.pkl"]
    assert first.generator_id == second.generator_id
    told = info(cache / f"{NAME}.safetensors")
    assert told["metadata"]["licence"] == MODELS[NAME].licence
    torch.testing.assert_close(second.w_avg, network.w_avg)


def test_a_model_that_is_no_generator_is_not_loaded_as_one() -> None:
    with pytest.raises(CheckpointError, match="no generator"):
        load_generator("vgg16")


def test_an_unknown_name_is_answered_with_the_closest() -> None:
    with pytest.raises(CheckpointError, match="Did you mean vgg16"):
        pull("vgg-16")
