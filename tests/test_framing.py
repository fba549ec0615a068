"""Which square a generator draws: by formula, by numbers, and as files keep it."""

import json

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from conftest import face_points

from facsmith.bundle import DEFAULT_BUNDLE, FILES, bundle_folder, load_bundle, read_card, seal
from facsmith.checkpoint import info, load_generator, save_generator
from facsmith.checkpoint.registry import MODELS
from facsmith.compose import Compositor
from facsmith.compose.canvas import canvas
from facsmith.errors import CheckpointError, InputError, NoFaceError
from facsmith.face import choose, crop_transform, find
from facsmith.facs import AUS
from facsmith.framing import FACSMITH, PRESETS, Framing, framing_of, parse_framing
from facsmith.generator import TinyGenerator, lowered


def ffhq_quad(lm: np.ndarray) -> np.ndarray:
    """The corners of FFHQ's square, upper left first and then anticlockwise: its data set tool's own lines."""
    eye_left, eye_right = lm[36:42].mean(0), lm[42:48].mean(0)
    eye_avg, eye_to_eye = (eye_left + eye_right) * 0.5, eye_right - eye_left
    eye_to_mouth = (lm[48] + lm[54]) * 0.5 - eye_avg
    x = eye_to_eye - np.flipud(eye_to_mouth) * [-1, 1]
    x /= np.hypot(*x)
    x *= max(np.hypot(*eye_to_eye) * 2.0, np.hypot(*eye_to_mouth) * 1.8)
    y = np.flipud(x) * [-1, 1]
    c = eye_avg + eye_to_mouth * 0.1
    return np.stack([c - x - y, c - x + y, c + x + y, c + x - y])


@pytest.fixture(scope="module")
def astronaut():
    photo = np.asarray(skimage.data.astronaut())
    return photo, choose(find(photo, provider="dlib")).face


@pytest.mark.parametrize("degrees", [0, 17, -60])
@pytest.mark.parametrize("longer", [1.0, 1.7])
def test_ffhq_is_the_data_sets_own_square(degrees, longer):
    points = face_points(0, 0, 90) * [1, longer] + np.random.default_rng(0).normal(0, 1, (68, 2))
    a = np.radians(degrees)
    points = points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + [300, 200]
    corners = crop_transform(points, 256, PRESETS["ffhq"]).to_photo(
        [[-0.5, -0.5], [-0.5, 255.5], [255.5, 255.5], [255.5, -0.5]]
    )
    np.testing.assert_allclose(corners, ffhq_quad(points), atol=1e-6)


def test_a_published_framing_is_wider_and_higher_than_ours(astronaut):
    _, face = astronaut
    iod = face.interocular
    for name in ("ffhq", "celebahq"):
        framing = PRESETS[name]
        square = framing.square(face.landmarks)
        assert square.side / iod == pytest.approx(framing.side, abs=0.25)
        below = (square.center - FACSMITH.square(face.landmarks).center) @ [0, 1] / iod + FACSMITH.below
        assert below == pytest.approx(framing.below, abs=0.06)


def test_numbers_and_names_are_read_and_others_named():
    for framing in (*PRESETS.values(), Framing(3.5, 0.3)):
        assert parse_framing(json.dumps(framing.to_json())) == framing
        assert parse_framing(framing.name) == framing
    for text in ("hq", "4", "4,5,6", "nan,0", "0,0", "4,1e9", '{"side": 4}', "[" * 100_000, '{"side":' * 100_000):
        with pytest.raises(InputError):
            parse_framing(text)


def test_no_square_stands_on_one_spot():
    for framing in PRESETS.values():
        with pytest.raises(NoFaceError):
            framing.square(np.zeros((68, 2)))


def test_a_generators_file_keeps_its_framing_and_its_id(tmp_path):
    generator = load_generator(bundle_folder(DEFAULT_BUNDLE) / FILES[0])
    assert generator.framing is None and framing_of(generator) == FACSMITH
    generator.framing = PRESETS["ffhq"]
    save_generator(generator, tmp_path / "g.safetensors", metadata={})
    again = load_generator(tmp_path / "g.safetensors")
    assert framing_of(again) == framing_of(lowered(again, 64)) == PRESETS["ffhq"]
    assert again.generator_id == generator.generator_id
    assert "ffhq" in info(tmp_path / "g.safetensors")["framing"]


def test_a_damaged_framing_is_refused(tmp_path):
    generator = load_generator(bundle_folder(DEFAULT_BUNDLE) / FILES[0])
    save_generator(generator, tmp_path / "g.safetensors", metadata={"framing": "sideways"})
    with pytest.raises(CheckpointError, match="framing"):
        load_generator(tmp_path / "g.safetensors")


def test_a_card_of_another_framing_is_refused(model_folder):
    card = {key: value for key, value in read_card(model_folder).items() if key != "sha256"}
    seal(model_folder, {**card, "framing": FACSMITH.to_json()})
    assert load_bundle(model_folder).framing == FACSMITH
    for said in (PRESETS["ffhq"].to_json(), "ffhq", {"side": "wide"}):
        seal(model_folder, {**card, "framing": said})
        with pytest.raises(CheckpointError, match=r"card|framing"):
            load_bundle(model_folder)


def test_published_generators_are_known_by_their_data_sets_framing():
    assert {entry.framing for entry in MODELS.values() if entry.kind == "generator"} == {"ffhq", "celebahq"}
    assert all(entry.framing in PRESETS for entry in MODELS.values() if entry.framing)


def test_the_fake_generator_is_framed_as_ours():
    assert framing_of(TinyGenerator()) == FACSMITH


class TestCompositing:
    """The generator's square may be another than the one a face is compared in."""

    @pytest.fixture(params=["ffhq", "celebahq"])
    def framing(self, request):
        return PRESETS[request.param]

    def test_what_the_crop_shows_lies_where_the_photo_shows_it(self, astronaut, framing):
        photo, face = astronaut
        transform = crop_transform(face.landmarks, 256, framing)
        area = canvas(transform, face.landmarks)
        middle = np.s_[20:-120, 20:-20]
        apart = np.abs(area.enlarge(transform.crop(photo)) - area.sample(photo))[middle]
        assert apart.mean() < 4  # grey levels: twice resampled, once

    def test_a_canvas_is_the_same_whatever_the_generator_draws(self, astronaut, framing):
        _, face = astronaut
        wide, own = (canvas(crop_transform(face.landmarks, 128, f), face.landmarks) for f in (framing, FACSMITH))
        assert wide.iod == own.iod
        np.testing.assert_allclose(wide.matrix, own.matrix, atol=1e-9)

    def test_no_change_is_the_photo_and_a_smile_moves_as_with_our_framing(self, astronaut, framing):
        photo, face = astronaut
        smile = np.zeros(len(AUS))
        smile[AUS.index(12)] = 1
        frames = []
        for each in (framing, FACSMITH):
            transform = crop_transform(face.landmarks, 128, each)
            reference = transform.crop(photo)
            compositor = Compositor(photo, transform, face.landmarks, reference)
            assert np.array_equal(compositor.frame(reference, change=np.zeros(len(AUS))), photo)
            frames.append(compositor.frame(reference, change=smile).astype(float))
        moved = np.abs(frames[1] - photo).mean()
        assert np.abs(frames[0] - frames[1]).mean() < 0.05 * moved

    def test_pasted_pictures_lie_on_the_face(self, astronaut, framing):
        photo, face = astronaut
        transform = crop_transform(face.landmarks, 256, framing)
        reference = transform.crop(photo)
        changed = np.clip(reference.astype(np.int16) + 30, 0, 255).astype(np.uint8)
        compositor = Compositor(photo, transform, face.landmarks, reference)
        frame = compositor.frame(changed, change=np.zeros(len(AUS)), mode="paste")
        x, y = np.rint(face.landmarks[30]).astype(int)
        patch = np.s_[y - 8 : y + 8, x - 8 : x + 8]
        brighter = cv2.blur(frame, (3, 3)).astype(float)[patch].mean() - photo.astype(float)[patch].mean()
        assert 15 < brighter < 45


def test_random_weights_of_a_formula_cannot_move_the_square_off_the_face():
    random = torch.Generator().manual_seed(0)
    points = face_points(0, 0, 60) + torch.randn(68, 2, generator=random).numpy()
    for framing in PRESETS.values():
        inside = crop_transform(points, 100, framing).to_crop(points[17:])
        assert inside.min() > 0 and inside.max() < 100
