"""Cartoon faces whose landmarks are known, for a data set in seconds; and a network to see them with."""

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from facsmith.lab.train.photos import Photo


def sketch(seed: int) -> Photo:
    """A cartoon face of random colours; the landmarks are the drawing's own."""
    random = np.random.default_rng(seed)
    t = np.linspace(-np.pi / 2, np.pi / 2, 17)
    p = np.zeros((68, 2))
    p[:17] = np.stack([45 * np.sin(t), 10 + 70 * np.cos(t)], axis=1)
    p[17:27] = [[x, -18] for x in (-34, -29, -23, -16, -9, 9, 16, 23, 29, 34)]
    p[27:31] = [[0, y] for y in (0, 8, 16, 24)]
    p[31:36] = [[x, 29] for x in (-8, -4, 0, 4, 8)]
    p[36:42] = [[-28, 0], [-23, -3], [-17, -3], [-12, 0], [-17, 3], [-23, 3]]
    p[42:48] = p[[39, 38, 37, 36, 41, 40]] * [-1, 1]
    p[48:60] = [
        [-18, 45],
        [-11, 42],
        [-4, 41],
        [0, 41],
        [4, 41],
        [11, 42],
        [18, 45],
        [11, 49],
        [4, 51],
        [0, 51],
        [-4, 51],
        [-11, 49],
    ]
    p[60:68] = [[-16, 45], [-5, 45], [0, 45], [5, 45], [16, 45], [5, 46], [0, 46], [-5, 46]]
    p += [80, 70]
    image = np.full((160, 160, 3), random.integers(40, 220, 3), np.uint8)
    skin = tuple(int(v) for v in random.integers(120, 230, 3))
    cv2.ellipse(image, (80, 85), (48, 66), 0, 0, 360, skin, -1)
    for group in ((36, 42), (42, 48), (48, 60)):
        cv2.fillPoly(
            image, [p[group[0] : group[1]].round().astype(np.int32)], tuple(int(v) for v in random.integers(20, 120, 3))
        )
    return Photo(f"{seed}.png", image, p, age=30, gender=seed % 2)


class TinyFeatures(nn.Module):
    """Random convolutions that see at strides ``first`` to 4 ``first``, in place of EfficientNet-Lite0."""

    channels = (4, 6, 8)

    def __init__(self, first: int = 4) -> None:
        super().__init__()
        state = torch.get_rng_state()
        torch.manual_seed(7)
        widths = zip((3, *self.channels[:-1]), self.channels, (first, 2, 2), strict=True)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, stride, 1) for a, b, stride in widths).requires_grad_(False)
        torch.set_rng_state(state)

    def forward(self, images: Tensor) -> list[Tensor]:
        found = [images]
        for layer in self.layers:
            found.append(torch.relu(layer(found[-1])))
        return found[1:]

    def pooled(self, images: Tensor) -> Tensor:
        return self(images)[-1].mean(dim=(2, 3))
