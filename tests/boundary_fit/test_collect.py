"""Encoding a source in parts: what was done is not done again."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from facsmith.boundary_fit import FitOptions, fit_boundaries
from facsmith.boundary_fit.collect import collect, source_name
from facsmith.boundary_fit.sources import Item
from facsmith.errors import BoundaryError
from facsmith.facs import AUS
from facsmith.generator import TinyGenerator


@dataclass
class Numbers:
    """Items whose pictures hold their number; stops with an error at `breaks`."""

    count: int = 600
    breaks: int = -1
    started: list[int] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def __len__(self):
        return self.count

    def items(self, start=0, *, kept=None):
        self.started.append(start)
        for k in range(start, self.count):
            if k == self.breaks:
                raise KeyboardInterrupt
            picture = np.zeros((16, 16, 3), np.uint8)
            picture[..., 0], picture[..., 1] = k % 256, k // 256
            yield Item(k, np.eye(12)[k % 12] * (k % 5) / 4, f"person {k % 7}", image=picture, aligned=True)


GENERATOR = TinyGenerator(num_ws=4, w_dim=8, resolution=16)


def encode(images):
    """A code that is the picture's number."""
    digits = ((images[:, :2, 0, 0] + 1) * 127.5).round()
    return (digits[:, 0] + 256 * digits[:, 1])[:, None, None].expand(-1, 4, 8).clone()


def test_an_interrupted_run_goes_on_and_ends_the_same(tmp_path):
    whole = collect(Numbers(), tmp_path / "whole", GENERATOR, encode, name="numbers")
    with pytest.raises(KeyboardInterrupt):
        collect(Numbers(breaks=400), tmp_path / "cut", GENERATOR, encode, name="numbers")
    again = Numbers()
    resumed = collect(again, tmp_path / "cut", GENERATOR, encode, name="numbers")
    assert again.started == [256]
    assert (whole.ws[:, 0, 0] == np.arange(600)).all()
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(np.unique(whole.people)) == 7
    third = Numbers()
    collect(third, tmp_path / "cut", GENERATOR, encode, name="numbers")
    assert third.started == []


def test_another_source_is_not_mixed_in(tmp_path):
    collect(Numbers(20), tmp_path, GENERATOR, encode, name="numbers")
    with pytest.raises(BoundaryError, match="holds faces of numbers"):
        collect(Numbers(20), tmp_path, GENERATOR, encode, name="others")


def test_known_latents_need_no_encoder(tmp_path):
    class Codes(Numbers):
        def items(self, start=0, *, kept=None):
            for item in super().items(start):
                yield Item(item.index, item.au, item.person, latent=np.full((4, 8), item.index, np.float32))

    found = collect(Codes(30), tmp_path, GENERATOR, None, name="codes")
    assert (found.ws[:, 0, 0] == np.arange(30)).all()


def test_pictures_without_faces_leave_nothing_to_fit(tmp_path):
    class Walls(Numbers):
        def items(self, start=0, *, kept=None):
            for k in range(start, 3):
                yield Item(k, np.zeros(12), "wall", image=np.full((120, 120, 3), 90, np.uint8))

    with pytest.raises(BoundaryError, match="No face"):
        collect(Walls(3), tmp_path, GENERATOR, encode, name="walls", provider="dlib")


def test_damaged_state_is_named(tmp_path):
    (tmp_path / "source.json").write_text("[1, 2")
    with pytest.raises(BoundaryError, match="damaged"):
        collect(Numbers(4), tmp_path, GENERATOR, encode, name="numbers")


def test_a_changed_file_is_another_source(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a")
    first = source_name(f"csv:{path}")
    path.write_text("b")
    assert source_name(f"csv:{path}") != first
    assert source_name("samples:5") == "samples:5"


def test_what_was_collected_is_fitted(tmp_path):
    directions = np.linalg.qr(np.random.default_rng(0).standard_normal((32, 32)))[0]

    class Known(Numbers):
        def items(self, start=0, *, kept=None):
            random = np.random.default_rng(1)
            for k in range(self.count):
                au = np.zeros(12) if k % 6 == 0 else (random.random(12) < 0.3) * random.uniform(0.2, 1, 12)
                who = directions[12 + k // 6 % 20]
                code = (who + 3 * au @ directions[:12]).reshape(4, 8)
                if k >= start:
                    yield Item(k, au, f"{k // 6}", latent=code.astype(np.float32))

    codes = collect(Known(360), tmp_path, GENERATOR, None, name="known")
    options = FitOptions(aus=(4, 12), candidates=(0.01, 1.0), compare=True)
    fitted = fit_boundaries(
        codes.ws, codes.au, groups=codes.people, generator_id=GENERATOR.generator_id, options=options
    )
    for boundary in fitted.boundaries:
        truth = directions[AUS.index(boundary.au)]
        assert boundary.normal.ravel() @ truth > 0.97
        assert boundary.report["accuracy_within_person"] > 0.95
        assert set(boundary.report["methods"]) == {"mean", "neutral"}


def test_faces_of_disfas_videos_are_cut_out_and_encoded(tmp_path):
    """Her jaw drops in the second half of the video, and the codes of exactly those frames say so."""
    av = pytest.importorskip("av")
    from skimage.data import astronaut

    from facsmith.boundary_fit.sources import DISFA
    from facsmith.face import choose, find
    from facsmith.face.muscles import MuscleWarp

    photo = np.ascontiguousarray(astronaut()[0:256, 100:356])
    muscles = MuscleWarp(choose(find(photo, provider="dlib")).face.landmarks, photo.shape)
    rest, jaw = -0.7 * np.isin(AUS, [12, 25]), 1.0 * np.isin(AUS, [26])
    pictures = [muscles(photo, rest), muscles(photo, rest + jaw)]
    labels = tmp_path / "DISFA" / "ActionUnit_Labels" / "SN001"
    labels.mkdir(parents=True)
    for au in AUS:
        levels = [5 if au == 26 and frame >= 4 else 0 for frame in range(8)]
        (labels / f"SN001_au{au}.txt").write_text("".join(f"{k + 1},{level}\n" for k, level in enumerate(levels)))
    with av.open(str(tmp_path / "DISFA" / "LeftVideoSN001_comp.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=20)
        stream.width = stream.height = 256
        stream.pix_fmt = "yuvj420p"
        for frame in range(8):
            picture = av.VideoFrame.from_ndarray(pictures[frame >= 4], format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))

    def mouth(images):
        """A code that is the brightness where an open mouth is dark."""
        return images[:, :, 11:13, 6:10].mean(dim=(1, 2, 3))[:, None, None].expand(-1, 4, 8).clone()

    found = collect(DISFA(tmp_path / "DISFA"), tmp_path / "parts", GENERATOR, mouth, name="d", provider="dlib")
    assert found.au[:, AUS.index(26)].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    brightness = found.ws[:, 0, 0]
    assert brightness[4:].max() < brightness[:4].min() - 0.05
    assert (found.people == 0).all()
