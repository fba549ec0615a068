"""Measured AUs against coders: their codes, the figures, and a whole run on one face moved by known AUs."""

import json
import tarfile

import numpy as np
import pytest
from skimage.data import astronaut

from facsmith import image
from facsmith.errors import InputError
from facsmith.face import choose, find
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA
from facsmith.lab.coded_pairs import CodedPair, parse_codes
from facsmith.lab.evaluate.coded import against_coders, agreement_of, coded_table, truth_of


def pair(codes: str, name: str = "a.png") -> CodedPair:
    return CodedPair(name, "n.png", "1", parse_codes(codes))


def test_a_stretched_mouth_is_a_dropped_jaw():
    shown = pair("27+12+1b")
    assert [truth_of(shown, au) for au in (26, 12, 1, 2)] == [1.0, None, 0.4, 0.0]


def test_the_figures_of_one_au():
    pairs = [pair(codes) for codes in ("12a", "12c", "12e", "12", "4", "4")]
    perfect = agreement_of([0.2, 0.6, 1.0, 0.7, 0.0, 0.0], 12, pairs)
    assert (perfect.auc, perfect.f1, perfect.icc, perfect.count, perfect.lettered) == (1, 1, 1, 4, 3)
    upside_down = agreement_of([0.1, 0.0, 0.0, 0.1, 0.9, 0.8], 12, pairs)
    assert upside_down.auc == 0 == upside_down.f1
    assert upside_down.icc is not None and upside_down.icc < 0
    nobody = agreement_of([0.0] * 6, 9, pairs)
    assert nobody.auc is nobody.f1 is nobody.icc is None


@pytest.mark.slow
def test_one_face_moved_by_what_is_coded(tmp_path):
    photo = np.ascontiguousarray(astronaut()[0:256, 100:356])
    muscles = MuscleWarp(choose(find(photo, provider="dlib")).face.landmarks, photo.shape)
    rest = -0.7 * np.isin(DISFA, [12, 25])
    shown = {"neutral": {}, "jaw": {26: 1.0}, "brows": {1: 1.0, 2: 1.0}, "corners": {12: 1.0}}
    for name, aus in shown.items():
        image.write(tmp_path / f"{name}.png", muscles(photo, rest + [aus.get(au, 0.0) for au in DISFA]))
    image.write(tmp_path / "wall.png", np.full((64, 64, 3), 90, np.uint8))
    rows = ["jaw.png,neutral.png,26e", "brows.png,neutral.png,1e+2e", "corners.png,neutral.png,12e"]
    rows += ["wall.png,neutral.png,4"]
    (tmp_path / "p.csv").write_text("\n".join(["peak,neutral,facs", *rows]))
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        for file in sorted(tmp_path.glob("*.png")):
            archive.add(file, file.name)
    result = against_coders(tmp_path / "t.tar", tmp_path / "p.csv", provider="dlib")
    said = json.loads(json.dumps(result.to_json()))
    assert said["pairs"] == 3 and set(said["skipped"]) == {"wall.png"}
    assert said["mean_auc"] == 1.0
    assert {au: said["auc"][au] for au in ("AU1", "AU2", "AU12", "AU26")} == dict.fromkeys(
        ("AU1", "AU2", "AU12", "AU26"), 1.0
    )
    assert said["auc"]["AU9"] is None and said["count"]["AU26"] == 1
    assert coded_table(result).row_count == len(said["auc"])


def test_pairs_without_codes_have_no_coders(tmp_path):
    (tmp_path / "p.csv").write_text("peak,neutral\na.png,n.png\n")
    with pytest.raises(InputError, match="evaluate peaks"):
        against_coders(tmp_path, tmp_path / "p.csv")
