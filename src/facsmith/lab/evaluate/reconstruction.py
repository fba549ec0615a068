"""How like the photo is the inverted latent's picture? By looks, by identity, and beside what costs less.

Looks: the distance of an image network's features, each position's scaled to unit length (LPIPS without its learned
weights, Zhang et al. 2018). Identity: dlib's face embedding. Neither was used in training. The baselines are principal
components of the training photos, inversion from the mean face, and the encoder's answer alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from facsmith import _optional, image
from facsmith._types import Image
from facsmith.checkpoint import cached_path
from facsmith.descriptor import Descriptor, load_descriptor, perceptual_distance
from facsmith.errors import InputError
from facsmith.face.dlib_provider import embed
from facsmith.inversion import InversionOptions, invert
from facsmith.lab.evaluate.faces import JudgedFace
from facsmith.networks import Networks
from facsmith.options import AnimateOptions

__all__ = ["Principal", "Reconstruction", "evaluation_descriptor", "likeness", "reconstructions"]


_CHUNK = 8


@dataclass(frozen=True)
class Reconstruction:
    """Means over the faces.

    Parameters
    ----------
    lpips
        Perceptual distance.
    identity
        Cosine of dlib's embeddings.
    identity_distance
        Distance of dlib's embeddings (the same person below 0.6).
    l1
        Mean absolute difference of pixels in [-1, 1].
    """

    way: str
    lpips: float
    identity: float
    identity_distance: float
    l1: float


class Principal:
    """The photo's projection on the leading principal components of training crops.

    Parameters
    ----------
    crops
        (N, R, R, 3) uint8, N from 2.
    """

    def __init__(self, crops: Image, *, components: int = 512, seed: int = 0) -> None:
        if len(crops) < 2:
            raise InputError(f"Principal components need two crops or more; got {len(crops)}.")
        data = _floats(crops).reshape(len(crops), -1)
        self.mean = data.mean(axis=0)
        data -= self.mean
        svd: Any = _optional.load("sklearn.utils.extmath").randomized_svd
        self.basis: npt.NDArray[np.float32] = svd(
            data, min(components, len(crops) - 1), n_iter=2, n_oversamples=16, random_state=seed
        )[2]

    def __call__(self, crops: Image) -> Image:
        """(N, R, R, 3) uint8 -> the same shape."""
        codes = (_floats(crops).reshape(len(crops), -1) - self.mean) @ self.basis.T
        back = ((codes @ self.basis + self.mean + 1) * 127.5).round().clip(0, 255)
        return back.reshape(crops.shape).astype(np.uint8)


def reconstructions(
    faces: list[JudgedFace],
    networks: Networks,
    *,
    options: AnimateOptions,
    seen_by: Descriptor,
    principal: Principal | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> tuple[Reconstruction, ...]:
    """The model's own way first (``inversion``), then ``encoder``, ``mean`` start, and ``pca`` where given."""
    crops = np.stack([face.crop for face in faces])
    ways: dict[str, Callable[[Image], Image]] = {"inversion": _inverted(networks, options.inversion)}
    if networks.encoder is not None:
        ways["encoder"] = _inverted(networks, replace(options.inversion, start="encoder", iterations=0))
    ways["mean"] = _inverted(networks, replace(options.inversion, start="mean", prior=None))
    if principal is not None:
        ways[f"pca-{len(principal.basis)}"] = principal
    rows: list[Reconstruction] = []
    for done, (way, rebuild) in enumerate(ways.items(), 1):
        pictures = np.concatenate([rebuild(crops[i : i + _CHUNK]) for i in range(0, len(crops), _CHUNK)])
        rows.append(likeness(way, faces, pictures, seen_by))
        progress("reconstruction", done, len(ways))
    return tuple(rows)


def likeness(way: str, faces: list[JudgedFace], pictures: Image, seen_by: Descriptor) -> Reconstruction:
    """How like the faces their reconstructions are.

    Parameters
    ----------
    pictures
        (N, R, R, 3), one of each face.
    """
    read: list[Mapping[str, float]] = []
    for face, picture in zip(faces, pictures, strict=True):
        a, b = image.to_tensor(face.crop), image.to_tensor(picture)
        one, other = face.identity, embed(picture, face.landmarks)
        read.append(
            {
                "lpips": float(perceptual_distance(seen_by, a, b)),
                "identity": float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other))),
                "identity_distance": float(np.linalg.norm(one - other)),
                "l1": float((a - b).abs().mean()),
            }
        )
    means = {key: float(np.mean([row[key] for row in read])) for key in read[0]}
    return Reconstruction(way, **means)


def evaluation_descriptor(networks: Networks) -> Descriptor:
    """VGG-16 where its weights are in the cache (nothing is downloaded), else the model's own descriptor."""
    return load_descriptor("vgg16") if cached_path("vgg16").is_file() else networks.descriptor


def _inverted(networks: Networks, options: InversionOptions) -> Callable[[Image], Image]:
    def rebuild(crops: Image) -> Image:
        found = invert(
            torch.cat([image.to_tensor(crop) for crop in crops]).to(networks.generator.w_avg.device),
            networks.generator,
            descriptor=networks.descriptor,
            encoder=networks.encoder if options.start == "encoder" else None,
            options=options,
            edits=networks.edits,
        )
        return image.to_uint8(found.reconstruction)

    return rebuild


def _floats(crops: Image) -> npt.NDArray[np.float32]:
    return crops.astype(np.float32) / np.float32(127.5) - 1
