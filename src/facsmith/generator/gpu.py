"""What synthesis gains on a GPU: half precision in the high resolutions, and a whole batch as one CUDA graph.

A small network keeps a GPU waiting for Python: its hundred kernels take less time than their launching. A graph of
them is launched at once.
"""

import logging

import torch
from torch import Tensor

from facsmith.generator.derived import DerivedGenerator
from facsmith.generator.protocol import Generator, NoiseMode
from facsmith.generator.stylegan2 import StyleGAN2

__all__ = ["HALF_RESOLUTIONS", "GraphedGenerator", "graphed", "use_half_precision"]

HALF_RESOLUTIONS = 4
"""Of how many resolutions, the highest, features are computed in half precision: StyleGAN2-ADA's ``num_fp16_res``."""

_AGREE = 0.02
"""How far a picture in half precision may be from the full one's, root of the mean square on [-1, 1]."""

_WARM_UP = 3
_log = logging.getLogger(__name__)


def use_half_precision(generator: Generator) -> bool:
    """Let a StyleGAN2 compute its high resolutions in half precision from now on, where that is safe and pays: on a
    GPU, and only if the mean face's picture stays what it was. Returns whether it does.
    """
    if not isinstance(generator, StyleGAN2):
        return False
    if generator.w_avg.device.type != "cuda":
        generator.synthesis.half_resolutions = 0  # it may have come back from a GPU
        return False
    return _halve(generator)


def _halve(generator: StyleGAN2) -> bool:
    ws = generator.w_avg.expand(1, generator.num_ws, -1)
    with torch.inference_mode():
        full = generator.synthesis(ws)
        generator.synthesis.half_resolutions = HALF_RESOLUTIONS
        apart = float((generator.synthesis(ws) - full).square().mean().sqrt())
    if not apart <= _AGREE:  # NaN, too
        _log.warning("half precision changes this generator's pictures by %.3g: computing in full precision", apart)
        generator.synthesis.half_resolutions = 0
    return apart <= _AGREE


class GraphedGenerator(DerivedGenerator):
    """Satisfies the ``Generator`` protocol: batches of ``batch`` latents, without gradient, run as one CUDA graph;
    others as they would on the base. The base's weights stay as they are and where they are.

    Parameters
    ----------
    base
        On a CUDA device; its work is recorded when this is made, which takes some milliseconds.
    """

    def __init__(self, base: Generator, batch: int) -> None:
        super().__init__(base)
        with torch.no_grad():  # normal tensors: they may be written to in inference mode and outside of it
            self._ws = base.w_avg.expand(batch, base.num_ws, -1).clone()
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):  # cuDNN chooses, and what is kept between calls is made, before recording
                for _ in range(_WARM_UP):
                    base.synthesis(self._ws)
            torch.cuda.current_stream().wait_stream(aside)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._images = base.synthesis(self._ws)

    def synthesis(self, ws: Tensor, *, noise: NoiseMode = "const") -> Tensor:
        """ws: (N, num_ws, w_dim) -> images (N, 3, R, R)."""
        if noise != "const" or ws.shape != self._ws.shape or torch.is_grad_enabled():
            return self._base.synthesis(ws, noise=noise)
        self._ws.copy_(ws)
        self._graph.replay()
        return self._images.clone()


def graphed(generator: Generator, batch: int) -> Generator:
    """The generator with its batches of ``batch`` as a CUDA graph; itself where it is not on a GPU, or where its work
    cannot be recorded (that is logged).
    """
    if generator.w_avg.device.type != "cuda":
        return generator
    try:
        return GraphedGenerator(generator, batch)
    except RuntimeError as error:
        _log.warning("no CUDA graph: %s", error)
        return generator
