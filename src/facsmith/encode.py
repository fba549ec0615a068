"""Photo -> Subject: read, find the face, cut the crop, invert it, and see what came out."""

import time
from collections.abc import Callable

import torch

from facsmith import face, image, measure
from facsmith._types import Image
from facsmith.compose import SHARP, Compositor
from facsmith.framing import framing_of
from facsmith.inversion import check_claim, invert
from facsmith.latent import Latent
from facsmith.networks import Networks, picture_of
from facsmith.options import EncodeOptions, Progress
from facsmith.source_smile import refine_source_smile
from facsmith.subject import Encoded, FaceCode, Subject
from facsmith.tuning import TunedLatent, tune_to_face

__all__ = ["encode", "sample"]


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

    Of a generator too coarse for its pixels to reach the photo (`compose.transfer.SHARP`), the code is searched for
    when it is first asked for; what it is does not depend on when.

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
        latent = latent.single()
        latent.check(networks.generator.generator_id)
    seen = networks.generator if options.whole or tuned is not None else networks.lowered()
    began = time.perf_counter()
    chosen, index, count = face.choose(networks.faces.find(pixels, provider=options.provider), options.face)
    transform = face.crop_transform(chosen.landmarks, seen.resolution, framing_of(seen))
    timings = {"face": round(time.perf_counter() - began, 3)}

    def search(progress: Progress | None) -> Encoded:
        began = time.perf_counter()
        found = invert(
            image.to_tensor(transform.crop(pixels)).to(networks.generator.w_avg.device),
            seen,
            descriptor=networks.descriptor,
            encoder=networks.encoder,
            options=options.inversion,
            edits=networks.edits,
            on_step=_report(progress, options.inversion.iterations),
        )
        timings["inversion"] = round(time.perf_counter() - began, 3)
        return Encoded(found.latent.single(), image.to_uint8(found.reconstruction)[0], found)

    high = options.fidelity == "high" and tuned is None
    code, found = FaceCode(search), None
    if latent is None and (high or seen.resolution >= SHARP):
        found = code.found(progress)
        latent = found.latent
    began = time.perf_counter()
    photo_aus = measure.alone(pixels, chosen).action_units
    timings["photo AUs"] = round(time.perf_counter() - began, 3)
    if high:
        assert latent is not None
        began = time.perf_counter()
        at = transform.to_crop(chosen.landmarks)
        tuned = tune_to_face(transform.crop(pixels), at, latent, photo_aus, networks, progress)
        timings["tuning"] = round(time.perf_counter() - began, 3)
    generator = seen if tuned is None else tuned.generator(networks.generator)
    notes = _notes(chosen, index, count, options)
    if latent is not None and latent.claimed:
        notes.append(check_claim(transform.crop(pixels), latent, seen, networks.descriptor))
    if latent is not None and (found is None or tuned is not None):  # given, or drawn by other weights since
        inversion = None if found is None else found.inversion
        code = FaceCode.of(Encoded(latent, picture_of(generator, latent), inversion))
    subject = Subject(
        name=name,
        photo=pixels,
        code=code,
        photo_aus=photo_aus,
        face=chosen,
        faces=count,
        face_index=index,
        transform=transform,
        compositor=Compositor(pixels, transform, chosen.landmarks, lambda: code.found().reference),
        tuned=tuned,
        generator=generator,
        timings=timings,
        notes=tuple(notes),
    )
    return refine_source_smile(subject, generator, networks.boundaries, networks.faces)


def sample(networks: Networks, *, seed: int, psi: float) -> Subject:
    """A face of the generator's own: z from ``seed``, truncated by ``psi``."""
    generator = networks.generator
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        ws = generator.mapping(z.to(generator.w_avg), psi=psi)
    latent = Latent(ws[0].float().cpu().numpy(), generator.generator_id)
    picture = picture_of(generator, latent)
    faces = face.find_small(picture, find=networks.faces.find)
    shown = measure.alone(picture, faces[0]).action_units if faces else networks.aus_of(latent)
    return Subject(
        name=f"sample-{seed}",
        photo=picture,
        code=FaceCode.of(Encoded(latent, picture)),
        photo_aus=shown,
        face=faces[0] if faces else None,
        faces=len(faces),
        face_index=0,
        transform=None,
    )


def _report(progress: Progress | None, steps: int) -> Callable[[int, int], None] | None:
    if progress is None:
        return None

    def on_step(step: int, searching: int) -> None:
        progress("inversion", step if searching else steps, steps)  # stopped early is done

    return on_step


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
