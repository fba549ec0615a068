"""The page's wires over HTTP, without a browser: many visitors at once, their turns, and work that is called off."""

import asyncio
import base64
import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from facsmith.animate import AnimateOptions, Animation
from facsmith.facs import AUS, ActionUnits
from facsmith.inversion import InversionOptions
from facsmith.latent import Latent
from facsmith.studio import StudioOptions, make_server
from facsmith.studio.phases import Score
from facsmith.studio.pose import Pose

QUICK = AnimateOptions(fps=8, inversion=InversionOptions(iterations=2))
PATIENCE = 60


class Visitor:
    """Sends what the page's script would send, and hears what it would hear."""

    def __init__(self, url: str, name: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=PATIENCE)
        self.name = name
        config = self.http.get("config").json()
        parts = {c["id"]: c for c in config["components"]}
        self._calls: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for call in config["dependencies"]:
            for target, event in call["targets"]:
                props = parts[target]["props"]
                key = props.get("elem_id") or props.get("value")
                self._calls.setdefault((str(key), event), []).append(call)
        self.status = next(i for i, c in parts.items() if c["props"].get("elem_id") == "status")

    def ask(self, part: str, event: str, sent: Any = None, value: Any = None) -> "Answer":
        """Join the queue. sent: the event's data; value: the board's, where the handler takes it."""
        call = next(c for c in self._calls[part, event] if c["backend_fn"])
        body = {
            "data": [value] if call["inputs"] else [],
            "event_data": sent,
            "fn_index": call["id"],
            "session_hash": self.name,
            "trigger_id": None,
        }
        answer = self.http.post("gradio_api/queue/join", json=body)
        assert answer.status_code == 200, answer.text
        return Answer(self, answer.json()["event_id"], call["outputs"])

    def load(self, photo: np.ndarray) -> "Answer":
        return self.ask("photo", "photo", {"name": "her.png", "data": base64.b64encode(png(photo)).decode()})

    def download(self, kind: str) -> bytes:
        said = self.ask("exports", "make", {"kind": kind}).text()
        href = re.search(r"download/[\w-]+", said)
        assert href, said
        return self.http.get(href[0]).content


class Answer:
    """What comes back for one event, as it comes."""

    def __init__(self, visitor: Visitor, event: str, outputs: list[int]) -> None:
        self.lines: list[str] = []
        self.over = threading.Event()
        self._event, self._http = event, visitor.http
        self._name = visitor.name
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with self._http.stream("GET", "gradio_api/queue/data", params={"session_hash": self._name}) as stream:
            for line in stream.iter_lines():
                if not line.startswith("data:") or json.loads(line[5:]).get("event_id") not in (self._event, None):
                    continue
                self.lines.append(line)
                if json.loads(line[5:])["msg"] in ("process_completed", "close_stream"):
                    break
        self.over.set()

    def text(self) -> str:
        """Everything, once it is over."""
        assert self.over.wait(PATIENCE), self.lines
        return "\n".join(self.lines)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def studio(make_animator) -> Iterator[Callable[[str], Visitor]]:
    """Visitors of a running studio whose networks are fakes."""
    loop = asyncio.new_event_loop()  # Gradio takes the thread's, or leaves one behind
    asyncio.set_event_loop(loop)
    address: list[str] = []
    server = make_server(make_animator(), StudioOptions(port=0, animate=QUICK), ready=address.append)
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + PATIENCE
    while not address and time.monotonic() < until:
        time.sleep(0.05)
    visitors: list[Visitor] = []

    def visit(name: str) -> Visitor:
        visitors.append(Visitor(address[0], name))
        return visitors[-1]

    yield visit
    for visitor in visitors:
        visitor.http.close()
    server.should_exit = True
    thread.join(PATIENCE)
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def held(monkeypatch) -> Iterator[threading.Event]:
    """Films stop at their second frame until this is set; ``begun`` is set when the first one stands there."""
    gate, begun = threading.Event(), threading.Event()
    frames = Animation.frames

    def slowly(self, progress=None):
        for number, frame in enumerate(frames(self, progress)):
            if number == 1:
                begun.set()
                gate.wait(PATIENCE)
            yield frame

    monkeypatch.setattr(Animation, "frames", slowly)
    gate.begun = begun
    yield gate
    gate.set()


def test_ten_visitors_at_once_get_what_the_api_gives(studio, make_animator, photo):
    """Each with a photo and an expression of their own, all in the same seconds."""
    photos = [np.roll(photo, 7 * n, axis=1) // (1 + n % 2) for n in range(10)]
    asked = [ActionUnits({AUS[n]: 0.5 + n / 20}) for n in range(10)]

    def work(number: int) -> tuple[bytes, bytes]:
        visitor = studio(f"visitor{number}")
        visitor.load(photos[number]).text()
        value = Pose(asked[number]).to_json() | {"turn": 10}
        moved = visitor.ask("expression", "settle", None, value).text()
        assert f"AU{AUS[number]}=" in moved
        return visitor.download("latent"), visitor.download("png")

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(work, range(10)))
    animator = make_animator()
    for number, (latent, archive) in enumerate(results):
        subject = animator.prepare(photos[number], options=QUICK)
        ws, _ = subject.latent.ws, (kept := io.BytesIO(latent))
        assert np.array_equal(loaded(kept).ws, ws), number
        files = zipfile.ZipFile(io.BytesIO(archive))
        names = sorted(name for name in files.namelist() if name.endswith(".png"))
        timeline = Score.of().timeline(subject.source, asked[number])
        theirs = list(animator.animate(subject, timeline, options=QUICK).frames())
        assert len(names) == len(theirs)
        for name, frame in zip(names, theirs, strict=True):
            assert np.array_equal(np.array(Image.open(files.open(name)).convert("RGB")), frame), (number, name)


def loaded(data: io.BytesIO) -> Latent:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "latent.safetensors"
        path.write_bytes(data.getvalue())
        return Latent.load(path)


def test_a_long_film_keeps_nobody_else_from_working(studio, photo, held):
    busy, other = studio("busy"), studio("other")
    busy.load(photo).text()
    film = busy.ask("exports", "make", {"kind": "mp4"})
    assert held.begun.wait(PATIENCE)
    assert "pixels" in other.load(photo[:, ::-1].copy()).text()  # loaded and encoded
    moved = other.ask("expression", "settle", None, Pose(ActionUnits({12: 1.0})).to_json() | {"turn": 10}).text()
    assert "AU12=1.00" in moved
    assert not film.over.is_set()
    held.set()
    assert "is ready" in film.text()


def test_what_waits_for_its_turn_can_be_called_off(studio, photo, held):
    first, second = studio("first"), studio("second")
    for visitor in (first, second):
        visitor.load(photo).text()
    film = first.ask("exports", "make", {"kind": "mp4"})
    assert held.begun.wait(PATIENCE)
    waiting = second.ask("exports", "make", {"kind": "mp4"})
    time.sleep(0.3)
    assert "Cancelled." in second.ask("status", "cancel").text()
    later = second.ask("exports", "make", {"kind": "yaml"})  # asked for afterwards: it comes
    held.set()
    assert "is ready" in film.text()
    said = waiting.text()
    assert "is ready" not in said and "Rendering" not in said
    assert "is ready" in later.text()


def test_a_film_that_runs_is_called_off(studio, photo, held):
    visitor = studio("one")
    visitor.load(photo).text()
    film = visitor.ask("exports", "make", {"kind": "mp4"})
    assert held.begun.wait(PATIENCE)
    assert "Cancelling" in visitor.ask("status", "cancel").text()
    held.set()
    assert "Cancelled." in film.text() and "is ready" not in film.text()


def test_a_new_face_takes_the_place_of_the_film_of_the_old_one(studio, photo, held):
    visitor = studio("one")
    visitor.load(photo).text()
    film = visitor.ask("exports", "make", {"kind": "mp4"})
    assert held.begun.wait(PATIENCE)
    loading = visitor.load(photo[:, ::-1].copy())
    assert "pixels" in loading.text()
    held.set()
    assert "is ready" not in film.text()
