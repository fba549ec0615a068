"""Photo -> Subject: read, find the face, cut the crop, invert it, and see what came out."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from facsmith import face, image, measure
from facsmith.boundary import BoundarySet
from facsmith.compose import Compositor
from facsmith.compose.flow import FLOW_SIZE
from facsmith.descriptor import Descriptor, perceptual_distance
from facsmith.encoder import Encoder
from facsmith.errors import LatentError, PhotoError
from facsmith.face import FaceReader
from facsmith.facs import ActionUnits
from facsmith.framing import framing_of
from facsmith.generator import Generator, lowered, read_device, use_half_precision
from facsmith.inversion import Inversion, invert
from facsmith.latent import Latent
from facsmith.options import AnimateOptions, EncodeOptions, Progress
from facsmith.render import Renderer
from facsmith.source_smile import refine_source_smile
from facsmith.subject import Image, Subject
from facsmith.tuning import TunedLatent, TuningOptions, tune

__all__ = ["Networks", "encode", "read_photo", "sample"]


_STRONG = 0.5
CLAIM = 0.8
"""Perceptual distance of a latent's picture to the photo, the mean face's being 1, above which it is not believed.

On seven portraits, latents of the photo had .13 to .26, latents of other people .85 and more.
"""


@dataclass(frozen=True)
class Networks:
    """What turns pixels into a latent and back.

    Parameters
    ----------
    name
        Name of the model they come from.
    """

    generator: Generator
    descriptor: Descriptor
    encoder: Encoder | None
    boundaries: BoundarySet
    faces: FaceReader
    name: str

    def to(self, device: str | torch.device) -> None:
        """Move generator, descriptor and encoder, in place. A GPU draws high resolutions in half precision.

        Raises
        ------
        InputError
            There is no such device here.
        """
        place = read_device(device)
        for part in (self.generator, self.descriptor, self.encoder):
            if part is not None:
                cast(Any, part).to(place)
        use_half_precision(self.generator)

    def aus_of(self, latent: Latent) -> ActionUnits:
        """The AUs that a latent (num_ws, w_dim) shows, as the boundaries read them: of a face that nobody finds."""
        read = dict(zip(self.boundaries.aus, self.boundaries.intensities(latent).tolist(), strict=True))
        return ActionUnits({au: e for au, e in read.items() if e >= _STRONG})

    def edits(self, ws: torch.Tensor) -> torch.Tensor:
        """Of codes (N, num_ws, w_dim), each face at rest and with every AU alone: (M, N, num_ws, w_dim).

        What a face shows is read from its code: of a face that is still searched for, no picture can be measured.
        """
        codes = ws.detach().cpu().numpy()
        each = [self.boundaries.singles(Latent(code, self.generator.generator_id)).ws for code in codes]
        return torch.as_tensor(np.stack(each, axis=1), device=ws.device)


def read_photo(photo: str | os.PathLike[str] | Image) -> tuple[Image, str]:
    """Pixels (H, W, 3) uint8 RGB and a name for the receipt: the file's, without its folder."""
    if isinstance(photo, str | os.PathLike):
        return image.read(photo), Path(photo).name
    pixels = cast(npt.NDArray[Any], photo)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise PhotoError(f"A photo is an (H, W, 3) uint8 RGB array; given: {pixels.dtype} of shape {pixels.shape}.")
    return photo, "array"


def encode(
    pixels: Image,
    networks: Networks,
    *,
    name: str,
    options: EncodeOptions,
    latent: Latent | TunedLatent | None = None,
    progress: Progress | None = None,
) -> Subject:
    """Find the face of a photo and its code in the generator's latent space.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    latent
        The face's code where it is known; else the crop is inverted.

    Raises
    ------
    NoFaceError
        No face, no such face, or one in profile.
    LatentError
        A latent of another generator.
    InputError
        High fidelity with a generator that cannot be tuned.
    """
    tuned = latent if isinstance(latent, TunedLatent) else None
    if isinstance(latent, TunedLatent):
        latent = latent.latent
    if latent is not None:
        latent = _single(latent)
        latent.check(networks.generator.generator_id)
    # Motion is sought on so many pixels: more of the generator's would not be looked at.
    seen = networks.generator if options.whole or tuned is not None else lowered(networks.generator, FLOW_SIZE)
    began = time.perf_counter()
    chosen, index, count = face.choose(networks.faces.find(pixels, provider=options.provider), options.face)
    transform = face.crop_transform(chosen.landmarks, seen.resolution, framing_of(seen))
    timings = {"face": round(time.perf_counter() - began, 3)}

    device = networks.generator.w_avg.device
    inversion: Inversion | None = None
    if latent is None:
        began = time.perf_counter()
        inversion = invert(
            image.to_tensor(transform.crop(pixels)).to(device),
            seen,
            descriptor=networks.descriptor,
            encoder=networks.encoder,
            options=options.inversion,
            edits=networks.edits,
            on_step=_report(progress, options.inversion.iterations),
        )
        latent = _single(inversion.latent)
        timings["inversion"] = round(time.perf_counter() - began, 3)
    began = time.perf_counter()
    photo_aus = measure.alone(pixels, chosen).action_units
    timings["photo AUs"] = round(time.perf_counter() - began, 3)
    if options.fidelity == "high" and tuned is None:
        began = time.perf_counter()
        at = transform.to_crop(chosen.landmarks)
        tuned = _tuned(transform.crop(pixels), at, latent, photo_aus, networks, progress)
        timings["tuning"] = round(time.perf_counter() - began, 3)
    generator = seen if tuned is None else tuned.generator(networks.generator)
    notes = _notes(chosen, index, count, options)
    if latent.claimed:
        notes.append(_claim(transform.crop(pixels), latent, seen, networks.descriptor))
    if inversion is not None and tuned is None:
        reference = image.to_uint8(inversion.reconstruction)[0]
    else:
        reference = _picture(generator, latent)
    subject = Subject(
        name=name,
        photo=pixels,
        latent=latent,
        reference=reference,
        photo_aus=photo_aus,
        face=chosen,
        faces=count,
        face_index=index,
        transform=transform,
        inversion=inversion,
        compositor=Compositor(pixels, transform, chosen.landmarks, reference),
        tuned=tuned,
        generator=generator,
        timings=timings,
        notes=tuple(notes),
    )
    return refine_source_smile(
        Renderer(subject, generator, networks.boundaries, AnimateOptions(personal=False)), networks.faces
    )


def _tuned(
    crop: Image,
    landmarks: npt.NDArray[np.float64],
    latent: Latent,
    photo_aus: ActionUnits,
    networks: Networks,
    progress: Progress | None,
) -> TunedLatent:
    """The generator tuned to the crop; what its AUs do is held. The report says how much more alike the pictures are.

    landmarks: (68, 2) crop pixels.
    """
    options = TuningOptions()
    edits = networks.boundaries.singles(latent, source=photo_aus).ws

    def on_step(step: int) -> None:
        if progress is not None:
            progress("tuning", step, options.steps)

    tuned = tune(
        image.to_tensor(crop).to(networks.generator.w_avg.device),
        latent,
        networks.generator,
        descriptor=networks.descriptor,
        edits=torch.as_tensor(edits),
        options=options,
        on_step=on_step,
    )
    pictures = [_picture(g, latent) for g in (networks.generator, tuned.generator(networks.generator))]
    seen, *drawn = (image.to_tensor(p).to(networks.generator.w_avg.device) for p in (crop, *pictures))
    likeness = {
        "l1": [round(float((seen - p).abs().mean()), 4) for p in drawn],
        "perceptual": [round(float(perceptual_distance(networks.descriptor, seen, p)), 4) for p in drawn],
        "identity": [round(measure.identity(crop, p, landmarks=(landmarks, landmarks)).cosine, 4) for p in pictures],
    }
    return replace(tuned, report={**tuned.report, "likeness": likeness})


def _picture(generator: Generator, latent: Latent) -> Image:
    """(R, R, 3) of one face's latent."""
    with torch.inference_mode():
        ws = torch.as_tensor(latent.ws[None], device=generator.w_avg.device)
        return image.to_uint8(generator.synthesis(ws))[0]


def sample(networks: Networks, *, seed: int, psi: float) -> Subject:
    """A face of the generator's own: z from ``seed``, truncated by ``psi``."""
    generator = networks.generator
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        ws = generator.mapping(z.to(generator.w_avg), psi=psi)
    latent = Latent(ws[0].float().cpu().numpy(), generator.generator_id)
    picture = _picture(generator, latent)
    faces = face.find_small(picture, find=networks.faces.find)
    shown = measure.alone(picture, faces[0]).action_units if faces else networks.aus_of(latent)
    return Subject(
        name=f"sample-{seed}",
        photo=picture,
        latent=latent,
        reference=picture,
        photo_aus=shown,
        face=faces[0] if faces else None,
        faces=len(faces),
        face_index=0,
        transform=None,
        inversion=None,
    )


def _report(progress: Progress | None, steps: int) -> Callable[[int, int], None] | None:
    if progress is None:
        return None

    def on_step(step: int, searching: int) -> None:
        progress("inversion", step if searching else steps, steps)  # stopped early is done

    return on_step


def _claim(crop: Image, latent: Latent, generator: Generator, descriptor: Descriptor) -> str:
    """What is said of a code from a file that names no generator: how near its picture is to the photo.

    Raises
    ------
    LatentError
        Hardly nearer than the mean face, so that it is another face's, generator's or crop's.
    """
    device = generator.w_avg.device
    mean = Latent(generator.w_avg.expand(generator.num_ws, -1).cpu().numpy(), latent.generator_id)
    seen, drawn, average = (
        image.to_tensor(picture).to(device)
        for picture in (crop, _picture(generator, latent), _picture(generator, mean))
    )
    share = float(perceptual_distance(descriptor, seen, drawn)) / max(
        float(perceptual_distance(descriptor, seen, average)), 1e-9
    )
    if share > CLAIM:
        raise LatentError(
            f"This latent's picture is {share:.2f} as far from the photo as the mean face; a latent of this photo and "
            "generator comes nearer. Is it another photo's or generator's, or of a photo cut otherwise? Invert the "
            "photo: leave out --latent."
        )
    return f"The latent's file names no generator; its picture is {share:.2f} as far from the photo as the mean face."


def _single(latent: Latent) -> Latent:
    """(num_ws, w_dim) of a latent that holds one face."""
    ws = latent.ws.reshape(-1, latent.num_ws, latent.w_dim)
    if len(ws) != 1:
        raise LatentError(f"This latent holds {len(ws)} faces; give one face, of shape (num_ws, w_dim).")
    return Latent(ws[0], latent.generator_id, latent.claimed)


def _notes(chosen: face.Face, index: int, count: int, options: EncodeOptions) -> list[str]:
    notes: list[str] = []
    if count > 1 and options.face is None:
        which = "the largest" if index == 0 else "the largest that can be used"
        notes.append(
            f"{count} faces were found and number {index}, {which}, was taken; choose with --face 0 to {count - 1}."
        )
    if chosen.provider == "dlib" and options.provider == "auto":
        notes.append(
            "Landmarks come from dlib, whose 68-point model is for non-commercial use: "
            + (face.why_not_mediapipe() or "MediaPipe is not at hand.")
        )
    return notes
