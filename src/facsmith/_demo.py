"""``make demo``: films NASA's portrait of Eileen Collins, which scikit-image carries, and a face of nobody."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import skimage.data

from facsmith import _alloc, image
from facsmith.animator import Animator
from facsmith.facs import ActionUnits, parse_expression
from facsmith.film import Animation
from facsmith.timeline import Timeline

__all__ = ["demo"]

SEED, PSI = 5, 0.6
MOODS = ("neutral", "sadness", "surprise")


def demo(folder: Path) -> list[Path]:
    """Write the films and their contact sheets into ``folder`` and return their paths."""
    data: Any = skimage.data
    portrait = folder / "astronaut.png"
    image.write(portrait, data.astronaut())
    animator = Animator.from_pretrained()
    written = [portrait]
    written += _save(
        "her own smile, neutral, sadness, surprise", animator.animate(portrait, MOODS), folder / "astronaut"
    )
    nobody = animator.sample(SEED, psi=PSI)
    smile = parse_expression("happiness")
    timeline = Timeline.sequence([(0.0, ActionUnits()), (0.4, ActionUnits()), (1.1, smile), (2.5, smile)])
    written += _save("nobody: neutral, happiness", animator.animate(nobody, timeline), folder / "nobody")
    return written


def _save(what: str, film: Animation, stem: Path) -> list[Path]:
    began = time.perf_counter()
    movie, sheet = stem.with_suffix(".mp4"), stem.with_name(f"{stem.name}-sheet.png")
    receipt = film.save(movie, contact_sheet=sheet)
    print(f"{what}: {len(film)} frames in {time.perf_counter() - began:.1f} s")
    for note in receipt.notes if receipt else ():
        print(f"  note: {note}")
    return [movie, sheet]


def main(arguments: Sequence[str]) -> None:
    """Film into the folder given, by default ``demo``."""
    _alloc.tune()
    for path in demo(Path(arguments[0] if arguments else "demo")):
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
