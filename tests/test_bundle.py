import json
import shutil
from pathlib import Path

import pytest
from conftest import tiny_boundaries

from facsmith.bundle import DEFAULT_BUNDLE, EXTRAS, FILES, bundle_folder, bundled_names, load_bundle, seal, verified
from facsmith.errors import CheckpointError, ModelUnavailableError
from facsmith.facs import DISFA


@pytest.fixture
def folder(model_folder):
    return model_folder


def test_a_sealed_model_loads_and_its_parts_fit(folder):
    bundle = load_bundle(folder)
    assert bundle.card["generator"] == "tiny"
    assert bundle.boundaries.generator_id == bundle.generator.generator_id == bundle.encoder.config.generator_id
    assert bundle.descriptor.name == bundle.encoder.config.descriptor


def test_an_animator_takes_the_model_and_other_boundaries(folder, tmp_path):
    from facsmith.animator import Animator

    animator = Animator.from_pretrained(folder)
    assert animator.networks.boundaries.aus == DISFA
    two = tiny_boundaries(animator.networks.generator.generator_id, aus=(6, 12))
    two.save(tmp_path / "two.safetensors")
    for given in (two, tmp_path / "two.safetensors"):
        assert Animator.from_pretrained(folder, boundaries=given).networks.boundaries.aus == (6, 12)


def test_a_changed_file_is_refused(folder):
    data = bytearray((folder / FILES[3]).read_bytes())
    data[-1] ^= 1
    (folder / FILES[3]).write_bytes(data)
    with pytest.raises(CheckpointError, match="sha256"):
        load_bundle(folder)


def test_a_missing_file_is_refused(folder):
    (folder / FILES[1]).unlink()
    with pytest.raises(CheckpointError, match="lacks descriptor"):
        load_bundle(folder)
    with pytest.raises(CheckpointError, match="lacks descriptor"):
        seal(folder, {})


def test_what_measures_is_checked_where_it_is_there(folder):
    measure = folder / EXTRAS[0]
    measure.write_bytes(b"what faces are like")
    with pytest.raises(CheckpointError, match=r"measure\.safetensors is not the file"):  # never sealed
        load_bundle(folder)
    seal(folder, {"generator": "tiny"})
    assert load_bundle(folder).card["sha256"].keys() == {*FILES, *EXTRAS}
    measure.write_bytes(b"what faces are lik!")
    with pytest.raises(CheckpointError, match=r"measure\.safetensors is not the file"):
        load_bundle(folder)
    measure.unlink()
    with pytest.raises(CheckpointError, match=r"lacks measure\.safetensors"):
        load_bundle(folder)


def test_a_damaged_file_of_the_package_is_named(tmp_path, monkeypatch):
    from facsmith import bundle
    from facsmith.measure.population import default_population

    monkeypatch.setattr(bundle, "WEIGHTS", tmp_path)
    shutil.copytree(bundle_folder(Path(bundle.__file__).parent / "weights" / DEFAULT_BUNDLE), tmp_path / DEFAULT_BUNDLE)
    damaged = tmp_path / DEFAULT_BUNDLE / EXTRAS[0]
    assert verified(damaged.parent, damaged.name) == damaged
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    default_population.cache_clear()
    with pytest.raises(CheckpointError, match=r"measure\.safetensors is not the file"):
        default_population()
    default_population.cache_clear()


def test_parts_of_two_trainings_are_refused(folder):
    tiny_boundaries("stylegan2-8-000000000000").save(folder / FILES[3])
    seal(folder, {})
    with pytest.raises(CheckpointError, match=r"boundaries .* stylegan2-8-000000000000"):
        load_bundle(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"sha256": 3}'])
def test_a_broken_card_is_refused(folder, text):
    (folder / "card.json").write_text(text)
    with pytest.raises(CheckpointError):
        load_bundle(folder)


def test_an_unknown_model_names_those_there_are(tmp_path):
    with pytest.raises(ModelUnavailableError, match="There is no model"):
        load_bundle(tmp_path / "nowhere")


def test_the_cards_of_the_package_say_what_must_be_known():
    for name in bundled_names():
        card = json.loads((bundle_folder(name) / "card.json").read_text())
        assert card["sha256"].keys() >= {*FILES, *EXTRAS}
        assert all(card[key] for key in ("licence", "data", "generator", "descriptor", "encoder", "boundaries"))
        assert sum((bundle_folder(name) / file).stat().st_size for file in (*FILES, *EXTRAS)) <= 20_000_000
