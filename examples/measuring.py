"""What a picture shows, read against the person's own neutral face."""

import sys
from pathlib import Path

import skimage.data

from facsmith import Animator, image, measure

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
folder.mkdir(parents=True, exist_ok=True)

animator = Animator.from_pretrained()
face = animator.prepare(skimage.data.astronaut())  # found once, used twice
neutral = animator.edit(face, "neutral").image
smiling = animator.edit(face, "AU12=D").image
image.write(folder / "neutral.png", neutral)
image.write(folder / "smiling.png", smiling)

measured = measure.action_units(smiling, neutral)
for au, intensity in measured.action_units.items():
    print(f"AU{au}: {intensity:.2f}")
