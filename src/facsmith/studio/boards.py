"""The page's parts: plain HTML controls with their script, each one Gradio component whose value is JSON.

Everything that a visitor does arrives as JSON; none of them takes files or paths.
"""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

import gradio as gr

from facsmith.facs import AU_NAMES, AUS, UNSIDED
from facsmith.studio.phases import LONGEST_PHASE, PHASE_NAMES, Score
from facsmith.studio.pose import Pose
from facsmith.studio.project import ENDING
from facsmith.studio.samples import SAMPLES

__all__ = [
    "PROJECT_BYTES",
    "STYLE",
    "Board",
    "exports_board",
    "expression_board",
    "file_board",
    "on",
    "photo_board",
    "plot_board",
    "project_board",
    "show_board",
    "stage_board",
    "status_board",
    "timing_board",
]

_STATIC: Final = Path(__file__).parent / "static"
STYLE: Final = _STATIC / "studio.css"
PROJECT_BYTES: Final = 30 << 20
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


def _board(value: Any, html: str, scripts: str | tuple[str, ...], elem_id: str) -> Board:
    """html: the template. scripts: files of ``static``, one after the other."""
    names = (scripts,) if isinstance(scripts, str) else scripts
    code = "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in names) or None
    known: Any = gr.HTML  # Gradio's own signature is typed in part
    return known(value, html_template=html, js_on_load=code, apply_default_css=False, elem_id=elem_id)


def stage_board() -> Board:
    """The picture: new, photo under a wipe, film, or two of them side by side; closer, or the whole photo.

    Not `gr.ImageSlider`: no key reaches its handle (Gradio 6.31), and it writes every picture to the disk, where a file
    route would have to be open to fetch it.
    """
    places = "".join(
        f'<button type="button" data-place="{key}" aria-pressed="false">{label}</button>'
        for key, label in (("face", "Face"), ("eyes", "Eyes"), ("mouth", "Mouth"), ("whole", "Whole photo"))
    )
    before = '<img class="whole" alt="" aria-hidden="true"><img class="layer before" alt="" aria-hidden="true">'
    after = '<img class="whole" alt="" aria-hidden="true"><img class="layer after" alt="">'
    film = '<video class="layer" loop muted playsinline hidden aria-label="The film"></video>'
    return _board(
        {},
        f"""<div class="fs-stage">
  <p class="empty">Drop a photo anywhere on this page, or take a sample: the face appears here.</p>
  <div class="panes" hidden>
    <figure class="beside" hidden><div class="view"><div class="world photo">{before}</div>
      <div class="world still">{after}</div></div><figcaption></figcaption></figure>
    <figure><div class="view main"><div class="world">{after}{film}</div>
      <div class="veil"><div class="world">{before}</div></div><span class="edge" aria-hidden="true"></span></div>
      <figcaption></figcaption></figure>
  </div>
  <figure class="pair" hidden><video controls loop muted playsinline aria-label="The film, before and after"></video>
    <figcaption>Before</figcaption><figcaption>After</figcaption></figure>
  <label class="wipe" hidden><span>Photo</span>
    <input type="range" min="0" max="100" value="0" aria-label="Wipe from the photo as it was to the new expression">
    <span>New</span></label>
  <div class="tools" hidden>
    <div class="views" role="group" aria-label="What is seen">{places}
      <button type="button" class="closer" aria-label="Closer">+</button>
      <button type="button" class="farther" aria-label="Farther away">−</button></div>
    <div class="compare" role="group" aria-label="Compare">
      <button type="button" class="hold" title="Or press on the picture">Hold: photo</button>
      <button type="button" data-beside="photo" aria-pressed="false">Photo beside</button>
      <button type="button" class="of-film film" aria-pressed="false">Film</button>
      <button type="button" class="of-film" data-beside="still" aria-pressed="false">Film and still</button>
      <button type="button" class="of-film run" aria-pressed="true">Pause</button></div>
  </div>
</div>""",
        "stage.js",
        "stage",
    )


def photo_board(pictures: Mapping[str, str], *, max_bytes: int) -> Board:
    """Where a photo is dropped, or a sample taken.

    Parameters
    ----------
    pictures
        Sample key -> ``data:`` address.
    """
    samples = "".join(
        f'<button type="button" data-sample="{key}"><img src="{pictures[key]}" alt="">'
        f"<span>{escape(sample.label)}</span></button>"
        for key, sample in SAMPLES.items()
    )
    return _board(
        {},
        f"""<div class="photo">
  <label class="drop"><input type="file" accept="image/*" data-most="{max_bytes}">
    <strong>Drop a photo here</strong>
    <span>or anywhere on the page; or click to choose one, or paste it. A face that looks into the camera, its mouth
    closed, up to {max_bytes / 1e6:.0f} MB.</span>
  </label>
  <p class="said" role="alert"></p>
  <div class="camera" hidden><video autoplay muted playsinline aria-label="Your camera"></video>
    <button type="button" class="take primary">Take the picture</button>
    <button type="button" class="close-camera">Close</button></div>
  <div class="ways"><button type="button" class="open-camera">Use the camera</button>
    <button type="button" class="new-face">A new face of nobody</button></div>
  <h2>Samples</h2>
  <div class="samples">{samples}</div>
  <p class="hint">Photos are held in memory while this page is open, and 15 minutes longer, so that nothing is lost when
  the page or the line is; this browser keeps the project as long. Forget, below, ends that at once. Film a real person
  only with that person's consent.</p>
</div>""",
        ("files.js", "photo.js"),
        "photo",
    )


def expression_board(pictures: Mapping[int, str]) -> Board:
    """The board of Action Units and emotions.

    Parameters
    ----------
    pictures
        AU -> ``data:`` address of what it does, of those that the model draws; others show their number.
    """
    html = "".join(
        f'<div class="column">{"".join(_group(name, pictures) for name in names)}</div>' for names in _COLUMNS
    )
    return _board(Pose().to_json(), f'<div class="fs-aus">{html}</div>', ("memory.js", "expression.js"), "expression")


def _group(name: str, pictures: Mapping[int, str]) -> str:
    rows = "".join(_row(au, pictures.get(au)) for au in GROUPS[name])
    return f"<fieldset><legend>{name}</legend>{rows}</fieldset>"


def _row(au: int, picture: str | None) -> str:
    name = AU_NAMES[au]
    sliders = "".join(
        f'<div class="slide {side}"><span class="side" title="the person\'s own {side}">{side[0].upper()}</span>'
        f'<input type="range" min="0" max="1" step="0.05" value="0" data-side="{side}" '
        f'aria-label="AU{au} {name}, {side}"><input type="number" min="0" max="1" step="0.01" value="0" '
        f'data-side="{side}" inputmode="decimal" aria-label="AU{au} {name}, {side}, as a number"></div>'
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
  <div class="what"><b>AU{au}</b> <span class="name" title="{name}">{name[0].upper()}{name[1:]}</span>
    {link}</div>
  <div class="slides">{sliders}<div class="letters" aria-hidden="true"><i></i><i>A</i><i>B</i><i>C</i><i>D</i><i>E</i>
  </div></div><div class="level"><output>–</output><span class="seen"></span></div></div>"""


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
        ("memory.js", "timing.js"),
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


def plot_board() -> Board:
    """The film's curves with a cursor; on a phone they are folded."""
    return _board(
        "",
        """<button type="button" class="fold" aria-expanded="false" hidden>Curves</button><div class="curves"></div>""",
        "plot.js",
        "plot",
    )


def exports_board(elem_id: str, heading: str, kinds: Mapping[str, str]) -> Board:
    """Buttons that make files, and the files that are ready.

    Parameters
    ----------
    kinds
        Name -> text that people read.
    """
    buttons = "".join(f'<button type="button" data-kind="{kind}">{label}</button>' for kind, label in kinds.items())
    return _board(
        {},
        f'<div class="fs-exports"><h2>{heading}</h2><div class="buttons">{buttons}</div>'
        '<ul class="ready" role="status" hidden></ul></div>',
        "exports.js",
        elem_id,
    )


def project_board() -> Board:
    """The whole work as a file, to save, open and forget; this browser keeps the newest for when the page is lost."""
    return _board(
        {},
        f"""<div class="fs-project"><a class="button save" href="#" download hidden>Save the project</a>
<label class="button">Open a project<input type="file" accept="{ENDING}" data-most="{PROJECT_BYTES}"></label>
<button type="button" class="forget" hidden>Forget everything</button><p class="said" role="alert"></p></div>""",
        ("files.js", "project.js"),
        "project",
    )


def file_board(label: str, *, accept: str, max_bytes: int, elem_id: str, several: bool = False) -> Board:
    """A button that reads small files; each is sent on its own."""
    return _board(
        {},
        f'<div class="fs-file"><label class="button">{escape(label)}<input type="file" accept="{accept}" '
        f'data-most="{max_bytes}"{" multiple" * several}></label><p class="said" role="alert"></p></div>',
        "files.js",
        elem_id,
    )


def show_board(elem_id: str, value: Any = "", *, script: str = "", html: str = "${value}") -> Board:
    """Something to be looked at.

    Parameters
    ----------
    value
        HTML of our own making, or what the script reads.
    """
    return _board(value, html, script or (), elem_id)
