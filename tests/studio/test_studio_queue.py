"""The page's wires over HTTP, without a browser: many visitors at once, their turns, and work that is called off."""

import base64
import io
import json
import os
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fake_studio import QUICK
from PIL import Image

from facsmith.face_region import FaceRegion
from facsmith.facs import DISFA, ActionUnits
from facsmith.latent import Latent
from facsmith.studio.phases import Score
from facsmith.studio.pictures import jpeg
from facsmith.studio.pose import Pose

PATIENCE = 60


class Answer:
    """What comes back for one event, as it comes."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.over = threading.Event()

    def text(self) -> str:
        """Everything, once it is over."""
        assert self.over.wait(PATIENCE), self.lines
        return "\n".join(self.lines)


class Visitor:
    """Sends what the page's script would send, and hears what it would hear."""

    def __init__(self, url: str, name: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=PATIENCE)
        self.name = name
        config = self.http.get("config").json()
        parts = {c["id"]: c["props"] for c in config["components"]}
        self._calls: dict[tuple[str, str], dict[str, Any]] = {}
        for call in config["dependencies"]:
            for target, event in call["targets"]:
                if target in parts and call["backend_fn"]:
                    props = parts[target]
                    self._calls[str(props.get("elem_id") or props.get("value")), event] = call
        self._answers: dict[str, Answer] = {}
        self._closed = threading.Event()
        self._ear = threading.Thread(target=self._listen)
        self._ear.start()
        (load,) = (c["id"] for c in config["dependencies"] if [event for _, event in c["targets"]] == ["load"])
        self._join(load, [{}]).text()

    def ask(self, part: str, event: str, sent: Any = None, value: Any = None) -> Answer:
        """Join the queue. sent: the event's data; value: the board's, where the handler takes it."""
        call = self._calls[part, event]
        return self._join(call["id"], [value] if call["inputs"] else [], sent)

    def _join(self, fn_index: int, data: list[Any], sent: Any = None) -> Answer:
        body = {
            "data": data,
            "event_data": sent,
            "fn_index": fn_index,
            "session_hash": self.name,
            "trigger_id": None,
        }
        reply = self.http.post("gradio_api/queue/join", json=body)
        assert reply.status_code == 200, reply.text
        return self._answers.setdefault(reply.json()["event_id"], Answer())

    def load(self, photo: np.ndarray) -> Answer:
        return self.ask("photo", "file", {"name": "her.png", "data": base64.b64encode(png(photo)).decode()})

    def download(self, kind: str) -> bytes:
        said = self.ask("exports", "make", {"kind": kind}).text()
        href = re.search(r"download/[\w-]+", said)
        assert href, said
        return self.http.get(href[0]).content

    def close(self) -> None:
        self._closed.set()
        self._ear.join(PATIENCE)
        self.http.close()

    def _listen(self) -> None:
        """One stream at a time, as it is for a page; it ends when nothing is waited for."""
        while not self._closed.wait(0.02):
            if all(answer.over.is_set() for answer in list(self._answers.values())):
                continue
            with self.http.stream("GET", "gradio_api/queue/data", params={"session_hash": self.name}) as stream:
                for line in stream.iter_lines():
                    if line.startswith("data:"):
                        self._hear(line, json.loads(line[5:]))

    def _hear(self, line: str, message: dict[str, Any]) -> None:
        if message.get("event_id"):
            answer = self._answers.setdefault(message["event_id"], Answer())
            answer.lines.append(line)
            if message["msg"] == "process_completed":
                answer.over.set()


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class Studio:
    """The program of `fake_studio`. Visitors come by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        with (folder / "stderr").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("fake_studio.py")), str(folder)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], 120)
        self.url = self.process.stdout.readline().strip() if ready else ""
        assert self.url.startswith("http"), (folder / "stderr").read_text()
        self.visitors: list[Visitor] = []

    def visit(self, name: str) -> Visitor:
        self.visitors.append(Visitor(self.url, name))
        return self.visitors[-1]

    def hold(self) -> None:
        """Films stop at their second frame."""
        (self.folder / "begun").unlink(missing_ok=True)
        (self.folder / "hold").touch()

    def film_stands(self) -> bool:
        """Waits until a film stands there."""
        until = time.monotonic() + PATIENCE
        while not (self.folder / "begun").exists() and time.monotonic() < until:
            time.sleep(0.02)
        return (self.folder / "begun").exists()

    def release(self) -> None:
        """Films go on."""
        (self.folder / "hold").unlink(missing_ok=True)

    def stop(self) -> None:
        for visitor in self.visitors:
            visitor.close()
        self.process.terminate()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    studio = Studio(tmp_path_factory.mktemp("studio"))
    yield studio
    studio.stop()
    assert "Traceback" not in (studio.folder / "stderr").read_text()


@pytest.fixture
def studio(running: Studio) -> Iterator[Studio]:
    yield running
    running.release()


@pytest.mark.slow
def test_ten_visitors_at_once_get_what_the_api_gives(studio, make_animator, photo, tmp_path):
    """Each with a photo and an expression of their own, all in the same seconds."""
    photos = [np.roll(photo, 7 * n, axis=1) // (1 + n % 2) for n in range(10)]
    asked = [ActionUnits({DISFA[n]: 0.5 + n / 20}) for n in range(10)]

    def work(number: int) -> tuple[str, bytes, bytes]:
        visitor = studio.visit(f"visitor{number}")
        visitor.load(photos[number]).text()
        value = Pose(asked[number]).to_json() | {"turn": 10}
        shown = visitor.ask("expression", "settle", None, value).text()
        return shown, visitor.download("latent"), visitor.download("openface")

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(work, range(10)))
    animator = make_animator()
    for number, (shown, latent, table) in enumerate(results):
        subject = animator.prepare(photos[number], options=QUICK)
        picture = animator.edit(subject, asked[number], options=QUICK).image
        assert jpeg(FaceRegion.around(subject).cut(picture)) in shown, number
        (tmp_path / "latent.safetensors").write_bytes(latent)
        assert np.array_equal(Latent.load(tmp_path / "latent.safetensors").ws, subject.latent.ws), number
        timeline = Score.of().timeline(subject.photo_aus, asked[number])
        animator.animate(subject, timeline, options=QUICK).save_tracks(openface=tmp_path / "track.csv")
        assert (tmp_path / "track.csv").read_bytes() == table, number


def test_a_long_film_keeps_nobody_else_from_working(studio, photo):
    busy, other = studio.visit("busy"), studio.visit("other")
    busy.load(photo).text()
    studio.hold()
    film = busy.ask("exports", "make", {"kind": "mp4"})
    assert studio.film_stands()
    assert "pixels" in other.load(photo[:, ::-1].copy()).text()  # loaded and encoded
    moved = other.ask("expression", "settle", None, Pose(ActionUnits({12: 1.0})).to_json() | {"turn": 10}).text()
    assert "AU12=1.00" in moved
    assert not film.over.is_set()
    studio.release()
    assert "is ready" in film.text()


def test_what_waits_for_its_turn_can_be_called_off(studio, photo):
    first, second = studio.visit("first"), studio.visit("second")
    for visitor in (first, second):
        visitor.load(photo).text()
    studio.hold()
    film = first.ask("exports", "make", {"kind": "mp4"})
    assert studio.film_stands()
    waiting = second.ask("exports", "make", {"kind": "mp4"})
    time.sleep(0.3)
    assert "1 before you" in "".join(waiting.lines)
    second.ask("status", "cancel").text()
    later = second.ask("exports", "make", {"kind": "yaml"})  # asked for afterwards: it comes
    studio.release()
    assert "is ready" in film.text()
    said = waiting.text()
    assert "is ready" not in said and "Rendering" not in said
    assert "is ready" in later.text()


def test_a_film_that_runs_is_called_off(studio, photo):
    visitor = studio.visit("one")
    visitor.load(photo).text()
    studio.hold()
    film = visitor.ask("exports", "make", {"kind": "mp4"})
    assert studio.film_stands()
    assert "text" not in visitor.ask("status", "cancel").text()  # the last word is the film's own
    studio.release()
    assert "Cancelled." in film.text() and "is ready" not in film.text()


def test_a_new_face_takes_the_place_of_the_film_of_the_old_one(studio, photo):
    visitor = studio.visit("one")
    visitor.load(photo).text()
    studio.hold()
    film = visitor.ask("exports", "make", {"kind": "mp4"})
    assert studio.film_stands()
    loading = visitor.load(photo[:, ::-1].copy())
    assert "pixels" in loading.text()
    studio.release()
    assert "is ready" not in film.text()


@pytest.mark.filterwarnings("ignore")  # those of gradio_client's own threads would end its stream
@pytest.mark.slow
def test_a_script_comes_in_by_the_door(running, tmp_path, monkeypatch):
    """The example of the how-to page, as it stands there, against this studio."""
    import skimage.data
    from gradio_client import Client

    page = (Path(__file__).parents[2] / "docs/how-to/studio.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    Image.fromarray(skimage.data.astronaut()).save("her.jpg")
    known: dict[str, Any] = {}
    exec(example.replace("http://127.0.0.1:7860/", running.url), known)
    assert Path("her.png").read_bytes().startswith(b"\x89PNG")
    assert Path("her.mp4").read_bytes()[4:8] == b"ftyp"
    assert Path("set.zip").read_bytes().startswith(b"PK")
    assert known["measured"]["AU12"]["intensity"] > 0.3
    natural = Score.natural("happiness").phases[12].seconds
    assert known["film"]["measured"][-1]["seconds"] == pytest.approx(natural, abs=0.2) != Score.of().phases[12].seconds
    client: Client = known["studio"]
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/open", "/pose", "/film", "/measure", "/stimuli"}
    assert httpx.get(f"{running.url}gradio_api/openapi.json").status_code == 200
    with pytest.raises(Exception, match="base64"):
        client.predict(photo="/etc/passwd", api_name="/open")
    with pytest.raises(Exception, match="AU99"):
        client.predict(expression="AU99=1", api_name="/pose")
    client.close()
