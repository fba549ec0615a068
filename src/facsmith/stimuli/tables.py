"""The tables beside the stimuli: what each is (manifest.csv), what it shows (measured.csv), what columns mean
(codebook.csv), and how the set was made (settings.json).
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facsmith._files import atomic_path
from facsmith.facs import AU_NAMES, AUS, DISFA

__all__ = ["CODEBOOK", "MANIFEST", "MEASURED", "SETTINGS", "write_codebook", "write_csv", "write_json"]

MANIFEST = "manifest.csv"
"""A row for each stimulus: what was asked."""
MEASURED = "measured.csv"
"""A row for each still: what it shows."""
CODEBOOK, SETTINGS = "codebook.csv", "settings.json"

_MANIFEST: Mapping[str, tuple[str, str]] = {
    "stimulus": ("File name, beside this table", "text"),
    "kind": ("still: the apex; film: from neutral to the apex and back", "still, film"),
    "photo": ("File name of the photo", "text"),
    "condition": ("What was asked: AU and intensity in hundredths, L or R for one side; neutral: no AU", "text"),
    "mirror": ("1: the mirrored twin; condition, AUs and side say what it shows", "0, 1"),
    "side": ("Whose AUs were asked, the person's own: both sides, left, right, or mixed", "both, left, right, mixed"),
    "frames": ("Number of frames of a film; 1 of a still", "count"),
    "seconds": ("Length of a film; 0 of a still", "seconds"),
    "fps": ("Frames a second of a film; empty of a still", "1/s"),
    "width": ("Width of the picture", "pixels"),
    "height": ("Height of the picture", "pixels"),
    "seed": ("Seed of the inversion and of a random design", "integer"),
    "frames_folder": ("Folder of the film's frames as PNG; empty where there is none", "text"),
    "sha256": ("Hash of the file, to tell whether it is the very file that was made", "text"),
}
_MEASURED: Mapping[str, tuple[str, str]] = {
    "stimulus": ("As in manifest.csv", "text"),
    "photo": ("As in manifest.csv", "text"),
    "condition": ("As in manifest.csv", "text"),
    "mirror": ("As in manifest.csv", "0, 1"),
    "unsure": ("AUs that cannot be told apart on this face: their measured values mean little", "text"),
    "identity": ("How alike the person is to the photo's: cosine of face embeddings; before norms", "-1 to 1"),
    "left_eye_x": (
        "Eye centre on the picture's left: of the neutral face the mean of the eye's two corners, as a landmarker "
        "finds them (mean of nine readings); of others that, moved as the picture of the eye is; empty where it cannot "
        "be told",
        "pixels",
    ),
    "left_eye_y": ("The same, from the top", "pixels"),
    "right_eye_x": ("Eye centre on the picture's right", "pixels"),
    "right_eye_y": ("The same, from the top", "pixels"),
    "luminance": ("Mean luminance inside the oval, in linear light, as a grey level", "0 to 255"),
    "contrast": ("RMS contrast inside the oval: standard deviation of linear luminance over its mean", "ratio"),
    "clipped": ("Share of the pixels inside the oval of which a channel is at 0 or 255", "0 to 1"),
    "beyond": ("Share of the picture (inside the oval, where there is one) that the photo does not reach", "0 to 1"),
}
_RATINGS: Mapping[str, tuple[str, str]] = {
    "participant": ("The code that the participant typed", "text"),
    "started": ("When the page was begun, local time, ISO 8601", "time"),
    "trial": ("Place of the stimulus in the participant's own random order, from 1", "integer"),
    "naturalness": ("How natural the expression looks", "1 to 7"),
    "emotion": ("The emotion chosen", "text"),
    "intensity": ("How intense the expression is", "1 to 7"),
    "rt_ms": ("Time from the stimulus to the answer", "milliseconds"),
}


def write_codebook(path: Path, *, asked: Sequence[str], questions: Sequence[str]) -> None:
    """Write what the columns of the tables mean.

    Parameters
    ----------
    asked
        AUs of the design, as columns.
    questions
        Questions of the rating page, where there is one.
    """
    rows = [_row(MANIFEST, name, *said) for name, said in _MANIFEST.items()]
    rows += [_row(MANIFEST, f"AU{au:02d}", f"Asked: {AU_NAMES[au]} (the larger side)", "0 to 1") for au in AUS]
    rows += [_row(MEASURED, name, *said) for name, said in _MEASURED.items()]
    rows += [_row(MEASURED, f"asked_{name}", "Asked", "0 to 1") for name in asked]
    rows += [
        _row(
            MEASURED,
            f"measured_AU{au:02d}",
            f"Measured on the apex, in the scale of the face's own muscles, before norms: {AU_NAMES[au]}",
            "0 to 1",
        )
        for au in DISFA
    ]
    if questions:
        shown = [name for name in _RATINGS if name in questions or name not in ("naturalness", "emotion", "intensity")]
        rows += [_row("ratings_*.csv", name, *_RATINGS[name]) for name in shown]
    write_csv(path, rows)


def _row(file: str, column: str, meaning: str, values: str) -> dict[str, str]:
    return {"file": file, "column": column, "meaning": meaning, "values": values}


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as a CSV file.

    Parameters
    ----------
    rows
        One or more, all with the columns of the first.
    """
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Indented."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
