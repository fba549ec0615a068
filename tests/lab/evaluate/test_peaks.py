"""Edits against real peaks: the peak itself is 0, the neutral photo 1, half the way between."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from skimage.data import astronaut

from facsmith import image
from facsmith.errors import InputError
from facsmith.face import choose, find
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA
from facsmith.lab.evaluate.peaks import WAYS, against_peaks, contact_sheet, peaks_table
from facsmith.options import AnimateOptions


class Editor:
    """Edits by the muscles, ``share`` of what is asked; remembers what that was."""

    def __init__(self, share: float):
        self.share, self.asked = share, []

    def edit(self, photo, aus, *, options):
        self.asked.append((str(aus), options.mode))
        found = choose(find(photo, provider="dlib")).face
        return SimpleNamespace(image=MuscleWarp(found.landmarks, photo.shape)(photo, self.share * aus.vector()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("peaks")
    photo = image.resize(np.ascontiguousarray(astronaut()[0:256, 100:356]), (512, 512))
    muscles = MuscleWarp(choose(find(photo, provider="dlib")).face.landmarks, photo.shape)
    at_rest = muscles(photo, -0.7 * np.isin(DISFA, [12, 25]))
    image.write(root / "rest.png", at_rest)
    moved = MuscleWarp(choose(find(at_rest, provider="dlib")).face.landmarks, photo.shape)
    image.write(root / "jaw.png", moved(at_rest, np.isin(DISFA, [26]).astype(float)))
    image.write(root / "wall.png", np.full((64, 64, 3), 90, np.uint8))
    (root / "pairs.csv").write_text("peak,neutral,facs\njaw.png,rest.png,26e\nwall.png,rest.png,1\n")
    (root / "uncoded.csv").write_text("peak,neutral\njaw.png,rest.png\n")
    return root


def judged(folder, share, table="pairs.csv"):
    editor = Editor(share)
    return editor, against_peaks(editor, folder, folder / table, options=AnimateOptions(provider="dlib"))


@pytest.mark.slow
def test_the_peak_itself_is_zero_and_the_neutral_photo_one(folder):
    _, whole = judged(folder, 1.0)
    _, nothing = judged(folder, 0.0)
    for figure in ("landmarks", "features"):
        assert whole.medians("edit")[figure] < 0.4  # dlib finds one jaw a little elsewhere than it follows it
        assert nothing.medians("edit")[figure] == pytest.approx(1, abs=0.1)
        assert whole.medians("muscles")[figure] == whole.medians("edit")[figure]
        assert whole.medians("points")[figure] < 0.9, "it is told where points lie, not what a mouth shows"
    _, half = judged(folder, 0.5)
    assert whole.medians("edit")["landmarks"] < half.medians("edit")["landmarks"] < 0.9


def test_the_report_has_every_way_and_au(folder):
    editor, report = judged(folder, 1.0)
    assert [mode for _, mode in editor.asked] == ["transfer", "paste"]
    said = json.loads(json.dumps(report.to_json()))
    assert set(said["skipped"]) == {"wall.png"}
    for way in WAYS:
        assert said[way]["aus"]["AU26"] == {key: said[way][key] for key in ("landmarks", "features", "pairs")}
    assert contact_sheet(report).shape == (224, 3 * 224, 3)
    assert peaks_table(report).row_count == 2


@pytest.mark.slow
def test_without_codes_what_is_measured_is_asked(folder):
    editor, _ = judged(folder, 1.0, "uncoded.csv")
    assert "AU26" in editor.asked[0][0] and "AU4" not in editor.asked[0][0]


def test_nothing_to_judge_is_told(folder, tmp_path):
    (tmp_path / "p.csv").write_text("peak,neutral,facs\nwall.png,rest.png,1\n")
    with pytest.raises(InputError, match="None of 1 pairs"):
        against_peaks(Editor(1.0), folder, tmp_path / "p.csv", options=AnimateOptions(provider="dlib"))
