"""What the search looks at, and where it starts: ablations of Eq. 1."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from facsmith.descriptor import Descriptor, EfficientNetDescriptor
from facsmith.inversion import InversionOptions, Start
from facsmith.lab.evaluate.reconstruction import evaluation_descriptor
from facsmith.lab.reproduce.bench import Bench
from facsmith.lab.reproduce.parts import Cell, Section, Table
from facsmith.lab.reproduce.searches import LIKENESS, Search, batches, eq1, watched

__all__ = ["inversion_ablations"]

_Way = tuple[str, Descriptor, InversionOptions]


def inversion_ablations(bench: Bench, found: Mapping[Start, Sequence[Search]]) -> Section:
    """Descriptor logits, convolutional features, pixels, the model's own mixture; then the starts, from ``found``."""
    networks, plan = bench.networks, bench.plan
    start: Start = "mean" if networks.encoder is None else "encoder"
    mixture = InversionOptions(start, plan.settle, patience=plan.settle + 1, min_improvement=0.0)
    held = ", prior, motion" if start == "encoder" else ""
    ways: list[_Way] = [
        *_looks("descriptor", networks.descriptor, start, plan.settle),
        ("pixels", networks.descriptor, eq1(start, plan.settle, descriptor=0.0, pixel=1.0)),
        (f"the default: descriptor, {mixture.pixel:g} pixels{held}", networks.descriptor, mixture),
    ]
    classifier = EfficientNetDescriptor()
    if classifier.name != networks.descriptor.name:
        ways += _looks(classifier.name, classifier, "mean", plan.settle)  # the encoder does not know its numbers
    judge_descriptor = evaluation_descriptor(networks)
    if judge_descriptor.name != networks.descriptor.name:  # VGG-16 is at hand; the encoder does not know it
        ways += _looks(judge_descriptor.name, judge_descriptor, "mean", plan.settle)
    rows: list[tuple[Cell, ...]] = []
    for done, (name, descriptor, options) in enumerate(ways, 1):
        searched = [
            s
            for batch in batches(bench, bench.plan.strips)
            for s in watched(bench, "ablation", batch, options, (0, plan.settle), descriptor=descriptor)
        ]
        if not rows and start == "encoder":
            rows.append(("the encoder's answer alone", start, 0, *_likeness(searched, 0), None))
        rows.append((name, options.start, plan.settle, *_likeness(searched, -1), fmean(s.seconds for s in searched)))
        bench.progress("ablations of Eq. 1", done, len(ways))
    for other, searches in found.items():
        same = searches[: plan.strips]
        rows.append((f"descriptor, {other} start", other, plan.iterations, *_likeness(same, -1), None))
    heads = ("looks at", "start", "iterations", "L1 of pixels", "perceptual distance", "identity cosine")
    heads += ("identity distance", "CPU s a face")
    return Section(
        "inversion",
        "What the search looks at, and where it starts",
        "The paper compares neither; it uses VGG-16's last layer and the encoder's start.",
        text=(
            f"VGG-16's weights were {'' if 'vgg16' in judge_descriptor.name else 'not '}at hand. 'descriptor' is "
            f"{networks.descriptor.name}: its last layer of 1000 numbers (as the paper's VGG logits), or the features "
            f"of its convolutions. {classifier.name} is, like VGG-16, a classifier of ImageNet; its search starts from "
            "the mean face.",
            "Each term does well on what it looks at itself: L1 favours pixels, the perceptual distance "
            f"({judge_descriptor.name}) favours features. Identity (dlib) is nobody's own.",
        ),
        tables=[Table("inversion", heads, tuple(rows), f"Means of {plan.strips} faces, after the last iteration.")],
    )


def _looks(name: str, descriptor: Descriptor, start: Start, steps: int) -> list[_Way]:
    return [
        (f"{name}: last layer (Eq. 1)", descriptor, eq1(start, steps)),
        (f"{name}: convolutional features", descriptor, eq1(start, steps, descriptor=0.0, perceptual=1.0)),
    ]


def _likeness(searches: Sequence[Search], column: int) -> tuple[float, ...]:
    return tuple(fmean(float(getattr(search, key)[column]) for search in searches) for key in LIKENESS)
