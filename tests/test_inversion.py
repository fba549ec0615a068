import numpy as np
import pytest
import torch

from facsmith.descriptor import BundledDescriptor, DescriptorConfig
from facsmith.encoder import Encoder, EncoderConfig
from facsmith.errors import InputError, LatentError
from facsmith.generator import TinyGenerator
from facsmith.inversion import Inversion, InversionOptions, invert

GENERATOR = TinyGenerator(num_ws=4, w_dim=8, resolution=16)


def small_descriptor() -> BundledDescriptor:
    torch.manual_seed(0)
    net = BundledDescriptor(DescriptorConfig(resolution=16, widths=(8, 16), convs=(1, 1), squeeze=8))
    return net.eval().requires_grad_(False)


DESCRIPTOR = small_descriptor()


def codes(count: int = 3, seed: int = 1) -> torch.Tensor:
    return GENERATOR.mapping(torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)))


def photos(count: int = 3) -> torch.Tensor:
    return GENERATOR.synthesis(codes(count)).detach()


def search(images: torch.Tensor, encoder: Encoder | None = None, **options: object) -> Inversion:
    values = {"start": "mean", "iterations": 60, "pixel": 1.0, "prior": 0.0, **options}
    return invert(
        images,
        GENERATOR,
        descriptor=DESCRIPTOR,
        encoder=encoder,
        options=InversionOptions(**values),  # pyright: ignore[reportArgumentType]
    )


def biased_encoder(generator_id: str = GENERATOR.generator_id, descriptor: str = DESCRIPTOR.name) -> Encoder:
    """Answers a fixed code near the one of the first photo."""
    encoder = Encoder(EncoderConfig(4, 8, generator_id, descriptor, width=4, blocks=0, rank=2))
    encoder.w_start.copy_(codes()[0] + 0.05)
    return encoder.eval().requires_grad_(False)


def test_a_face_of_the_generators_own_is_found_again_from_the_mean() -> None:
    images = photos()
    found = search(images, iterations=200, patience=200)
    first = np.array([trace[0] for trace in found.trace])
    assert (np.array(found.loss) < 0.1 * first).all()
    assert (found.reconstruction - images).abs().mean() < 0.02
    assert found.latent.ws.shape == (3, 4, 8)
    assert found.latent.generator_id == GENERATOR.generator_id
    assert found.start == "mean"


def test_the_best_point_is_kept_and_the_reconstruction_is_its_picture() -> None:
    found = search(photos(), learning_rate=0.7, iterations=15)  # so large that the last point is not the best
    assert any(trace[-1] > min(trace) for trace in found.trace)
    pictures = GENERATOR.synthesis(torch.tensor(found.latent.ws))
    assert torch.allclose(pictures, found.reconstruction, atol=1e-6)
    again = search(photos(), iterations=0)
    mine = invert(
        photos(), GENERATOR, descriptor=DESCRIPTOR, encoder=None, options=InversionOptions("mean", 0, pixel=1.0)
    )
    assert again.trace == mine.trace


def test_no_iterations_give_the_start_itself() -> None:
    found = search(photos(), iterations=0)
    assert found.iterations == (0, 0, 0)
    assert found.stopped == ("limit",) * 3
    assert np.array_equal(found.latent.ws, GENERATOR.w_avg.expand(3, 4, 8).numpy())


def test_each_photo_stops_for_its_own_reason() -> None:
    own = GENERATOR.synthesis(GENERATOR.w_avg.expand(1, 4, 8))  # the mean face: found before the first step
    noise = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1  # no face: never found
    images = torch.cat([photos(1), own, noise])
    found = search(images, iterations=60, threshold=1e-6, patience=12, min_improvement=0.01, learning_rate=0.01)
    assert found.stopped == ("limit", "threshold", "plateau")
    assert found.iterations[0] == 60
    assert found.iterations[1] == 0
    assert 12 <= found.iterations[2] < 60
    assert [len(trace) for trace in found.trace] == [n + 1 for n in found.iterations]


def test_the_threshold_ends_the_search_at_the_first_point_below_it() -> None:
    found = search(photos(), iterations=200, patience=200, threshold=0.1)
    assert found.stopped == ("threshold",) * 3
    assert all(min(trace[:-1]) > 0.1 >= trace[-1] for trace in found.trace)


def test_a_photo_is_searched_alike_alone_and_among_others() -> None:
    images = photos(4)
    for start in ("mean", "random"):
        together = search(images, start=start, iterations=25, threshold=0.2)
        assert len(set(together.iterations)) > 1  # some leave earlier
        for row in range(4):
            alone = search(images[row : row + 1], start=start, iterations=25, threshold=0.2)
            assert alone.iterations[0] == together.iterations[row]
            assert np.allclose(alone.latent.ws[0], together.latent.ws[row], atol=1e-3)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_start() -> None:
    one, two, other = (search(photos(), start="random", iterations=5, seed=seed) for seed in (3, 3, 4))
    assert one.latent.ws.tobytes() == two.latent.ws.tobytes()
    assert one.trace == two.trace
    assert one.trace[0][0] != other.trace[0][0]


def test_the_encoder_is_the_start_and_the_priors_centre() -> None:
    encoder = biased_encoder()
    start = search(photos(), encoder, start="encoder", iterations=0)
    assert np.allclose(start.latent.ws, encoder.w_start.numpy(), atol=1e-6)
    assert start.loss[0] < search(photos(), iterations=0).loss[0]
    free = search(photos(), encoder, start="encoder", iterations=30)
    held = search(photos(), encoder, start="encoder", iterations=30, prior=1000.0)
    moved, held_back = (np.abs(x.latent.ws - encoder.w_start.numpy()).mean() for x in (free, held))
    assert held_back < 0.25 * moved


def test_the_default_prior_holds_at_an_encoders_code_and_at_no_mean_face() -> None:
    found = search(photos(), prior=None, iterations=200, patience=200)
    assert (found.reconstruction - photos()).abs().mean() < 0.02
    assert InversionOptions("encoder").priors > InversionOptions("mean").priors == 0.0


def test_a_prior_per_layer_holds_that_layer_only() -> None:
    found = search(photos(), prior=(100.0, 0.0, 0.0, 0.0), iterations=30)
    moved = np.abs(found.latent.ws - GENERATOR.w_avg.numpy()).mean((0, 2))
    assert moved[0] < 0.2 * moved[1:].min()


def nudged(ws: torch.Tensor) -> torch.Tensor:
    """Two edits of every code: one of each half of the layers."""
    step = torch.zeros(2, 1, 4, 8)
    step[0, :, :2], step[1, :, 2:] = 0.5, -0.5
    return ws + step


def change(ws: torch.Tensor) -> torch.Tensor:
    return torch.stack([GENERATOR.synthesis(edited) - GENERATOR.synthesis(ws) for edited in nudged(ws)])


def held(images: torch.Tensor, motion: float, **options: object) -> Inversion:
    values = {"iterations": 30, "pixel": 1.0, "prior": 0.0, "patience": 31, "motion": motion, **options}
    return invert(
        images,
        GENERATOR,
        descriptor=DESCRIPTOR,
        encoder=biased_encoder(),
        options=InversionOptions(**values),  # pyright: ignore[reportArgumentType]
        edits=nudged,
    )


def test_what_edits_change_is_held_at_what_they_change_at_the_encoders_code() -> None:
    encoded = torch.tensor(held(photos(), 0.0, iterations=0).latent.ws)
    free, kept = (torch.tensor(held(photos(), motion).latent.ws) for motion in (0.0, 100.0))
    off, little = ((change(ws) - change(encoded)).abs().mean() for ws in (free, kept))
    assert little < 0.5 * off
    assert (free - encoded).abs().mean() > 0.01  # the free search does go somewhere


def test_the_motion_term_steers_and_is_not_in_the_reported_loss() -> None:
    free, kept = held(photos(), 0.0), held(photos(), 100.0)
    assert [trace[0] for trace in free.trace] == [trace[0] for trace in kept.trace]
    assert all(len(a) == len(b) for a, b in zip(free.trace, kept.trace, strict=True))
    assert not np.array_equal(free.latent.ws, kept.latent.ws)


def test_photos_that_leave_take_their_motion_with_them() -> None:
    images = photos(4)
    together = held(images, 5.0, threshold=0.3)
    assert len(set(together.iterations)) > 1
    for row in range(4):
        alone = held(images[row : row + 1], 5.0, threshold=0.3)
        assert alone.iterations[0] == together.iterations[row]
        assert np.allclose(alone.latent.ws[0], together.latent.ws[row], atol=1e-3)


def test_the_mask_says_where_the_pixels_count() -> None:
    images = photos(2)
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., :8, :] = 1
    spoiled = images.clone()
    spoiled[..., 8:, :] = 1.0
    options = InversionOptions(start="mean", descriptor=0, iterations=10)
    clean, dirty = (invert(x, GENERATOR, descriptor=DESCRIPTOR, options=options, mask=mask) for x in (images, spoiled))
    assert np.array_equal(clean.latent.ws, dirty.latent.ws)
    assert search(spoiled, descriptor=0, iterations=10).latent.ws.tobytes() != dirty.latent.ws.tobytes()


@pytest.mark.parametrize("term", ["descriptor", "pixel", "perceptual"])
def test_every_term_alone_leads_to_the_face(term: str) -> None:
    weights = {"descriptor": 0.0, "pixel": 0.0, "perceptual": 0.0} | {term: 1.0}
    before = (photos() - GENERATOR.synthesis(GENERATOR.w_avg.expand(3, 4, 8))).abs().mean()
    found = search(photos(), iterations=100, patience=100, learning_rate=0.02, **weights)
    assert (found.reconstruction - photos()).abs().mean() < 0.5 * before


def test_progress_is_told_and_no_network_collects_gradients() -> None:
    descriptor = small_descriptor().requires_grad_(True)
    told: list[tuple[int, int]] = []
    invert(
        photos(),
        GENERATOR,
        descriptor=descriptor,
        options=InversionOptions(start="mean", iterations=3),
        on_step=lambda step, left: told.append((step, left)),
    )
    assert told == [(0, 3), (1, 3), (2, 3), (3, 0)]
    assert all(p.grad is None for p in descriptor.parameters())


@pytest.mark.parametrize(
    "values",
    [
        {"start": "zero"},
        {"iterations": -1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"pixel": -1.0},
        {"motion": float("nan")},
        {"prior": (0.1, float("inf"))},
        {"descriptor": 0.0, "pixel": 0.0},
        {"patience": 0},
    ],
)
def test_impossible_options_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(InputError):
        InversionOptions(**values)  # pyright: ignore[reportArgumentType]


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    with pytest.raises(InputError, match=r"\(N, 3, 16, 16\)"):
        search(torch.zeros(1, 3, 32, 32))
    with pytest.raises(InputError, match="N >= 1"):
        search(torch.zeros(0, 3, 16, 16))
    with pytest.raises(InputError, match="NaN"):
        search(photos() * float("nan"))
    with pytest.raises(InputError, match="encoder"):
        search(photos(), start="encoder")
    with pytest.raises(InputError, match="4 layers"):
        search(photos(), prior=(1.0, 1.0))
    with pytest.raises(LatentError, match="stylegan2-64"):
        search(photos(), biased_encoder(generator_id="stylegan2-64-0"), start="encoder")
    with pytest.raises(InputError, match="vgg16"):
        search(photos(), biased_encoder(descriptor="vgg16"), start="encoder")
    for mask in (torch.ones(16, 16), torch.zeros(1, 1, 16, 16), -torch.ones(3, 1, 16, 16)):
        with pytest.raises(InputError, match="mask"):
            invert(photos(), GENERATOR, descriptor=DESCRIPTOR, options=InversionOptions("mean"), mask=mask)


def test_whoever_watches_sees_every_point_visited_and_no_photo_that_is_done() -> None:
    images = photos()
    images[1] = GENERATOR.synthesis(GENERATOR.w_avg.expand(1, 4, 8))[0]  # found before the first step
    seen: list[tuple[int, list[int], torch.Tensor]] = []
    found = invert(
        images,
        GENERATOR,
        descriptor=DESCRIPTOR,
        options=InversionOptions("mean", 3, pixel=1.0, threshold=1e-6),
        watch=lambda step, which, pictures: seen.append((step, which.tolist(), pictures)),
    )
    assert [step for step, _, _ in seen] == [0, 1, 2, 3]
    assert [which for _, which, _ in seen] == [[0, 1, 2], [0, 2], [0, 2], [0, 2]]
    assert found.iterations == (3, 0, 3)
    best = int(np.argmin(found.trace[2]))
    assert torch.equal(seen[best][2][-1], found.reconstruction[2])
