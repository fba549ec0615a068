"""How fast StyleGAN2 synthesis is here, and how much faster than its readable reference.

    python benchmarks/synthesis.py                          # the bundled model's shape, batches 1, 8, 16
    python benchmarks/synthesis.py --config 256 --batch 1   # NVIDIA's 256 px shape
    python benchmarks/synthesis.py --threads 1 --json synthesis.json

Random weights: time does not depend on them. Prints JSON; seconds are the best of a few runs on the wall clock (the
least disturbed by other programs), with the median and the processor's own time (all threads) beside it.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from facsmith.generator import StyleGAN2, StyleGAN2Config, reference

CONFIGS = {
    "bundled": StyleGAN2Config(
        resolution=128, z_dim=256, w_dim=256, mapping_layers=2, channel_base=2048, channel_max=128
    ),
    "256": StyleGAN2Config(resolution=256, channel_base=16384),
    "512": StyleGAN2Config(resolution=512),
    "1024": StyleGAN2Config(resolution=1024),
}


def measure(step: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Run ``step`` three times or for about ``seconds``, after one run to warm up; seconds per run."""
    step()
    wall: list[float] = []
    cpu: list[float] = []
    while len(wall) < 3 or sum(wall) < seconds:
        began, used = time.perf_counter(), time.process_time()
        step()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    return {"best": min(wall), "median": statistics.median(wall), "cpu": min(cpu), "runs": len(wall)}


def benchmark(config: StyleGAN2Config, batches: list[int], seconds: float) -> list[dict[str, Any]]:
    """Forward at every batch size, fast and reference; forward and backward to ws, and to ws and weights."""
    torch.manual_seed(0)
    model = StyleGAN2(config).eval()
    rows: list[dict[str, Any]] = []
    for batch in batches:
        ws = torch.randn(batch, model.num_ws, model.w_dim)

        def gradient(weights: bool, ws: torch.Tensor = ws) -> None:
            model.requires_grad_(weights)
            leaf = ws.clone().requires_grad_()
            model.synthesis(leaf).square().mean().backward()
            model.zero_grad(set_to_none=True)

        def slow(ws: torch.Tensor = ws) -> None:
            with torch.inference_mode():
                reference.stylegan2_synthesis(model, ws)

        def fast(ws: torch.Tensor = ws) -> None:
            with torch.inference_mode():
                model.synthesis(ws)

        cases: dict[str, Callable[[], None]] = {
            "forward": fast,
            "reference forward": slow,
            "forward + backward to ws": lambda: gradient(False),
            "forward + backward to ws and weights": lambda: gradient(True),
        }
        for name, step in cases.items():
            times = measure(step, seconds)
            rows.append({"case": name, "batch": batch, **times, "images_per_second": batch / times["best"]})
        forward, ref = rows[-4], rows[-3]
        forward["times_faster_than_reference"] = ref["best"] / forward["best"]
    return rows


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", choices=CONFIGS, default="bundled")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=2.0, help="for each case; default 2")
    parser.add_argument("--json", type=Path, help="also write the result here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    result = {
        "config": args.config,
        "threads": args.threads,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "processor": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "results": benchmark(CONFIGS[args.config], args.batch, args.seconds),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    text = json.dumps(result, indent=1)
    sys.stdout.write(text + "\n")
    if args.json:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
