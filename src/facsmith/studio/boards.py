"""The page's parts: plain HTML controls with their script, each one Gradio component whose value is JSON.

Everything that a visitor does arrives as JSON; none of them takes files or paths.
"""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

import gradio as gr

from facsmith.facs import AU_NAMES, AUS, UNSIDED
from facsmith.studio.exports import EXPORTS
from facsmith.studio.phases import LONGEST_PHASE, PHASE_NAMES, Score
from facsmith.studio.pose import Pose
from facsmith.studio.samples import SAMPLES

__all__ = [
    "STYLE",
    "Board",
    "choices_board",
    "exports_board",
    "expression_board",
    "faces_board",
    "file_board",
    "on",
    "photo_board",
    "show_board",
    "stage_board",
    "status_board",
    "timing_board",
]

_STATIC: Final = Path(__file__).parent / "static"
STYLE: Final = _STATIC / "studio.css"
GROUPS: Final = {
    "Upper face": (1, 2, 4, 5, 7),
    "Middle face": (6, 9, 10),
    "Eyes": (43, 45, 61, 62, 63, 64),
    "Lower face": (12, 14, 15, 16, 17, 20, 26, 27),
    "Lips": (18, 22, 23, 24, 25, 28),
}
_COLUMNS: Final = (("Upper face", "Middle face", "Eyes"), ("Lower face", "Lips"))


Board = gr.HTML
"""Not a class of its own: Gradio writes a stub file beside each module that derives one."""


def on(board: Board, event: str) -> Any:
    """The listener of an event that a board's script sends."""
    return getattr(board, event)


def _board(value: Any, html: str, script: str | None, elem_id: str) -> Board:
    """html: the template. script: a file of ``static``."""
    code = None if script is None else (_STATIC / script).read_text(encoding="utf-8")
    known: Any = gr.HTML  # Gradio's own signature is typed in part
    return known(value, html_template=html, js_on_load=code, apply_default_css=False, elem_id=elem_id)


def stage_board() -> Board:
    """The picture: after, before under a wipe, or the film.

    The wipe is a range input of our own and not `gr.ImageSlider`: no key reaches that one's handle (Gradio 6.31), and
    it writes every picture to the disk, where a file route would have to be open to fetch it.
    """
    return _board(
        {},
        """<div class="fs-stage">
  <p class="empty">Drop a photo, or take a sample: the face appears here.</p>
  <div class="stills" hidden>
    <img class="after" alt=""><img class="before" alt="" aria-hidden="true">
    <span class="edge" aria-hidden="true"></span>
  </div>
  <video controls loop muted playsinline hidden aria-label="The film"></video>
  <label class="wipe" hidden><span>Photo</span>
    <input type="range" min="0" max="100" value="0" aria-label="Wipe from the photo as it was to the new expression">
    <span>New</span></label>
</div>""",
        "stage.js",
        "stage",
    )


def photo_board(pictures: Mapping[str, str], *, max_bytes: int) -> Board:
    """pictures: sample key -> ``data:`` address."""
    samples = "".join(
        f'<button type="button" data-sample="{key}"><img src="{pictures[key]}" alt="">'
        f"<span>{escape(sample.label)}</span></button>"
        for key, sample in SAMPLES.items()
    )
    return _board(
        {},
        f"""<div class="photo" data-most="{max_bytes}">
  <label class="drop"><input type="file" accept="image/*">
    <strong>Drop a photo here</strong>
    <span>or click to choose one, or paste it. A face that looks into the camera, up to {max_bytes / 1e6:.0f} MB.</span>
  </label>
  <p class="said" role="alert"></p>
  <div class="camera" hidden><video autoplay muted playsinline aria-label="Your camera"></video>
    <button type="button" class="take primary">Take the picture</button>
    <button type="button" class="close-camera">Close</button></div>
  <div class="ways"><button type="button" class="open-camera">Use the camera</button>
    <button type="button" class="new-face">A new face of nobody</button></div>
  <h3>Samples</h3>
  <div class="samples">{samples}</div>
  <p class="hint">Photos are held in memory while this page is open; what you export lies in a temporary folder. All
  of it is gone when you leave. Film a real person only with that person's consent.</p>
</div>""",
        "photo.js",
        "photo",
    )


def faces_board() -> Board:
    """Several faces of one photo, to choose from."""
    return _board("", "${value}", "faces.js", "faces")


def expression_board(pictures: Mapping[int, str]) -> Board:
    """pictures: AU -> ``data:`` address of what it does, of those that the model draws; others show their number."""
    html = "".join(
        f'<div class="column">{"".join(_group(name, pictures) for name in names)}</div>' for names in _COLUMNS
    )
    return _board(Pose().to_json(), f'<div class="fs-aus">{html}</div>', "expression.js", "expression")


def _group(name: str, pictures: Mapping[int, str]) -> str:
    rows = "".join(_row(au, pictures.get(au)) for au in GROUPS[name])
    return f"<fieldset><legend>{name}</legend>{rows}</fieldset>"


def _row(au: int, picture: str | None) -> str:
    name = AU_NAMES[au]
    sliders = "".join(
        f'<div class="slide {side}"><span class="side" title="the person\'s own {side}">{side[0].upper()}</span>'
        f'<input type="range" min="0" max="1" step="0.05" value="0" data-side="{side}" '
        f'aria-label="AU{au} {name}, {side}"></div>'
        for side in ("right", "left")
    )
    tile = f'<span class="tile" aria-hidden="true">{au}</span>' if picture is None else f'<img src="{picture}" alt="">'
    link = (
        ""
        if au in UNSIDED
        else f"""<label class="link" title="Both sides together"><input type="checkbox" checked
      aria-label="AU{au}: both sides together"><span aria-hidden="true">L=R</span></label>"""
    )
    return f"""<div class="au" data-au="{au}">{tile}
  <div class="what"><b>AU{au}</b> {name[0].upper()}{name[1:]}
    {link}</div>
  <div class="slides">{sliders}<div class="letters" aria-hidden="true"><i></i><i>A</i><i>B</i><i>C</i><i>D</i><i>E</i>
  </div></div><div class="level"><output>–</output><span class="number">0.00</span></div></div>"""


def timing_board() -> Board:
    """Seconds of every AU's phases."""
    heads = "".join(f'<th scope="col">{name.capitalize()}</th>' for name in PHASE_NAMES)
    rows = "".join(_seconds_row(f"AU{au}", AU_NAMES[au], f'data-au="{au}"') for au in AUS)
    every = _seconds_row("All", "at once", "")
    return _board(
        timing_value(Score.of(), ()),
        f"""<div class="fs-timing"><p class="none">No slider is up: choose an expression first, or
drive the film by a track.</p>
<table hidden><caption>Seconds: rest, rise, hold and fall of each Action Unit</caption>
<thead><tr><th scope="col">Action Unit</th>{heads}</tr></thead><tbody>{every}{rows}</tbody></table></div>""",
        "timing.js",
        "timing",
    )


def timing_value(score: Score, active: tuple[int, ...]) -> dict[str, Any]:
    """What `timing_board` shows."""
    return {"rows": score.to_json(), "active": list(active)}


def _seconds_row(code: str, name: str, data: str) -> str:
    cells = "".join(
        f'<td><input type="number" min="0" max="{LONGEST_PHASE:g}" step="0.1" inputmode="decimal" '
        f'data-column="{column}" '
        f'aria-label="{phase} of {code}, seconds"></td>'
        for column, phase in enumerate(PHASE_NAMES)
    )
    return f'<tr {data}><th scope="row"><b>{code}</b> <span>{name}</span></th>{cells}</tr>'


def status_board() -> Board:
    """What is going on, and a way to stop it."""
    return _board(
        {},
        """<div class="fs-status"><span class="text" role="status" aria-live="polite"></span>
<progress hidden aria-label="Progress"></progress><button type="button" hidden>Cancel</button></div>""",
        "status.js",
        "status",
    )


def choices_board() -> Board:
    """What every film gets."""
    boxes = "".join(
        f'<label><input type="checkbox" name="{name}"> {text}</label>'
        for name, text in (("blinks", "Blinks"), ("loop", "Loops"), ("neutral_first", "Neutral first"))
    )
    return _board({}, f'<div class="fs-choices">{boxes}</div>', "choices.js", "choices")


def exports_board() -> Board:
    """Everything that can be taken home."""
    buttons = "".join(
        f'<button type="button" data-kind="{kind}">{made.label}</button>' for kind, made in EXPORTS.items()
    )
    return _board(
        {},
        f'<div class="fs-exports"><h3>Take home</h3><div class="buttons">{buttons}</div>'
        '<p class="ready" role="status" hidden>Ready: <a href="#"></a></p></div>',
        "exports.js",
        "exports",
    )


def file_board(label: str, *, accept: str, max_bytes: int, elem_id: str) -> Board:
    """A button that reads one small file."""
    return _board(
        {},
        f'<div class="fs-file"><label class="button">{escape(label)}'
        f'<input type="file" accept="{accept}" data-most="{max_bytes}"></label><p class="said" role="alert"></p></div>',
        "files.js",
        elem_id,
    )


def show_board(elem_id: str, value: str = "") -> Board:
    """Something only to be looked at. value: HTML of our own making."""
    return _board(value, "${value}", None, elem_id)
