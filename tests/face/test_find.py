"""Finding faces: by dlib on NASA's astronaut everywhere, by MediaPipe where its model file lies at ../shared."""

import hashlib
import importlib
import os
import shutil
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import SHARED, face_at, face_points
from skimage.data import astronaut

from facsmith.errors import InputError, ModelUnavailableError, NoFaceError
from facsmith.face import choose, crop_transform, find, follow, mediapipe_provider, why_not_mediapipe
from facsmith.face.points import BROWS, EYES, INNER_LIPS, JAW, NOSE, OUTER_LIPS, interocular
from facsmith.face.types import Reading

module = importlib.import_module("facsmith.face.find")  # the package's own `find` is the function

MODEL = SHARED / "models" / "face_landmarker.task"
PROVIDERS = ["dlib", pytest.param("mediapipe", marks=pytest.mark.skipif(not MODEL.is_file(), reason=f"no {MODEL}"))]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of this test's own, and a network that is not there."""
    monkeypatch.setenv("FACSMITH_CACHE", str(tmp_path))

    def no_network(url):
        raise OSError("no connection")

    monkeypatch.setattr(mediapipe_provider, "_probe", no_network)
    mediapipe_provider._load.cache_clear()
    yield tmp_path
    mediapipe_provider._load.cache_clear()


@pytest.fixture
def at_hand(cache):
    """MediaPipe's model file in the cache, where there is one to be had."""
    if MODEL.is_file():
        shutil.copy(MODEL, cache)


def portrait(side=256):
    """The astronaut's head and shoulders."""
    return cv2.resize(astronaut()[0:256, 100:356], (side, side), interpolation=cv2.INTER_AREA)


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize("provider", PROVIDERS)
class TestProviders:
    def test_the_astronaut_has_one_face_with_its_parts_in_their_places(self, provider):
        (face,) = find(astronaut(), provider=provider)
        heights = [face.landmarks[list(group), 1].mean() for group in (BROWS, EYES, NOSE, OUTER_LIPS, (8,))]
        assert heights == sorted(heights)
        assert face.landmarks[36, 0] < face.landmarks[45, 0]
        np.testing.assert_allclose(
            face.landmarks[[36, 45, 30, 8]], [[196, 101], [255, 104], [224, 127], [220, 178]], atol=4
        )
        assert face.provider == provider
        assert abs(face.yaw_degrees) < 10
        assert 0.5 < face.score <= 1
        assert face.box == pytest.approx((*face.landmarks.min(0), *face.landmarks.max(0)))

    @pytest.mark.parametrize("side", [64, 160, 1200, 3000])
    def test_small_and_large_photos_give_the_same_face(self, provider, side):
        (face,) = find(portrait(), provider=provider)
        (scaled,) = find(portrait(side), provider=provider)
        back = (scaled.landmarks + 0.5) * 256 / side - 0.5
        apart = np.linalg.norm(back - face.landmarks, axis=1).mean() / face.interocular
        assert apart < (0.1 if side == 64 else 0.03)

    def test_a_turned_and_moved_photo_gives_the_turned_and_moved_points(self, provider):
        photo = portrait()
        (face,) = find(photo, provider=provider)
        matrix = cv2.getRotationMatrix2D((128, 128), 17, 0.85) + [[0, 0, 6.5], [0, 0, -4]]
        (moved,) = find(cv2.warpAffine(photo, matrix, (256, 256), borderValue=(128, 128, 128)), provider=provider)
        expected = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        assert np.linalg.norm(moved.landmarks - expected, axis=1).mean() < 0.02 * moved.interocular

    def test_a_mirrored_photo_gives_the_mirrored_yaw(self, provider):
        (face,), (mirrored,) = find(portrait(), provider=provider), find(portrait()[:, ::-1], provider=provider)
        assert mirrored.yaw_degrees == pytest.approx(-face.yaw_degrees, abs=1)

    def test_several_faces_come_largest_first_and_once(self, provider):
        scene = np.full((420, 800, 3), 128, np.uint8)
        scene[60:316, 20:276] = portrait()
        scene[20:404, 350:734] = portrait(384)
        faces = find(scene, provider=provider)
        assert len(faces) == 2
        assert faces[0].landmarks[30, 0] > 350 > faces[1].landmarks[30, 0]

    def test_a_face_that_is_small_in_its_photo_is_found(self, provider):
        scene = np.full((1200, 1600, 3), 128, np.uint8)
        scene[700:828, 1100:1228] = portrait(128)
        (face,) = find(scene, provider=provider)
        assert 1100 < face.landmarks[30, 0] < 1228

    def test_noise_and_plain_pictures_show_no_face(self, provider):
        noise = np.random.default_rng(0).integers(0, 255, (200, 240, 3), dtype=np.uint8)
        assert find(noise, provider=provider) == []
        assert find(np.zeros((1, 1, 3), np.uint8), provider=provider) == []

    def test_following_in_an_equal_picture_gives_equal_points(self, provider):
        photo = portrait()
        (face,) = find(photo, provider=provider)
        first, second = follow(photo, face), follow(photo.copy(), face)
        assert np.array_equal(first.landmarks, second.landmarks)
        assert np.linalg.norm(first.landmarks - face.landmarks, axis=1).mean() < 0.01 * face.interocular

    def test_finding_is_silent_and_leaves_the_photo_as_it_was(self, provider, capfd):
        photo = portrait()
        before = hashlib.sha256(photo).digest()
        find(photo, provider=provider)
        assert hashlib.sha256(photo).digest() == before
        assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("at_hand")
@pytest.mark.skipif(not MODEL.is_file(), reason=f"no {MODEL}")
class TestMediaPipe:
    def test_auto_takes_it_where_its_model_is_at_hand(self):
        assert find(portrait())[0].provider == "mediapipe"
        assert why_not_mediapipe() is None

    def test_it_agrees_with_dlib(self):
        for photo in [astronaut(), *(cv2.imread(str(p))[..., ::-1] for p in sorted((SHARED / "photos").glob("*"))[:2])]:
            (a,), (b,) = find(photo, provider="mediapipe"), find(photo, provider="dlib")
            apart = np.linalg.norm(a.landmarks - b.landmarks, axis=1) / a.interocular
            for group, most in (
                (JAW, 0.1),
                (BROWS, 0.08),
                (NOSE, 0.06),
                (EYES, 0.05),
                (OUTER_LIPS, 0.05),
                (INNER_LIPS, 0.05),
            ):
                assert apart[list(group)].mean() < most
            corners = np.array([[0, 0], [127, 127]])
            one, other = (crop_transform(f.landmarks, 128).to_photo(corners) for f in (a, b))
            assert np.abs(one - other).max() < 0.12 * a.interocular  # the crops agree: 4 % of their side

    def test_a_damaged_model_file_is_named_and_auto_goes_on_with_dlib(self, cache):
        (cache / MODEL.name).write_bytes(MODEL.read_bytes()[:100_000])
        with pytest.raises(ModelUnavailableError, match=r"face_landmarker\.task"):
            find(portrait(), provider="mediapipe")
        assert find(portrait())[0].provider == "dlib"

    def test_it_is_given_no_certificates_to_send_statistics_with(self):
        base_options = importlib.import_module("mediapipe.tasks.python").BaseOptions
        options = mediapipe_provider._without_statistics(base_options(model_asset_path="x")).to_ctypes()
        assert os.fsdecode(options.ca_bundle_path) == os.devnull
        assert options.model_asset_path == b"x"


class TestOffline:
    def test_auto_works_with_dlib_and_asks_the_network_once(self, monkeypatch):
        asked: list[str] = []

        def probe(url):
            asked.append(url)
            raise OSError("no connection")

        monkeypatch.setattr(mediapipe_provider, "_probe", probe)
        assert find(portrait())[0].provider == "dlib"
        assert find(portrait())[0].provider == "dlib"
        assert len(asked) == 1
        assert "face_landmarker.task" in (why_not_mediapipe() or "")

    def test_mediapipe_by_name_asks_again_and_says_which_file_to_put_where(self, cache):
        for _ in range(2):
            with pytest.raises(
                ModelUnavailableError, match=r"no connection.*https://.*face_landmarker\.task"
            ) as caught:
                find(portrait(), provider="mediapipe")
            assert str(cache) in str(caught.value)

    def test_a_network_that_never_answers_is_given_up(self, monkeypatch):
        never = threading.Event()
        monkeypatch.undo()
        monkeypatch.setattr(mediapipe_provider, "_PROBE_SECONDS", -0.8)
        monkeypatch.setattr(mediapipe_provider.urllib.request, "urlopen", lambda *_, **__: never.wait())
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            mediapipe_provider._probe("https://example.org/x")
        assert time.monotonic() - began < 2
        never.set()


class TestChoose:
    def test_the_largest_is_taken_and_counted(self):
        faces = [face_at(0, 0, 90), face_at(500, 0, 60), face_at(900, 0, 30)]
        assert choose(faces) == (faces[0], 0, 3)
        assert choose(faces, 2) == (faces[2], 2, 3)

    def test_the_largest_usable_one_is_taken_where_a_larger_one_is_in_profile(self):
        faces = [face_at(0, 0, 90, yaw=55), face_at(500, 0, 60)]
        assert choose(faces).place == 1
        with pytest.raises(NoFaceError, match="profile"):
            choose(faces, 0)

    @pytest.mark.parametrize(
        ("faces", "index", "says"),
        [
            ([], None, "No face was found"),
            ([], 0, "No face was found"),
            ([face_at(0, 0, 60, yaw=-48)], None, "in profile.*48 degrees"),
            ([face_at(0, 0, 23)], None, "too small: 23 pixels"),
            ([face_at(0, 0, 60)], 1, "no face number 1 .* number 0"),
            ([face_at(0, 0, 60), face_at(200, 0, 50)], -1, "no face number -1 .* to 1"),
        ],
    )
    def test_what_cannot_be_used_is_one_clear_sentence(self, faces, index, says):
        with pytest.raises(NoFaceError, match=says) as caught:
            choose(faces, index)
        assert "\n" not in str(caught.value)


class TestPolicy:
    """With a library that reads what it is told to."""

    class Reader:
        name = "dlib"

        def __init__(self, rough, readings):
            self.rough, self.readings = rough, list(readings)

        def locate(self, image):
            return self.rough

        def read(self, crop):
            points = self.readings.pop(0)
            return None if points is None else Reading(points)

    def use(self, monkeypatch, rough, readings):
        reader = self.Reader(rough, readings)
        monkeypatch.setattr(module, "_provider", lambda name: reader)

    def test_what_reads_differently_in_the_mirror_is_no_face(self, monkeypatch):
        photo = np.zeros((400, 400, 3), np.uint8)
        points = face_points(191.5, 110, 130)
        self.use(monkeypatch, [face_points(200, 150, 60)], [points, points])
        assert len(find(photo)) == 1
        self.use(monkeypatch, [face_points(200, 150, 60)], [points, points + [60, 0]])
        assert find(photo) == []

    def test_a_face_too_far_turned_to_read_is_still_there_to_be_refused(self, monkeypatch):
        profile = face_points(200, 150, 60)
        profile[[29, 30], 0] += 70
        self.use(monkeypatch, [profile], [None, None])
        with pytest.raises(NoFaceError, match="profile"):
            choose(find(np.zeros((400, 400, 3), np.uint8)))

    def test_a_face_that_is_gone_cannot_be_followed(self, monkeypatch):
        self.use(monkeypatch, [], [None, None])
        with pytest.raises(NoFaceError, match="frame"):
            follow(np.zeros((400, 400, 3), np.uint8), face_at(200, 150, 60))


def test_an_unknown_provider_and_a_wrong_image_are_named():
    with pytest.raises(InputError, match=r"'haar'.*auto, mediapipe, dlib"):
        find(portrait(), provider="haar")
    with pytest.raises(InputError, match="uint8"):
        find(portrait().astype(np.float32))
    with pytest.raises(InputError, match="uint8"):
        find(portrait()[..., 0])


def test_a_face_knows_its_size():
    face = replace(face_at(10, 20, 40), box=(0.0, 0.0, 5.0, 4.0))
    assert face.area == 20
    assert face.interocular == pytest.approx(float(interocular(face.landmarks)))
