"""All benchmarks, one after the other, as the tables of docs/benchmarks.md.

    python benchmarks/everything.py results/              # some 25 minutes on two cores; nothing else should run
    python benchmarks/everything.py results/ --only synthesis film

Each benchmark is a process of its own, and its JSON stays in the folder: what lies there is not measured again. Prints
Markdown.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from _script import astronaut, watched

HERE = Path(__file__).parent
PLAIN = {"FACSMITH_MALLOC": "0"}
SYNTHESIS = {"256": (1, 8), "512": (1,), "1024": (1,)}
OTHERS: dict[str, Sequence[str]] = {
    "film": (),
    "footage": (),
    "stages": (),
    "memory": ("--frames", "50", "750", "--sides", "1024", "4096"),
    "inversion": (),
    "batch": (),
}
Json = dict[str, Any]


def measured(folder: Path, name: str, script: str, *options: str, **environment: str) -> Json:
    """What a benchmark found, now or earlier."""
    path = folder / f"{name}.json"
    if not path.is_file():
        sys.stderr.write(f"{name} ...\n")
        part = path.with_suffix(".part")
        command = [sys.executable, str(HERE / f"{script}.py"), *options, "--json", str(part)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment})
        part.rename(path)
    return json.loads(path.read_text())


def start(folder: Path) -> Json:
    """Wall seconds of whole processes, the best and the worst of ten: the help, and a picture of a known face."""
    path, photo, latent = folder / "start.json", folder / "photo.png", folder / "her.safetensors"
    if not path.is_file():
        astronaut(photo, 512)
        facsmith = (sys.executable, "-m", "facsmith")
        watched([*facsmith, "invert", str(photo), "-o", str(latent)])
        edit = ("edit", str(photo), "-e", "happiness", "--latent", str(latent), "-o", str(folder / "edited.png"))
        walls = {
            name: sorted(watched([*facsmith, *how])[0] for _ in range(10))
            for name, how in (("help", ("--help",)), ("edit", edit))
        }
        path.write_text(json.dumps({name: {"best": wall[0], "worst": wall[-1]} for name, wall in walls.items()}))
    return json.loads(path.read_text())


def table(head: Sequence[str], rows: Iterator[Sequence[Any]]) -> Iterator[str]:
    """Markdown."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(f'{cell:.3g}' if isinstance(cell, float) else str(cell) for cell in row)} |"
    yield ""


def synthesis(folder: Path) -> Iterator[str]:
    """Seconds of every formulation, and how many times faster ours is."""
    rows: list[list[Any]] = []
    faster: list[list[Any]] = []
    for config, batches in SYNTHESIS.items():
        options = ("--config", config, "--batch", *map(str, batches), "--skip", "forward + backward to ws and weights")
        ours = measured(folder, f"synthesis-{config}", "synthesis", *options)
        plain = measured(folder, f"synthesis-{config}-plain", "synthesis", *options, **PLAIN)
        for batch in batches:
            mine, theirs = ({r["case"]: r for r in run["results"] if r["batch"] == batch} for run in (ours, plain))
            ratio, forward = mine["ratios"], mine["forward"]["best"]
            grouped, eager = (
                (one["best"], other["best"])
                for one, other in ((mine[case], theirs[case]) for case in ("grouped", "reference forward"))
            )
            rows.append(
                [
                    config,
                    batch,
                    forward,
                    f"{ratio['gflops']:.0f}",
                    mine["convolutions"]["best"],
                    f"{100 * ratio['share_of_limit']:.0f} %",
                    *grouped,
                    *eager,
                    mine["until 256"]["best"],
                    mine["forward + backward to ws"]["best"],
                    f"{ratio['largest_difference_to_grouped']:.0e}",
                ]
            )
            faster.append([f"{config}, batch {batch}", *(f"{s / forward:.1f}" for s in (*grouped, *eager))])
    yield from table(
        (
            *("configuration", "batch", "facsmith", "GFLOP/s", "convolutions alone", "share of that limit"),
            *("grouped", "grouped, plain", "eager NCHW", "eager NCHW, plain"),
            *("to 256 px", "forward + backward to ws", "largest difference to grouped"),
        ),
        iter(rows),
    )
    yield from table(
        ("times faster than", "grouped", "grouped, plain", "eager NCHW", "eager NCHW, plain"), iter(faster)
    )


def others(folder: Path, only: Sequence[str]) -> Iterator[str]:
    """What a user waits for, and what it takes."""
    found = {n: measured(folder, n, n, *options) for n, options in OTHERS.items() if not only or n in only}
    rows: list[Sequence[Any]] = []
    if not only or "start" in only:
        said = {name: f"{wall['best']:.2f} to {wall['worst']:.2f} s" for name, wall in start(folder).items()}
        rows.append(("`facsmith --help`", said["help"]))
        rows.append(("`facsmith edit --latent`, 512 px photo, cold start, receipt included", said["edit"]))
    if "film" in found:
        film, preview = found["film"]["film"], found["film"]["preview"]
        rows.append(
            (
                f"`facsmith animate`, 512 px photo, {film['frames']} frames, cold start, receipt included",
                f"{film['best']:.1f} s, {film['peak_rss_mb']:.0f} MB",
            )
        )
        rows.append(("first edited picture, warm, no search", f"{preview['best']:.2f} s"))
    if "footage" in found:
        films = found["footage"]
        longer = max((row for row in films.values() if isinstance(row, dict)), key=lambda row: row["wall"])
        said = f"{films['frames_a_second']:.1f} frames/s, {films['cpu_seconds_a_frame']:.2f} processor seconds a frame"
        rows.append((f"`facsmith edit FILM`, {films['side']} px", f"{said}, {longer['peak_rss_mb']:.0f} MB"))
    for film in (row for what in ("length", "size") for row in found.get("memory", {}).get(what, ())):
        said = f"{film['peak_rss_mb']:.0f} MB, {film['wall']:.1f} s"
        rows.append((f"{film['frames']} frames of a photo of {film['side']} px", said))
    if "inversion" in found:
        rows += _inversion(found["inversion"])
    if "batch" in found:
        rows += _batch(found["batch"])
    yield from table(("", ""), iter(rows))
    for side, run in found.get("stages", {}).items():
        if isinstance(run, dict):
            shares = ((name, f"{100 * stage['share']:.0f} %") for name, stage in run["stages"].items())
            yield f"Stages of a film of {run['frames']} frames, {side} px, {run['wall']:.1f} s:\n"
            yield from table(("stage", "share"), iter([*shares][:8]))


def _inversion(found: Json) -> Iterator[Sequence[Any]]:
    for size, row in found["batches"].items():
        said = f"{row['iterations_per_s']:.1f} iterations/s, {row['over_the_first']:.2f} times batch 1's photos/s"
        yield (f"inversion, batch {size}", said)
    for part, row in found["threshold"].items():
        reached = f"median {row['median_iteration']}, {row['reached']} of {found['faces']} faces"
        yield (f"iterations of Eq. 1 to {part} of the mean face's loss", reached)


def _batch(found: Json) -> Iterator[Sequence[Any]]:
    said = ", ".join(f"{who}: {row['new']:.1f} ms" for who, row in found["overhead_ms"].items())
    yield ("batch engine, an item of no work", said)
    if found["scaling"]:
        yield ("two Ray workers over one", f"{found['scaling']['ratio']['median']:.2f} times")


def main() -> None:
    """Parse the arguments, measure what is missing, print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--only", nargs="+", default=[], choices=["synthesis", "start", *OTHERS])
    args = arguments.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    import torch

    lines = [f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}\n"]
    if not args.only or "synthesis" in args.only:
        lines += synthesis(args.folder)
    lines += others(args.folder, args.only)
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
