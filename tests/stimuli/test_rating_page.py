"""The rating page: one file, opened without a network in headless Chromium, answered, and its CSV evaluated."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from facsmith import image, video
from facsmith.__main__ import main
from facsmith.errors import InputError
from facsmith.stimuli.ratings import EMOTIONS, PAGE, POINTS, PSYCHOPY, QUESTIONS, parse_questions, write_kit

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]  # fmt: skip


@pytest.fixture
def kit(tmp_path):
    """Three stimuli, one of them a film, and one with a name that needs quoting; with their page."""
    grey = np.full((64, 48, 3), 128, np.uint8)
    rows = []
    for name, kind, condition in (
        ("her_neutral.png", "still", "neutral"),
        ("it's <b>&\" 100%.png", "still", "AU12-100"),
        ("her_AU12-100.mp4", "film", "AU12-100"),
    ):
        if kind == "still":
            image.write(tmp_path / name, grey)
        else:
            video.write(tmp_path / name, [grey, grey + 9, grey], fps=25)
        more = {"frames_folder": "", "frames": 3, "fps": 25, "seconds": 0.12, "mirror": 0}
        rows.append({"stimulus": name, "kind": kind, "photo": "her.jpg", "condition": condition, **more})
    write_kit(tmp_path, rows, QUESTIONS)
    return tmp_path, rows


def test_the_page_is_one_file_that_asks_nobody(kit):
    text = (kit[0] / PAGE).read_text("utf-8")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?https?:", text)
    assert "sourceMappingURL" not in text and "The MIT License" in text
    assert "</script><" not in text.partition("const settings = ")[2].partition(";\n")[0]
    assert "<b>" not in text.partition("const settings = ")[2].partition("</script>")[0], "names end no script"


def test_conditions_of_psychopy(kit):
    folder, rows = kit
    with open(folder / PSYCHOPY, newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [row["stimulus"] for row in read] == [row["stimulus"] for row in rows]
    assert all(name.isidentifier() for name in read[0]), "PsychoPy takes the columns as variables"


def test_questions_are_read():
    assert parse_questions("all") == QUESTIONS
    assert parse_questions(" Intensity, naturalness ") == ("naturalness", "intensity")
    for wrong in ("beauty", "", ","):
        with pytest.raises(InputError, match="no question"):
            parse_questions(wrong)


@pytest.fixture
def page(kit):
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1000, "height": 900}, accept_downloads=True, offline=True)
        opened = context.new_page()
        complaints, asked = [], []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        opened.on("request", lambda request: asked.append(request.url))
        opened.set_default_timeout(60_000)
        opened.goto((kit[0] / PAGE).as_uri())
        yield opened
        assert complaints == []
        assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
        browser.close()


@in_browser
def test_it_is_answered_and_evaluated(page, kit, capsys):
    folder, rows = kit
    page.fill("#participant", 'p "1", x')
    page.click("text=Start")
    seen = []
    for number in range(1, len(rows) + 1):
        page.wait_for_selector(f"text={number} of {len(rows)}")
        shown = page.locator(".stimulus")
        if shown.evaluate("e => e.tagName") == "VIDEO":
            page.wait_for_function("document.querySelector('.stimulus').videoWidth == 48")
        else:
            page.wait_for_function("document.querySelector('.stimulus').naturalWidth == 48")
        page.click("input[type=submit]")  # nothing is answered yet: the page stays
        assert page.locator(f"text={number} of {len(rows)}").count() == 1
        seen.append(shown.get_attribute("src"))
        page.check(f"input[name=naturalness][value='{number}']")
        page.check(f"input[name=intensity][value='{POINTS}']")
        page.check("input[name=emotion][value='happiness']")
        if number == len(rows):
            with page.expect_download() as download:
                page.click("input[type=submit]")
        else:
            page.click("input[type=submit]")
    saved = folder / download.value.suggested_filename
    download.value.save_as(saved)
    assert saved.name == "ratings_p-1-x.csv"
    with open(saved, newline="", encoding="utf-8") as file:
        answers = list(csv.DictReader(file))
    assert {row["stimulus"] for row in answers} == {row["stimulus"] for row in rows}
    assert [(row["trial"], row["naturalness"]) for row in answers] == [("1", "1"), ("2", "2"), ("3", "3")]
    assert {row["participant"] for row in answers} == {'p "1", x'}
    assert all(int(row["rt_ms"]) > 0 and row["emotion"] == "happiness" for row in answers)
    assert page.locator("#done").count() == 1 and len(set(seen)) == 3
    assert main(["evaluate", "ratings", str(saved), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["participants"] == 1 and report["stimuli"] == 3
    assert {c["of"]: c["counts"] for c in report["choices"]["condition"]}["AU12-100"] == {"happiness": 2}


@in_browser
def test_all_emotions_can_be_chosen_and_a_code_is_needed(page):
    page.click("text=Start")
    assert page.locator("#participant").count() == 1
    page.fill("#participant", "p1")
    page.click("text=Start")
    page.wait_for_selector(".choices")
    assert page.locator("input[name=emotion]").evaluate_all("all => all.map(e => e.value)") == list(EMOTIONS)


def test_the_vendored_scripts_come_with_their_licence():
    static = Path(image.__file__).parent / "stimuli/static"
    names = {path.name for path in static.iterdir()}
    licence = (static / "jspsych-LICENSE.txt").read_text()
    assert {n for n in names if n.endswith(".min.js")} and "Permission is hereby granted" in licence
