"""Action Units with times of their own, on one side of the face, with a blink."""

import sys
from pathlib import Path

import skimage.data

from facsmith import AnimateOptions, Animator, Keyframe, Timeline

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
folder.mkdir(parents=True, exist_ok=True)

brows = (Keyframe(0.0, 0.0), Keyframe(0.4, 0.8), Keyframe(1.2, 0.8), Keyframe(2.0, 0.0))
corner = (Keyframe(0.6, 0.0), Keyframe(1.0, 0.6), Keyframe(2.0, 0.0))
blink = (Keyframe(1.4, 0.0), Keyframe(1.5, 1.0), Keyframe(1.7, 0.0))
doubt = Timeline(tracks={1: brows, 45: blink}, left={2: brows}, right={12: corner})
doubt.to_yaml(folder / "doubt.yaml")  # to be edited by hand, and played by `facsmith animate --timeline`

film = Animator.from_pretrained().animate(skimage.data.astronaut(), doubt, options=AnimateOptions(fps=10))
film.save(folder / "doubt.webp")
print(f"{len(film)} frames: {folder / 'doubt.webp'}")
