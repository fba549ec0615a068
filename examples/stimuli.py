"""A battery for an experiment: every AU at several intensities, with its manifest."""

import csv
import sys
from pathlib import Path

import skimage.data

from facsmith import Animator, image
from facsmith.stimuli import MANIFEST, Design, parse_aus, parse_levels, render_battery

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
photos = folder / "photos"
photos.mkdir(parents=True, exist_ok=True)
image.write(photos / "collins.png", skimage.data.astronaut()[:400, 30:430])

design = Design(parse_aus("1,12,L12"), parse_levels("C,E"), films=False)
battery = render_battery(Animator.from_pretrained(), sorted(photos.iterdir()), folder / "battery", design=design)

with (folder / "battery" / MANIFEST).open(newline="", encoding="utf-8") as file:
    for row in csv.DictReader(file):
        print(row["stimulus"], row["condition"])
print(f"{len(battery.rows)} stimuli")
