import json

import pytest
from conftest import tiny_boundaries

from facsmith.bundle import FILES, bundled_names, load_bundle, seal
from facsmith.checkpoint import load_generator, save_generator
from facsmith.descriptor import BundledDescriptor, DescriptorConfig
from facsmith.encoder import Encoder, EncoderConfig
from facsmith.errors import CheckpointError, ModelUnavailableError
from facsmith.generator import StyleGAN2, StyleGAN2Config


@pytest.fixture
def folder(tmp_path):
    """A whole model, as small as they come: 8 px, 4 layers of 8."""
    import torch

    torch.manual_seed(0)
    network = StyleGAN2(StyleGAN2Config(8, z_dim=8, w_dim=8, mapping_layers=1, channel_base=32, channel_max=4))
    save_generator(network, tmp_path / FILES[0], metadata={})
    generator = load_generator(tmp_path / FILES[0])
    descriptor = BundledDescriptor(DescriptorConfig())
    descriptor.save(tmp_path / FILES[1])
    config = EncoderConfig(
        generator.num_ws, 8, generator.generator_id, BundledDescriptor.load(tmp_path / FILES[1]).name, width=8, rank=2
    )
    Encoder(config).save(tmp_path / FILES[2])
    assert generator.num_ws == 4
    tiny_boundaries(generator.generator_id).save(tmp_path / FILES[3])
    seal(tmp_path, {"title": "tiny", "licence": "none"})
    return tmp_path


def test_a_sealed_model_loads_and_its_parts_fit(folder):
    bundle = load_bundle(folder)
    assert bundle.card["title"] == "tiny"
    assert bundle.boundaries.generator_id == bundle.generator.generator_id == bundle.encoder.config.generator_id
    assert bundle.descriptor.name == bundle.encoder.config.descriptor


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
    from facsmith.bundle import bundle_folder

    for name in bundled_names():
        card = json.loads((bundle_folder(name) / "card.json").read_text())
        assert card["title"]
        assert card["licence"]
        assert sum((bundle_folder(name) / file).stat().st_size for file in FILES) <= 20_000_000
