"""Norms: eyes on their points, one oval, luminance within a grey level, and pictures that are otherwise left alone."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data
from conftest import face_at, face_points

from facsmith import face
from facsmith.errors import InputError
from facsmith.face.points import MIRROR, eye_centers
from facsmith.stimuli.average import average_faces, draw_groups
from facsmith.stimuli.eyes import read_eyes, track_eyes
from facsmith.stimuli.luminance import Light, decode, encode, grey_of, light_of, match, toned
from facsmith.stimuli.norms import Frame, Norms, Oval, parse_size

ALIGNED = Norms(align=True, size=(200, 240))


@pytest.fixture
def picture():
    """(300, 260, 3) smooth, nothing repeated in it, darker below."""
    y, x = np.mgrid[:300, :260]
    return np.stack([90 + 60 * np.sin(x / 19 + y / 31), 40 + 0.5 * x, 200 - 0.5 * y], 2).astype(np.uint8)


class TestFrame:
    def test_the_eyes_come_to_lie_on_their_points(self):
        for iod, turn in ((40.0, 0.0), (90.0, 0.3)):
            points = face_points(0, 0, iod) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
            frame = Frame.of(ALIGNED, points + [130, 120], (300, 260, 3))
            assert eye_centers(frame.points(points + [130, 120])) == pytest.approx(np.asarray(ALIGNED.eyes))
            assert frame.eyes == pytest.approx(np.asarray(ALIGNED.eyes))

    def test_pixels_go_where_points_go(self, picture):
        frame = Frame.of(replace(ALIGNED, crop=True), face_points(130, 120, 50), picture.shape)
        dotted = picture.copy()
        cv2.circle(dotted, (130, 120), 3, (255, 255, 255), -1)
        dotted[:100], dotted[140:] = 0, 0
        placed = frame.place(dotted).min(axis=-1)
        y, x = np.argwhere(placed > 220).mean(axis=0)
        assert (x, y) == pytest.approx(frame.points(np.array([130.0, 120.0])), abs=0.6)
        assert placed.shape == frame.shown_size[::-1] and not (placed.shape[0] % 2 or placed.shape[1] % 2)

    def test_a_correction_moves_what_was_seen_onto_the_points(self):
        frame = Frame.of(replace(ALIGNED, crop=True), face_points(130, 120, 50), (300, 260, 3))
        off = frame.eyes + [[1.5, -2.0], [2.5, 0.5]]
        again = frame.corrected(off)
        photo = (np.vstack([off.T + np.array(frame.window_origin)[:, None], [1, 1]])).T
        back = np.linalg.inv(np.vstack([frame.matrix, [0, 0, 1]]))
        at = (back @ photo.T)[:2].T
        assert again.points(at) == pytest.approx(frame.eyes, abs=1e-6)

    def test_without_norms_the_picture_stays_as_it_is(self, picture):
        frame = Frame.of(Norms(), face_points(130, 120, 50), picture.shape)
        assert np.array_equal(frame.finish(frame.place(picture)), picture)
        assert frame.beyond(picture.shape) == 0 and not Norms().changes

    def test_the_oval_shows_the_face_and_nothing_else(self, picture):
        norms = Norms(oval=True, background=77)
        frame = Frame.of(norms, face_points(130, 120, 50), picture.shape)
        shown = frame.finish(frame.place(picture))
        inside, outside = frame.opacity == 1, frame.opacity == 0
        assert np.array_equal(shown[inside], picture[inside]) and (shown[outside] == 77).all()
        assert inside[120, 130] and inside[int(120 + 1.5 * 50), 130] and outside[0, 0] and outside[-1, -1]

    def test_aligned_sets_share_an_oval_in_the_middle_so_that_twins_lie_on_each_other(self, picture):
        norms = replace(ALIGNED, oval=True, crop=True)
        frames = [Frame.of(norms, face_points(x, 120, 50), picture.shape) for x in (120, 131, 140)]
        shared = Oval.shared([frame.oval for frame in frames])
        frames = [frame.sharing(shared) for frame in frames]
        assert len({frame.oval for frame in frames}) == 1
        assert np.array_equal(frames[0].opacity, frames[0].opacity[:, ::-1])
        width = frames[0].shown_size[0]
        assert (frames[0].eyes * [-1, 1] + [width - 1, 0])[::-1] == pytest.approx(frames[0].eyes)

    def test_where_the_photo_ends_the_background_is_told(self, picture):
        frame = Frame.of(replace(ALIGNED, background=9), face_points(20, 120, 50), picture.shape)
        assert 0.1 < frame.beyond(picture.shape) < 0.9
        assert (frame.place(picture)[120, 2] == 9).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": (10, 600)},
        {"size": (600, 90_000)},
        {"background": 256},
        {"eye_distance": 700.0},
        {"eye_height": 700.0},
        {"eye_distance": -5.0},
        {"eye_height": float("nan")},
    ],
)
def test_norms_are_validated(wrong):
    with pytest.raises(InputError):
        Norms(align=True, **wrong)


def test_sizes_are_read():
    assert parse_size("600x800") == (600, 800) and parse_size(" 512 ") == (512, 512)
    for wrong in ("", "600x", "axb", "600x800x3"):
        with pytest.raises(InputError, match="size"):
            parse_size(wrong)


class TestLuminance:
    def test_grey_keeps_the_luminance_and_levels_come_back(self, picture):
        levels = np.arange(256, dtype=np.uint8)
        assert np.array_equal(encode(decode(levels)), levels)
        grey = grey_of(picture)
        assert np.ptp(grey, axis=-1).max() == 0
        assert abs(light_of(grey).level - light_of(picture).level) < 0.1
        assert light_of(np.full((4, 3), 128, np.uint8)).level == pytest.approx(128)

    def test_means_and_contrasts_are_matched_over_the_set(self, picture):
        dim = (picture * 0.5).astype(np.uint8)
        flat = (picture * 0.4 + 100).astype(np.uint8)
        samples = [one.reshape(-1, 3) for one in (picture, dim, flat)]
        tones, target = match(samples)
        lights = [light_of(toned(sample, tone)) for sample, tone in zip(samples, tones, strict=True)]
        assert np.ptp([light.level for light in lights]) < 0.2
        assert np.ptp([light.contrast for light in lights]) < 0.005
        assert lights[0].level == pytest.approx(target.level, abs=0.2)
        assert np.ptp([light_of(sample).level for sample in samples]) > 20, "they were not alike before"

    def test_contrast_is_lowered_before_pictures_are_clipped(self):
        random = np.random.default_rng(0)
        hard = np.repeat(np.where(random.random(5000) < 0.5, 5, 250).astype(np.uint8)[:, None], 3, axis=1)
        soft = np.repeat(random.integers(20, 40, 5000).astype(np.uint8)[:, None], 3, axis=1)
        tones, target = match([hard, soft])
        assert target.deviation < np.mean([light_of(hard).deviation, light_of(soft).deviation])
        for sample, tone in zip((hard, soft), tones, strict=True):
            shown = toned(sample, tone)
            assert ((shown == 0) | (shown == 255)).any(axis=-1).mean() < 0.02
            assert abs(light_of(shown).level - target.level) < 0.5

    def test_an_even_picture_is_no_problem(self):
        even = np.full((100, 3), 90, np.uint8)
        tones, target = match([even, even + 20])
        assert isinstance(target, Light)
        levels = [light_of(toned(s, t)).level for s, t in zip((even, even + 20), tones, strict=True)]
        assert np.ptp(levels) <= 1


@pytest.fixture(scope="module")
def portrait():
    photo = np.ascontiguousarray(skimage.data.astronaut()[:, 60:400])
    return photo, face.choose(face.find(photo, provider="dlib")).face


class TestEyes:
    def test_readings_agree_with_where_the_picture_is(self, portrait):
        photo, found = portrait
        here = read_eyes(photo, found, face.follow)
        assert np.abs(here - eye_centers(found.landmarks)).max() < 0.03 * found.interocular
        mirrored = replace(found, landmarks=(found.landmarks * [-1, 1] + [photo.shape[1] - 1, 0])[list(MIRROR)])
        there = read_eyes(np.ascontiguousarray(photo[:, ::-1]), mirrored, face.follow)
        assert np.abs((there * [-1, 1] + [photo.shape[1] - 1, 0])[::-1] - here).max() < 0.5

    def test_aligned_by_what_is_seen_eyes_lie_within_half_a_pixel(self, portrait):
        photo, found = portrait
        norms = Norms(align=True, size=(400, 480), grey=True)
        frame = Frame.of(norms, found.landmarks, photo.shape)
        for _ in range(3):
            points = frame.points(found.landmarks)
            seen = read_eyes(frame.finish(frame.place(photo)), replace(found, landmarks=points), face.follow)
            frame = frame.corrected(seen)
        assert np.abs(seen - frame.eyes).max() < 0.5

    def test_a_shifted_picture_is_tracked_to_a_tenth_of_a_pixel(self, portrait):
        photo, found = portrait
        eyes = eye_centers(found.landmarks)
        for shift in ((0.0, 0.0), (1.3, -0.6), (-1.8, 1.6)):
            matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
            moved = cv2.warpAffine(photo, matrix, photo.shape[1::-1], flags=cv2.INTER_CUBIC)
            assert track_eyes(moved, photo, eyes) - eyes == pytest.approx(np.array([shift, shift]), abs=0.1)

    def test_what_cannot_be_compared_is_not_told(self, portrait):
        photo, found = portrait
        eyes = eye_centers(found.landmarks)
        noise = np.random.default_rng(0).integers(0, 255, photo.shape, dtype=np.uint8)
        assert track_eyes(noise, photo, eyes) is None
        assert track_eyes(photo, photo, eyes - eyes[0]) is None, "an eye at the picture's border"


class TestAverages:
    def test_one_face_twice_is_itself(self, picture):
        points = face_at(130, 120, 50).landmarks
        norms = Norms(align=True, size=(200, 240), background=128)
        mean = average_faces([(picture, points), (picture, points)], norms)
        assert np.abs(mean.astype(int) - Frame.of(norms, points, picture.shape).place(picture)).mean() < 0.5

    def test_shapes_and_colours_are_averaged(self):
        narrow, wide = face_points(130, 120, 50), face_points(130, 120, 50) * [1.0, 1.0]
        wide[48:] += (wide[48:] - wide[48:].mean(axis=0)) * [0.4, 0]  # a wider mouth
        faces = []
        for points, grey in ((narrow, 60), (wide, 180)):
            drawn = np.full((300, 260, 3), grey, np.uint8)
            cv2.fillPoly(drawn, [np.rint(points[48:60]).astype(int)], (255, 0, 0))
            faces.append((drawn, points))
        norms = Norms(align=True, size=(260, 300), eye_distance=50.0, eye_height=120.0)
        mean = average_faces(faces, norms)
        assert (
            abs(int(mean[20, 130, 1]) - int(encode(decode(np.array([60, 180], np.uint8)).mean(keepdims=True))[0])) <= 1
        )
        red = np.flatnonzero((mean[..., 0].astype(int) - mean[..., 1] > 128).any(axis=0))
        middle = np.mean([np.ptp(points[48:60, 0]) for points in (narrow, wide)])
        assert np.ptp(red) == pytest.approx(middle, abs=3)
        with pytest.raises(InputError, match="2 or more"):
            average_faces(faces[:1], norms)

    def test_groups_are_drawn_by_the_seed_and_differ(self):
        one = draw_groups(10, of=4, groups=12, seed=3)
        assert one == draw_groups(10, of=4, groups=12, seed=3) != draw_groups(10, of=4, groups=12, seed=4)
        assert len(set(one)) == 12 and all(len(set(group)) == 4 and group == tuple(sorted(group)) for group in one)
        assert sorted(draw_groups(4, of=2, groups=6, seed=0)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
        assert len(draw_groups(60, of=8, groups=30, seed=0)) == 30
        for wrong in ({"of": 1, "groups": 1}, {"of": 5, "groups": 1}, {"of": 2, "groups": 7}):
            with pytest.raises(InputError):
                draw_groups(4, seed=0, **wrong)
