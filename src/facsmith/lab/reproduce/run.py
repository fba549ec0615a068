"""The whole report: every experiment run or taken up again, its tables as CSV, its page."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from facsmith._files import atomic_path
from facsmith.errors import InputError
from facsmith.lab.evaluate.reconstruction import evaluation_descriptor
from facsmith.lab.reproduce.bench import Bench, fingerprint_of, landmarks_by
from facsmith.lab.reproduce.claims import Claim
from facsmith.lab.reproduce.experiments import EXPERIMENTS, Experiments
from facsmith.lab.reproduce.faces import ASTRONAUT
from facsmith.lab.reproduce.page import page
from facsmith.lab.reproduce.parts import Section
from facsmith.receipt.receipt import versions

__all__ = ["EXPERIMENTS", "PAPER", "Report", "reproduce"]

PAPER: Final = "Facial Expression Animation through Action Units Transfer in Latent Space"
TITLE: Final = "The paper, reproduced"


@dataclass(frozen=True, eq=False)
class Report:
    """What was written.

    Parameters
    ----------
    page
        The HTML file.
    data
        The CSV files.
    sections
        The experiments in them.
    claims
        The paper's claims, with their verdicts.
    made, found
        How many pieces were computed, and how many were there from an earlier run.
    """

    page: Path
    data: tuple[Path, ...]
    sections: tuple[Section, ...]
    claims: tuple[Claim, ...]
    made: int
    found: int


def reproduce(bench: Bench, folder: Path, *, only: Sequence[str] = ()) -> Report:
    """Run the experiments named, by default all, and write ``report.html`` and ``data/*.csv`` into the folder.

    Raises
    ------
    InputError
        An experiment of another name.
    OutputError
        The folder cannot be written.
    """
    unknown = [name for name in only if name not in EXPERIMENTS]
    if unknown:
        raise InputError(f"There is no experiment {unknown[0]!r}; choose from {', '.join(EXPERIMENTS)}.")
    run = Experiments(bench)
    sections = [section for name, make in EXPERIMENTS.items() if not only or name in only for section in make(run)]
    written: list[Path] = []
    for table in (table for section in sections for table in section.tables):
        path = folder / "data" / f"{table.name}.csv"
        _write(path, table.to_csv())
        written.append(path)
    html = page(title=TITLE, facts=_facts(bench), notes=_notes(bench), sections=sections)
    _write(folder / "report.html", html)
    return Report(
        page=folder / "report.html",
        data=tuple(written),
        sections=tuple(sections),
        claims=tuple(run.claims),
        made=bench.store.made,
        found=bench.store.found,
    )


def _facts(bench: Bench) -> dict[str, str]:
    plan, networks = bench.plan, bench.networks
    names = [face.name for face in bench.faces]
    seeds = f"{plan.seed} and following for samples (truncation {plan.psi:g}), {plan.seed} for expressions"
    return {
        "paper": PAPER,
        "model": f"{networks.name}: {networks.generator.generator_id}, descriptor {networks.descriptor.name}, "
        f"boundaries {fingerprint_of(networks.boundaries)}",
        "command": bench.command,
        "faces": f"{len(names)}: {', '.join(names)}",
        "left out": "; ".join(f"{name}: {reason}" for name, reason in bench.skipped.items()) or "none",
        "seeds": seeds if ASTRONAUT in names else f"{plan.seed} for expressions",
        "counts": f"{plan.iterations} iterations of Eq. 1; {plan.settle} for films; {plan.judged} faces filmed by each "
        f"method; {plan.people} samples moved and {plan.scored} scored for boundaries",
        "distances by": f"{evaluation_descriptor(networks).name} (perceptual), dlib (identity)",
        "landmarks by": landmarks_by(plan),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} thread{'s'[: torch.get_num_threads() > 1]}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }


def _notes(bench: Bench) -> list[str]:
    notes = [
        "Every experiment of the paper on this model, with what the paper did not measure. Verdicts are this model's.",
        "Not reproduced: the paper's own boundaries (DISFA's licence keeps it out of here) and, unless the model above "
        "is StyleGAN1 with VGG-16, its generator and descriptor.",
    ]
    if any(face.name.startswith("sample ") for face in bench.faces):
        notes.append(
            "Faces called samples were drawn by the model itself, so it can reach every one of them; a photograph, as "
            "the astronaut's, is harder. Give --faces with photographs for numbers on those."
        )
    return notes


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
