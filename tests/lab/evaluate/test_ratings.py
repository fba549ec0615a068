"""Ratings: agreement as published examples have it, means with intervals, and files that say what is wrong."""

import csv
import json
import math

import numpy as np
import pytest
from PIL import Image

from facsmith.__main__ import main
from facsmith.errors import InputError
from facsmith.lab.evaluate.rating_stats import complete, fleiss_kappa, icc
from facsmith.lab.evaluate.ratings import evaluate_ratings, read_ratings

# Shrout and Fleiss (1979), table 2: six targets, four judges.
SHROUT = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
# Fleiss's measure, the textbook example of ten subjects, fourteen raters, five categories.
FLEISS = np.array(
    [
        *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
        *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
    ],
    float,
)


def test_the_published_example_of_icc():
    found = icc(SHROUT)
    assert found.single == pytest.approx(0.29, abs=0.005)
    assert found.average == pytest.approx(0.62, abs=0.005)
    assert found.single_interval == pytest.approx((0.019, 0.761), abs=0.001)
    assert found.average_interval == pytest.approx((0.071, 0.927), abs=0.001)


def test_raters_who_agree_have_an_icc_of_one_and_noise_has_none():
    same = np.repeat(np.arange(1.0, 8.0)[:, None], 3, axis=1)
    assert icc(same).single == pytest.approx(1) and icc(same).average == pytest.approx(1)
    assert icc(same + [0, 2, 4]).single < 0.75, "agreement is absolute: raters of other levels do not agree"
    noise = np.random.default_rng(0).normal(size=(200, 5))
    assert abs(icc(noise).single) < 0.1
    assert math.isnan(icc(np.ones((4, 3))).single)
    for wrong in (np.ones((1, 3)), np.ones((3, 1)), np.array([[1, np.nan], [1, 2]]), np.ones(3)):
        with pytest.raises(InputError, match="two stimuli and two raters"):
            icc(wrong)


def test_kappa():
    assert fleiss_kappa(FLEISS) == pytest.approx(0.210, abs=0.001)
    assert fleiss_kappa(np.array([[3.0, 0], [0, 5]])) == pytest.approx(1)
    assert math.isnan(fleiss_kappa(np.array([[1.0, 0], [0, 1]])))


def test_the_largest_part_that_is_complete():
    table = SHROUT.copy()
    assert np.array_equal(complete(table), table)
    table[1:5, 3] = np.nan  # the last judge saw two of six
    assert complete(table).shape == (6, 3)
    table = SHROUT.copy()
    table[2, 0] = np.nan
    assert complete(table).shape == (5, 4)
    assert complete(np.full((3, 3), np.nan)).size == 0


def write(path, rows, columns=("participant", "stimulus", "condition", "naturalness", "emotion", "intensity")):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


@pytest.fixture
def files(tmp_path):
    made = []
    for person, shift in (("p1", 0), ("p2", 1), ("p3", 0)):
        rows = [
            (person, f"{face}_{condition}.png", condition, 3 + shift, emotion, strength + shift)
            for face in ("her", "him")
            for condition, emotion, strength in (("neutral", "neutral", 1), ("AU12-100", "happiness", 6))
        ]
        made.append(write(tmp_path / f"ratings_{person}.csv", rows))
    return made


def test_means_are_over_raters_and_choices_are_counted(files):
    report = evaluate_ratings(read_ratings(files)[0])
    assert (report.participants, report.stimuli) == (3, 4)
    smile = next(m for m in report.means["condition"] if (m.of, m.scale) == ("AU12-100", "intensity"))
    assert smile.mean == pytest.approx(19 / 3) and smile.raters == 3
    assert smile.half_interval == pytest.approx(4.3027 * smile.deviation / math.sqrt(3), rel=1e-3)
    assert [(c.of, dict(c.counts)) for c in report.choices["condition"]] == [
        ("AU12-100", {"happiness": 6}),
        ("neutral", {"neutral": 6}),
    ]
    assert report.kappa == pytest.approx(1)
    assert report.agreement["intensity"].single > 0.9 and report.agreement["intensity"].raters == 3


def test_repeated_answers_are_left_out_and_said(files):
    ratings, notes = read_ratings([*files, files[0]])
    assert len(ratings) == 12 and "4 answers" in notes[0]


@pytest.mark.parametrize(
    ("columns", "row", "said"),
    [
        (("stimulus", "intensity"), ("a.png", 1), "column participant"),
        (("participant", "stimulus"), ("p", "a.png"), "naturalness, intensity or emotion"),
        (("participant", "stimulus", "intensity"), ("p", "a.png", "much"), "row 2: intensity is 'much'"),
        (("participant", "stimulus", "intensity"), ("p", "a.png", "nan"), "give a number"),
        (("participant", "stimulus", "intensity"), ("", "a.png", 1), "no participant"),
    ],
)
def test_files_say_what_is_wrong(tmp_path, columns, row, said):
    with pytest.raises(InputError, match=said):
        read_ratings([write(tmp_path / "r.csv", [row], columns)])


def test_other_files_are_refused(tmp_path):
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x00")
    (tmp_path / "empty.csv").write_text("participant,stimulus,intensity\n")
    for name, said in (("binary.csv", "no CSV"), ("empty.csv", "no rating"), ("none.csv", "Could not read")):
        with pytest.raises(InputError, match=said):
            read_ratings([tmp_path / name])


def test_the_command_prints_writes_and_draws(files, tmp_path, capsys):
    names = [str(file) for file in files]
    assert main(["evaluate", "ratings", *names, "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "3 raters, 4 stimuli" in said and "happiness" in said and "ICC(2,1)" in said
    with open(tmp_path / "out/by_condition.csv", newline="") as file:
        rows = {row["condition"]: row for row in csv.DictReader(file)}
    assert rows["AU12-100"]["emotion"] == "happiness" and float(rows["AU12-100"]["intensity_mean"]) > 6
    with Image.open(tmp_path / "out/ratings.png") as chart:
        assert min(chart.size) > 200
    assert main(["evaluate", "ratings", *names, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agreement"]["intensity"]["raters"] == 3


def test_one_rater_alone_has_means_and_no_agreement(files, capsys):
    assert main(["evaluate", "ratings", str(files[0]), "--json"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["agreement"] == {"naturalness": None, "intensity": None} and report["kappa"] is None
    assert "needs two raters" in captured.err
    assert main(["evaluate", "ratings", str(files[0])]) == 0
