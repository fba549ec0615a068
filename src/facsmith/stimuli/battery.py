"""Renders a battery: photos x conditions as stills and films, made alike by norms, with its tables.

Names and bytes depend on the photos, the design, the norms and the seed alone: no time, no folder and no random name is
in them (signatures hold a time, where they are asked for).
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from facsmith.animator import Animator
from facsmith.errors import PhotoError
from facsmith.options import AnimateOptions, Progress
from facsmith.signing import Credentials
from facsmith.stimuli.design import Design
from facsmith.stimuli.files import Files
from facsmith.stimuli.luminance import Tone
from facsmith.stimuli.norms import Norms, Oval
from facsmith.stimuli.photos import stimulus_names
from facsmith.stimuli.rows import Rows, settings, told
from facsmith.stimuli.stills import Person, PlacedStill, place, tones
from facsmith.stimuli.tables import CODEBOOK, MANIFEST, MEASURED, SETTINGS, write_codebook, write_csv, write_json

__all__ = ["Battery", "render_battery"]


@dataclass
class Battery:
    """What was rendered for a battery of stimuli.

    Parameters
    ----------
    rows
        Rows of the manifest.
    measured
        Rows of measured.csv.
    skipped
        Photo -> why it could not be used.
    """

    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    measured: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    skipped: dict[str, str] = field(default_factory=dict[str, str])


def render_battery(
    animator: Animator,
    photos: Sequence[Path],
    folder: Path,
    *,
    design: Design,
    norms: Norms | None = None,
    frames: bool = False,
    questions: Sequence[str] = (),
    options: AnimateOptions | None = None,
    sign_with: Credentials | None = None,
    progress: Progress | None = None,
) -> Battery:
    """Render every condition of every photo into ``folder``, and write its tables.

    A film goes from the neutral face to the condition and back.

    A photo without a usable face is left out and named in ``skipped``.

    Parameters
    ----------
    frames
        Also write each film's frames, as a folder of PNGs.
    questions
        Questions of the rating page, for the codebook.
    sign_with
        What signs each file; by default nothing is signed.

    Raises
    ------
    PhotoError
        No photo could be used.
    InputError
        Two photos whose stimuli would have the same names.
    """
    norms, options = norms or Norms(), options or AnimateOptions()
    names = stimulus_names(photos)
    battery = Battery()
    people: list[Person] = []
    for done, photo in enumerate(photos, 1):
        try:
            people.append(Person.read(animator, photo, names[photo], norms, options))
        except PhotoError as error:
            battery.skipped[photo.name] = str(error)
        if progress is not None:
            progress("faces", done, len(photos))
    if not people:
        raise PhotoError(f"No photo could be used. {next(iter(battery.skipped.values()))}")
    shared = Oval.shared([person.frame.oval for person in people])
    people = [replace(person, frame=person.frame.sharing(shared)) for person in people]
    asked = list(dict.fromkeys(f"AU{au:02d}" for _, au in design.aus))
    files = Files(animator, folder, norms, options, frames=frames, receipts=design.receipts, sign_with=sign_with)
    rows = Rows(folder, asked, options, animator.networks.faces.follow)
    light = _Rendering(animator, design, norms, options, files, rows).render(people, folder, battery, progress)
    write_csv(folder / MANIFEST, battery.rows)
    write_csv(folder / MEASURED, battery.measured)
    write_codebook(folder / CODEBOOK, asked=asked, questions=questions)
    made = settings(animator.model, design, norms, options, people=people, skipped=battery.skipped, light=light)
    write_json(folder / SETTINGS, made)
    return battery


@dataclass(frozen=True)
class _Rendering:
    """One battery's rendering: stills are drawn first, for the set's luminance is only known when all are."""

    animator: Animator
    design: Design
    norms: Norms
    options: AnimateOptions
    files: Files
    rows: Rows

    def render(
        self, people: Sequence[Person], folder: Path, battery: Battery, progress: Progress | None
    ) -> dict[str, float]:
        """All stills and films, into the battery's rows in the order of people and conditions. Returns the light."""
        follow = self.animator.networks.faces.follow
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".stimuli-", dir=folder) as scratch:
            stills = self._stills(people, Path(scratch), progress)
            stills = place(stills, [None] * len(stills), self.norms, follow)
            found, light = tones(stills, self.norms)
            if self.norms.align and self.norms.luminance:  # landmarkers see eyes a pixel elsewhere in another light
                stills = place(stills, found, self.norms, follow)
                found, light = tones(stills, self.norms)
            for done, (still, tone) in enumerate(zip(stills, found, strict=True), 1):
                self._finish(still, tone, Path(scratch), battery)
                if progress is not None:
                    progress("stimuli", done, len(stills))
        return light

    def _stills(self, people: Sequence[Person], scratch: Path, progress: Progress | None) -> list[PlacedStill]:
        stills: list[PlacedStill] = []
        conditions = [*self.design.conditions()]
        for person in people:
            subject = person.subject(self.animator, self.options)
            for condition in conditions:
                picture = self.animator.edit(subject, condition.action_units, options=self.options)
                receipt = picture.receipt
                if self.design.stills:
                    self.files.receipt(f"{person.name}_{condition.name}.png", receipt)
                kept = scratch / f"{len(stills):05d}.npy"
                np.save(kept, picture.image if self.norms.changes else picture.pixels)
                read = told(receipt)
                stills.append(
                    PlacedStill(person, condition, person.frame, kept, picture.model, picture.source_type, read)
                )
                if progress is not None:
                    progress("stills", len(stills), len(people) * len(conditions))
        return stills

    def _finish(self, still: PlacedStill, tone: Tone | None, scratch: Path, battery: Battery) -> None:
        """Write one condition's files and add their rows."""
        twins = (False, True) if self.norms.mirror else (False,)
        finished = still.finished(self.norms, tone)
        for mirror in twins:
            shown = np.ascontiguousarray(finished[:, ::-1]) if mirror else finished
            name = f"{still.name}{'_mirror' if mirror else ''}.{'png' if self.design.stills else 'mp4'}"
            if self.design.stills:
                written = self.files.still(still, shown, mirror=mirror)
                battery.rows.append(self.rows.of_file(written, "still", still))
            battery.measured.append(self.rows.of_picture(name, still, shown, mirror))
        if self.design.films:
            for written in self.files.film(still, tone, scratch / "film.npy", twins):
                battery.rows.append(self.rows.of_file(written, "film", still))
