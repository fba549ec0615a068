"""Do measured AUs tell emotions? On one face moved into them, and on labels that are wrong."""

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
from facsmith.lab.evaluate.emotions import QUESTIONS, agreement, agreement_table

SHOWN = {"neutral": {}, "happiness": {12: 0.9}, "surprise": {1: 0.8, 2: 0.8, 25: 0.5, 26: 0.9}, "anger": {4: 1.0}}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    root = tmp_path_factory.mktemp("faces")
    photo = np.ascontiguousarray(astronaut()[0:256, 100:356])
    muscles = MuscleWarp(choose(find(photo, provider="dlib")).face.landmarks, photo.shape)
    rest = -0.7 * np.isin(DISFA, [12, 25])
    rows = ["name,emotion"]
    for emotion, aus in SHOWN.items():
        for k, strength in enumerate((1.0, 0.8)):
            e = rest + strength * np.array([aus.get(au, 0.0) for au in DISFA])
            image.write(root / f"{emotion}{k}.png", muscles(photo, e))
            rows.append(f"{emotion}{k}.png,{emotion}")
    image.write(root / "wall.png", np.full((64, 64, 3), 90, np.uint8))
    rows += ["wall.png,anger", "happiness0.png,contempt"]
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="module")
def result(faces):
    return agreement(faces, faces / "labels.csv", provider="dlib")


def test_moved_faces_are_told_from_neutral(result):
    assert result.photos == {"anger": 2, "happiness": 2, "neutral": 2, "surprise": 2}
    assert result.skipped == 1
    for question in QUESTIONS:
        assert result.areas["combined"][str(question)] == 1
    assert result.passed
    assert result.every_au["surprise"]["AU26"] == 1


def test_every_source_stands_in_the_table(result):
    assert set(result.areas) == {"combined", "landmarks", "appearance"}  # dlib has no blendshapes
    assert agreement_table(result).row_count == len(QUESTIONS)
    assert json.loads(json.dumps(result.to_json()))["bars"]["anger: AU4"] == 0.7


def test_labels_the_other_way_round_fail(faces, tmp_path):
    names = {"happiness0.png": "neutral", "happiness1.png": "neutral", "neutral0.png": "happiness"}
    (tmp_path / "l.csv").write_text("name,emotion\n" + "\n".join(f"{n},{e}" for n, e in names.items()))
    result = agreement(faces, tmp_path / "l.csv", provider="dlib")
    assert result.areas["combined"]["happiness: AU12"] == 0
    assert not result.passed


def test_a_tar_is_read_like_a_folder(faces, tmp_path):
    with tarfile.open(tmp_path / "faces.tar", "w") as archive:
        for path in faces.glob("*.png"):
            archive.add(path, path.name)
    packed = agreement(tmp_path / "faces.tar", faces / "labels.csv", provider="dlib", limit=1)
    assert packed == agreement(faces, faces / "labels.csv", provider="dlib", limit=1)


def test_names_outside_the_folder_are_refused(faces, tmp_path):
    (tmp_path / "l.csv").write_text("name,emotion\n../secret.png,anger\n")
    with pytest.raises(InputError, match="inside the folder"):
        agreement(faces, tmp_path / "l.csv")
    (tmp_path / "l.csv").write_text("file,label\n")
    (tmp_path / "m.csv").write_text("file,label\nx,y\n")
    with pytest.raises(InputError, match="columns name and emotion"):
        agreement(faces, tmp_path / "m.csv")
    (tmp_path / "n.csv").write_text("name,emotion\nhappiness0.png,happiness\n")
    with pytest.raises(InputError, match="neutral ones"):
        agreement(faces, tmp_path / "n.csv", provider="dlib")
    (tmp_path / "x.tar").write_bytes(b"no tar")
    with pytest.raises(InputError, match="folder nor"):
        agreement(tmp_path / "x.tar", faces / "labels.csv")
