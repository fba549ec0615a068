"""How fast a photo becomes a latent: iterations a second, photos a second by batch, and iterations to a threshold.

    python benchmarks/inversion.py                       # NASA's astronaut and seven faces of the model's own
    python benchmarks/inversion.py portraits/*.jpg --threads 1 --json inversion.json

``batches``: searches of a fixed number of iterations, none ending early, batches in turn, the best of the rounds:
iterations a second (of the whole batch), photos a second for a search of 60 iterations, and that over batch 1's.
``threshold``: iterations of Eq. 1 alone from the encoder's start until the loss is a part of the mean face's own, as in
docs/reproduction.md. ``default``: the search as `facsmith` runs it: losses at its start and end, iterations, why it
ended. Prints JSON.
"""

import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import skimage.data
import torch
from _script import parser, report
from torch import Tensor

from facsmith import image
from facsmith.animator import Animator
from facsmith.inversion import Inversion, InversionOptions, invert
from facsmith.lab.evaluate.faces import photographed
from facsmith.networks import Networks

PARTS = (0.1, 0.05, 0.025, 0.01)
EQ1 = InversionOptions(
    iterations=512, learning_rate=0.05, pixel=0.0, prior=0.0, motion=0.0, patience=513, min_improvement=0.0
)


def crops(networks: Networks, photos: Sequence[Path]) -> Tensor:
    """(N, 3, R, R): the photos' faces, or the astronaut's and seven that the generator draws."""
    data: Any = skimage.data
    side = networks.generator.resolution
    given = [(path.name, image.read(path)) for path in photos] or [("astronaut", data.astronaut())]
    faces, skipped = photographed(given, side)
    for name, reason in skipped.items():
        sys.stderr.write(f"{name} was left out: {reason}\n")
    found = torch.cat([image.to_tensor(face.crop) for face in faces])
    if photos:
        return found
    with torch.inference_mode():
        z = torch.randn(7, networks.generator.z_dim, generator=torch.Generator().manual_seed(0))
        drawn = networks.generator.synthesis(networks.generator.mapping(z, psi=0.7))
    return torch.cat([found, drawn.clamp(-1, 1)])


def search(networks: Networks, images: Tensor, options: InversionOptions) -> Inversion:
    return invert(
        images,
        networks.generator,
        descriptor=networks.descriptor,
        encoder=networks.encoder,
        options=options,
        edits=networks.edits,
    )


def batches(networks: Networks, images: Tensor, sizes: Sequence[int], rounds: int) -> dict[str, dict[str, float]]:
    """Sizes in turn, so that what else the machine does falls on all alike."""
    options = InversionOptions(iterations=12, patience=13, min_improvement=0.0)
    best: dict[int, float] = dict.fromkeys(sizes, float("inf"))
    for round_ in range(rounds + 1):
        for size in sizes:
            rows = [row % len(images) for row in range(size)]
            began = time.perf_counter()
            search(networks, images[rows], options)
            if round_ > 0:  # the first warms up
                best[size] = min(best[size], (time.perf_counter() - began) / (options.iterations + 1))
    rates = {size: 1 / seconds for size, seconds in best.items()}
    photos = {size: size * rate / 60 for size, rate in rates.items()}
    return {
        str(size): {
            "iterations_per_s": rates[size],
            "photos_per_s": photos[size],
            "over_the_first": photos[size] / photos[sizes[0]],
        }
        for size in sizes
    }


def threshold(networks: Networks, images: Tensor) -> dict[str, dict[str, float | None]]:
    limits = [trace[0] for trace in search(networks, images, replace(EQ1, start="mean", iterations=0)).trace]
    traces = search(networks, images, EQ1).trace
    found: dict[str, dict[str, float | None]] = {}
    for part in PARTS:
        firsts = [
            next((k for k, loss in enumerate(trace) if loss <= part * limit), None)
            for trace, limit in zip(traces, limits, strict=True)
        ]
        reached = [k for k in firsts if k is not None]
        median = statistics.median(reached) if reached else None
        found[str(part)] = {"median_iteration": median, "most": max(reached, default=None), "reached": len(reached)}
    return found


def default(networks: Networks, images: Tensor) -> dict[str, Any]:
    found = search(networks, images, InversionOptions())
    return {
        "loss_at_start": statistics.mean(trace[0] for trace in found.trace),
        "loss": statistics.mean(found.loss),
        "iterations": statistics.mean(found.iterations),
        "stopped": dict(Counter(found.stopped)),
    }


def main() -> None:
    """Parse the arguments, measure, print."""
    arguments = parser(__doc__)
    arguments.add_argument("photos", type=Path, nargs="*", help="portraits; default: the astronaut and seven samples")
    arguments.add_argument("--batch", type=int, nargs="+", default=[1, 4, 8])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, help="of the networks; default: one a core")
    args = arguments.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    networks = Animator.from_pretrained().networks
    images = crops(networks, args.photos)
    result = {
        "generator": networks.generator.generator_id,
        "faces": len(images),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": os.getloadavg()[0],
        "batches": batches(networks, images, args.batch, args.rounds),
        "default": default(networks, images),
        "threshold": threshold(networks, images),
        "load_after": os.getloadavg()[0],
    }
    report(result, args.json)


if __name__ == "__main__":
    main()
