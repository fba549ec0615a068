"""Moves of known codes: on a generator whose truth is known, what is searched is what moves its faces."""

from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from facsmith.errors import BoundaryError
from facsmith.face import choose, crop_transform, find
from facsmith.facs import DISFA
from facsmith.framing import PRESETS, Framing
from facsmith.generator import StyleGAN2, StyleGAN2Config, TinyGenerator
from facsmith.lab.fit.estimate_framing import estimate_framing
from facsmith.lab.fit.moves import best_moves, boundaries_of_moves, mixes, moves_of, shown_by
from facsmith.lab.fit.own_faces import WORKING_SIDE, OwnFace, usable_face, working
from facsmith.lab.fit.search_known import SearchOptions, moved_pictures, search_moves
from facsmith.latent import Latent

SIDE, NUM_WS, W_DIM = 64, 3, 8
MOVED = (2, 12, 26)


class Blended:
    """Draws the astronaut, and by as much as her code reaches along three directions her muscles' pictures of three
    AUs: a linear generator, whose moves are known."""

    num_ws, w_dim, z_dim, resolution, generator_id = NUM_WS, W_DIM, W_DIM, SIDE, "blended-1"
    w_avg = torch.zeros(W_DIM)

    def __init__(self) -> None:
        data: Any = skimage.data
        photo = data.astronaut()
        points = choose(find(photo, provider="dlib")).face.landmarks
        transform = crop_transform(points, SIDE)
        self.face = OwnFace(0, np.zeros((NUM_WS, W_DIM), np.float32), transform.crop(photo), transform.to_crop(points))
        moved = moved_pictures(self.face, SIDE, MOVED)
        own = torch.tensor(self.face.picture).permute(2, 0, 1).float() / 127.5 - 1
        self.own, self.change = own, torch.tensor(moved).permute(0, 3, 1, 2).float() / 127.5 - 1 - own
        frame = np.linalg.qr(np.random.default_rng(0).standard_normal((NUM_WS * W_DIM, NUM_WS * W_DIM)))[0]
        self.directions = torch.tensor(frame[: len(MOVED)]).float()
        self.free = torch.tensor(frame[len(MOVED) :]).float()

    def synthesis(self, ws: Tensor, *, noise: str = "const") -> Tensor:
        shown = ws.flatten(1) @ self.directions.T
        return self.own + torch.einsum("nk,kchw->nchw", shown, self.change)

    def moves(self) -> np.ndarray:
        return self.directions.view(-1, NUM_WS, W_DIM).numpy()


class Eyes:
    """Pictures as they are, and halved."""

    name = "eyes"

    def layers(self, images: Tensor) -> list[Tensor]:
        return [images, torch.nn.functional.avg_pool2d(images, 2)]


@pytest.fixture(scope="module")
def blended():
    return Blended()


def cosine(a, b) -> float:
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.fixture(scope="module")
def searched(blended):
    return search_moves(blended.face, blended, Eyes(), aus=MOVED, sigma=0.3, options=SearchOptions(steps=40))


class TestSearch:
    def test_it_finds_the_moves_that_draw_the_moved_pictures(self, blended, searched):
        for move, truth in zip(searched.moves, blended.moves(), strict=True):
            assert cosine(move, truth) > 0.9
        assert (searched.left < 0.4 * searched.begun).all()

    def test_a_later_face_needs_few_steps_from_what_is_known(self, blended, searched):
        few = SearchOptions(later=3, batch=2)
        again = search_moves(blended.face, blended, Eyes(), aus=MOVED, sigma=0.3, start=searched.moves, options=few)
        assert (again.left <= searched.left + 1e-3).all()

    def test_what_matters_to_no_picture_is_left_alone(self, blended, searched):
        aside = searched.moves.reshape(len(MOVED), -1) @ blended.free.numpy().T
        assert np.abs(aside).max() < 0.02


class TestBoundaries:
    def test_their_joint_edit_is_the_move(self):
        random = np.random.default_rng(1)
        moves = {au: random.normal(size=(3, 8)).astype(np.float32) for au in (1, 12, 26)}
        moves[2] = moves[1] + 0.3 * random.normal(size=(3, 8)).astype(np.float32)  # nearly the same
        rest = random.normal(size=(20, 3, 8)).astype(np.float32)
        found = boundaries_of_moves(moves, rest, "g", reports={1: {"way": "search"}})
        for au, move in moves_of(found).items():
            np.testing.assert_allclose(move, moves[au], atol=1e-4)
        assert found[1].report["way"] == "search"
        middle = found.intensities(Latent(np.median(rest, axis=0), "g"))
        assert middle.max() < 0.5

    def test_a_move_of_nothing_is_refused(self):
        with pytest.raises(BoundaryError, match="nothing"):
            boundaries_of_moves({1: np.zeros((3, 8), np.float32)}, np.zeros((2, 3, 8), np.float32), "g", reports={})


class TestChoice:
    def test_a_move_twice_as_long_shows_as_much_at_half_its_scale(self, blended):
        (once,) = shown_by(blended.moves()[1:2], (12,), [blended.face], blended)
        (twice,) = shown_by(2 * blended.moves()[1:2], (12,), [blended.face], blended)
        assert once.share > 0.9 and twice.scale == pytest.approx(once.scale / 2, rel=0.35)

    def test_the_way_that_shows_the_au_is_taken(self, blended):
        aside = blended.free[0].view(NUM_WS, W_DIM).numpy()
        wrong = blended.moves()[0]
        ways = {"still": {12: aside}, "true": {12: blended.moves()[1]}, "other": {12: wrong, 2: wrong}}
        choices = {c.au: c for c in best_moves(ways, [blended.face], blended)}
        assert "true" in choices[12].way and choices[2].way == "other"
        assert choices[12].shown["still"].share < 0.1 < choices[12].shown["true"].share

    def test_nothing_to_choose_from_is_said(self, blended):
        with pytest.raises(BoundaryError, match="no moves"):
            best_moves({"search": {}}, [blended.face], blended)


class TestFraming:
    @pytest.mark.parametrize("name", ["facsmith", "ffhq", "celebahq"])
    def test_a_preset_is_known_by_its_faces(self, portrait, found, name):
        random = np.random.default_rng(0)
        faces = []
        for _ in range(9):
            points = found.landmarks + random.normal(0, 0.5, (68, 2))
            faces.append(crop_transform(points, 128, PRESETS[name]).to_crop(points))
        estimate = estimate_framing(faces, 128)
        known = {PRESETS[name]} if name == "facsmith" else {PRESETS["ffhq"], PRESETS["celebahq"]}
        assert estimate.framing in known  # the two differ by less than landmarks do
        assert estimate.misses[name] < 0.02 and estimate.faces == 9

    def test_what_is_none_is_measured(self, portrait, found):
        own = Framing(3.4, 0.3)
        face = crop_transform(found.landmarks, 100, own).to_crop(found.landmarks)
        assert estimate_framing([face], 100).framing == own


def test_work_goes_on_at_256_pixels_at_most():
    torch.manual_seed(0)
    for architecture in ("skip", "resnet"):
        config = StyleGAN2Config(
            512, z_dim=8, w_dim=8, mapping_layers=1, channel_base=512, channel_max=4, architecture=architecture
        )
        network = StyleGAN2(config).eval()
        network.framing = PRESETS["ffhq"]
        small = working(network)
        assert small.resolution == WORKING_SIDE and small.generator_id == network.generator_id
        ws = network.w_avg.expand(1, small.num_ws, -1)
        with torch.inference_mode():
            assert small.synthesis(ws).shape == (1, 3, WORKING_SIDE, WORKING_SIDE)
    tiny = TinyGenerator()
    assert working(tiny) is tiny


def test_a_small_face_is_found_in_its_own_pixels(blended):
    found = usable_face(blended.face.picture, provider="dlib")
    assert found is not None
    assert np.abs(found.landmarks - blended.face.landmarks).mean() < 2
    assert usable_face(np.zeros((64, 64, 3), np.uint8), provider="dlib") is None


def test_moved_pictures_show_the_muscles_and_nothing_is_asked_in_vain(blended):
    moved = moved_pictures(blended.face, SIDE, DISFA)
    assert moved.shape == (12, SIDE, SIDE, 3)
    apart = np.abs(moved.astype(int) - blended.face.picture).mean(axis=(1, 2, 3))
    assert (apart > 0.5).all()


def test_ways_that_saw_the_same_faces_are_not_mixed():
    names = ["search", "search by SVM", "samples", "source"]
    assert ("search", "search by SVM") not in mixes(names) and len(mixes(names)) == 5
