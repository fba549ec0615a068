"""A film of three expressions, its contact sheet, and what was measured on it."""

import sys
from pathlib import Path

import skimage.data

from facsmith import AnimateOptions, Animator

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
folder.mkdir(parents=True, exist_ok=True)

animator = Animator.from_pretrained()
options = AnimateOptions(fps=12, apex=0.5)
film = animator.animate(skimage.data.astronaut(), ["neutral", "sadness", "surprise"], options=options)
film.save(folder / "film.mp4", contact_sheet=folder / "film.png")
receipt = film.receipt

for moment in receipt.keyframes:
    asked = ", ".join(f"{au} {intensity:.2f}" for au, intensity in moment.asked.items()) or "neutral"
    measured = ", ".join(f"{au} {moment.measured[au]:.2f}" for au in moment.asked if au in moment.measured)
    print(f"{moment.seconds:4.1f} s  asked {asked}  measured {measured}")
for note in receipt.notes:
    print("note:", note)
