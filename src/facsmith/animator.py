"""The facade over the whole main job: find, align, invert, edit, render, compose, account.

>>> from facsmith import Animator
>>> film = Animator.from_pretrained().animate("her.jpg", "happiness", fps=30)  # doctest: +SKIP
>>> film.save("happy.mp4")  # doctest: +SKIP
"""

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch

from facsmith import face
from facsmith._types import Image
from facsmith.boundary import BoundarySet
from facsmith.bundle import DEFAULT_BUNDLE, load_bundle
from facsmith.cutout import NOTE as CUTOUT_NOTE
from facsmith.cutout import read_cutout
from facsmith.descriptor import Descriptor
from facsmith.encode import encode, sample
from facsmith.encoder import Encoder
from facsmith.errors import InputError, PhotoError
from facsmith.facs import AUS, ActionUnits
from facsmith.film import Animation, Picture
from facsmith.footage import (
    FilmChange,
    FilmOptions,
    FilmReceipt,
    edit_footage,
    edit_footage_faces,
    film_faces,
    performance_of,
)
from facsmith.generator import Generator, read_device
from facsmith.inversion import Inversion
from facsmith.latent import Latent
from facsmith.morph import morph
from facsmith.networks import Networks
from facsmith.options import AnimateOptions, EncodeOptions, Progress, changed
from facsmith.plan import Expression, Expressions, expression_notes, plan, read_expression
from facsmith.receipt import FrameReader
from facsmith.render import Renderer
from facsmith.several_faces import GroupAnimation
from facsmith.strengths import strengthened
from facsmith.subject import Subject, fingerprint, read_photo
from facsmith.timeline import Timeline
from facsmith.tuning import TunedLatent
from facsmith.video import open_footage

__all__ = ["Animator", "Photo"]

Photo = str | os.PathLike[str] | Image | Subject
"""A file, an (H, W, 3) uint8 RGB array, or a face that was prepared before."""

REMEMBERED = 4
"""Subjects kept, so that a second film of the same photo needs no second inversion."""


class Animator:
    """Animates faces with one generator.

    Parameters
    ----------
    generator
        A StyleGAN.
    descriptor
        Feature(.), what inversion compares by.
    encoder
        Of photos into W+; None where inversion starts from ``mean`` or ``random``.
    boundaries
        Of AUs in its latent space.
    name
        Of the model, for receipts.
    faces
        The source of landmarks.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        descriptor: Descriptor,
        encoder: Encoder | None,
        boundaries: BoundarySet,
        name: str = "custom",
        faces: face.FaceReader = face,
    ) -> None:
        self.networks = Networks(generator, descriptor, encoder, boundaries, faces, name)
        self._subjects: OrderedDict[str, Subject] = OrderedDict()
        self._last: tuple[Renderer, FrameReader] | None = None

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] = DEFAULT_BUNDLE,
        *,
        boundaries: BoundarySet | str | os.PathLike[str] | None = None,
        device: str | torch.device = "cpu",
    ) -> "Animator":
        """A model of the package, or a folder like one; ``boundaries`` replaces its own.

        Parameters
        ----------
        device
            Where the networks compute, as torch calls it: ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
        """
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
        ).to(device)

    def with_boundaries(self, boundaries: BoundarySet) -> "Animator":
        """The same networks with other AU boundaries."""
        own = self.networks
        return Animator(
            own.generator,
            descriptor=own.descriptor,
            encoder=own.encoder,
            boundaries=boundaries,
            name=own.name,
            faces=own.faces,
        )

    def to(self, device: str | torch.device) -> "Animator":
        """This animator, its networks moved to a device. Faces that were prepared elsewhere are forgotten.

        Raises
        ------
        InputError
            There is no such device here.
        """
        if read_device(device).type != "cpu" or self.networks.generator.w_avg.device.type != "cpu":
            self.networks.to(device)
            self._subjects.clear()
            self._last = None
        return self

    def animate(
        self,
        photo: Photo,
        expression: Expressions,
        *,
        options: AnimateOptions | None = None,
        latent: Latent | TunedLatent | None = None,
        progress: Progress | None = None,
        receipt: bool = True,
        **changes: Any,
    ) -> Animation:
        """A film of the photo's face: to the expression and back, through several, or along a Timeline.

        Parameters
        ----------
        photo
            A file, pixels, or a prepared face.
        expression
            ``"happiness"``, ``"AU6=C,AU12=0.6"``, ActionUnits, a sequence of these, or a Timeline.
        options
            See `AnimateOptions`; default all of its defaults.
        latent
            The photo's code of an earlier inversion, or tuning; without it the photo is inverted now.
        progress
            Told (stage, done, total).
        receipt
            False for the film alone: nothing is measured, and what is saved is the same to the byte.
        **changes
            Single options by name: ``fps=30``.
        """
        options = changed(options, changes)
        plan(expression, ActionUnits(), options)  # a misspelt expression is named before seconds go into the photo
        subject = self.prepare(photo, options=options, latent=latent, progress=progress)
        start = subject.photo_aus if options.edit == "absolute" else ActionUnits()
        timeline = plan(expression, start, options)
        renderer, reader = self._renderer(subject, timeline, options, progress)
        notes = tuple(expression_notes(expression))
        return Animation(timeline, renderer, reader, model=self.model, notes=notes, receipt=receipt)

    def animate_faces(
        self,
        photo: str | os.PathLike[str] | Image,
        expressions: Mapping[int, Expressions] | Expressions,
        *,
        options: AnimateOptions | None = None,
        progress: Progress | None = None,
        receipt: bool = True,
        **changes: Any,
    ) -> GroupAnimation:
        """One film of several faces of a photo, each with its own expression, latent and receipt.

        Parameters
        ----------
        photo
            A file or pixels.
        expressions
            Number of a face, 0 the largest -> what it does; or what all faces do that can be used.
        options, progress, receipt, **changes
            As for `animate`, of all faces alike.
        """
        options = changed(options, changes)
        pixels, _ = read_photo(photo)
        if not isinstance(expressions, Mapping) or isinstance(expressions, ActionUnits):
            found = self.networks.faces.find(pixels, provider=options.provider)
            face.choose(found)  # says what is missing where none can be used
            expressions = dict.fromkeys(face.usable(found), expressions)
        films: list[Animation] = []
        for number, expression in expressions.items():
            own = replace(options, face=number)
            films.append(self.animate(photo, expression, options=own, progress=progress, receipt=receipt))
        return GroupAnimation(films)

    def edit(
        self,
        photo: Photo,
        expression: Expression,
        *,
        options: AnimateOptions | None = None,
        latent: Latent | TunedLatent | None = None,
        progress: Progress | None = None,
        receipt: bool = True,
        **changes: Any,
    ) -> Picture:
        """One picture of the photo's face with the expression. Parameters as for `animate`."""
        target = Timeline.sequence([(0.0, read_expression(expression))])
        film = self.animate(
            photo, target, options=options, latent=latent, progress=progress, receipt=receipt, **changes
        )
        film.notes += tuple(expression_notes(expression))
        return Picture(film)

    def edit_film(
        self,
        film: str | os.PathLike[str],
        output: str | os.PathLike[str],
        change: FilmChange | None = None,
        *,
        relative: str | None = None,
        gain: str | None = None,
        absolute: str | None = None,
        options: FilmOptions | None = None,
        parts: Path | None = None,
        progress: Progress | None = None,
    ) -> FilmReceipt:
        """Write a film with one face's AUs changed, everything else left as it is, and its receipt beside it.

        Parameters
        ----------
        film
            Any film that PyAV reads.
        output
            .mp4, .mov or .mkv.
        change
            What shall change, and when; or, in words, the following three.
        relative
            ``"AU12=-0.4,AU4=+0.2"``: added to what the face shows.
        gain
            ``"AU12=0.5"``: what it shows, times this.
        absolute
            ``"AU6=0,R12=C"``: shown instead.
        options
            See `FilmOptions`.
        parts
            Folder in which what is done waits for the rest; default ``out.mp4.parts`` beside ``out.mp4``.
        progress
            Told (stage, done, total); the stages are ``looking``, ``fitting``, ``frames``, ``joining``.
        """
        if change is None:
            change = FilmChange.read(relative=relative, gain=gain, absolute=absolute)
        elif relative is not None or gain is not None or absolute is not None:
            raise InputError("Give a change, or say it as relative, gain and absolute; not both.")
        return edit_footage(film, output, change, self.networks, options=options, parts=parts, progress=progress)

    def edit_film_faces(
        self,
        film: str | os.PathLike[str],
        output: str | os.PathLike[str],
        changes: Mapping[int, FilmChange] | FilmChange,
        *,
        options: FilmOptions | None = None,
        progress: Progress | None = None,
    ) -> dict[int, FilmReceipt]:
        """Write a film with several faces' AUs changed, and each face's receipt beside it.

        Parameters
        ----------
        changes
            Number of a face, 0 the largest of the first frame that shows so many -> what shall change of it; or what
            shall change of all faces of the first frame that shows any.
        film, output, options, progress
            As for `edit_film`, of all faces alike.
        """
        options = options or FilmOptions()
        if not isinstance(changes, Mapping):
            everyone = film_faces(open_footage(film), self.networks.faces, provider=options.provider)
            changes = dict.fromkeys(everyone, changes)
        return edit_footage_faces(film, output, changes, self.networks, options=options, progress=progress)

    def animate_film(
        self,
        film: str | os.PathLike[str],
        output: str | os.PathLike[str],
        expression: Expressions,
        *,
        options: AnimateOptions | None = None,
        film_options: FilmOptions | None = None,
        progress: Progress | None = None,
        **changes: Any,
    ) -> FilmReceipt:
        """Write a film whose face gives another performance: its own expression goes, the asked one comes; the
        head's movement, blinks and gaze stay the film's.

        Parameters
        ----------
        film, output, progress
            As for `edit_film`.
        expression
            As for `animate`.
        options, **changes
            Of `AnimateOptions` those that time a performance: ``onset``, ``apex``, ``offset``, ``variant``, ``blinks``.
        film_options
            See `FilmOptions`.
        """
        change = performance_of(expression, changed(options, changes))
        return edit_footage(film, output, change, self.networks, options=film_options, progress=progress)

    def invert(
        self, photo: Photo, *, options: AnimateOptions | None = None, progress: Progress | None = None
    ) -> Inversion:
        """The photo's face in W+ (Eq. 1), a batch of one, at the generator's full resolution."""
        whole = replace((options or AnimateOptions()).encoding, whole=True)
        found = self.prepare(photo, options=whole, progress=progress).code.found(progress).inversion
        if found is None:
            raise PhotoError("This face has its latent already: it is the generator's own, or was given one.")
        return found

    def prepare(
        self,
        photo: Photo,
        *,
        options: AnimateOptions | EncodeOptions | None = None,
        latent: Latent | TunedLatent | None = None,
        progress: Progress | None = None,
    ) -> Subject:
        """Find and crop one face; the same photo and options of encoding again cost nothing.

        Its latent is searched for when it is first asked for (``subject.latent``, ``subject.code.found``) or when a
        film's pictures are the generator's.
        """
        options = options or AnimateOptions()
        settings = options if isinstance(options, EncodeOptions) else options.encoding
        if isinstance(photo, Subject):
            return photo
        pixels, name = read_photo(photo)
        key = f"{fingerprint(pixels)} {settings} {_fingerprint(latent)}"
        if key not in self._subjects:
            self._subjects[key] = encode(
                pixels, self.networks, name=name, options=settings, latent=latent, progress=progress
            )
        self._subjects.move_to_end(key)
        while len(self._subjects) > REMEMBERED:
            self._subjects.popitem(last=False)
        subject = replace(self._subjects[key], name=name)
        cutout = read_cutout(photo) if isinstance(photo, str | os.PathLike) else None
        return subject if cutout is None else replace(subject, cutout=cutout, notes=(*subject.notes, CUTOUT_NOTE))

    def sample(self, seed: int = 0, *, psi: float = 0.7) -> Subject:
        """A face of the generator's own, ready to be animated; ``.photo`` is its picture.

        Parameters
        ----------
        psi
            Truncation in [0, 1]; smaller is closer to the mean face and cleaner.
        """
        if not 0 <= psi <= 1:
            raise InputError(f"Truncation psi is {psi:g}; give a number from 0 (the mean face) to 1.")
        return sample(self.networks, seed=seed, psi=psi)

    def morph(self, a: Latent, b: Latent, *, shares: npt.ArrayLike) -> Iterator[Image]:
        """The generator's pictures (R, R, 3) uint8 on the straight way from one latent (share 0) to another (1)."""
        return morph(self.networks, a, b, shares)

    @property
    def model(self) -> dict[str, str]:
        """Which networks draw, as receipts name them."""
        networks = self.networks
        return {
            "name": networks.name,
            "generator_id": networks.generator.generator_id,
            "descriptor": networks.descriptor.name,
        }

    def _renderer(
        self, subject: Subject, timeline: Timeline, options: AnimateOptions, progress: Progress | None
    ) -> tuple[Renderer, FrameReader]:
        """The last ones again, where nothing but the expression is new: what they know of the face took a while."""
        networks = self.networks
        if self._last is None or not _same(self._last[0], subject, options):
            renderer = Renderer(subject, networks.generator, networks.boundaries, options)
            if renderer.draws:
                subject.code.found(progress)
            self._last = renderer, FrameReader(networks.faces, renderer)
        renderer, reader = self._last
        shown = timeline.sides(timeline.frame_times(options.fps)).max(axis=(0, 1)) + subject.photo_aus.vector()
        wanted = [au for au, e in zip(AUS, shown, strict=True) if e > 0]
        return strengthened(renderer, wanted, follow=networks.faces.follow, progress=progress), reader


def _same(renderer: Renderer, subject: Subject, options: AnimateOptions) -> bool:
    known = renderer.subject
    same = known.compositor is subject.compositor and known.code is subject.code and known.face is subject.face
    return same and known.photo_aus == subject.photo_aus and renderer.options == options


def _fingerprint(latent: Latent | TunedLatent | None) -> str:
    if latent is None:
        return "inverted"
    if isinstance(latent, Latent):
        return f"{fingerprint(latent.ws)} {latent.claimed}"
    return " ".join([fingerprint(latent.latent.ws), *(fingerprint(p.numpy()) for p in latent.delta.values())])
