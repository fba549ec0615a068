"""Every way to put an Action Unit on a photo that is compared: the default, its ablations, and baselines."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from facsmith.animator import Animator
from facsmith.boundary import BoundarySet
from facsmith.errors import NoFaceError
from facsmith.face import CropTransform, Face
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA
from facsmith.inversion import InversionOptions
from facsmith.lab.evaluate.faces import JudgedFace
from facsmith.lab.evaluate.resting import Render
from facsmith.lab.reproduce import sources
from facsmith.lab.reproduce.bench import Bench, described, fingerprint_of
from facsmith.lab.reproduce.store import Pieces
from facsmith.latent import Latent
from facsmith.options import AnimateOptions
from facsmith.render import Renderer
from facsmith.strengths import strengthened
from facsmith.subject import Subject

__all__ = ["DEFAULT", "Filming", "Method", "filming", "methods"]

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

DEFAULT = "default"


@dataclass(frozen=True, eq=False)
class Method:
    """One way to film a face.

    Parameters
    ----------
    what
        One sentence for readers.
    boundaries
        None for what needs no latent space: the muscles' warp.
    """

    key: str
    group: str
    what: str
    boundaries: BoundarySet | None
    mode: Literal["transfer", "paste", "crop"] = "transfer"
    entangled: bool = False
    personal: bool = True

    @property
    def settings(self) -> dict[str, Any]:
        """What its films follow from, besides the face."""
        boundaries = None if self.boundaries is None else fingerprint_of(self.boundaries)
        return {
            "boundaries": boundaries,
            "mode": self.mode,
            "entangled": self.entangled,
            "personal": self.personal,
        }

    @property
    def missing(self) -> tuple[int, ...]:
        """AUs without a boundary: asked for, nothing moves."""
        return () if self.boundaries is None else tuple(au for au in DISFA if au not in self.boundaries.aus)


@dataclass(frozen=True, eq=False)
class Filming:
    """One method, ready to film one face.

    Parameters
    ----------
    photo
        The picture that its frames are compared with, in the same framing.
    found
        The face in that picture.
    transform
        From that picture to the generator's crop. None where the frames are that crop.
    """

    render: Render
    photo: Image
    found: Face
    transform: CropTransform | None

    def crop(self, frame: Image) -> Image:
        """(R, R, 3): a frame's face, framed as the generator has it."""
        return frame if self.transform is None else self.transform.crop(frame)


def methods(bench: Bench) -> list[Method]:
    """The default first. Ablations change one thing of it each; what cannot be fitted here is left out."""
    own, plan = bench.networks.boundaries, bench.plan
    length = sources.step_length(own)
    known = [
        Method(DEFAULT, "facsmith", "the model's own boundaries, joint edit, calibrated, transfer into the photo", own),
        Method("paste", "compositing", "the generated face feathered into the photo", own, "paste"),
        Method("crop", "compositing", "the generator's own picture, as in the paper", own, "crop"),
        Method("plain sum", "decorrelation off", "the normals' sum, Eq. 3, not the joint edit", own, entangled=True),
        Method("same for all", "personal step off", "nobody's own strength is measured first", own, personal=False),
    ]
    moved, measured = sources.moved_samples(bench), sources.measured_samples(bench)
    if moved is not None:
        what = f"boundaries of {plan.people} samples moved by muscles instead of the model's"
        known.append(Method("moved samples", "boundary source", what, moved, personal=False))
    if measured is not None:
        what = f"boundaries of samples as they are ({plan.scored} looked at), their AUs measured"
        known.append(Method("measured samples", "boundary source", what, measured, personal=False))
    raw = sources.moved_samples(bench, raw=True)
    if raw is not None:
        what = "moved samples, but the SVMs' own normals, strangers against strangers, as in the paper; plain sum"
        known.append(Method("raw SVMs", "boundary source", what, raw, entangled=True, personal=False))
    what = "the photo moved by linear muscles, no latent space (the paper's 2.1)"
    known.append(Method("warp", "baseline", what, None))
    what, even = "one step length for all AUs and everybody", sources.uncalibrated(own, length)
    known.append(Method("uncalibrated", "baseline", what, even, personal=False))
    if raw is not None:
        what = "raw SVMs, each normal conditioned on all the others, one step length"
        found = sources.uncalibrated(sources.conditioned(raw), length)
        known.append(Method("InterFaceGAN-style", "baseline", what, found, entangled=True, personal=False))
        what = "raw SVMs (of moved samples, for DISFA), plain sum, one step length, the generator's own picture"
        found = sources.uncalibrated(raw, length)
        known.append(Method("as in the paper", "baseline", what, found, "crop", entangled=True, personal=False))
    return known


def filming(bench: Bench, method: Method, face: JudgedFace) -> Filming:
    """Raises NoFaceError where the face is lost."""
    subject = _subject(bench, method, face)
    if subject.face is None or subject.transform is None:
        raise NoFaceError(f"No face was found in {face.name}.")
    if method.boundaries is None:
        muscles = MuscleWarp(subject.face.landmarks, face.photo.shape)
        return Filming(muscles, face.photo, subject.face, subject.transform)
    renderer = strengthened(
        Renderer(subject, bench.networks.generator, method.boundaries, _options(bench, method)),
        None,
        follow=bench.networks.faces.follow,
    )
    able = np.array([au not in method.missing for au in DISFA], dtype=np.float64)

    def render(photo: Image, intensities: Array) -> Image:
        return next(renderer.frames((intensities * able)[None], aus=DISFA))

    if method.mode != "crop":
        return Filming(render, face.photo, subject.face, subject.transform)
    at = subject.transform.to_crop(subject.face.landmarks)
    return Filming(render, subject.transform.crop(face.photo), replace(subject.face, landmarks=at), None)


def _subject(bench: Bench, method: Method, face: JudgedFace) -> Subject:
    """The face encoded once, whatever the method; what it shows is read by the method's boundaries."""
    own = bench.animator
    options = _options(bench, method)

    def invert() -> Pieces:
        subject = own.prepare(face.photo, options=options)
        return {"ws": subject.latent.ws}

    settings = {"face": described(face), "options": repr(options.inversion)}
    ws = bench.piece("latent", settings, invert)["ws"]
    latent = Latent(ws, bench.networks.generator.generator_id)
    if method.boundaries is None:
        return own.prepare(face.photo, options=options, latent=latent)
    networks = bench.networks
    other = Animator(
        networks.generator,
        descriptor=networks.descriptor,
        encoder=networks.encoder,
        boundaries=method.boundaries,
        name=networks.name,
        faces=networks.faces,
    )
    return other.prepare(face.photo, options=options, latent=latent)


def _options(bench: Bench, method: Method) -> AnimateOptions:
    plan = bench.plan
    return AnimateOptions(
        mode=method.mode,
        entangled=method.entangled,
        personal=method.personal,
        provider=plan.provider,
        inversion=InversionOptions(iterations=plan.settle, seed=plan.seed),
    )
