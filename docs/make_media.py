"""Makes the pictures of README and model card again, from NASA's portrait and faces of the bundled model's own.

python docs/make_media.py
"""

from collections.abc import Iterator, Sequence
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
from facsmith.inversion import InversionOptions

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
    save(picture, "action-units.webp")


def strangers(animator: Animator) -> None:
    """64 random faces."""
    faces = [animator.sample(seed).photo for seed in range(64)]
    save(tiled(faces, columns=8, side=96), "random-faces.webp")


def people(animator: Animator) -> None:
    """Ten of them, each Action Unit at five intensities: a block an AU, a column a person, a row an intensity."""
    options = AnimateOptions(mode="crop", personal=False)
    subjects = [animator.sample(seed) for seed in range(10)]
    blocks: list[Pixels] = []
    for au in AUS:
        asked = [ActionUnits({au: level}) for level in (0.0, *LEVELS)]
        faces = [animator.edit(subject, one, options=options).image for one in asked for subject in subjects]
        blocks.append(tiled(faces, columns=len(subjects), side=64))
    labels = [f"AU{au} {AU_NAMES[au]}: 0, .25, .5, .75, 1" for au in AUS]
    save(contact_sheet(blocks, labels=labels, columns=3, cell=640), "ten-people.webp")


def reconstructions(animator: Animator, portrait: Pixels) -> None:
    """The portrait's crop, and what the generator makes of it."""
    ways = {
        "encoder alone": AnimateOptions(inversion=InversionOptions(iterations=0)),
        "inversion (the default)": AnimateOptions(),
        "--fidelity high": AnimateOptions(fidelity="high"),
    }
    found = {name: animator.prepare(portrait, options=options) for name, options in ways.items()}
    cut = next(iter(found.values())).transform
    assert cut is not None
    faces = [cut.crop(portrait), *(subject.reference for subject in found.values())]
    tiles = [tiled([face], columns=1, side=256) for face in faces]
    save(contact_sheet(tiles, labels=["photo", *found], columns=4), "reconstruction.webp")


def tiled(faces: Sequence[Pixels], *, columns: int, side: int) -> Pixels:
    """Faces without gaps."""
    small = [np.asarray(Image.fromarray(face).resize((side, side), Image.Resampling.LANCZOS)) for face in faces]
    return np.concatenate([np.concatenate(small[i : i + columns], axis=1) for i in range(0, len(small), columns)])


def save(picture: Pixels, name: str) -> None:
    """Into the documents' media."""
    Image.fromarray(picture).save(MEDIA / name, quality=82)


def main() -> None:
    """Write them."""
    data: Any = skimage.data
    animator = Animator.from_pretrained()
    film(animator, data.astronaut())
    sheet(animator, data.astronaut())
    strangers(animator)
    people(animator)
    reconstructions(animator, data.astronaut())


if __name__ == "__main__":
    main()
