"""What is kept of a film belongs to one job alone."""

import numpy as np
import pytest

from facsmith import image
from facsmith.footage import FilmChange, FilmOptions
from facsmith.footage.account import FrameAccounts
from facsmith.footage.step_fit import Steps
from facsmith.footage.work_folder import WorkFolder
from facsmith.timeline import Timeline
from facsmith.timeline.curves import Samples


def recording(last):
    """Two thousand samples, of which one in the middle is ``last``."""
    intensities = np.full(2000, 0.2)
    intensities[1000] = last
    return FilmChange(performance=Timeline({12: Samples(np.arange(2000) / 25, intensities)}))


@pytest.fixture
def film(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"pictures")
    return tmp_path / "film.mp4"


def opened(film, changes, options=None):
    return WorkFolder.open(WorkFolder.beside(film), film, changes, options or FilmOptions(), model="m")


def test_the_same_job_finds_what_it_left_and_another_one_begins_anew(film):
    steps = Steps({12: 1.25}, {12: {17: -0.1}})
    opened(film, {0: recording(0.5), 1: recording(0.6)}).face(1).keep_steps(steps)
    again = opened(film, {0: recording(0.5), 1: recording(0.6)})
    assert again.face(1).steps == steps and again.face(0).steps is None
    assert opened(film, {0: recording(0.5), 1: recording(0.7)}).face(1).steps is None, "one sample of a long recording"


@pytest.mark.parametrize("other", [FilmOptions(neutral=1.0), FilmOptions(part_seconds=5.0)])
def test_other_options_are_another_job(film, other):
    opened(film, {None: recording(0.5)}).face(None).keep_steps(Steps({12: 1.25}))
    assert opened(film, {None: recording(0.5)}, other).face(None).steps is None


def test_a_neutral_photo_counts_by_what_it_shows(film, tmp_path):
    """Another picture under its name is another job; the same one elsewhere, as a batch fetches it, is not."""
    grey = np.full((4, 4, 3), 90, np.uint8)
    for name, picture in (("a.png", grey), ("b.png", grey)):
        image.write(tmp_path / name, picture)
    change, steps = {None: recording(0.5)}, Steps({12: 1.0})
    opened(film, change, FilmOptions(neutral=tmp_path / "a.png")).face(None).keep_steps(steps)
    assert opened(film, change, FilmOptions(neutral=tmp_path / "b.png")).face(None).steps == steps
    image.write(tmp_path / "b.png", grey + 1)
    assert opened(film, change, FilmOptions(neutral=tmp_path / "b.png")).face(None).steps is None


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_cut_short_counts_as_not_there(film, share):
    """As after a power cut."""
    work = opened(film, {None: recording(0.5)})
    ones = np.ones((3, 2))
    numbers = dict.fromkeys(("asked", "before", "after"), ones) | dict.fromkeys(
        ("identity", "outside", "flicker_before", "flicker_after"), ones[:, 0]
    )
    work.face(None).keep(0, FrameAccounts(frame=np.arange(3), **numbers))
    work.part(0).write_bytes(b"pictures")
    assert work.has(0, [None])
    whole = (work.folder / "part-00000.npz").read_bytes()
    for name in ("part-00000.npz", "survey.npz"):
        (work.folder / name).write_bytes(whole[: int(share * len(whole))])
    assert not work.has(0, [None]) and work.face(None).survey is None


def test_one_face_is_forgotten_alone(film):
    work = opened(film, {0: recording(0.5), 1: recording(0.6)})
    for number in (0, 1):
        work.face(number).keep_steps(Steps({12: 1.25}))
    work.forget(1)
    assert work.face(0).steps is not None and work.face(1).steps is None
    work.forget(0)
    assert not work.folder.exists()
