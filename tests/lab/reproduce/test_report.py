"""One small report of the bundled model, looked at as a reader would: figures, tables, page; and how it goes on."""

import base64
import csv
import io
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facsmith.__main__ import app
from facsmith.animator import Animator
from facsmith.errors import InputError, OutputError
from facsmith.facs import DISFA
from facsmith.lab.reproduce import EXPERIMENTS, Bench, Plan, Report, experiments, reproduce, searches, set_up
from facsmith.lab.reproduce import filming as filming_module
from facsmith.lab.reproduce.filming import filming
from facsmith.lab.reproduce.methods import methods
from facsmith.lab.reproduce.sources import conditioned, step_length, uncalibrated
from facsmith.strengths import strengthened

pytestmark = pytest.mark.slow

SMALL = Plan(
    faces=3,
    strips=2,
    iterations=24,
    settle=6,
    judged=1,
    expressions=3,
    portraits=2,
    people=0,
    scored=0,
    provider="dlib",
)
COMMAND = "facsmith reproduce --quick -o 'here & there/'"


@pytest.fixture(scope="module")
def animator() -> Animator:
    return Animator.from_pretrained()


@pytest.fixture(scope="module")
def bench(animator: Animator, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return set_up(animator, tmp_path_factory.mktemp("report"), plan=SMALL, command=COMMAND)


@pytest.fixture(scope="module")
def report(bench: Bench) -> Iterator[Report]:
    """Of two methods: the others are seen to work below."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "methods", lambda bench: [m for m in methods(bench) if m.key in {"default", "warp"}])
        yield reproduce(bench, bench.store.folder.parent)


def table(report: Report, name: str) -> list[dict[str, str]]:
    (path,) = (path for path in report.data if path.stem == name)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def picture(report: Report, name: str) -> np.ndarray:
    (figure,) = (f for section in report.sections for f in section.figures if f.name == name)
    return np.array(Image.open(io.BytesIO(figure.data)).convert("RGB")).astype(int)


def cells(sheet: np.ndarray, *, margin: int, cell: int, top: int, row: int = 0) -> np.ndarray:
    """(rows, columns, cell, cell, 3) of a board: row is the height of the labels above every row."""
    step_x, step_y = cell + 4, cell + 4 + row
    rows, columns = (sheet.shape[0] - top) // step_y, (sheet.shape[1] - margin) // step_x
    return np.stack(
        [
            [sheet[top + row + r * step_y :, margin + c * step_x :][:cell, :cell] for c in range(columns)]
            for r in range(rows)
        ]
    )


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "srcset", "data", "action", "poster"}:
                self.addresses.append(value or "")
            if name == "id":
                self.ids.add(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_loads_nothing_and_leads_to_its_own_data(report: Report) -> None:
    html = report.page.read_text(encoding="utf-8")
    seen = Links()
    seen.feed(html)
    assert seen.open == []
    assert not seen.tags & {"script", "link", "iframe", "object", "video", "form", "base"}
    assert "url(" not in html
    assert "@import" not in html
    pictures = [a for a in seen.addresses if a.startswith("data:image/")]
    assert len(pictures) == 8
    for address in pictures:
        decoded = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
        assert min(decoded.size) > 150
    for address in set(seen.addresses) - set(pictures):
        if address.startswith("#"):
            assert address[1:] in seen.ids
        else:
            assert (report.page.parent / address).is_file()


def test_every_experiment_of_the_paper_is_there_with_model_seeds_counts_and_command(report: Report) -> None:
    keys = [section.key for section in report.sections]
    assert {"claims", "fig6", "fig7", "fig8", "fig9", "fig1", "fig10", "control", "methods", "inversion"} <= set(keys)
    html = report.page.read_text(encoding="utf-8")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html, re.DOTALL)
    assert len(captions) == 8
    for caption in captions:
        assert "stylegan2-128-" in caption
        assert "Seeds: 0 and following" in caption
        assert "facsmith reproduce --quick -o &#x27;here &amp; there/&#x27;" in caption
        assert re.search(r"\d+ faces|two|astronaut", caption)


def test_the_loss_falls_and_the_encoder_begins_lower(report: Report) -> None:
    curves = {(row["start"], int(row["iteration"])): float(row["median"]) for row in table(report, "fig6-curves")}
    assert len(curves) == 3 * (SMALL.iterations + 1)
    for start in ("encoder", "mean", "random"):
        assert curves[start, SMALL.iterations] < 0.7 * curves[start, 0]
    assert curves["encoder", 0] < 0.5 * curves["mean", 0]
    likeness = {(row["start"], int(row["iteration"])): row for row in table(report, "fig7-likeness")}
    near, far = (float(likeness["encoder", at]["perceptual distance"]) for at in (SMALL.iterations, 0))
    assert near < far


def test_claims_have_verdicts_that_follow_from_their_counts(report: Report) -> None:
    rows = table(report, "claims")
    assert {row["claim"] for row in rows} >= {
        "No more than 512 iterations to the threshold in most cases",
        "Very similar after 16 iterations",
        "A random start does not converge by 512",
    }
    for row in rows:
        part = int(row["faces"]) / int(row["of"])
        wanted = "holds" if part >= 0.9 else "holds for most" if part > 0.5 else "does not hold"
        assert row["verdict"] == wanted
    assert len(report.claims) == len(rows)


def test_the_strips_begin_with_the_photo_and_come_nearer_to_it(report: Report, bench: Bench) -> None:
    tiles = cells(picture(report, "fig8"), margin=128, cell=112, top=4, row=16)
    assert tiles.shape[:2] == (2, 1 + 5)  # the photo; 0, 1, 4, 16 and 24
    for row in tiles:
        apart = np.abs(row[1:] - row[0]).mean(axis=(1, 2, 3))
        assert apart[-1] < apart[0]
    photo = Image.fromarray(bench.faces[0].crop).resize((112, 112))
    assert np.abs(tiles[0, 0] - np.array(photo)).mean() < 6


def test_an_au_grows_along_its_row_and_the_person_stays(report: Report) -> None:
    tiles = cells(picture(report, "fig9"), margin=96, cell=144, top=24)
    assert tiles.shape[:2] == (12, 10)
    for first in (0, 5):
        rest = tiles[:, first]
        assert np.abs(rest - rest[0]).mean() < 3  # one neutral face, but for what JPEG does
        change = np.abs(tiles[:, first + 1 : first + 5] - rest[:, None]).mean(axis=(2, 3, 4))
        # Of those that lie as the neutral tile does on JPEG's blocks of 8 pixels, which differ by some grey levels.
        grown = change[:, 3] > change[:, 1]
        assert grown[np.arange(12) != DISFA.index(5)].all()  # people's lids rise by a pixel of these tiles
        assert (change[:, 3] < 25).all()
    assert np.abs(tiles[:, 0] - tiles[:, 5]).mean() > 30  # two people


def test_emotions_differ_and_contempt_is_one_sided(report: Report) -> None:
    tiles = cells(picture(report, "fig10"), margin=96, cell=144, top=24)
    assert tiles.shape[:2] == (2, 9)
    for neutral, happy, contempt in tiles[:, [1, 2, 8]]:
        # The person's right is the picture's left. JPEG changes what does not move by less than 4 grey levels.
        one, both = (np.maximum(np.abs(e - neutral).mean(axis=2) - 4, 0).sum(axis=0) for e in (contempt, happy))
        assert one[:72].sum() > 5 * one[72:].sum()
        assert both[:72].sum() < 2 * both[72:].sum()


def test_asked_and_measured_agree_for_the_default_and_best_for_the_ruler(report: Report) -> None:
    rows = table(report, "control")
    assert [row["AU"] for row in rows] == [f"AU{au}" for au in DISFA]
    assert np.median([float(row["ICC(3,1)"]) for row in rows]) > 0.7
    assert all(-1 <= float(row["Pearson"]) <= 1 for row in rows)
    by_method = {row["method"]: row for row in table(report, "methods")}
    assert float(by_method["warp"]["AU error"]) < 0.1
    assert float(by_method["warp"]["AU error"]) < float(by_method["default"]["AU error"]) < 0.4
    assert all(float(row["CPU s a frame"]) > 0 and float(row["flicker"]) > 0 for row in by_method.values())
    leaks = {(row["method"], row["asked"]): row for row in table(report, "leakage")}
    own = [float(leaks["default", f"AU{au}"][f"AU{au}"]) for au in (1, 2, 12, 25, 26)]
    assert min(own) > 0.5


def test_each_term_of_the_search_does_best_on_what_it_looks_at(report: Report) -> None:
    rows = {row["looks at"]: row for row in table(report, "inversion")}
    l1 = {name: float(row["L1 of pixels"]) for name, row in rows.items()}
    assert min(l1, key=lambda name: l1[name]) == "pixels"
    features = float(rows["descriptor: convolutional features"]["perceptual distance"])
    assert features < float(rows["descriptor: last layer (Eq. 1)"]["perceptual distance"])
    assert float(rows["the encoder's answer alone"]["iterations"]) == 0


def test_nothing_is_measured_twice(report: Report, bench: Bench, animator: Animator) -> None:
    again = set_up(animator, bench.store.folder.parent, plan=SMALL, command=COMMAND)
    before = {path: path.read_bytes() for path in (report.page, *report.data)}
    second = reproduce(again, bench.store.folder.parent)
    assert second.made == 0
    assert second.found > 0
    assert {path: path.read_bytes() for path in before} == before


def test_a_run_that_is_killed_goes_on_and_ends_the_same(
    animator: Animator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "_BATCH", 2)
    plan = Plan(faces=3, iterations=1, provider="dlib")  # two batches from three starts: six pieces

    def run(folder: Path, progress: Callable[[str, int, int], None] = lambda *_: None) -> Report:
        return reproduce(set_up(animator, folder, plan=plan, progress=progress), folder, only=["convergence"])

    def killed(stage: str, done: int, total: int) -> None:
        assert total == 6
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a", killed)
    assert len(list((tmp_path / "a" / "pieces").iterdir())) == 3
    assert not (tmp_path / "a" / "report.html").exists()
    resumed, whole = run(tmp_path / "a"), run(tmp_path / "b")
    assert (resumed.made, resumed.found) == (3, 3)
    assert (whole.made, whole.found) == (6, 0)
    for ours, theirs in zip(resumed.data, whole.data, strict=True):
        assert ours.read_text() == theirs.read_text()


def test_boundaries_are_fitted_to_samples_anew(
    animator: Animator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only of what is filmed here is it measured how strongly this face shows it: the report's Fig. 1 measures all.
    monkeypatch.setattr(
        filming_module, "strengthened", lambda renderer, _, **rest: strengthened(renderer, [26], **rest)
    )
    plan = Plan(faces=1, settle=2, people=30, variants=6, scored=0, provider="dlib")
    bench = set_up(animator, tmp_path, plan=plan)
    known = {method.key: method for method in methods(bench)}
    assert set(known) == {
        *("default", "paste", "crop", "plain sum", "same for all", "moved samples", "raw SVMs", "warp", "uncalibrated"),
        *("InterFaceGAN-style", "as in the paper"),
    }
    moved, raw = known["moved samples"].boundaries, known["raw SVMs"].boundaries
    assert moved is not None
    assert raw is not None
    assert len(moved.aus) >= 4
    own = animator.networks.boundaries
    for au in {2, 12, 26} & set(moved.aus):  # the same AU is the same direction, whoever it was learned from
        alike = abs(float(np.sum(moved[au].normal * own[au].normal)))
        others = [abs(float(np.sum(moved[au].normal * own[other].normal))) for other in own.aus if other != au]
        assert alike > max(others)
    even = uncalibrated(raw, step_length(own))
    assert len({round(float(np.diff(b.calibration.distance([0.0, 1.0]))[0]), 9) for b in even.boundaries}) == 1
    cosines = np.array([[np.sum(a.normal * b.normal) for b in raw.boundaries] for a in conditioned(raw).boundaries])
    assert np.abs(cosines[~np.eye(len(cosines), dtype=bool)]).max() < 1e-6
    for method in known.values():  # every one of them moves what it knows, and nothing else
        films = filming(bench, method, bench.faces[0])
        rest, jaw = films.render(films.photo, np.zeros(12)), films.render(films.photo, np.eye(12)[DISFA.index(26)])
        assert rest.shape == jaw.shape == films.photo.shape
        assert (rest != jaw).any() == (26 not in method.missing)
        assert films.crop(jaw).shape == (128, 128, 3)
    again = set_up(animator, tmp_path, plan=plan)
    assert {m.key for m in methods(again)} == set(known)


def test_photos_of_the_user_s_take_the_place_of_samples_and_strangers_are_named(tmp_path: Path) -> None:
    import skimage.data

    from facsmith import image

    image.write(tmp_path / "photos" / "her.png", skimage.data.astronaut())
    image.write(tmp_path / "photos" / "wall.png", np.full((80, 80, 3), 90, np.uint8))
    out = tmp_path / "report"
    given = ["reproduce", "--faces", str(tmp_path / "photos"), "-o", str(out), "--quick"]
    result = CliRunner().invoke(app, [*given, "--only", "convergence", "--iterations", "2", "--provider", "dlib"])
    assert result.exit_code == 0, result.output
    assert "wall.png was left out" in result.stderr
    assert str(out / "report.html") in result.stdout
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "1: her.png" in html
    assert "samples" not in html.partition("<main>")[0].replace("samples moved", "").replace("scored", "")
    assert not (out / "data" / "control.csv").exists()


def test_what_cannot_be_done_is_said_before_the_work(animator: Animator, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 1 or more"):
        Plan(iterations=0)
    with pytest.raises(InputError, match="psi"):
        Plan(psi=2)
    with pytest.raises(InputError, match="shows a usable face"):
        set_up(animator, tmp_path, plan=SMALL, photos=[("wall", np.full((80, 80, 3), 90, np.uint8))])
    bench = set_up(animator, tmp_path, plan=Plan(faces=1, provider="dlib"))
    with pytest.raises(InputError, match=f"choose from {', '.join(EXPERIMENTS)}"):
        reproduce(bench, tmp_path, only=["fig12"])
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["reproduce", "-o", str(tmp_path / "file")])
    assert isinstance(result.exception, OutputError)


def test_the_plan_looks_at_powers_of_two() -> None:
    assert Plan().powers == (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    assert Plan(iterations=24).powers == (0, 1, 2, 4, 8, 16, 24)
    assert Plan(iterations=1).powers == (0, 1)
