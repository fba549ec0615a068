"""How fast StyleGAN2 synthesis is here: beside the usual formulation, and beside what its convolutions alone take.

    python benchmarks/synthesis.py                          # the bundled model's shape, batches 1, 8, 16
    python benchmarks/synthesis.py --config 256 --batch 1   # NVIDIA's 256 px shape
    python benchmarks/synthesis.py --threads 1 --json synthesis.json
    pip install openvino; python benchmarks/synthesis.py --openvino
    python benchmarks/synthesis.py --device cuda --config 1024 --batch 1 8 32

grouped: the usual one, every sample's weights modulated, one grouped convolution over all samples, in contiguous NCHW.
convolutions: the layers' 3 x 3 convolutions on ready inputs and nothing else, in channels_last: the machine's limit;
``share_of_limit`` is its time over the whole forward pass's. gflops counts multiplications and additions of those only.

On a GPU instead: half (the high resolutions in half precision), graph and half + graph (recorded as a CUDA graph), the
convolutions in both layouts, and ``share_of_peak``, of what a GPU does in a product of large matrices (TF32 or half).

Random weights: time does not depend on them. Prints JSON; seconds are the best of a few runs on the wall clock (the
least disturbed by other programs), with the median and the processor's own time (all threads) beside it.
"""

import math
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from _script import parser, report

from facsmith.generator import Generator, StyleGAN2, StyleGAN2Config, graphed, reference
from facsmith.generator.gpu import HALF_RESOLUTIONS
from facsmith.generator.stylegan2 import SynthesisLayer

CONFIGS = {
    "bundled": StyleGAN2Config(
        resolution=128, z_dim=256, w_dim=256, mapping_layers=2, channel_base=2048, channel_max=128
    ),
    "256": StyleGAN2Config(resolution=256, channel_base=16384),
    "512": StyleGAN2Config(resolution=512),
    "1024": StyleGAN2Config(resolution=1024),
}


def measure(step: Callable[[], Any], seconds: float, device: str = "cpu") -> dict[str, float]:
    """Run ``step`` three times or for about ``seconds``, after one run to warm up; seconds per run."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    step()
    wait()
    wall: list[float] = []
    cpu: list[float] = []
    while len(wall) < 3 or sum(wall) < seconds:
        began, used = time.perf_counter(), time.process_time()
        step()
        wait()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    return {"best": min(wall), "median": statistics.median(wall), "cpu": min(cpu), "runs": len(wall)}


def grouped(model: StyleGAN2, ws: torch.Tensor) -> torch.Tensor:
    """The synthesis network (skip architecture) as StyleGAN2-ADA formulates it where no kernel is fused."""
    rows = [row.contiguous() for row in ws.unbind(dim=1)]
    count = len(ws)
    binomial = torch.outer(*2 * [torch.tensor([0.25, 0.75, 0.75, 0.25], device=ws.device)])

    def smooth(x: torch.Tensor, before: int, after: int) -> torch.Tensor:
        kernel = binomial.expand(x.shape[1], 1, -1, -1)
        return F.conv2d(F.pad(x, (before, after, before, after)), kernel, groups=x.shape[1])

    def layer(module: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        styles = module.affine(w)
        filters = module.weight * styles[:, None, :, None, None]
        filters = filters * torch.rsqrt(filters.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)
        outputs, inputs, side = filters.shape[1], filters.shape[2], x.shape[2]
        x = x.reshape(1, count * inputs, side, side)
        if module.up:
            filters = filters.transpose(1, 2).reshape(count * inputs, outputs, 3, 3)
            x = F.conv_transpose2d(x, filters, stride=2, groups=count)
            x = smooth(x.reshape(count, outputs, *x.shape[2:]), 1, 1)
        else:
            x = F.conv2d(x, filters.reshape(count * outputs, inputs, 3, 3), padding=1, groups=count)
            x = x.reshape(count, outputs, side, side)
        x = x + module.noise_const * module.noise_strength
        return F.leaky_relu(x + module.bias[:, None, None], 0.2) * math.sqrt(2)

    def rgb(module: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        filters = module.weight * (module.affine(w) / math.sqrt(x.shape[1]))[:, None, :, None, None]
        y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), filters.reshape(-1, x.shape[1], 1, 1), groups=count)
        return y.reshape(count, -1, *x.shape[2:]) + module.bias[:, None, None]

    block: Any = model.synthesis.get_submodule("b4")
    x = layer(block.conv1, block.const.expand(count, -1, -1, -1), rows[0])
    image = rgb(block.torgb, x, rows[1])
    for index, resolution in enumerate(model.config.block_resolutions[1:], start=1):
        block = model.synthesis.get_submodule(f"b{resolution}")
        x = layer(block.conv0, x, rows[2 * index - 1])
        x = layer(block.conv1, x, rows[2 * index])
        doubled = image.new_zeros(count, 3, resolution // 2, 2, resolution // 2, 2)
        doubled[:, :, :, 0, :, 0] = image
        image = smooth(doubled.reshape(count, 3, resolution, resolution), 2, 1) + rgb(
            block.torgb, x, rows[2 * index + 1]
        )
    return image


def convolutions(
    model: StyleGAN2,
    batch: int,
    dtype: torch.dtype = torch.float32,
    layout: torch.memory_format = torch.channels_last,
) -> tuple[Callable[[], None], float]:
    """Runs the layers' 3 x 3 convolutions on ready inputs; and the operations of one run, in 10^9."""
    work: list[tuple[bool, torch.Tensor, torch.Tensor]] = []
    operations = 0.0
    for module in model.synthesis.modules():
        if isinstance(module, SynthesisLayer):
            outputs, inputs = module.weight.shape[:2]
            side = module.resolution // 2 if module.up else module.resolution
            x = torch.randn(batch, inputs, side, side, device=module.weight.device, dtype=dtype)
            x = x.contiguous(memory_format=layout)
            weight = module.weight.detach().to(dtype, memory_format=layout)
            work.append((module.up, x, weight.transpose(0, 1) if module.up else weight))
            operations += 2 * 9 * batch * outputs * inputs * side**2

    def run() -> None:
        with torch.inference_mode():
            for up, x, weight in work:
                if up:
                    F.conv_transpose2d(x, weight, stride=2)
                else:
                    F.conv2d(x, weight, padding=1)

    return run, operations / 1e9


def openvino(model: StyleGAN2, ws: torch.Tensor) -> Callable[[], Any]:
    """Our synthesis, traced and compiled by OpenVINO for this batch; its pictures must be ours."""
    import openvino  # pyright: ignore[reportMissingImports]

    class Synthesis(torch.nn.Module):
        def forward(self, ws: torch.Tensor) -> torch.Tensor:
            return model.synthesis(ws)

    model.requires_grad_(False)
    with torch.no_grad():
        ours = model.synthesis(ws).numpy()
        traced = torch.jit.trace(Synthesis(), ws, check_trace=False)
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled: Any = openvino.Core().compile_model(openvino.convert_model(traced, example_input=ws), "CPU", hints)
    request, inputs = compiled.create_infer_request(), [ws.numpy()]
    apart = abs(request.infer(inputs)[0] - ours).max()
    if apart > 1e-3:
        raise SystemExit(f"OpenVINO's pictures differ by {apart:g}")
    return lambda: request.infer(inputs)


def peak(device: str, dtype: torch.dtype, side: int, seconds: float) -> float:
    """Operations a second, in 10^9, of a product of two side x side matrices."""
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / measure(lambda: a @ b, seconds, device)["best"] / 1e9


def on_gpu(
    config: StyleGAN2Config, batches: list[int], seconds: float, *, skip: list[str], device: str = "cuda"
) -> list[dict[str, Any]]:
    """Forward passes only, at every batch size, in both precisions, launched one by one and as a graph."""
    torch.manual_seed(0)
    model = StyleGAN2(config).eval().to(device)
    side = 8192 if device == "cuda" else 256  # a CPU only rehearses this
    torch.backends.cuda.matmul.allow_tf32 = True  # as cuDNN's convolutions do by default
    peaks = {dtype: peak(device, dtype, side, seconds) for dtype in (torch.float32, torch.float16)}
    rows: list[dict[str, Any]] = [{"case": "peak", **{str(dtype)[6:]: value for dtype, value in peaks.items()}}]
    for batch in batches:
        ws = torch.randn(batch, model.num_ws, model.w_dim, device=device)

        def draw(how: Generator, ws: torch.Tensor = ws) -> torch.Tensor:
            with torch.inference_mode():
                return how.synthesis(ws)

        best: dict[str, float] = {}
        model.synthesis.half_resolutions = 0
        full = draw(model)
        alone: dict[torch.dtype, float] = {}
        operations = 0.0
        for dtype in peaks:
            run, operations = convolutions(model, batch, dtype)
            planes, _ = convolutions(model, batch, dtype, torch.contiguous_format)
            alone[dtype] = measure(run, seconds, device)["best"]
            row = {"case": f"convolutions, {str(dtype)[6:]}", "batch": batch, "channels_last": alone[dtype]}
            rows.append(row | {"nchw": measure(planes, seconds, device)["best"]})
        for name, dtype in {
            "forward": torch.float32,
            "graph": torch.float32,
            "half": torch.float16,
            "half + graph": torch.float16,
            "grouped": torch.float32,
        }.items():
            if name in skip:
                continue
            model.synthesis.half_resolutions = HALF_RESOLUTIONS if dtype == torch.float16 else 0
            drawn: Generator = graphed(model, batch) if "graph" in name else model
            step = partial(draw, drawn)
            if name == "grouped":
                step = torch.inference_mode()(partial(grouped, model, ws))
            apart = float((step() - full).abs().max())
            times = measure(step, seconds, device)
            best[name] = times["best"]
            rows.append(
                {
                    "case": name,
                    "batch": batch,
                    **times,
                    "images_per_second": batch / times["best"],
                    "share_of_limit": alone[dtype] / times["best"],
                    "share_of_peak": operations / times["best"] / peaks[dtype],
                    "largest_difference": apart,
                    "recorded": drawn is not model,
                }
            )
        rows.append(
            {"case": "ratios", "batch": batch, **{f"times_faster_than_{n}": best[n] / min(best.values()) for n in best}}
        )
    return rows


def benchmark(
    config: StyleGAN2Config, batches: list[int], seconds: float, *, skip: list[str], with_openvino: bool = False
) -> list[dict[str, Any]]:
    """Forward at every batch size, ours and others'; forward and backward to ws, and to ws and weights."""
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

        def usual(ws: torch.Tensor = ws) -> None:
            with torch.inference_mode():
                grouped(model, ws)

        def fast(ws: torch.Tensor = ws) -> None:
            with torch.inference_mode():
                model.synthesis(ws)

        def early(ws: torch.Tensor = ws) -> None:
            with torch.inference_mode():
                model.synthesis(ws, until=min(256, config.resolution))

        with torch.inference_mode():
            apart = float((grouped(model, ws) - model.synthesis(ws)).abs().max())
        alone, operations = convolutions(model, batch)
        cases: dict[str, Callable[[], None]] = {
            "forward": fast,
            "grouped": usual,
            "convolutions": alone,
            "until 256": early,
            "reference forward": slow,
            "forward + backward to ws": lambda: gradient(False),
            "forward + backward to ws and weights": lambda: gradient(True),
        }
        if with_openvino:
            cases["openvino"] = openvino(model, ws)
        best: dict[str, float] = {}
        for name, step in cases.items():
            if name in skip:
                continue
            times = measure(step, seconds)
            best[name] = times["best"]
            rows.append({"case": name, "batch": batch, **times, "images_per_second": batch / times["best"]})
        rows.append(
            {
                "case": "ratios",
                "batch": batch,
                "largest_difference_to_grouped": apart,
                "share_of_limit": best["convolutions"] / best["forward"],
                "gflops": operations / best["forward"],
                "gflops_of_limit": operations / best["convolutions"],
                **{f"times_faster_than_{name}": best[name] / best["forward"] for name in best if name != "forward"},
            }
        )
    return rows


def main() -> None:
    """Parse the arguments, measure, print."""
    arguments = parser(__doc__)
    arguments.add_argument("--config", choices=CONFIGS, default="bundled")
    arguments.add_argument("--batch", type=int, nargs="+", default=[1, 8, 16])
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--seconds", type=float, default=2.0, help="for each case; default 2")
    arguments.add_argument("--skip", nargs="+", default=[], metavar="CASE", help="cases to leave out, as printed")
    arguments.add_argument("--openvino", action="store_true", help="OpenVINO, too")
    arguments.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments.add_argument("--rehearse", action="store_true", help="what --device cuda measures, on the CPU")
    args = arguments.parse_args()
    torch.set_num_threads(args.threads)
    config = CONFIGS[args.config]
    if args.rehearse or args.device != "cpu":
        rows = on_gpu(config, args.batch, args.seconds, skip=args.skip, device=args.device)
    else:
        rows = benchmark(config, args.batch, args.seconds, skip=args.skip, with_openvino=args.openvino)
    result = {
        "config": args.config,
        "threads": args.threads,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "processor": platform.processor() or platform.machine(),
        "gpu": torch.cuda.get_device_name() if args.device == "cuda" else None,
        "torch": torch.__version__,
        "results": rows,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    report(result, args.json)


if __name__ == "__main__":
    main()
