"""The faces of a report where the user gives none: the astronaut, then samples that the model draws itself."""

from facsmith import _optional, image
from facsmith._types import Image
from facsmith.face import READABLE_SIDE
from facsmith.framing import framing_of
from facsmith.lab.evaluate.faces import JudgedFace, photographed
from facsmith.lab.frechet import random_faces
from facsmith.lab.reproduce.plan import Plan
from facsmith.networks import Networks

__all__ = ["ASTRONAUT", "chosen_faces", "sample_photo"]


ASTRONAUT = "astronaut"
"""Eileen Collins, NASA, in the public domain; scikit-image carries it."""


def chosen_faces(networks: Networks, plan: Plan) -> tuple[list[JudgedFace], dict[str, str]]:
    """The astronaut, then samples by their seeds: the first ones in which a face is found."""
    side, framing = networks.generator.resolution, framing_of(networks.generator)
    astronaut = _optional.load("skimage.data").astronaut()
    faces, skipped = photographed([(ASTRONAUT, astronaut)], side, provider=plan.provider, framing=framing)
    seed = plan.seed
    while len(faces) < plan.faces and seed < plan.seed + 4 * plan.faces:
        drawn = sample_photo(networks, seed=seed, psi=plan.psi)
        found, lost = photographed([(f"sample {seed}", drawn)], side, provider=plan.provider, framing=framing)
        faces += found
        skipped |= lost
        seed += 1
    return faces, skipped


def sample_photo(networks: Networks, *, seed: int, psi: float) -> Image:
    """(H, W, 3) uint8: a face that the model draws, as large as landmarkers like their photos."""
    picture = image.to_uint8(random_faces(networks.generator, 1, psi=psi, seed=seed))[0]
    return image.enlarged(picture, READABLE_SIDE)[0]
