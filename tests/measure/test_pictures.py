"""AUs measured on pictures of one face, moved by known intensities."""

import json

import numpy as np
import pytest
from skimage.data import astronaut

from facsmith import measure
from facsmith.errors import CheckpointError, NoFaceError
from facsmith.face import choose, find
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA
from facsmith.measure import NeutralFace, Population, blendshapes
from facsmith.measure.appearance import even_light
from facsmith.measure.population import default_population

ROW = {au: k for k, au in enumerate(DISFA)}


class Her:
    """The astronaut, her own smile taken away, and moved by her muscles."""

    def __init__(self):
        photo = np.ascontiguousarray(astronaut()[0:256, 100:356])
        found = choose(find(photo, provider="dlib")).face
        at_rest = np.zeros(12)
        at_rest[[ROW[12], ROW[25]]] = -0.7
        self.neutral = MuscleWarp(found.landmarks, photo.shape)(photo, at_rest)
        self.face = choose(find(self.neutral, provider="dlib")).face
        self._muscles = MuscleWarp(self.face.landmarks, photo.shape)

    def showing(self, **intensities):
        e = np.zeros(12)
        for au, value in intensities.items():
            e[ROW[int(au.removeprefix("AU"))]] = value
        return self._muscles(self.neutral, e)


@pytest.fixture(scope="module")
def her():
    return Her()


@pytest.fixture(scope="module")
def neutral(her):
    return NeutralFace(her.neutral, her.face)


def read(neutral, her, picture):
    from facsmith.face import follow

    return neutral.read(picture, follow(picture, her.face))


@pytest.mark.slow
def test_the_neutral_face_shows_nothing(neutral, her):
    found = read(neutral, her, her.neutral)
    assert found.intensities.max() < 0.15
    assert found.against == "the person's neutral"


@pytest.mark.parametrize("au", [1, 2, 9, 12, 15, 17, 25, 26])  # dlib hardly sees what AU20 draws back and down
def test_an_asked_intensity_is_measured_and_no_other(neutral, her, au):
    found = read(neutral, her, her.showing(**{f"AU{au}": 0.7}))
    # dlib hardly sees a chin; the readout sees less of lips that part over teeth alone, without a dark gap.
    assert found.intensities[ROW[au]] == pytest.approx(0.7, abs={17: 0.35, 25: 0.25}.get(au, 0.2))
    assert np.delete(found.intensities, ROW[au]).max() < 0.3


def test_more_asked_is_more_measured(neutral, her):
    levels = [read(neutral, her, her.showing(AU12=e)).intensities[ROW[12]] for e in (0.25, 0.5, 0.75, 1.0)]
    assert levels == sorted(levels)
    assert levels[-1] - levels[0] > 0.5


def test_several_at_once_are_told_apart(neutral, her):
    found = read(neutral, her, her.showing(AU1=0.6, AU2=0.6, AU26=0.8))
    assert found.intensities[[ROW[1], ROW[2], ROW[26]]] == pytest.approx([0.6, 0.6, 0.8], abs=0.25)
    assert found.intensities[ROW[12]] < 0.15


def test_every_source_says_what_it_says(neutral, her):
    found = read(neutral, her, her.showing(AU26=0.8))
    assert set(found.by_source) == {"landmarks", "appearance"}  # dlib has no blendshapes
    for said in found.by_source.values():
        known = said[np.isfinite(said)]
        assert len(known) > 0
        assert ((known >= 0) & (known <= 1)).all()
        assert said[ROW[26]] > 0.4


def test_what_has_no_clear_scale_on_this_face_is_unreliable(her):
    """Landmarks of one source alone, and too coarse a face: fewer AUs are told."""
    neutral = NeutralFace(her.neutral, her.face, sources=("appearance",))
    found = read(neutral, her, her.neutral)
    assert found.reliable[ROW[12]]
    assert found.reliable.sum() < 12
    assert (neutral.clarity >= 0).all()


def test_responses_of_the_neutral_are_what_from_displacement_takes(neutral, her):
    assert neutral.responses.shape == (12, 68, 2)
    read_back = measure.from_displacement(0.8 * neutral.responses[ROW[2]], responses=neutral.responses)
    assert read_back[ROW[2]] == pytest.approx(0.8, abs=0.1)


def test_a_face_that_cannot_be_followed_gets_no_scale(her):
    def lost(picture, face):
        raise NoFaceError("gone")

    with pytest.raises(NoFaceError):
        NeutralFace(her.neutral, her.face, follow=lost)


def test_one_call_measures_against_a_neutral_photo(her):
    found = measure.action_units(her.showing(AU12=0.8, AU25=0.5), her.neutral, provider="dlib")
    assert found.intensities[ROW[12]] == pytest.approx(0.8, abs=0.25)
    assert found.action_units[12] == pytest.approx(found.intensities[ROW[12]])
    said = json.loads(json.dumps(found.to_json()))
    assert said["provider"] == "dlib"
    assert said["action_units"]["AU12"]["reliable"] is True
    assert 0.8 <= said["confidence"] <= 1


def test_strangers_smile_and_drop_their_jaws_visibly(her):
    rest, smile, jaw = (
        measure.action_units(picture, provider="dlib").intensities
        for picture in (her.neutral, her.showing(AU12=0.9), her.showing(AU26=0.9))
    )
    assert smile[ROW[12]] > rest[ROW[12]] + 0.3
    assert jaw[ROW[26]] > rest[ROW[26]] + 0.25


def test_aus_that_strangers_do_not_tell_are_flagged(her):
    found = measure.action_units(her.neutral, provider="dlib")
    assert found.against == "faces in general"
    assert found.reliable[[ROW[12], ROW[26]]].all()
    assert not found.reliable.all()


def test_pictures_without_a_face_are_refused():
    with pytest.raises(NoFaceError):
        measure.action_units(np.zeros((200, 200, 3), np.uint8), provider="dlib")


def test_dead_blendshapes_say_nothing():
    scores = dict.fromkeys(
        [name for names in blendshapes._SCORES.values() for name in names] + [*blendshapes._LIPS], 0.5
    )
    found = blendshapes.from_blendshapes(scores)
    assert np.isnan(found[[ROW[au] for au in blendshapes.DEAD]]).all()
    assert found[np.isfinite(found)] == pytest.approx(0.5)


def test_exposure_is_no_expression():
    crop = np.random.default_rng(0).integers(60, 160, (32, 32, 3), dtype=np.uint8)
    brighter = np.clip(crop * 1.3 + 10, 0, 255).astype(np.uint8)
    assert np.abs(even_light(crop) - even_light(brighter)).max() < 6
    assert np.isfinite(even_light(np.zeros((8, 8, 3), np.uint8))).all()


def test_what_is_known_of_faces_is_saved_whole(tmp_path):
    population, descriptor = default_population()
    assert population.descriptor == descriptor.name
    assert "non-commercial" in population.card["licence"]
    population.save(tmp_path / "measure.safetensors")
    again = Population.load(tmp_path / "measure.safetensors")
    np.testing.assert_allclose(again.covariance, population.covariance, rtol=2e-3, atol=1e-7)
    np.testing.assert_allclose(again.responses, population.responses, atol=1e-4)
    assert set(again.skill) == set(population.skill)
    (tmp_path / "measure.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError):
        Population.load(tmp_path / "measure.safetensors")
