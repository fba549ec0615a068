"""How alike the persons in two pictures are."""

from typing import NamedTuple

import numpy as np

from facsmith._types import Array, Image
from facsmith.face import choose, find
from facsmith.face.dlib_provider import embed

__all__ = ["Identity", "alike", "embedding", "identity"]


class Identity(NamedTuple):
    """How alike two faces are: distance of dlib's embeddings (the same person below 0.6), and their cosine.

    The embeddings share a large common part. On eleven portraits, a person against the own surprised and smiling face:
    cosine .95 and more, distance .54 and less; against another person: .93 and less, .60 and more.
    """

    cosine: float
    distance: float


def identity(a: Image, b: Image, *, landmarks: tuple[Array, Array] | None = None) -> Identity:
    """How alike the persons in two pictures are, by dlib's face embedding.

    Parameters
    ----------
    a, b
        (H, W, 3) uint8 RGB.
    landmarks
        (68, 2) of the face in each; without, the largest face is looked for.

    Raises
    ------
    NoFaceError
        A picture shows no usable face.
    """
    at = landmarks or (choose(find(a)).face.landmarks, choose(find(b)).face.landmarks)
    return alike(embed(a, at[0]), embed(b, at[1]))


def embedding(image: Image, landmarks: Array) -> Array:
    """The person in a picture as numbers (128,), for `alike`.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    landmarks
        (68, 2) pixels of the image.
    """
    return embed(image, landmarks)


def alike(one: Array, other: Array) -> Identity:
    """How alike two persons are.

    Parameters
    ----------
    one, other
        (128,), from `embedding`.
    """
    cosine = float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
    return Identity(cosine, float(np.linalg.norm(one - other)))
