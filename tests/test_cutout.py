"""Transparent photos keep their alpha, where the format holds one, and their colours where nothing moves."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import QUICK
from PIL import Image

from facsmith import image, video
from facsmith.cutout import NOTE, read_cutout
from facsmith.errors import InputError

pytestmark = pytest.mark.usefixtures("landmarks_alone")


@pytest.fixture
def cut(tmp_path, photo):
    """A PNG whose border is transparent, green below, and whose edge is half transparent."""
    alpha = np.zeros(photo.shape[:2], np.uint8)
    alpha[8:-8, 8:-8], alpha[10:-10, 10:-10] = 128, 255
    colours = photo.copy()
    colours[alpha == 0] = (0, 255, 0)
    rgba = np.dstack([colours, alpha])
    Image.fromarray(rgba).save(tmp_path / "cut.png")
    return tmp_path / "cut.png", rgba


def test_reading_lays_over_white_and_the_cutout_knows_more(cut):
    path, rgba = cut
    found = read_cutout(path)
    assert np.array_equal(np.dstack([found.colours, found.alpha]), rgba)
    assert np.array_equal(found.over_white(), image.read(path))
    assert np.array_equal(found.restore(image.read(path)), rgba)
    with pytest.raises(InputError, match="cutout"):
        found.restore(image.read(path)[1:])


def test_what_moved_lies_over_white_as_the_frame_does(cut):
    path, rgba = cut
    found = read_cutout(path)
    frame = image.read(path)
    frame[9, 20:40] = frame[9, 20:40] // 2 + 127  # half transparent there
    frame[50, 50] = (1, 2, 3)
    restored = found.restore(frame)
    assert np.abs(image.over_white(Image.fromarray(restored)).astype(int) - frame).max() <= 1
    assert np.array_equal(restored[..., 3], rgba[..., 3]) and restored[50, 50].tolist() == [1, 2, 3, 255]


def test_opaque_and_unreadable_files_have_no_cutout(tmp_path, photo):
    image.write(tmp_path / "opaque.png", photo)
    Image.fromarray(np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])).save(tmp_path / "all.png")
    (tmp_path / "text.png").write_text("no picture")
    assert [read_cutout(tmp_path / name) for name in ("opaque.png", "all.png", "text.png", "none.png")] == [None] * 4


@pytest.mark.parametrize("name", ["still.png", "still.webp", "still.tif"])
def test_edited_pictures_keep_their_alpha(make_animator, cut, tmp_path, name):
    path, rgba = cut
    picture = make_animator().edit(path, "AU12=E", options=QUICK)
    assert NOTE in picture.save(tmp_path / name).notes
    with Image.open(tmp_path / name) as saved:
        assert saved.mode == "RGBA"
        assert np.array_equal(np.asarray(saved)[..., 3], rgba[..., 3])
    assert np.abs(image.read(tmp_path / name).astype(int) - picture.image).mean() < (3 if name.endswith("webp") else 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["frames", "film.webp"])
def test_films_keep_their_alpha(make_animator, cut, tmp_path, name):
    path, rgba = cut
    film = make_animator().animate(path, "AU12=E", options=QUICK)
    film.save(tmp_path / name)
    if name == "frames":
        with Image.open(tmp_path / "frames/frame_00000.png") as first:
            assert np.array_equal(np.asarray(first), rgba), "at rest the photo, bit for bit"
    else:
        with Image.open(tmp_path / name) as saved:
            for index in range(saved.n_frames):
                saved.seek(index)
                assert np.array_equal(np.asarray(saved.convert("RGBA"))[..., 3], rgba[..., 3])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
def test_films_without_alpha_lie_over_white(make_animator, cut, tmp_path, name):
    make_animator().animate(cut[0], "AU12=E", options=QUICK).save(tmp_path / name)
    assert next(video.read(tmp_path / name))[:6, :6].min() > 240


def test_the_generators_own_pictures_have_none(make_animator, cut):
    options = replace(QUICK, mode="crop")
    assert make_animator().edit(cut[0], "AU12=E", options=options).pixels.shape == (16, 16, 3)
