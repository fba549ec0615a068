"""A face filmed by one of the methods that are compared."""

from dataclasses import dataclass, replace

import numpy as np

from facsmith._types import Array, Image
from facsmith.errors import NoFaceError
from facsmith.face import CropTransform, Face, MuscleWarp
from facsmith.facs import DISFA
from facsmith.lab.evaluate.faces import JudgedFace
from facsmith.lab.evaluate.resting import Render
from facsmith.lab.reproduce.bench import Bench, described
from facsmith.lab.reproduce.methods import Method
from facsmith.latent import Latent
from facsmith.options import AnimateOptions, InversionOptions
from facsmith.render import Renderer
from facsmith.strengths import strengthened
from facsmith.subject import Subject

__all__ = ["Filming", "filming"]


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

    settings = {"face": described(face), "options": repr(options.inversion)}
    found = bench.piece("latent", settings, lambda: {"ws": own.prepare(face.photo, options=options).latent.ws})
    latent = Latent(found["ws"], bench.networks.generator.generator_id)
    animator = own if method.boundaries is None else bench.animator.with_boundaries(method.boundaries)
    return animator.prepare(face.photo, options=options, latent=latent)


def _options(bench: Bench, method: Method) -> AnimateOptions:
    plan = bench.plan
    return AnimateOptions(
        mode=method.mode,
        entangled=method.entangled,
        personal=method.personal,
        provider=plan.provider,
        inversion=InversionOptions(iterations=plan.settle, seed=plan.seed),
    )
