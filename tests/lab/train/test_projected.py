"""Projected discriminators, what they are shown, and the features they see with."""

import numpy as np
import pytest
import torch
from sketches import TinyFeatures

from facsmith.efficientnet import EfficientNetLite0
from facsmith.face.align import crop_transform
from facsmith.lab.train.image_features import FrozenEfficientNet
from facsmith.lab.train.projected import ProjectedDiscriminator, feature_distance, hinge
from facsmith.lab.train.views import eyes_and_mouth, whole_face


@pytest.mark.slow
def test_heads_learn_and_projections_never_do() -> None:
    torch.manual_seed(0)
    see, network = TinyFeatures(first=1), ProjectedDiscriminator(TinyFeatures.channels)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1e-2)
    before = {name: p.clone() for name, p in network.named_parameters() if "across" in name}
    assert before

    def pictures(noise: float) -> torch.Tensor:
        ramp = torch.linspace(-1, 1, 32).expand(8, 3, 32, 32)
        return ramp + noise * torch.randn(8, 3, 32, 32)

    losses: list[float] = []
    for _ in range(60):
        real, fake = network(see(pictures(0.05))), network(see(pictures(0.4)))
        loss = hinge(real, photographed=True) + hinge(fake, photographed=False)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    assert all(torch.equal(before[name], dict(network.named_parameters())[name]) for name in before)
    network.learn(False)
    images = pictures(0.4).requires_grad_()
    torch.stack([verdict.mean() for verdict in network(see(images))]).sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0  # what a generator learns from


def test_the_same_seed_projects_alike_and_another_otherwise() -> None:
    one, same, other = (ProjectedDiscriminator((3, 5), seed=seed).state_dict() for seed in (1, 1, 2))
    name = "across_scales.0.weight"
    assert torch.equal(one[name], same[name]) and not torch.equal(one[name], other[name])


def test_the_hinge_leaves_sure_verdicts_alone() -> None:
    sure, unsure = [torch.full((2, 4), 2.0)], [torch.zeros(2, 4)]
    assert hinge(sure, photographed=True) == 0 and hinge(unsure, photographed=True) == 1
    assert hinge(sure, photographed=False) == 3


def test_features_are_compared_place_by_place_whatever_their_strength() -> None:
    one = [torch.rand(3, 4, 5, 5) + 0.5, torch.rand(3, 6, 2, 2) + 0.5]
    assert feature_distance(one, [3 * f for f in one]).max() < 5e-3
    other = [f.clone() for f in one]
    other[0][1] = torch.rand(4, 5, 5)
    apart = feature_distance(one, other)
    assert apart[1] > 10 * apart[[0, 2]].max()


@pytest.mark.parametrize("side", [64, 128, 256])
def test_views_show_the_face_and_its_eyes_and_mouth(side: int) -> None:
    """Marks at the pupils and lips of an aligned crop are in the second view, one at its chin or ear is not."""
    points = np.zeros((68, 2))
    points[36:42], points[42:48] = [-0.5, 0.0], [0.5, 0.0]  # eye corners; IOD 1
    transform = crop_transform(points, side)

    def marked(x: float, y: float) -> float:
        column, row = transform.to_crop([x, y]).round().astype(int)
        image = torch.zeros(1, 3, side, side)
        image[..., row - 1 : row + 2, column - 1 : column + 2] = 1
        return float(eyes_and_mouth(image).amax())

    assert all(marked(x, y) > 0.3 for x, y in ((-0.5, 0), (0.5, 0), (0, 0.95), (-0.4, 0.9), (0, 1.3)))
    assert all(marked(x, y) == 0 for x, y in ((0, 1.7), (1.2, 0.3), (0, -0.7)))
    whole, parts = whole_face(torch.zeros(1, 3, side, side)), eyes_and_mouth(torch.zeros(1, 3, side, side))
    assert whole.shape[2:] == (min(224, side + 32),) * 2
    assert parts.shape[2] == parts.shape[3] and parts.shape[2] % 32 == 0


def test_efficientnet_is_copied_frozen_and_seen_through() -> None:
    network = EfficientNetLite0().eval().requires_grad_(False)
    see = FrozenEfficientNet(torch.device("cpu"), network)
    assert see.network is not network
    images = (torch.rand(2, 3, 64, 64) * 2 - 1).requires_grad_()
    layers = see(images)
    assert tuple(layer.shape[1] for layer in layers) == see.channels
    layers[0].sum().backward()
    assert images.grad is not None
    assert see.pooled(images).shape == (2, 1280)
    assert not any(p.requires_grad for p in see.parameters())
