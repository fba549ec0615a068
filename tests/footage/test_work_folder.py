"""What is kept of a film belongs to one job alone."""

import numpy as np
import pytest

from facsmith.footage import FilmChange, FilmOptions
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
