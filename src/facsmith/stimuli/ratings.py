"""The kit to have stimuli rated: one page that runs in a browser without a network, and PsychoPy's conditions file.

The page holds jsPsych (MIT, `static/jspsych-LICENSE.txt`) and refers to the stimuli that lie beside it.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from facsmith._files import atomic_path
from facsmith.errors import InputError
from facsmith.stimuli.tables import write_csv

__all__ = ["EMOTIONS", "PAGE", "POINTS", "PSYCHOPY", "PSYCHOPY_NOTE", "QUESTIONS", "parse_questions", "write_kit"]

PAGE, PSYCHOPY = "ratings.html", "psychopy.csv"
QUESTIONS: Final = ("naturalness", "emotion", "intensity")
EMOTIONS: Final = (
    *("happiness", "sadness", "surprise", "fear", "anger", "disgust", "contempt"),
    *("neutral", "another", "cannot tell"),
)
POINTS: Final = 7
"""Of the scales of naturalness and intensity."""
PSYCHOPY_NOTE: Final = (
    "PsychoPy 2025.2.0 to 2026.1.1 shows films as black squares (psychopy issue 7567): take 2025.1.1, or --frames and "
    "show the PNG frames one after the other."
)
_SCRIPTS: Final = ("jspsych-8.3.0.min.js", "jspsych-plugin-survey-html-form-2.1.0.min.js")
_SHOWN: Final = ("stimulus", "kind", "photo", "condition", "mirror")


def parse_questions(text: str) -> tuple[str, ...]:
    """``naturalness,emotion`` as questions, in the order of ``QUESTIONS``; ``all`` is all of them."""
    given = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = [part for part in given if part not in (*QUESTIONS, "all")]
    if unknown or not given:
        what = repr(unknown[0][:20]) if unknown else "nothing"
        raise InputError(f"{what} is no question of the rating page; give {', '.join(QUESTIONS)}, or all.")
    return QUESTIONS if "all" in given else tuple(question for question in QUESTIONS if question in given)


def write_kit(folder: Path, rows: Sequence[Mapping[str, Any]], questions: Sequence[str]) -> None:
    """Write the page and the conditions file beside the stimuli.

    Where a condition has a still and a film, both are rated.

    Parameters
    ----------
    rows
        Rows of the manifest.
    """
    stimuli = [{name: row[name] for name in _SHOWN} for row in rows]
    with atomic_path(folder / PAGE) as temporary:
        temporary.write_text(_page(stimuli, questions), "utf-8")
    columns = ("stimulus", "kind", "photo", "condition", "mirror", "frames_folder", "frames", "fps", "seconds")
    write_csv(folder / PSYCHOPY, [{name: row[name] for name in columns} for row in rows])


def _page(stimuli: Sequence[Mapping[str, Any]], questions: Sequence[str]) -> str:
    settings = {"stimuli": stimuli, "questions": list(questions), "emotions": list(EMOTIONS), "points": POINTS}
    data = json.dumps(settings, ensure_ascii=False).replace("<", "\\u003c")  # no name ends the script
    licence = html.escape(_static("jspsych-LICENSE.txt")).replace("--", "- -")
    scripts = [re.sub(r"//# sourceMappingURL=\S+", "", _static(name)) for name in _SCRIPTS]
    body = "".join(
        f"<script>{script}</script>\n" for script in (*scripts, f"const settings = {data};", _static("ratings.js"))
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Faces</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{_static('ratings.css')}</style>\n<!--\n{licence}-->\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _static(name: str) -> str:
    return resources.files("facsmith.stimuli").joinpath("static", name).read_text("utf-8")
