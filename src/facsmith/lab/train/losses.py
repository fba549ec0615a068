"""What a reconstruction has to get right: pixels at several scales, edges, and most of all where a face moves.

Images: (N, 3, R, R) float32 in [-1, 1].
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["edges", "face_weights", "reconstruction_loss"]

_FEATURES = list(range(17, 27)) + list(range(36, 68))  # brows, eyes, mouth


def face_weights(landmarks: Tensor, inside: Tensor, moved: Tensor, *, resolution: int) -> Tensor:
    """Weights of the pixels, mean about 1.

    Parameters
    ----------
    landmarks
        (N, 68, 2) in [0, 1] of the crop's side.
    inside
        (N, 1, R, R) in [0, 1], the part of the crop that lies inside the photo.
    moved
        (N, 1, R, R) absolute difference to another expression of the same face, in [0, 2].
    resolution
        R, in pixels.

    Returns
    -------
    Tensor
        (N, 1, R, R), 3 at brows, eyes and mouth, up to 4 more where the two expressions differ, 0.1 outside the photo.
    """
    grid = (torch.arange(32, device=landmarks.device) + 0.5) / 32
    points = landmarks[:, _FEATURES]
    dx = torch.exp(-(grid - points[..., :1]).square() / (2 * 0.03**2))  # (N, P, 32)
    dy = torch.exp(-(grid - points[..., 1:]).square() / (2 * 0.03**2))
    near = torch.einsum("npy,npx->nyx", dy, dx).clamp(max=1)[:, None]
    near = F.interpolate(near, size=(resolution, resolution), mode="bilinear", align_corners=False)
    kernel = max(3, resolution // 16) | 1
    motion = F.avg_pool2d(moved, kernel, stride=1, padding=kernel // 2, count_include_pad=False)
    weights = 1 + 2 * near + (8 * motion).clamp(max=4)
    return weights * (0.1 + 0.9 * inside)


def edges(images: Tensor) -> Tensor:
    """(N, 6, R-1, R-1): horizontal and vertical differences of neighbouring pixels."""
    right = images[:, :, :-1, 1:] - images[:, :, :-1, :-1]
    down = images[:, :, 1:, :-1] - images[:, :, :-1, :-1]
    return torch.cat([right, down], dim=1)


def reconstruction_loss(generated: Tensor, real: Tensor, weights: Tensor, *, sharp: Tensor) -> Tensor:
    """Weighted L1 of pixels, of their halves and quarters, and of edges, summed: a scalar.

    Parameters
    ----------
    sharp
        (N,) bool, whose pixels and edges count; of the others only what is seen at half the size.
    """
    weights = weights / weights.mean(dim=(1, 2, 3), keepdim=True)
    error = generated - real
    fine = weights * sharp[:, None, None, None].to(weights.dtype)
    loss = (error.abs() * fine).mean()
    loss = loss + (edges(error).abs() * fine[:, :, :-1, :-1]).mean()
    for _ in range(2):
        if error.shape[-1] < 16:
            break
        error, weights = F.avg_pool2d(error, 2), F.avg_pool2d(weights, 2)
        loss = loss + 0.5 * (error.abs() * weights).mean()
    return loss
