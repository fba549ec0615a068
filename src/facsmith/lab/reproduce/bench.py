"""What every experiment works with: one model, the faces, the plan, and what has been measured already."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facsmith import __version__
from facsmith._types import Image
from facsmith.animator import Animator
from facsmith.boundary import BoundarySet
from facsmith.errors import InputError
from facsmith.face import why_not_mediapipe
from facsmith.framing import framing_of
from facsmith.lab.evaluate.faces import JudgedFace, photographed
from facsmith.lab.reproduce.faces import chosen_faces
from facsmith.lab.reproduce.plan import Plan
from facsmith.lab.reproduce.store import Pieces, Store
from facsmith.networks import Networks
from facsmith.subject import fingerprint

__all__ = [
    "Bench",
    "Progress",
    "described",
    "fingerprint_of",
    "landmarks_by",
    "set_up",
]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Bench:
    """What every experiment works with.

    Parameters
    ----------
    faces
        The faces of the whole plan, in order.
    skipped
        Photo -> why it was left out.
    command
        The command that makes this report.
    """

    animator: Animator
    plan: Plan
    faces: Sequence[JudgedFace]
    skipped: Mapping[str, str]
    store: Store
    command: str
    progress: Progress = field(default=lambda stage, done, total: None)

    @property
    def networks(self) -> Networks:
        """Of the model that is looked at."""
        return self.animator.networks

    def piece(self, name: str, settings: Mapping[str, Any], compute: Callable[[], Pieces]) -> Pieces:
        """See `Store.piece`."""
        return self.store.piece(name, settings, compute)


def set_up(
    animator: Animator,
    folder: Path,
    *,
    plan: Plan,
    photos: Sequence[tuple[str, Image]] | None = None,
    command: str = "",
    progress: Progress = lambda stage, done, total: None,
) -> Bench:
    """Prepare what every experiment works with.

    Parameters
    ----------
    photos
        (name, pixels) of the user's; by default the astronaut and faces that the model draws itself.

    Raises
    ------
    InputError
        No photo shows a usable face.
    """
    networks = animator.networks
    side = networks.generator.resolution
    faces, skipped = (
        chosen_faces(networks, plan)
        if photos is None
        else photographed(photos, side, provider=plan.provider, framing=framing_of(networks.generator))
    )
    if not faces:
        raise InputError(f"None of {len(photos or ())} photos shows a usable face. {' '.join(skipped.values())}")
    common = {
        "facsmith": __version__,
        "generator": networks.generator.generator_id,
        "descriptor": networks.descriptor.name,
        "boundaries": fingerprint_of(networks.boundaries),  # searches hold what their edits do
        "provider": "dlib" if landmarks_by(plan) == "dlib" else plan.provider,
    }
    faces = faces[: plan.faces]
    store = Store(folder / "pieces", common)
    return Bench(animator, plan.on(len(faces)), faces, skipped, store, command, progress)


def landmarks_by(plan: Plan) -> str:
    """Who finds the faces: ``MediaPipe`` or ``dlib``."""
    if plan.provider == "auto":
        return "dlib" if why_not_mediapipe() else "MediaPipe"
    return {"mediapipe": "MediaPipe"}.get(plan.provider, plan.provider)


def described(face: JudgedFace) -> str:
    """What a piece says of its face."""
    return fingerprint(face.photo)[:16]


def fingerprint_of(boundaries: BoundarySet) -> str:
    """What a piece says of its boundaries."""
    digest = hashlib.sha256(np.ascontiguousarray(boundaries.normals).tobytes())
    for boundary in boundaries.boundaries:
        digest.update(f"{boundary.au} {boundary.intercept!r} {boundary.calibration!r} {boundary.response!r}".encode())
    return digest.hexdigest()[:16]
