"""Models that others publish and facsmith can use: where they lie, under which licence, how to know the right file.

No weights are copied here. Every figure names its origin; where the publisher gives no checksum and independent copies
could not be compared, ``sha256`` is None and the file is checked by its contents only.
"""

import difflib
from dataclasses import dataclass
from typing import Final, Literal

from facsmith.errors import CheckpointError

__all__ = ["MODELS", "ModelEntry", "find_entry"]

Kind = Literal["generator", "descriptor", "landmarks"]


@dataclass(frozen=True)
class ModelEntry:
    """One published file.

    The size in bytes and sha256 are None where not published; ``origin`` says where the figures were found.
    ``filename`` is the publisher's own, so that a file fetched by hand needs no new name.

    Parameters
    ----------
    framing
        How a generator frames faces: a name of `facsmith.framing.PRESETS`, that of the data set it was trained on.
    """

    name: str
    kind: Kind
    title: str
    filename: str
    url: str
    licence: str
    homepage: str
    origin: str
    size: int | None = None
    sha256: str | None = None
    framing: str = ""


_NVIDIA_NC: Final = "NVIDIA Source Code License, non-commercial (nvlabs.github.io/stylegan2-ada-pytorch/license.html)"
_CC_BY_NC: Final = "CC BY-NC 4.0, NVIDIA Corporation"
_ADA: Final = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained"
_UNPUBLISHED: Final = "size and sha256 not published"

_ENTRIES: Final = (
    ModelEntry(
        name="stylegan1-ffhq-1024",
        kind="generator",
        framing="ffhq",
        title="StyleGAN1, FFHQ faces, 1024 px",
        filename="karras2019stylegan-ffhq-1024x1024.pkl",
        url="https://drive.google.com/uc?id=1MEGjdvVpUsu1jB4zrXZN7Y4kBBOzizDQ",
        licence=_CC_BY_NC,
        homepage="https://github.com/NVlabs/stylegan",
        origin=f"address: README of NVlabs/stylegan; {_UNPUBLISHED}",
    ),
    ModelEntry(
        name="stylegan1-celebahq-1024",
        kind="generator",
        framing="celebahq",
        title="StyleGAN1, CelebA-HQ faces, 1024 px",
        filename="karras2019stylegan-celebahq-1024x1024.pkl",
        url="https://drive.google.com/uc?id=1MGqJl28pN4t7SAtSrPdSRJSQJqahkzUf",
        licence=_CC_BY_NC,
        homepage="https://github.com/NVlabs/stylegan",
        origin=f"address: README of NVlabs/stylegan; {_UNPUBLISHED}",
    ),
    ModelEntry(
        name="stylegan2-ffhq-1024",
        kind="generator",
        framing="ffhq",
        title="StyleGAN2, FFHQ faces, 1024 px",
        filename="ffhq.pkl",
        url=f"{_ADA}/ffhq.pkl",
        licence=_NVIDIA_NC,
        homepage="https://github.com/NVlabs/stylegan2-ada-pytorch",
        origin="address: README of NVlabs/stylegan2-ada-pytorch; size and sha256: not from NVIDIA, but equal in "
        "independent Git LFS copies (huggingface.co: DragGan/DragGan-Models, spaces/edemana/my-stylegan-model)",
        size=381_624_121,
        sha256="a205a346e86a9ddaae702e118097d014b7b8bd719491396a162cca438f2f524c",
    ),
    ModelEntry(
        name="stylegan2-ffhq-256",
        kind="generator",
        framing="ffhq",
        title="StyleGAN2, FFHQ faces, 256 px",
        filename="ffhq-res256-mirror-paper256-noaug.pkl",
        url=f"{_ADA}/transfer-learning-source-nets/ffhq-res256-mirror-paper256-noaug.pkl",
        licence=_NVIDIA_NC,
        homepage="https://github.com/NVlabs/stylegan2-ada-pytorch",
        origin=f"address: train.py of NVlabs/stylegan2-ada-pytorch; {_UNPUBLISHED}",
    ),
    ModelEntry(
        name="vgg16",
        kind="descriptor",
        title="VGG-16, ImageNet classes (torchvision)",
        filename="vgg16-397923af.pth",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        licence="torchvision: BSD-3-Clause; trained on ImageNet, whose images are for non-commercial research",
        homepage="https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.vgg16.html",
        origin="sha256: its first 8 digits are in the publisher's file name, the whole is quoted alike by several "
        "projects; size: progress output of torchvision's own download, quoted alike by several projects",
        size=553_433_881,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    ),
    ModelEntry(
        name="face-landmarker",
        kind="landmarks",
        title="MediaPipe Face Landmarker, float16, version 1",
        filename="face_landmarker.task",
        url="https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
        licence="Apache-2.0",
        homepage="https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker",
        origin="size and sha256: measured on a copy, and quoted alike by several projects (pub.dev mediapipe_vision)",
        size=3_758_596,
        sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    ),
)

MODELS: Final[dict[str, ModelEntry]] = {entry.name: entry for entry in _ENTRIES}
"""Every known model by name."""


def find_entry(name: str) -> ModelEntry:
    """The entry of this name.

    Raises
    ------
    CheckpointError
        No such model; the closest name is suggested.
    """
    if name in MODELS:
        return MODELS[name]
    close = difflib.get_close_matches(name, MODELS, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise CheckpointError(f"There is no model {name!r}; known: {', '.join(MODELS)}.{hint}")
