"""Known pairs for the encoder: the photos a bundled generator was trained on, with the latents they were drawn from."""

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from facsmith._files import atomic_path
from facsmith.checkpoint import load_generator
from facsmith.errors import InputError, OutputError
from facsmith.facs import columns
from facsmith.lab.train.dataset import FRAMING
from facsmith.lab.train.latents import LabelledLatents

__all__ = ["known_pairs"]

_LINKED = ("images.npy", "attributes.npz", FRAMING)  # what the encoder and `boundaries fit` need, beside the AUs


def known_pairs(data: str | Path, trained: str | Path, out: str | Path) -> tuple[Path, Tensor]:
    """Write ``ws.npy`` (N, V, num_ws, w_dim) float16 for the data set ``data``, and link its images beside it.

    Held-out photos, for which no correction was learned, get the latent of a stranger.

    Parameters
    ----------
    trained
        The folder of `facsmith train generator` on that data set.

    Returns
    -------
    Path
        The folder, to be given as ``pairs``.
    Tensor
        The AU directions (K, num_ws, w_dim) of `facs.AUS`, to be given as ``directions``.
    """
    root, target = Path(data).resolve(), Path(out)
    generator = load_generator(Path(trained) / "generator.safetensors")
    try:
        stored = load_file(Path(trained) / "latents.safetensors")
        codes = torch.tensor(np.load(root / "codes.npy", allow_pickle=False))[:, : generator.w_dim]
        au = torch.tensor(np.load(root / "au.npy", allow_pickle=False))
        with np.load(root / "attributes.npz", allow_pickle=False) as attributes:
            training = torch.tensor(~attributes["held_out"])
        latents = LabelledLatents(int(training.sum()), generator.num_ws, generator.w_dim).requires_grad_(False)
        latents.delta.weight.copy_(stored["delta"])
        latents.spread.weight.copy_(stored["spread"])
        latents.raw.copy_(stored["directions"])
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(
            f"{trained} was not trained on the data set {data}, or one of them is damaged ({error})."
        ) from error
    delta = torch.zeros(len(codes), latents.delta.embedding_dim)
    delta[training] = latents.delta.weight
    shape = (*au.shape[:2], generator.num_ws, generator.w_dim)
    with atomic_path(target / "ws.npy") as temporary:
        ws = np.lib.format.open_memmap(temporary, "w+", np.float16, shape)
        with torch.no_grad():
            for variant in range(shape[1]):
                base = generator.mapping(codes)
                ws[:, variant] = latents(base, codes, delta, au[:, variant]).half().numpy()
        ws.flush()
    with atomic_path(target / "au.npy") as temporary:
        np.save(temporary, columns(au.numpy()).astype(np.float32))
    try:
        for name in _LINKED:
            (target / name).unlink(missing_ok=True)
            if (root / name).exists():
                (target / name).symlink_to(root / name)
    except OSError as error:
        raise OutputError(f"Could not link {root} into {target}: {error.strerror}. Choose another folder.") from error
    return target, latents.directions()
