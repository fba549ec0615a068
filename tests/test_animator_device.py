"""An animator goes where it is told; what it knew of faces elsewhere is forgotten, and nothing else changes."""

import numpy as np
import pytest
import torch

from facsmith import Animator
from facsmith.__main__ import main
from facsmith.errors import InputError


def test_to_the_place_where_it_is_changes_nothing(make_animator, photo) -> None:
    animator = make_animator()
    subject = animator.prepare(photo)
    assert animator.to("cpu") is animator
    assert animator.prepare(photo).latent is subject.latent


def test_a_move_takes_every_network_along_and_forgets_faces(make_animator, photo, monkeypatch) -> None:
    """The place is a CPU under another name: what counts is who is moved."""
    animator = make_animator()
    moved: list[object] = []
    monkeypatch.setattr("facsmith.animator.read_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr("facsmith.networks.read_device", torch.device)
    for network in (animator.networks.generator, animator.networks.descriptor, animator.networks.encoder):
        monkeypatch.setattr(network, "to", moved.append, raising=False)
    before = animator.prepare(photo)
    assert animator.to("cpu") is animator
    assert moved == [torch.device("cpu")] * 3
    after = animator.prepare(photo)
    assert after.latent is not before.latent
    assert np.array_equal(after.latent.ws, before.latent.ws)


def test_a_device_that_is_not_there_is_refused_before_anything_else(tmp_path, capsys) -> None:
    with pytest.raises(InputError, match="no device 'cuda:77' here; torch has cpu"):
        Animator.from_pretrained(device="cuda:77")
    asked = ["edit", "her.jpg", "-e", "happiness", "-o", f"{tmp_path}/her.png", "--device", "cuda:77"]
    assert main(asked) == 2
    assert "cuda:77" in capsys.readouterr().err
