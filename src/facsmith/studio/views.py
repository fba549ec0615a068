"""What each part of the page shows of a session: JSON and HTML, nothing of the web framework."""

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from facsmith.boundary import BoundarySet
from facsmith.errors import FacsmithError
from facsmith.face_region import FaceRegion
from facsmith.facs import AU_NAMES, AUS, ActionUnits
from facsmith.receipt import KeyframeRecord, Receipt
from facsmith.studio.jobs import Step
from facsmith.studio.pictures import data_uri, jpeg, thumbnail
from facsmith.studio.session import StudioSession, visible
from facsmith.studio.svg import COLOURS, cosine_table, curve, timeline_plot

__all__ = [
    "CODE_HINT", "EDIT_HINT", "HEAD", "SET_HINT", "boundaries", "edited", "expression", "face_notes", "faces", "failed",
    "film", "inversion", "movie", "photos", "plain", "said", "stage", "timing", "timing_plot", "working",
]  # fmt: skip

_SEEN = 0.05  # measured of an AU that was not asked: shown from here on
HEAD = "<header><h1>facsmith studio</h1><p>One photo, a face's muscles, one film.</p></header>"
CODE_HINT = (
    '<p class="hint">The face code (a latent) is what the search found: the numbers from which the model draws this '
    "face. Saved under Take home and opened here, it spares the search.</p>"
)
SET_HINT = (
    '<p class="hint">A set for an experiment: every photo with every expression at every level, and neutral, as one '
    "archive with a manifest and a receipt beside each file.</p>"
)
EDIT_HINT = (
    '<p class="hint">A film of a face, up to two minutes of it: the face is followed, and only what is asked of it '
    "changes; sound and everything else stay. AUs are written as in FACS, L and R are the person's own sides.</p>"
)
TURNED, OPEN = 12.0, 0.3
"""Degrees, and intensity of AU25 to 27, from which a photo is said to be less fit."""
_FIGURES = {
    "off": "off what was asked", "leak": "of AUs not asked", "lowest_identity": "lowest identity",
    "background": "background moved", "flicker": "flicker", "largest_flicker": "flicker at worst",
}  # fmt: skip
_STAGES = {
    "beginning": "It is your turn",
    "inversion": "Encoding the face",
    "strengths": "Seeing how strongly the face answers",
    "frames": "Rendering frames",
    "measuring": "Measuring frames",
    "stimuli": "Rendering the set",
    "looking": "Following the face",
    "fitting": "Seeing what a step does to this face",
    "joining": "Joining picture and sound",
    "pair": "Laying before and after side by side",
    "": "Looking for the face",
}


def stage(session: StudioSession, *, fresh: bool = False) -> dict[str, Any]:
    """The picture under the sliders.

    Parameters
    ----------
    fresh
        Include the photo to compare with, which the page keeps from then on.
    """
    scene = session.scene
    if scene is None:
        return {}
    shows = _shown(session.pose.action_units)
    picture = {"after": jpeg(session.preview()), "alt": f"The face with {shows}", "shown": shows}
    if not fresh:
        return picture
    subject = scene.subject
    height, width = subject.photo.shape[:2]
    view = FaceRegion.around(subject)
    across, down = (view.right - view.left) / width, (view.bottom - view.top) / height
    places = {"whole": [0.0, 0.0, 1.0, 1.0], "face": [view.left / width, view.top / height, across, down]}
    if subject.face is not None:
        for name, points in (("eyes", slice(17, 48)), ("mouth", slice(48, 68))):
            places[name] = _around(subject.face.landmarks[points], width, height)
    return picture | {
        "before": jpeg(scene.preview.before),
        "whole": jpeg(thumbnail(subject.photo, 1600), quality=85),
        "places": places,
        "size": [width, height],
    }


def _around(points: npt.NDArray[np.float64], width: int, height: int) -> list[float]:
    """Left, top, width and height, in shares of the photo, of what shows the points (N, 2) four by three."""
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    across = max(1.2 * (x1 - x0), 1.8 * (y1 - y0))
    down = 0.75 * across
    return [(x0 + x1 - across) / 2 / width, (y0 + y1 - down) / 2 / height, across / width, down / height]


def expression(session: StudioSession) -> dict[str, Any]:
    """The sliders."""
    return session.pose.to_json() | {"turn": session.turn}


def timing(session: StudioSession) -> dict[str, Any]:
    """The seconds, and which AUs' are shown."""
    source = session.scene.subject.photo_aus if session.scene is not None else ActionUnits()
    shown = [au for au in AUS if session.pose.action_units.get(au) or source.get(au)]
    return {"rows": session.score.to_json(), "active": [] if session.track is not None else shown}


def timing_plot(session: StudioSession) -> str:
    """The film's curves; and whether the last film is of others."""
    old = '<p class="is-old">Film and receipt are of earlier curves: Play makes them anew.</p>'
    return old * session.is_stale + timeline_plot(session.timeline) if session.scene is not None else ""


def photos(session: StudioSession) -> str:
    """What the set is made of."""
    names = [*session.set_photos]
    if not names:
        of = f"the open photo, {escape(session.stem)}" if session.scene is not None else "no photo yet"
        return f'<p class="hint">Of {of}; add photos to make it of those.</p>'
    return f'<p class="hint">{len(names)} photos: {escape(", ".join(names))}</p>'


def face_notes(session: StudioSession) -> str:
    """What the user should know of the face, in one line: what may go wrong with it, and what to do."""
    scene = session.scene
    if scene is None:
        return ""
    subject = scene.subject
    height, width = subject.photo.shape[:2]
    said = [f"{subject.name}, {width} × {height} pixels. The photo shows: {_shown(subject.photo_aus)}."]
    if len(session.faces) > 1:
        said.append(f"There are {len(session.faces)} faces: under Photo you choose who moves.")
    turned = abs(subject.face.yaw_degrees) if subject.face is not None else 0.0
    if turned > TURNED:
        said.append(
            f"The head is turned by about {turned:.0f} degrees, so its far side moves less well: a photo that looks "
            "into the camera does better."
        )
    if max(subject.photo_aus.get(25, 0.0), subject.photo_aus.get(26, 0.0), subject.photo_aus.get(27, 0.0)) > OPEN:
        said.append("Its mouth is open, and closing it is guesswork: a photo with closed lips does better.")
    return " ".join(said)


def plain(text: str) -> str:
    """Without the sentences that speak of a command line's options, or of places on the disk."""
    sentences = re.split(r"(?<=[.!?]) +", text)
    kept = [s for s in sentences if not re.search(r"(?<!\w)--\w|(?<![\w.])(/|~/|\./)[\w.]|facsmith \w+ ", s)]
    return " ".join(kept) or text


def _shown(action_units: ActionUnits) -> str:
    """``AU12=0.60``, of what is not faint."""
    return " ".join(f"{code}={e:.2f}" for code, e in visible(action_units)) or "neutral"


def faces(session: StudioSession) -> str:
    """The photo with a numbered frame around each face, where there are several."""
    photo = session.photo
    chosen = session.scene.subject.face_index if session.scene is not None else -1
    if photo is None or len(session.faces) < 2:
        return ""
    height, width = photo.shape[:2]
    frames: list[str] = []
    for index, found in enumerate(session.faces):
        x0, y0, x1, y1 = found.box
        margin = 0.15 * (x1 - x0)
        place = (
            f"left:{100 * (x0 - margin) / width:.2f}%;top:{100 * (y0 - 2 * margin) / height:.2f}%;"
            f"width:{100 * (x1 - x0 + 2 * margin) / width:.2f}%;height:{100 * (y1 - y0 + 3 * margin) / height:.2f}%"
        )
        frames.append(
            f'<button type="button" data-face="{index}" style="{place}" aria-pressed="{str(index == chosen).lower()}" '
            f'aria-label="Take face {index + 1} of {len(session.faces)}"><span>{index + 1}</span></button>'
        )
    return (
        f'<h2>{len(session.faces)} faces: choose one</h2><div class="fs-faces">'
        f'<img src="{jpeg(thumbnail(photo, 900), quality=85)}" alt="Your photo">{"".join(frames)}</div>'
    )


def film(session: StudioSession) -> str:
    """Contact sheet and receipt of the film that was rendered last."""
    rendered = session.rendered
    if rendered is None:
        return ""
    sheet = jpeg(thumbnail(rendered.film.contact_sheet(), 1400), quality=85)
    return (
        f'<h2>Contact sheet</h2><img class="fs-sheet" src="{sheet}" alt="The key frames side by side">'
        f"<h2>Receipt: asked against measured</h2>{_receipt(rendered.receipt)}"
    )


def movie(session: StudioSession) -> dict[str, Any]:
    """The film, for the stage, until something else is asked for."""
    rendered = session.rendered
    if rendered is None:
        return {}
    return {"video": data_uri(rendered.movie, "video/mp4"), "spread": len(rendered.films) > 1}


def edited(session: StudioSession) -> str:
    """The film that was brought, and the receipt of what became of it."""
    if session.footage is None:
        lost = f"The project's film, {escape(session.footage_name)}, is not here: bring it again"
        none = lost if session.footage_name else "No film yet: bring one"
        return f'<p class="none">{none}, or drop it anywhere on this page.</p>'
    here = f"<p><b>{escape(session.footage_name)}</b>, {session.footage_seconds:.1f} s.</p>"
    if session.edited is None:
        return here
    receipt = session.edited.receipt
    rows = "".join(
        f'<tr><th scope="row"><b>{name}</b> <span>{AU_NAMES[int(name[2:])]}</span></th><td>{told["asked"]:+.2f}</td>'
        f"<td>{_number(told['measured'], '+.2f')}</td><td>{_number(told['near'], '.0%')}</td></tr>"
        for name, told in receipt.aus.items()
        if told.get("asked") is not None
    )
    shown = {
        "edited": "frames changed", "leak": "of AUs not asked", "lowest_identity": "lowest identity",
        "flicker": "flicker by its own", "outside": "outside the face",
    }  # fmt: skip
    alone = [f"{each['from']:g} to {each['to']:g} s are the film's own: {each['why']}." for each in receipt.left_alone]
    return (
        f'{here}<h2>Receipt: asked against measured</h2><table class="fs-receipt"><thead><tr>'
        '<th scope="col">Action Unit</th><th scope="col">Asked</th><th scope="col">Measured</th>'
        f'<th scope="col">Frames within .15</th></tr></thead><tbody>{rows}</tbody></table>'
        f"{_figures(receipt.summary, shown)}{_notes([*receipt.notes, *alone])}"
    )


def _number(value: float | None, style: str) -> str:
    return "–" if value is None else format(value, style)


def inversion(session: StudioSession) -> str:
    """The reconstruction beside the photo, and how it was found."""
    scene = session.scene
    if scene is None:
        return '<p class="none">No face yet.</p>'
    subject = scene.subject
    crop = subject.photo if subject.transform is None else subject.transform.crop(subject.photo)
    pictures = (("The photo, cropped", crop), ("As the generator draws it", subject.reference))
    html = "".join(
        f'<figure><img src="{jpeg(picture, quality=92)}" alt="{what}"><figcaption>{what}</figcaption></figure>'
        for what, picture in pictures
    )
    found = subject.inversion
    if found is None:
        note = "<p>This face has its latent already: it is the generator's own, or was given one.</p>"
    else:
        steps, loss = found.iterations[0], found.loss[0]
        note = (
            f"<figure>{curve(range(len(found.trace[0])), found.trace[0], title='The loss', size=(340, 120))}"
            f"<figcaption>Loss over {steps} steps from the {escape(found.start)}; best {loss:.3f}, "
            f"ended by {escape(found.stopped[0])}</figcaption></figure>"
        )
    return f'<div class="fs-pair">{html}{note}</div>{_notes(subject.notes)}'


def boundaries(known: BoundarySet) -> str:
    """Every boundary's accuracy and calibration, and the cosines between them."""
    cards = "".join(_boundary(known, au) for au in known.aus)
    return (
        f'<h2>Boundaries</h2><div class="fs-cards">{cards}</div>'
        f"<h2>Cosines between them</h2>{cosine_table(known.aus, known.cosines())}"
    )


def working(step: Step) -> dict[str, Any]:
    """The status while work goes on."""
    text = f"{_STAGES.get(step.stage, step.stage)}…"
    if step.stage == "waiting":
        text = f"{step.done} before you: about {step.total} seconds. The face can be worked on meanwhile."
    elif step.total:
        text = f"{_STAGES.get(step.stage, step.stage)}: {step.done} of {step.total}, {step.seconds:.1f} s"
    return {"text": text, "busy": True, "done": step.done, "total": 0 if step.stage == "waiting" else step.total}


def said(text: str) -> dict[str, Any]:
    """The status when nothing goes on."""
    return {"text": text, "busy": False, "error": False}


def failed(error: Exception) -> dict[str, Any]:
    """The status after an error: its own words, where it was raised on purpose."""
    text = (
        plain(str(error)) if isinstance(error, FacsmithError) else "Something went wrong; the studio's log tells what."
    )
    return said(text) | {"error": True}


def _boundary(known: BoundarySet, au: int) -> str:
    boundary = known[au]
    report = boundary.report
    title, known_at = f"Calibration of AU{au}: intensity 0 to 1 against distance", boundary.calibration
    drawn = curve(known_at.intensities, known_at.distances, title=title, size=(150, 96), colour=COLOURS[au])
    accuracy, shown = report.get("accuracy"), cast(Any, report.get("shown"))
    facts = [f"{accuracy:.1%} held-out accuracy"] if isinstance(accuracy, int | float) else []
    if isinstance(shown, dict) and "share_of_muscles" in shown:
        facts.append(f"{cast(Any, shown)['share_of_muscles'][-1]:.0%} of the muscle's movement at full intensity")
    return (
        f"<figure><figcaption><b>AU{au}</b> {AU_NAMES[au]}</figcaption>{drawn}{_notes(facts)}"
        "<details><summary>All figures</summary>"
        f"<pre>{escape(json.dumps(dict(report), indent=1))}</pre></details></figure>"
    )


def _receipt(receipt: Receipt) -> str:
    shown = [
        name
        for au in AUS
        for name in _rows(receipt, au)
        if any(
            max(_value(record.asked, name), _value(record.measured, name) - _SEEN) > 0 for record in receipt.keyframes
        )
    ]
    head = "".join(f'<th scope="col">{record.seconds:g} s</th>' for record in receipt.keyframes)
    rows = "".join(
        f'<tr><th scope="row"><b>{name}</b> <span>{AU_NAMES[int(name.lstrip("AULR"))]}</span></th>'
        + "".join(_cell(record, name) for record in receipt.keyframes)
        + "</tr>"
        for name in shown
    )
    alike = "".join(f"<td>{_number(record.identity, '.3f')}</td>" for record in receipt.keyframes)
    return (
        '<div class="fs-scroll" tabindex="0" role="region" aria-label="Receipt"><table class="fs-receipt">'
        f'<thead><tr><th scope="col">Key frame</th>{head}</tr></thead>'
        f'<tbody>{rows}<tr><th scope="row">identity</th>{alike}</tr></tbody></table></div>'
        '<p class="hint"><span class="swatch asked"></span> asked <span class="swatch measured"></span> measured on '
        "the finished frame against the same person's neutral, in the scale of this face's own muscles. "
        "<b>Receipt PDF</b> is the whole account on a page.</p>"
        f"{_figures(receipt.summary, _FIGURES)}{_notes(receipt.notes)}"
    )


def _notes(texts: Iterable[str]) -> str:
    listed = "".join(f"<li>{escape(text)}</li>" for text in map(plain, texts) if text)
    return f'<ul class="notes">{listed}</ul>'


def _figures(summary: Mapping[str, Any], shown: Mapping[str, str]) -> str:
    """Some numbers of a summary, each with what it is."""
    cells = "".join(
        f"<div><dt>{what}</dt><dd>{_number(summary.get(name), '.2f').removesuffix('.00')}</dd></div>"
        for name, what in shown.items()
    )
    return f'<dl class="fs-figures">{cells}</dl>'


def _rows(receipt: Receipt, au: int) -> tuple[str, ...]:
    """``L12`` and ``R12`` where the sides differ in some key frame, else ``AU12``."""
    accounts = [account for record in receipt.keyframes for account in (record.asked, record.measured) if account]
    return (f"R{au}", f"L{au}") if any(f"L{au}" in account for account in accounts) else (f"AU{au}",)


def _value(account: Mapping[str, float] | None, name: str) -> float:
    """An account says ``AU12`` where both sides are alike."""
    known = account or {}
    return known.get(name, known.get(f"AU{name.lstrip('AULR')}", 0.0))


def _cell(record: KeyframeRecord, name: str) -> str:
    asked, measured = _value(record.asked, name), _value(record.measured, name)
    is_measured = any(known.lstrip("AULR") == name.lstrip("AULR") for known in record.measured or ())
    told = f"{measured:.2f}" if is_measured else "–"
    return (
        f'<td><span class="bars" aria-hidden="true"><i class="asked" style="width:{100 * asked:.0f}%"></i>'
        f'<i class="measured" style="width:{100 * min(1.0, measured):.0f}%"></i></span>'
        f'{asked:.2f} <span class="to">→</span> {told}</td>'
    )
