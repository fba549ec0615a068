"""Fitting what is known of faces, on one face that stands for several people."""

import numpy as np
import pytest
from skimage.data import astronaut

from facsmith.descriptor import load_descriptor
from facsmith.errors import InputError
from facsmith.face import choose, crop_transform, find
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.face.muscles import displacement
from facsmith.facs import DISFA, columns, spread
from facsmith.lab.train.measure import MeasureTraining, fit_population
from facsmith.measure import Population, alone
from facsmith.measure.single_photo import combined, symmetric

ROW = {au: k for k, au in enumerate(DISFA)}
SIDE, VARIANTS, PEOPLE = 128, 8, 14


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Her in different light and width, in eight expressions each; three of her are held out."""
    root = tmp_path_factory.mktemp("data")
    photo = np.ascontiguousarray(astronaut()[0:256, 100:356])
    transform = crop_transform(choose(find(photo, provider="dlib")).face.landmarks, SIDE)
    crop, points = transform.crop(photo), transform.to_crop(choose(find(photo, provider="dlib")).face.landmarks)
    muscles = MuscleWarp(points, crop.shape)
    random = np.random.default_rng(0)
    own = np.zeros(12)
    own[[ROW[12], ROW[25]]] = 0.7
    images = np.zeros((PEOPLE, VARIANTS, SIDE, SIDE, 3), np.uint8)
    au, landmarks = np.zeros((PEOPLE, VARIANTS, 12)), np.zeros((PEOPLE, VARIANTS, 68, 2))
    for person in range(PEOPLE):
        gain = random.uniform(0.7, 1.2)
        for variant in range(VARIANTS):
            wanted = np.zeros(12)
            if variant > 1:
                wanted[random.choice(12, 2, replace=False)] = random.uniform(0.4, 1, 2)
            added = wanted - own if variant else np.zeros(12)
            picture = muscles(crop, spread(added)).astype(np.float64) * gain
            images[person, variant] = np.clip(picture, 0, 255).astype(np.uint8)
            au[person, variant] = own + added
            jitter = random.normal(0, 0.3, (68, 2))
            landmarks[person, variant] = points + displacement(points, spread(added)) + jitter
    np.save(root / "images.npy", images)
    np.save(root / "au.npy", spread(au).astype(np.float32))
    np.save(root / "landmarks.npy", landmarks.astype(np.float32))
    np.savez(root / "attributes.npz", held_out=np.arange(PEOPLE) < 3)
    return root


@pytest.fixture(scope="module")
def descriptor():
    from facsmith.bundle import DEFAULT_BUNDLE, FILES, bundle_folder

    return load_descriptor(bundle_folder(DEFAULT_BUNDLE) / FILES[1])


@pytest.fixture(scope="module")
def stages():
    return []


@pytest.fixture(scope="module")
def population(data, descriptor, stages):
    options = MeasureTraining(people=10, judges=2, provider="dlib")
    return fit_population(data, descriptor, options=options, progress=lambda *told: stages.append(told))


def test_the_head_reads_what_it_was_taught(data, descriptor, population, stages):
    images, au = np.load(data / "images.npy"), columns(np.load(data / "au.npy"))
    from facsmith.measure.appearance import appearance_features

    read = appearance_features(images[:3].reshape(-1, SIDE, SIDE, 3), descriptor) @ population.weight.T
    read = read + population.bias
    truth = au[:3].reshape(-1, 12)
    assert np.corrcoef(read[:, ROW[12]], truth[:, ROW[12]])[0, 1] > 0.8
    assert np.corrcoef(read[:, ROW[26]], truth[:, ROW[26]])[0, 1] > 0.8
    assert ("describe", 10, 10) in stages
    assert ("verify", 2, 2) in stages


def test_it_knows_by_whom_it_was_judged(population, descriptor):
    assert population.descriptor == descriptor.name
    assert set(population.means) == {"dlib"}
    assert set(population.errors) == {"landmarks", "appearance"}
    assert set(population.skill) == {"landmarks", "appearance", "combined"}
    assert population.skill["combined"][ROW[12]] > 0.5
    assert population.card["judges"] == 2
    assert np.abs(population.mean("dlib") - symmetric(population.mean("dlib")[None])[0]).max() < 0.6


def test_it_survives_a_trip_to_disk_and_measures(population, descriptor, data, tmp_path):
    population.save(tmp_path / "measure.safetensors")
    again = Population.load(tmp_path / "measure.safetensors")
    from facsmith import image

    picture = image.resize(np.load(data / "images.npy")[0, 0], (384, 384))
    found = alone(picture, choose(find(picture, provider="dlib")).face, knowledge=(again, descriptor))
    assert found.intensities[ROW[12]] > 0.4  # her own smile
    assert np.isfinite(found.intensities).all()


def test_the_sources_are_weighed_by_their_errors(population):
    low, high = np.zeros(12), np.ones(12)
    sure = combined({"landmarks": low}, population)
    assert (sure == 0).all()
    both = combined({"landmarks": low, "appearance": high}, population)
    assert ((both > 0) & (both < 1)).all()
    assert np.isnan(combined({"landmarks": np.full(12, np.nan)}, population)).all()


def test_what_cannot_be_fitted_is_named(tmp_path, descriptor):
    with pytest.raises(InputError, match="facsmith train data"):
        fit_population(tmp_path, descriptor)
    with pytest.raises(InputError, match="2 judges"):
        MeasureTraining(judges=1)
