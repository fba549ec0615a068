"""One face of a film while frames are edited: how far its steps go, what each frame becomes, what is measured on it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from facsmith._types import Array, Image
from facsmith.errors import NoFaceError
from facsmith.face import FaceReader
from facsmith.footage.account import FrameObserver
from facsmith.footage.editor import FrameEditor
from facsmith.footage.face_plan import FacePlan
from facsmith.footage.step_fit import Steps, fit_steps, fitting_frames
from facsmith.networks import Networks
from facsmith.video import FilmFrame, Footage

__all__ = ["FilmFace"]


@dataclass(frozen=True, eq=False)
class FilmFace:
    """Edits and observes one face.

    Parameters
    ----------
    plan
        What shall change of it.
    steps
        That show as what is asked; `fitted` finds them.
    """

    plan: FacePlan
    editor: FrameEditor
    faces: FaceReader
    steps: Steps = field(default_factory=Steps)

    @classmethod
    def of(cls, plan: FacePlan, networks: Networks) -> "FilmFace":
        """A face whose steps are as long as what is asked."""
        return cls(plan, FrameEditor(networks), networks.faces)

    def edited(self, frame: FilmFrame) -> Image:
        """What a frame becomes; its very pixels where nothing is asked or the face is not seen."""
        t = frame.index
        if not (self.plan.survey.seen[t] and self.plan.changes[t].any()):
            return frame.pixels
        return self._edited(t, frame.pixels, self.steps)

    def observer(self) -> FrameObserver:
        """Of one stretch of frames."""
        return FrameObserver(self.faces, self.plan.neutral)

    def observe(self, observer: FrameObserver, frame: FilmFrame, edited: Image) -> None:
        """Let an observer see the next frame."""
        t, survey = frame.index, self.plan.survey
        observer.see(
            t,
            frame.pixels,
            edited,
            face=survey.face(t) if survey.seen[t] else None,
            features=survey.features[t],
            asked=self.plan.changes[t].mean(axis=0)[self.plan.columns],
            cut=bool(survey.cuts[t]),
        )

    def fitted(self, footage: Footage, on_round: Callable[[int, int], None]) -> Steps:
        """The steps, measured on a few of the film's frames."""
        survey, neutral, changes = self.plan.survey, self.plan.neutral, self.plan.changes
        chosen = fitting_frames(changes)
        if len(chosen) == 0:
            return Steps()
        wanted = set(chosen.tolist())
        frames = {f.index: f.pixels for f in footage.read(int(chosen[0]), int(chosen[-1]) + 1) if f.index in wanted}
        observer = self.observer()

        def measured(steps: Steps) -> Array:
            rows: list[Array] = []
            for t in chosen.tolist():
                edited = self._edited(t, frames[t], steps)
                there = survey.face(t)
                try:
                    rows.append(
                        observer.read(edited, self.faces.follow(edited, there))
                        - neutral.read(there.landmarks, survey.features[t])
                    )
                except NoFaceError:
                    rows.append(np.full(len(neutral.aus), np.nan))
            return np.stack(rows)

        asked = changes[chosen].mean(axis=1)[:, self.plan.columns]
        return fit_steps(asked, measured, aus=neutral.aus, on_round=on_round)

    def _edited(self, t: int, pixels: Image, steps: Steps) -> Image:
        there = self.plan.survey.face(t, self.plan.landmarks[t])
        asked = self.plan.changes[t]
        return self.editor.edited(pixels, there, steps.change(asked), self.plan.source[t], asked=asked)
