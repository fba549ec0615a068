"""Makes the pictures of README and model card again, from NASA's portrait and the bundled model.

python docs/make_media.py
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import skimage.data
from PIL import Image

from facsmith import AnimateOptions, Animator, video
from facsmith.face import crop_transform
from facsmith.facs import AU_NAMES, AUS, ActionUnits
from facsmith.image import contact_sheet

MEDIA = Path(__file__).parent / "media"
LEVELS = (0.25, 0.5, 0.75, 1.0)

Pixels = npt.NDArray[np.uint8]


def film(animator: Animator, portrait: Pixels) -> None:
    """Head and shoulders, her own smile, neutral, sadness, surprise."""
    options = AnimateOptions(fps=12.5, apex=0.7, onset=0.5, offset=0.5)
    moods = animator.animate(portrait, ["neutral", "sadness", "surprise"], options=options)

    def close() -> Iterator[Pixels]:
        for frame in moods.frames():
            head = Image.fromarray(frame[10:270, 95:355])
            yield np.asarray(head.resize((300, 300), Image.Resampling.LANCZOS))

    video.write(MEDIA / "astronaut.webp", close(), fps=12.5, metadata={"comment": "Synthetic: made by facsmith"})


def sheet(animator: Animator, portrait: Pixels) -> None:
    """Every Action Unit at four intensities."""
    subject = animator.prepare(portrait)
    assert subject.face is not None
    cut = crop_transform(subject.face.landmarks, 132)
    tiles: list[Pixels] = []
    labels: list[str] = []
    for half in range(6):
        for au in AUS[half::6]:
            for level in LEVELS:
                tiles.append(cut.crop(animator.edit(subject, ActionUnits({au: level})).image))
                labels.append(f"AU{au} {AU_NAMES[au]}" if level == LEVELS[0] else f"{level:g}")
    picture = contact_sheet(tiles, labels=labels, columns=2 * len(LEVELS))
    Image.fromarray(picture).save(MEDIA / "action-units.webp", quality=82)


def main() -> None:
    """Write them."""
    data: Any = skimage.data
    animator = Animator.from_pretrained()
    film(animator, data.astronaut())
    sheet(animator, data.astronaut())


if __name__ == "__main__":
    main()
