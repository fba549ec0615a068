"""A data set taken over by a generator that was trained on another one: photos change, what was learnt stays.

A generator knows its photos by their codes, which are principal components, and those of no two data sets are the same
axes. Its encoder says where in W+ it would draw each photo. So the codes are turned (a rotation: they stay white, and
nothing is lost) until mapping sends them there, and what is left over becomes the photos' own corrections. Without
this, mapping learns new codes from pictures, and the synthesis network forgets meanwhile.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from facsmith._files import atomic_path
from facsmith._weights import read_metadata
from facsmith.errors import InputError
from facsmith.facs import AUS
from facsmith.framing import framing_of
from facsmith.generator import Generator
from facsmith.lab.train.dataset import check_framing, reading
from facsmith.lab.train.latents import LabelledLatents
from facsmith.lab.train.start import DELTA, NETWORKS, read_networks

__all__ = ["adopt"]

_VARIANTS = 2  # pictures of a photo that are looked at, at most: as photographed, and at rest
_CHUNK = 64
_STEPS = 3000
_BATCH = 256
_RATE = 0.005
_WHITE = 3.0  # weight of the rotation being one


def adopt(
    dataset: str | Path,
    state: str | Path,
    out: str | Path,
    *,
    generator: Generator,
    see: Callable[[Tensor], Tensor],
    steps: int = _STEPS,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> float:
    """Turn the codes of ``dataset``, and write into ``out`` what `train_generator` can start from.

    In the data set's folder codes.npy changes; what it was stays beside it, its hash in the name, for the runs that
    began with it.

    Parameters
    ----------
    state
        State of the run that ``generator`` came from, or its essence (`lab.train.start.keep`), photos' corrections
        ignored.
    see
        Gives, for images (N, 3, R, R) in [-1, 1], the codes (N, num_ws, w_dim) at which the generator's encoder sees
        them. Training photos decide.

    Returns
    -------
    float
        The part of the held-out people's variance in W (the training people's, where none is held out) that turned
        codes explain, at most 1.

    Raises
    ------
    InputError
        No such data set, one of fewer codes than w_dim, or a state of another generator.
    CheckpointError
        A damaged state.
    OutputError
        A place that cannot be written.
    """
    root = Path(dataset)
    check_framing(root, framing_of(generator))
    with reading(root):
        images = np.load(root / "images.npy", mmap_mode="r", allow_pickle=False)
        au = torch.tensor(np.load(root / "au.npy", allow_pickle=False))
        codes = torch.tensor(np.load(root / "codes.npy", allow_pickle=False)).float()
        with np.load(root / "attributes.npz", allow_pickle=False) as stored:
            training = torch.tensor(~stored["held_out"].astype(bool))
    count = len(images)
    if (
        images.ndim != 5
        or au.shape != (*images.shape[:2], len(AUS))
        or codes.ndim != 2
        or len(codes) != count
        or training.shape != (count,)
        or not training.any()
        or not bool(torch.isfinite(codes).all())
    ):
        raise InputError(f"{root} is damaged: its arrays do not fit one another. Build it again.")
    if codes.shape[1] < generator.w_dim:
        raise InputError(f"{root} has {codes.shape[1]} codes a photo; this generator needs {generator.w_dim}.")
    tensors = {name: t for name, t in read_networks(state).items() if name.split("/")[0] in NETWORKS}
    latents = LabelledLatents(int(training.sum()), generator.num_ws, generator.w_dim).requires_grad_(False)
    centre, known = tensors.get("average/mapping.w_avg"), generator.w_avg.float().cpu()
    same = centre is not None and centre.shape == known.shape and torch.allclose(centre.float(), known, atol=1e-3)
    for name, own in (("latents/raw", latents.raw), ("latents/spread.weight", latents.spread.weight)):
        same = same and name in tensors and tensors[name].shape == own.shape
        if same:
            own.copy_(tensors[name])
    if not same:
        raise InputError(
            f"{state} is of another generator than this model's. Give a file that was kept with its encoder "
            "(facsmith train keep RUN --encoder FILE), or the --model that came of the same run."
        )

    seen = _seen(images, au, latents, see, generator, progress)
    wanted = seen.mean(dim=1)
    turn = _rotation(codes, wanted, training, generator, steps=steps, seed=seed, progress=progress)
    turned = codes @ turn
    with torch.no_grad():
        device = generator.w_avg.device
        base = generator.mapping(turned[:, : generator.w_dim].to(device)).cpu()
        none = torch.zeros(len(codes), latents.delta.embedding_dim)
        drawn = latents(base, turned[:, : generator.w_dim], none, torch.zeros(len(codes), au.shape[2]))
        latents.delta.weight.copy_((seen - drawn).flatten(1)[training])
    held = ~training if bool((~training).any()) else training
    explained = 1 - float((base[held, 0] - wanted[held]).square().mean() / _variance(wanted[held]))

    tensors = {name: t for name, t in tensors.items() if not name.startswith("latents/delta")}
    tensors[DELTA] = latents.delta.weight.detach().contiguous()
    before = (root / "codes.npy").read_bytes()
    with atomic_path(root / f"codes-{sha256(before).hexdigest()[:8]}.npy") as temporary:
        temporary.write_bytes(before)  # runs begun with these know no others
    with atomic_path(out) as temporary:
        save_file(tensors, temporary, metadata={"counters": read_metadata(state).get("counters", "{}")})
    with atomic_path(root / "codes.npy") as temporary:
        np.save(temporary, turned.numpy())
    return explained


def _variance(values: Tensor) -> Tensor:
    """(N, K) around the mean row, mean over all; above 0."""
    return (values - values.mean(dim=0)).square().mean().clamp_min(1e-12)


@torch.inference_mode()
def _seen(
    images: npt.NDArray[np.uint8],
    au: Tensor,
    latents: LabelledLatents,
    see: Callable[[Tensor], Tensor],
    generator: Generator,
    progress: Callable[[str, int, int], None],
) -> Tensor:
    """(N, num_ws, w_dim): the people, without the AUs that their pictures show."""
    device, directions = generator.w_avg.device, latents.directions()
    total = torch.zeros(len(images), generator.num_ws, generator.w_dim)
    variants = min(_VARIANTS, images.shape[1])
    for first in range(0, len(images), _CHUNK):
        rows = slice(first, first + _CHUNK)
        for variant in range(variants):
            pixels = torch.tensor(np.ascontiguousarray(images[rows, variant])).permute(0, 3, 1, 2)
            ws = see(pixels.to(device).float() / 127.5 - 1).float().cpu()
            total[rows] += (ws - torch.einsum("nk,kld->nld", au[rows, variant], directions)) / variants
        progress("photos", min(first + _CHUNK, len(images)), len(images))
    return total


def _rotation(
    codes: Tensor,
    wanted: Tensor,
    training: Tensor,
    generator: Generator,
    *,
    steps: int,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> Tensor:
    """(K, K) orthogonal: its first w_dim columns bring codes to where mapping makes ``wanted`` (N, w_dim) of them."""
    device, w_dim = generator.w_avg.device, generator.w_dim
    rows = torch.nonzero(training)[:, 0]
    codes, wanted = codes.to(device), wanted.to(device)
    spread = _variance(wanted[rows])
    random = torch.Generator().manual_seed(seed)
    turn = torch.eye(codes.shape[1], w_dim, device=device).requires_grad_()
    identity = torch.eye(w_dim, device=device)
    adam = torch.optim.Adam([turn], lr=_RATE)
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = _RATE * (1 - 0.98 * step / steps)
        batch = rows[torch.randint(len(rows), (_BATCH,), generator=random)]
        off = (generator.mapping(codes[batch] @ turn)[:, 0] - wanted[batch]).square().mean() / spread
        skew = (turn.t() @ turn - identity).square().sum() / w_dim
        (turn.grad,) = torch.autograd.grad(off + _WHITE * skew, turn)
        adam.step()  # pyright: ignore[reportUnknownMemberType]
        if step % 100 == 99:
            progress("codes", step + 1, steps)
    left, _, right = np.linalg.svd(turn.detach().cpu().double().numpy())
    return torch.tensor(np.concatenate([left[:, :w_dim] @ right, left[:, w_dim:]], axis=1)).float()
