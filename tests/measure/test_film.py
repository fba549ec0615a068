"""Films measured frame by frame, and the table that OpenFace's readers read."""

import csv

import numpy as np
import pytest
from skimage.data import astronaut

from facsmith import video
from facsmith.errors import InputError
from facsmith.face import choose, find
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA
from facsmith.measure.film import read_film
from facsmith.measure.table import COLUMNS, Row, write_table


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Six frames: her photo, her mouth opening, and one frame of nothing."""
    photo = np.ascontiguousarray(astronaut()[0:256, 100:356])
    muscles = MuscleWarp(choose(find(photo, provider="dlib")).face.landmarks, photo.shape)
    jaw = np.eye(12)[DISFA.index(26)]
    frames = [muscles(photo, level * jaw) for level in (0, 0.3, 0.6, 0.9)]
    frames += [np.zeros_like(photo), photo]
    path = tmp_path_factory.mktemp("film") / "her.mp4"
    video.write(path, frames, fps=25)
    return path


def test_frames_stream_with_their_times(film):
    frames = list(video.stream(film))
    assert [frame.index for frame in frames] == list(range(6))
    assert [frame.seconds for frame in frames] == pytest.approx([k / 25 for k in range(6)], abs=1e-3)
    chosen = list(video.stream(film, wanted={1, 4}.__contains__))
    assert [frame.index for frame in chosen] == [1, 4]
    assert (chosen[0].pixels == frames[1].pixels).all()
    assert chosen[1].pixels.max() < 20


def test_no_film_is_named(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"no film at all")
    with pytest.raises(InputError, match=r"x\.mp4"):
        list(video.stream(tmp_path / "x.mp4"))
    with pytest.raises(InputError, match="no film"):
        list(video.stream(tmp_path / "y.mp4"))


@pytest.mark.slow
def test_a_film_is_measured_in_openfaces_columns(film, tmp_path):
    rows = read_film(film, neutral_at=0.0, provider="dlib")
    assert write_table(tmp_path / "her.csv", rows) == 6
    with (tmp_path / "her.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS
    assert [row["frame"] for row in table] == ["1", "2", "3", "4", "5", "6"]
    assert [row["success"] for row in table] == ["1", "1", "1", "1", "0", "1"]
    assert all(float(row["confidence"]) >= 0.8 for row in table if row["success"] == "1")
    jaw = [float(row["AU26_r"]) for row in table]
    assert jaw[0] < 0.8 < jaw[1] < jaw[2] < jaw[3] <= 5
    assert jaw[3] == pytest.approx(4.5, abs=1)
    assert jaw[4] == 0
    assert [row["AU26_c"] for row in table[:4]] == ["0", "1", "1", "1"]
    assert float(table[0]["x_36"]) < float(table[0]["x_45"])
    assert 0 < float(table[0]["y_8"]) < 256


def test_a_time_beyond_the_film_is_refused(film):
    with pytest.raises(InputError, match="ends before 9 s"):
        next(read_film(film, neutral_at=9, provider="dlib"))


def test_a_table_that_fails_midway_leaves_nothing(tmp_path):
    def rows():
        yield Row(0, 0.0, None)
        raise InputError("cut short")

    with pytest.raises(InputError):
        write_table(tmp_path / "t.csv", rows())
    assert list(tmp_path.iterdir()) == []
