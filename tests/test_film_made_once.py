"""The way from a photo to a film is one line: what a stage makes is made once, and nothing before it is asked for."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch

from facsmith.animator import Animator
from facsmith.compose import Compositor
from facsmith.inversion import InversionOptions
from facsmith.options import AnimateOptions
from facsmith.render import Renderer
from facsmith.subject import fingerprint

finder = import_module("facsmith.face.find")  # the package has a function of this name
pytestmark = pytest.mark.slow

OPTIONS = AnimateOptions(fps=5, provider="dlib", inversion=InversionOptions(iterations=2))


@pytest.fixture
def photo() -> np.ndarray:
    return np.ascontiguousarray(np.asarray(skimage.data.astronaut())[:320, 80:400])


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Counter[Any]]:
    """What is done how often: pictures passed to the landmarker, compositors built, frames and stills rendered."""
    seen: dict[str, Counter[Any]] = {"read": Counter(), "compositors": Counter(), "frames": Counter()}
    read, begin, still, render = finder._read, Compositor.__init__, Renderer.still, Renderer.frames

    def reading(reader: Any, image: Any, rough: Any) -> Any:
        seen["read"][fingerprint(image)] += 1
        return read(reader, image, rough)

    def building(self: Compositor, *given: Any, **named: Any) -> None:
        seen["compositors"]["built"] += 1
        begin(self, *given, **named)

    def standing(self: Renderer, intensities: np.ndarray, *given: Any, **named: Any) -> Any:
        seen["frames"]["still" if intensities.any() else "neutral"] += 1
        return still(self, intensities, *given, **named)

    def rendering(self: Renderer, *given: Any, **named: Any) -> Iterator[Any]:
        for frame in render(self, *given, **named):
            seen["frames"]["film"] += 1
            yield frame

    monkeypatch.setattr(Renderer, "still", standing)
    monkeypatch.setattr(Renderer, "frames", rendering)
    monkeypatch.setattr(finder, "_read", reading)
    monkeypatch.setattr(Compositor, "__init__", building)
    return seen


def watched(animator: Animator, seen: Counter[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = type(animator.networks.generator.synthesis)
    forward = network.forward

    def drawing(self: Any, ws: torch.Tensor, *given: Any, **named: Any) -> torch.Tensor:
        for one in ws.detach().cpu():
            seen[one.numpy().round(4).tobytes()] += 1
        return forward(self, ws, *given, **named)

    monkeypatch.setattr(network, "forward", drawing)


def test_one_film_makes_each_thing_once(
    photo: np.ndarray, counted: dict[str, Counter[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    animator = Animator.from_pretrained()
    film = animator.animate(photo, "AU12=D", options=OPTIONS)
    assert counted["frames"]["film"] == 0, "rendered before frames were asked for"
    assert counted["read"][fingerprint(photo)] == 1  # found, read, and never looked for again
    assert animator.prepare(photo, options=OPTIONS).compositor is film.subject.compositor
    frames = list(film.frames())
    receipt = film.receipt
    assert len(frames) == receipt.output["frames"]
    assert counted["read"].most_common(1)[0][1] == 1, "a picture was looked at twice"
    assert counted["compositors"]["built"] == 1
    assert counted["frames"]["film"] == len(frames), "measuring rendered again"
    # Once to find out how broadly the photo smiles, and once more where that changed what is taken out.
    assert 1 <= counted["frames"]["neutral"] <= 2


@pytest.mark.parametrize("mode", ["transfer", "paste"])
def test_nothing_is_drawn_before_frames_are_asked_for_and_nothing_thrice(
    photo: np.ndarray, monkeypatch: pytest.MonkeyPatch, mode: Any
) -> None:
    animator, drawn, options = Animator.from_pretrained(), Counter[Any](), replace(OPTIONS, mode=mode)
    subject = animator.prepare(photo, options=options)
    animator.animate(subject, "AU12=D", options=options)  # the steps are fitted to this face
    watched(animator, drawn, monkeypatch)
    film = animator.animate(subject, "AU12=C", options=options)
    assert drawn.total() == 0
    for _ in film.frames():
        pass
    assert (drawn.total() > 0) == (
        mode == "paste"
    )  # face128 is too coarse for `transfer`, where muscles move the photo
    _ = film.receipt
    assert max(drawn.values(), default=0) <= 2, "the neutral face among them"
    once = drawn.total()
    _ = film.receipt
    assert drawn.total() == once


def test_another_expression_builds_nothing_anew(photo: np.ndarray, counted: dict[str, Counter[Any]]) -> None:
    animator = Animator.from_pretrained()
    for expression in ("AU12=D", "AU4=C", "surprise"):
        for _ in animator.animate(photo, expression, options=OPTIONS).frames():
            pass
    assert counted["compositors"]["built"] == 1
    assert counted["read"][fingerprint(photo)] == 1
