"""Makes the pictures of README, model card and guides again, from NASA's portrait and faces of the bundled model's own.

python docs/make_media.py                   # all of them; the studio's need chromium
python docs/make_media.py film receipt      # some
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import skimage.data
from PIL import Image

from facsmith import AnimateOptions, Animator, video
from facsmith.face import crop_transform
from facsmith.facs import AU_NAMES, DISFA, ActionUnits
from facsmith.image import contact_sheet
from facsmith.inversion import InversionOptions

MEDIA = Path(__file__).parent / "media"
LEVELS = (0.25, 0.5, 0.75, 1.0)
_SCREENS: Final[dict[str, dict[str, Any]]] = {
    "expression": {"viewport": {"width": 1280, "height": 800}},
    "wide": {"viewport": {"width": 1920, "height": 1080}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True},
}

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
        for au in DISFA[half::6]:
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
    for au in DISFA:
        asked = [ActionUnits({au: level}) for level in (0.0, *LEVELS)]
        faces = [animator.edit(subject, one, options=options).image for one in asked for subject in subjects]
        blocks.append(tiled(faces, columns=len(subjects), side=64))
    labels = [f"AU{au} {AU_NAMES[au]}: 0, .25, .5, .75, 1" for au in DISFA]
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


def receipt(animator: Animator, portrait: Pixels) -> None:
    """Of a film from her own smile over neutral to surprise."""
    with TemporaryDirectory() as folder:
        photo = Path(folder) / "astronaut.png"
        Image.fromarray(portrait).save(photo)
        animator.animate(photo, ["neutral", "surprise"]).save_page(MEDIA / "receipt.png")
    slim("receipt.png")


def studio() -> None:
    """The page in Chromium: a surprise half wiped in at three widths, its film, and a film of its own changed."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "facsmith", "studio", "--port", "0", "--no-open"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found is not None
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for name, device in _SCREENS.items():
                page = browser.new_context(**device).new_page()
                page.set_default_timeout(180_000)
                page.goto(found[0])
                page.click("[data-sample=astronaut]")
                page.wait_for_function("document.querySelector('#status .text').textContent.includes('pixels')")
                page.get_by_role("tab", name="Expression").click()
                page.get_by_role("button", name="Surprise").click()
                page.wait_for_function("document.querySelector('#stage').innerHTML.includes('AU26=1.00')")
                page.wait_for_function("""document.querySelector('#status progress').hidden
                  && document.querySelector('[data-au="1"] .seen').textContent""")
                page.get_by_role("slider", name="Wipe from the photo").fill("50")
                page.mouse.move(0, 0)
                page.screenshot(path=MEDIA / f"studio-{name}.png")
                if name == "expression":
                    page.get_by_role("button", name="Play").click()
                    page.wait_for_selector("#stage video[src]")
                    page.get_by_role("tab", name="Film", exact=True).click()
                    page.wait_for_timeout(1000)
                    page.screenshot(path=MEDIA / "studio-film.png")
                    with page.expect_download() as film:
                        page.click("[data-kind=mp4]")
                    page.get_by_role("tab", name="Edit film").click()
                    page.set_input_files(
                        "#footage input",
                        film.value.path().rename(film.value.path().with_name(film.value.suggested_filename)),
                    )
                    page.wait_for_selector("#edited b")
                    page.get_by_label("Times").fill("AU1=0.3, AU2=0.3, AU26=0.3")
                    page.get_by_role("button", name="Show before and after").click()
                    page.wait_for_selector("#stage .pair video[src]")
                    page.locator("#stage .pair video").evaluate("v => { v.pause(); v.currentTime = v.duration / 2; }")
                    page.mouse.move(1000, 100)
                    page.wait_for_timeout(4000)  # until the film's controls fade
                    page.screenshot(path=MEDIA / "studio-edit.png")
    finally:
        server.terminate()
        server.wait()
    for name in (*_SCREENS, "film", "edit"):
        slim(f"studio-{name}.png")


def tiled(faces: Sequence[Pixels], *, columns: int, side: int) -> Pixels:
    """Faces without gaps."""
    small = [np.asarray(Image.fromarray(face).resize((side, side), Image.Resampling.LANCZOS)) for face in faces]
    return np.concatenate([np.concatenate(small[i : i + columns], axis=1) for i in range(0, len(small), columns)])


def slim(name: str) -> None:
    """A PNG of 256 colours: a third of its size."""
    Image.open(MEDIA / name).convert("RGB").quantize(256).save(MEDIA / name, optimize=True)


def save(picture: Pixels, name: str) -> None:
    """Into the documents' media."""
    Image.fromarray(picture).save(MEDIA / name, quality=82)


def main() -> None:
    """Write those that are named, or all."""
    data: Any = skimage.data
    portrait, animator = data.astronaut(), Animator.from_pretrained()
    makers: dict[str, Callable[[], None]] = {
        "film": lambda: film(animator, portrait),
        "sheet": lambda: sheet(animator, portrait),
        "strangers": lambda: strangers(animator),
        "people": lambda: people(animator),
        "reconstructions": lambda: reconstructions(animator, portrait),
        "receipt": lambda: receipt(animator, portrait),
        "studio": studio,
    }
    for name in sys.argv[1:] or makers:
        makers[name]()


if __name__ == "__main__":
    main()
