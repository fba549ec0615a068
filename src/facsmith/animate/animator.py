"""The facade over the whole main job: find, align, invert, edit, render, compose."""

import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace

import numpy.typing as npt

from facsmith import face
from facsmith.animate.encode import Networks, encode, read_photo, sample
from facsmith.animate.film import Animation, Picture
from facsmith.animate.morph import morph
from facsmith.animate.options import AnimateOptions, Progress
from facsmith.animate.render import Renderer
from facsmith.animate.subject import Image, Subject, fingerprint
from facsmith.animate.timing import Expression, Expressions, expression_notes, plan, read_expression
from facsmith.animate.witness import FaceReader, Witness
from facsmith.boundary import BoundarySet
from facsmith.bundle import DEFAULT_BUNDLE, load_bundle
from facsmith.cutout import NOTE as CUTOUT_NOTE
from facsmith.cutout import read_cutout
from facsmith.descriptor import Descriptor
from facsmith.encoder import Encoder
from facsmith.errors import InputError, PhotoError
from facsmith.facs import ActionUnits
from facsmith.generator import Generator
from facsmith.inversion import Inversion
from facsmith.latent import Latent
from facsmith.timeline import Timeline
from facsmith.tuning import TunedLatent

__all__ = ["Animator", "Photo"]

Photo = str | os.PathLike[str] | Image | Subject
"""A file, an (H, W, 3) uint8 RGB array, or a face that was prepared before."""

REMEMBERED = 4
"""Subjects kept, so that a second film of the same photo needs no second inversion."""


class Animator:
    """Animates faces with one generator.

    >>> animator = Animator.from_pretrained()  # doctest: +SKIP
    >>> film = animator.animate("her.jpg", "happiness")  # doctest: +SKIP
    >>> film.save("happy.mp4", contact_sheet="happy.png").notes  # doctest: +SKIP
    """

    def __init__(
        self,
        generator: Generator,
        *,
        descriptor: Descriptor,
        encoder: Encoder | None,
        boundaries: BoundarySet,
        name: str = "custom",
        faces: FaceReader = face,
    ) -> None:
        """encoder: may be None where inversion starts from ``mean`` or ``random``. faces: the source of landmarks."""
        self.networks = Networks(generator, descriptor, encoder, boundaries, faces, name)
        self._subjects: OrderedDict[str, Subject] = OrderedDict()
        self._last: tuple[Subject, AnimateOptions, Renderer, Witness] | None = None

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] = DEFAULT_BUNDLE,
        *,
        boundaries: BoundarySet | str | os.PathLike[str] | None = None,
    ) -> "Animator":
        """A model of the package, or a folder like one; ``boundaries`` replaces its own."""
        bundle = load_bundle(name)
        if boundaries is None:
            boundaries = bundle.boundaries
        elif not isinstance(boundaries, BoundarySet):
            boundaries = BoundarySet.load(boundaries)
        return cls(
            bundle.generator,
            descriptor=bundle.descriptor,
            encoder=bundle.encoder,
            boundaries=boundaries,
            name=bundle.name,
        )

    def animate(
        self,
        photo: Photo,
        expression: Expressions,
        *,
        options: AnimateOptions | None = None,
        latent: Latent | TunedLatent | None = None,
        progress: Progress | None = None,
    ) -> Animation:
        """A film of the photo's face: to the expression and back, through several, or along a Timeline.

        expression: ``"happiness"``, ``"AU6=C,AU12=0.6"``, ActionUnits, a sequence of these, or a Timeline.
        latent: the photo's code of an earlier inversion, or tuning; without it the photo is inverted now.
        """
        options = options or AnimateOptions()
        plan(expression, ActionUnits(), options)  # a misspelt expression is named before seconds go into the photo
        subject = self.prepare(photo, options=options, latent=latent, progress=progress)
        start = subject.source if options.edit == "absolute" else ActionUnits()
        return self._film(subject, plan(expression, start, options), options, expression_notes(expression))

    def edit(
        self,
        photo: Photo,
        expression: Expression,
        *,
        options: AnimateOptions | None = None,
        latent: Latent | TunedLatent | None = None,
        progress: Progress | None = None,
    ) -> Picture:
        """One picture of the photo's face with the expression."""
        options = options or AnimateOptions()
        target = read_expression(expression)
        subject = self.prepare(photo, options=options, latent=latent, progress=progress)
        return Picture(self._film(subject, Timeline.sequence([(0.0, target)]), options, expression_notes(expression)))

    def invert(
        self, photo: Photo, *, options: AnimateOptions | None = None, progress: Progress | None = None
    ) -> Inversion:
        """The photo's face in W+ (Eq. 1), a batch of one, at the generator's full resolution."""
        whole = replace(options or AnimateOptions(), mode="crop")
        found = self.prepare(photo, options=whole, progress=progress).inversion
        if found is None:
            raise PhotoError("This face has its latent already: it is the generator's own, or was given one.")
        return found

    def prepare(
        self,
        photo: Photo,
        *,
        options: AnimateOptions | None = None,
        latent: Latent | TunedLatent | None = None,
        progress: Progress | None = None,
    ) -> Subject:
        """Find, crop and encode one face; the same photo and options again cost nothing."""
        if isinstance(photo, Subject):
            return photo
        options = options or AnimateOptions()
        pixels, name = read_photo(photo)
        settings = (options.face, options.provider, options.inversion, options.fidelity, options.mode == "transfer")
        key = f"{fingerprint(pixels)} {settings} {_fingerprint(latent)}"
        if key not in self._subjects:
            self._subjects[key] = encode(
                pixels, self.networks, name=name, options=options, latent=latent, progress=progress
            )
        self._subjects.move_to_end(key)
        while len(self._subjects) > REMEMBERED:
            self._subjects.popitem(last=False)
        subject = replace(self._subjects[key], name=name)
        cutout = read_cutout(photo) if isinstance(photo, str | os.PathLike) else None
        return subject if cutout is None else replace(subject, cutout=cutout, notes=(*subject.notes, CUTOUT_NOTE))

    def sample(self, seed: int = 0, *, psi: float = 0.7) -> Subject:
        """A face of the generator's own, ready to be animated; ``.photo`` is its picture.

        psi: truncation in [0, 1]; smaller is closer to the mean face and cleaner.
        """
        if not 0 <= psi <= 1:
            raise InputError(f"Truncation psi is {psi:g}; give a number from 0 (the mean face) to 1.")
        return sample(self.networks, seed=seed, psi=psi)

    def morph(self, a: Latent, b: Latent, *, shares: npt.ArrayLike) -> Iterator[Image]:
        """The generator's pictures (R, R, 3) uint8 on the straight way from one latent (share 0) to another (1)."""
        return morph(self.networks, a, b, shares)

    def _renderer_of(self, subject: Subject, options: AnimateOptions) -> tuple[Renderer, Witness]:
        """The last ones again, where nothing but the expression is new: their constants take longer than a frame."""
        if self._last is not None:
            known, settings, renderer, witness = self._last
            same = known.latent is subject.latent and known.face is subject.face and known.source == subject.source
            if same and known.generator is subject.generator and settings == options:
                return renderer, witness
        networks = self.networks
        renderer = Renderer(networks.generator, networks.boundaries, subject, options, follow=networks.faces.follow)
        witness = Witness(networks.faces, subject, renderer, cropped=options.mode == "crop")
        self._last = (subject, options, renderer, witness)
        return renderer, witness

    def _film(self, subject: Subject, timeline: Timeline, options: AnimateOptions, notes: list[str]) -> Animation:
        networks = self.networks
        renderer, witness = self._renderer_of(subject, options)
        return Animation(
            subject,
            timeline,
            renderer,
            witness,
            options=options,
            model={
                "name": networks.name,
                "generator_id": networks.generator.generator_id,
                "descriptor": networks.descriptor.name,
            },
            notes=tuple(notes),
            boundaries=networks.boundaries,
        )


def _fingerprint(latent: Latent | TunedLatent | None) -> str:
    if latent is None:
        return "inverted"
    if isinstance(latent, Latent):
        return f"{fingerprint(latent.ws)} {latent.claimed}"
    return " ".join([fingerprint(latent.latent.ws), *(fingerprint(p.numpy()) for p in latent.delta.values())])
