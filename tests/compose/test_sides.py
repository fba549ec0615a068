"""One-sided Action Units: what the other side of the face does, on NASA's astronaut with the bundled model."""

import json

import numpy as np
import pytest
from conftest import QUICK, face_points

from facsmith.animator import Animator
from facsmith.compose import join
from facsmith.compose.masks import left_half
from facsmith.compose.motion import Motion
from facsmith.face.points import MIRROR
from facsmith.facs import ActionUnits
from facsmith.inversion import InversionOptions
from facsmith.options import AnimateOptions
from facsmith.timeline import Timeline

OPTIONS = AnimateOptions(provider="dlib", inversion=InversionOptions(iterations=0))
IMAGE_LEFT = [*range(3, 8), *range(17, 22), 31, 32, *range(36, 42), 48, 49, 50, 58, 59, 60, 61, 67]
IMAGE_RIGHT = [MIRROR[p] for p in IMAGE_LEFT]


@pytest.fixture(scope="module")
def astronaut():
    """(animator, subject, neutral frame)."""
    import skimage.data

    animator = Animator.from_pretrained()
    subject = animator.prepare(skimage.data.astronaut(), options=OPTIONS)
    return animator, subject, animator.edit(subject, "neutral", options=OPTIONS).image


@pytest.mark.parametrize("asked", ["L12=E", "R12=E", "L4=E", "R4=C", "R1=E,R2=E", "R15=E", "contempt"])
def test_the_other_side_moves_by_less_than_a_tenth(astronaut, asked):
    animator, subject, neutral = astronaut
    frame = animator.edit(subject, asked, options=OPTIONS).image
    crop = subject.transform.crop
    motion = Motion(crop(neutral), subject.transform.to_crop(subject.face.landmarks))
    lengths = np.linalg.norm(motion.at_points(motion.flow(crop(frame))), axis=1)
    asked_left = asked.startswith("L")
    own, other = (IMAGE_RIGHT, IMAGE_LEFT) if asked_left else (IMAGE_LEFT, IMAGE_RIGHT)
    assert lengths[own].max() > 0.02, "the asked side moves"
    assert lengths[other].mean() < 0.1 * lengths[own].mean()


def alike(a, b):
    """But for the last bit, which depends on how many pictures are drawn at once."""
    return int(np.abs(a.astype(int) - b).max()) <= 1


def test_beyond_the_seam_the_other_side_stays(astronaut):
    animator, subject, neutral = astronaut
    frame = animator.edit(subject, "L12=E", options=OPTIONS).image
    points = subject.face.landmarks
    middle = points[[27, 30, 33, 51, 57, 8], 0].min()
    other = slice(0, int(middle - 0.2 * subject.face.interocular))
    above = np.abs(frame[: int(points[33, 1]), other].astype(int) - neutral[: int(points[33, 1]), other])
    assert above.mean() < 0.2  # skin is one sheet: what is left of a pull beyond the seam is not to be seen
    mouth = np.abs(frame[:, other].astype(int) - neutral[:, other])  # its line is drawn from corner to corner
    assert mouth.mean() < 0.1 * np.abs(frame.astype(int) - neutral).mean()
    assert not alike(frame, neutral)


def test_two_alike_sides_are_one_expression(astronaut):
    animator, subject, _ = astronaut
    one = animator.edit(subject, "AU12=D", options=OPTIONS).image
    two = animator.edit(subject, "L12=D,R12=D", options=OPTIONS).image
    assert np.array_equal(one, two)


def test_a_side_at_rest_is_the_photo_bit_for_bit(astronaut):
    """Her own expression on the right side: there the photo's own pixels stay."""
    animator, subject, _ = astronaut
    own = subject.photo_aus
    frame = animator.edit(subject, ActionUnits(own, left={12: 0.0}), options=OPTIONS).image
    middle = int(subject.face.landmarks[[27, 30, 33, 51, 57, 8], 0].min() - 0.2 * subject.face.interocular)
    assert np.array_equal(frame[:, :middle], subject.photo[:, :middle])
    assert not np.array_equal(frame, subject.photo)


@pytest.mark.parametrize("mode", ["paste", "crop"])
def test_other_compositing_knows_sides_too(astronaut, mode):
    from dataclasses import replace

    animator, subject, _ = astronaut
    options = replace(OPTIONS, mode=mode)
    neutral, both, left = (animator.edit(subject, e, options=options).image for e in ("neutral", "AU12=E", "L12=E"))
    points = subject.face.landmarks if mode == "paste" else subject.transform.to_crop(subject.face.landmarks)
    x = round(points[30, 0])
    iod = round(np.linalg.norm(points[39] - points[42]))
    assert alike(left[:, : x - iod], neutral[:, : x - iod])
    assert alike(left[:, x + iod :], both[:, x + iod :])


def test_the_receipt_tells_the_sides_apart(make_animator, photo, tmp_path):
    make_animator().edit(photo, "L12=D,AU1=B", options=QUICK).save(tmp_path / "half.png")
    account = json.loads((tmp_path / "half.png.json").read_text())
    assert account["keyframes"][0]["asked"] == {"AU1": 0.4, "L12": 0.8, "R12": 0.0}


@pytest.mark.slow
def test_the_measured_sides_are_the_asked_ones(astronaut):
    animator, subject, _ = astronaut
    measured = animator.edit(subject, "R12=E", options=OPTIONS).receipt.keyframes[0].measured
    right, left = (measured.get(f"{side}12", measured.get("AU12", 0)) for side in "RL")
    assert right > 1.5 * left, "a landmarker blurs the sides, but tells them apart"
    assert right > 0.5


@pytest.mark.slow
def test_a_face_of_the_generator_has_sides_where_its_midline_is_known(astronaut):
    animator, *_ = astronaut
    subject = animator.sample(5, psi=0.6)
    assert subject.face is not None
    neutral, both, left = (animator.edit(subject, e, options=OPTIONS) for e in ("neutral", "AU12=E", "L12=E"))
    assert alike(left.image[:, :40], neutral.image[:, :40])
    assert alike(left.image[:, -40:], both.image[:, -40:])
    assert left.receipt.notes == ()


def test_where_no_face_is_found_both_sides_move_and_it_is_said(make_animator, faces):
    faces.faces = ()
    animator = make_animator()
    subject = animator.sample(3)
    one, both = (animator.edit(subject, e, options=QUICK) for e in ("L12=E", "AU12=E"))
    assert np.array_equal(one.image, both.image)
    assert any("both sides move alike" in note for note in one.receipt.notes)


def test_frames_of_two_sides_do_not_depend_on_the_batch(make_animator, photo):
    from dataclasses import replace

    animator = make_animator()
    timeline = Timeline.sequence(
        [(0.0, ActionUnits()), (0.4, ActionUnits(left={12: 1.0})), (0.9, ActionUnits(right={4: 0.5}))]
    )
    one, many = (
        list(animator.animate(photo, timeline, options=replace(QUICK, batch=batch)).frames()) for batch in (1, 4)
    )
    assert len(one) == len(many) == 10
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(one, many, strict=True))
    assert len({frame.tobytes() for frame in one}) > 5


def test_the_halves_meet_at_the_midline():
    points = face_points(60, 40, 30)
    share = left_half(points, 30, (120, 120))
    assert share[:, :50].max() == 0
    assert share[:, 70:].min() == 1
    assert np.allclose(share[:, 60], 0.5, atol=0.02)
    assert np.all(np.diff(share, axis=1) >= 0)
    left, right = np.full((120, 120, 3), 200, np.uint8), np.full((120, 120, 3), 100, np.uint8)
    joined = join(left, right, points)
    assert (joined[:, :50] == 100).all() and (joined[:, 70:] == 200).all()


def test_a_smiling_photo_comes_to_rest_with_its_teeth_covered(astronaut):
    """White, hardly coloured pixels between the lips: her teeth; at rest and after it little but a lip's gleam."""
    from dataclasses import replace

    animator, subject, _ = astronaut
    film = animator.animate(subject, "sadness", options=replace(OPTIONS, fps=5, neutral_first=True))
    lips = subject.face.landmarks[48:68]
    (left, top), (right, bottom) = lips.min(axis=0).astype(int), lips.max(axis=0).astype(int)

    def teeth(frame):
        mouth = frame[top:bottom, left:right].astype(int)
        return int(((mouth.min(axis=2) > 150) & (np.ptp(mouth, axis=2) < 30)).sum())

    frames, times = list(film.frames()), film.timeline.frame_times(5)
    assert np.array_equal(frames[0], subject.photo)
    assert teeth(frames[0]) > 40
    rest = [teeth(frame) for frame, t in zip(frames, times, strict=True) if t >= 0.85]
    assert max(rest) < 0.3 * teeth(frames[0])
