"""The page's parts: plain HTML controls with their script, each one Gradio component whose value is JSON.

Everything that a visitor does arrives as JSON; none of them takes files or paths.
"""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

import gradio as gr

from facsmith.facs import AU_NAMES, AUS, UNSIDED
from facsmith.studio.phases import LONGEST_PHASE, PHASE_NAMES, Score
from facsmith.studio.pose import Pose
from facsmith.studio.project import ENDING
from facsmith.studio.samples import SAMPLES

__all__ = [
    "PROJECT_BYTES", "STYLE", "Board", "board", "exports_board", "expression_board", "file_board", "on", "photo_board",
    "project_board", "show_board", "timing_board",
]  # fmt: skip

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


def board(
    elem_id: str, value: Any = None, *, html: str | None = None, scripts: Sequence[str] | None = None, **fields: object
) -> Board:
    """One part of the page.

    Not `gr.ImageSlider` for the stage: no key reaches its handle (Gradio 6.31), and it writes every picture to the
    disk, where a file route would have to be open to fetch it.

    Parameters
    ----------
    value
        What the script reads, JSON; none: an empty object.
    html
        The template; by default the file of ``static`` that bears the part's name, with ``$fields`` put in.
    scripts
        Files of ``static``, one after the other; by default the one that bears the part's name.
    """
    template = Template(_read(f"{elem_id}.html")).substitute(fields) if html is None else html
    code = "\n".join(map(_read, (f"{elem_id}.js",) if scripts is None else scripts)) or None
    known: Any = gr.HTML  # Gradio's own signature is typed in part
    value = {} if value is None else value
    return known(value, html_template=template, js_on_load=code, apply_default_css=False, elem_id=elem_id)


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


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
    return board(
        "photo", scripts=("files.js", "photo.js"), samples=samples, max_bytes=max_bytes,
        megabytes=round(max_bytes / 1e6),
    )  # fmt: skip


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
    html = f'<div class="fs-aus">{html}</div>'
    return board("expression", Pose().to_json(), html=html, scripts=("memory.js", "expression.js"))


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
    return board(
        "timing",
        {"rows": Score.of().to_json(), "active": []},
        html=f"""<div class="fs-timing"><p class="none">No slider is up: choose an expression first, or
drive the film by a track.</p>
<table hidden><caption>Seconds: rest, rise, hold and fall of each Action Unit</caption>
<thead><tr><th scope="col">Action Unit</th>{heads}</tr></thead><tbody>{every}{rows}</tbody></table></div>""",
        scripts=("memory.js", "timing.js"),
    )


def _seconds_row(code: str, name: str, data: str) -> str:
    cells = "".join(
        f'<td><input type="number" min="0" max="{LONGEST_PHASE:g}" step="0.1" inputmode="decimal" '
        f'data-column="{column}" '
        f'aria-label="{phase} of {code}, seconds"></td>'
        for column, phase in enumerate(PHASE_NAMES)
    )
    return f'<tr {data}><th scope="row"><b>{code}</b> <span>{name}</span></th>{cells}</tr>'


def exports_board(elem_id: str, heading: str, kinds: Mapping[str, str]) -> Board:
    """Buttons that make files, and the files that are ready.

    Parameters
    ----------
    kinds
        Name -> text that people read.
    """
    buttons = "".join(f'<button type="button" data-kind="{kind}">{label}</button>' for kind, label in kinds.items())
    html = (
        f'<div class="fs-exports"><h2>{heading}</h2><div class="buttons">{buttons}</div>'
        '<ul class="ready" role="status" hidden></ul></div>'
    )
    return board(elem_id, html=html, scripts=("exports.js",))


def project_board() -> Board:
    """The whole work as a file, to save, open and forget; this browser keeps the newest for when the page is lost."""
    return board("project", scripts=("files.js", "project.js"), ending=ENDING, max_bytes=PROJECT_BYTES)


def file_board(label: str, *, accept: str, max_bytes: int, elem_id: str, several: bool = False) -> Board:
    """A button that reads small files; each is sent on its own."""
    html = (
        f'<div class="fs-file"><label class="button">{escape(label)}<input type="file" accept="{accept}" '
        f'data-most="{max_bytes}"{" multiple" * several}></label><p class="said" role="alert"></p></div>'
    )
    return board(elem_id, html=html, scripts=("files.js",))


def show_board(elem_id: str, value: str = "") -> Board:
    """HTML of our own making, to be looked at."""
    return board(elem_id, value, html="${value}", scripts=())
