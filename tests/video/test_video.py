import io
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from facsmith import video
from facsmith.errors import InputError, OutputError


def film(count: int = 6, size: tuple[int, int] = (96, 120)) -> list[np.ndarray]:
    """A still portrait with a coloured bar that grows in one corner."""
    still = np.array(Image.fromarray(astronaut()).resize((size[1], size[0])))
    frames = [still.copy() for _ in range(count)]
    for index, frame in enumerate(frames):
        frame[60:70, 20 : 22 + 5 * index] = (180, 20, 40)
    return frames


@pytest.fixture(params=["a.mp4", "a.gif", "a.webp", "frames"])
def target(request, tmp_path) -> Path:
    return tmp_path / "out" / request.param


def worst(frames: list[np.ndarray], read: list[np.ndarray]) -> float:
    return max(float(np.abs(a.astype(int) - b).mean()) for a, b in zip(frames, read, strict=True))


def test_large_frames_are_still_good(tmp_path):
    """Beyond full HD the encoder looks at each frame for less long; what it writes is as good to the eye."""
    large = np.array(Image.fromarray(astronaut()).resize((1600, 1400), Image.Resampling.BICUBIC))
    frames = [np.ascontiguousarray(np.roll(large, 3 * k, axis=1)) for k in range(8)]
    video.write(tmp_path / "a.mp4", frames, fps=25)
    for a, b in zip(frames, video.read(tmp_path / "a.mp4"), strict=True):
        assert 10 * np.log10(255**2 / np.mean((a.astype(np.float32) - b) ** 2)) > 38


WRITE = """
import sys
import numpy as np
from PIL import Image
from facsmith import video
coarse = np.random.default_rng(0).integers(256, size=(13, 13, 3)).astype(np.uint8)
still = np.array(Image.fromarray(coarse).resize((320, 304), Image.Resampling.BICUBIC))
video.write(sys.argv[1], [np.roll(still, 2 * k, axis=1) for k in range(20)], fps=25)
"""


def test_the_same_frames_are_the_same_bytes(tmp_path):
    """Whatever lay in memory before: encoders that read what they never wrote differ from run to run."""
    films = set()
    for byte in ("1", "127", "255"):  # glibc fills all fresh memory with it
        filled = {**os.environ, "MALLOC_PERTURB_": byte}
        subprocess.run([sys.executable, "-c", WRITE, str(tmp_path / "a.mp4")], env=filled, check=True)
        films.add((tmp_path / "a.mp4").read_bytes())
    assert len(films) == 1


@pytest.mark.slow
def test_few_large_frames_are_held(tmp_path):
    """Of 40 frames of 12 MB each; by its defaults x264 keeps them all, with half as much again for each."""
    code = """
import resource, sys
import numpy as np
from facsmith import video
frame = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8).repeat(16, 0).repeat(16, 1)
video.write(sys.argv[1], [frame[:512, :512]] * 2, fps=25)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
video.write(sys.argv[2], (np.roll(frame, k, axis=0) for k in range(40)), fps=25)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    places = [str(tmp_path / name) for name in ("small.mp4", "large.mp4")]
    grown = subprocess.run([sys.executable, "-c", code, *places], capture_output=True, text=True, check=True).stdout
    assert float(grown) < 350


class TestEveryFormat:
    def test_frames_come_back(self, target):
        frames = film()
        assert video.write(target, iter(frames), fps=25) == 6
        read = list(video.read(target))
        assert all(r.shape == (96, 120, 3) and r.dtype == np.uint8 for r in read)
        assert worst(frames, read) < 6

    def test_colours_are_right(self, target):
        """Flat saturated colours: a wrong matrix or range would shift them by ten levels and more."""
        colours = [(200, 30, 40), (30, 180, 60), (40, 50, 200), (128, 128, 128), (250, 250, 250)]
        frames = [np.full((64, 64, 3), colour, np.uint8) for colour in colours]
        video.write(target, frames, fps=10)
        for colour, read in zip(colours, video.read(target), strict=True):
            assert np.abs(read.reshape(-1, 3).mean(0) - colour).max() <= 3

    def test_odd_sizes(self, target):
        frames = film(3, (97, 121))
        video.write(target, frames, fps=25)
        read = list(video.read(target))
        if target.suffix == ".mp4":
            assert read[0].shape == (98, 122, 3)  # H.264 yuv420p knows even sizes only: the edge is repeated
            assert np.abs(read[0][97].astype(int) - read[0][96]).mean() < 6
            read = [r[:97, :121] for r in read]
        assert worst(frames, read) < 6

    def test_says_that_it_is_synthetic(self, target):
        video.write(target, film(2), fps=25, metadata={"comment": "Synthetic: asked AU12", "model": "m: 1"})
        said = video.metadata(target)
        assert said["comment"] == "Synthetic: asked AU12"
        assert said["model"] == "m: 1"
        assert said["software"].startswith("facsmith ")
        assert "facsmith" in said["title"]

    def test_frames_are_streamed(self, target):
        """Far fewer bytes are held than the film has, and frames are asked for one after the other."""
        still = np.zeros((480, 640, 3), np.uint8)
        tracemalloc.start()
        video.write(target, (still for _ in range(80)), fps=25)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        limit = 64 << 20 if target.suffix == ".gif" else 0  # what GIF keeps before it goes to the disk
        assert peak < limit + 20 * still.nbytes

    def test_memory_may_be_used_again_for_the_next_frame(self, target):
        def frames():
            same = np.empty((64, 64, 3), np.uint8)
            for level in range(0, 200, 20):
                same[:] = level
                yield same

        video.write(target, frames(), fps=10)
        for level, read in zip(range(0, 200, 20), video.read(target), strict=True):
            assert abs(float(read.mean()) - level) < 3

    def test_a_failure_leaves_nothing(self, target):
        def frames():
            yield from film(2)
            raise RuntimeError("the generator failed")

        with pytest.raises(RuntimeError, match="the generator failed"):
            video.write(target, frames(), fps=25)
        assert list(target.parent.iterdir()) == []

    def test_an_old_film_is_replaced(self, target):
        video.write(target, film(5), fps=25)
        video.write(target, film(2), fps=25)
        assert len(list(video.read(target))) == 2
        assert list(target.parent.iterdir()) == [target]

    @pytest.mark.parametrize(
        "frames", [[], [np.zeros((8, 8, 3))], film(1) + film(1, (64, 64)), [np.zeros((8, 8), np.uint8)]]
    )
    def test_wrong_frames(self, target, frames):
        with pytest.raises(InputError, match=r"at least one|all frames"):
            video.write(target, frames, fps=25)
        assert not target.exists()

    @pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1000])
    def test_wrong_fps(self, target, fps):
        with pytest.raises(InputError, match="fps"):
            video.write(target, film(1), fps=fps)

    def test_unwritable_place(self, tmp_path, target):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(OutputError, match="Could not write"):
            video.write(tmp_path / "file" / target.name, film(1), fps=25)


class TestMp4:
    @pytest.mark.parametrize("fps", [24, 25, 29.97, 12.5])
    def test_stream(self, tmp_path, fps):
        import av

        video.write(tmp_path / "a.mp4", film(8), fps=fps)
        with av.open(tmp_path / "a.mp4") as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert stream.codec_context.pix_fmt == "yuv420p"
            assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)
            assert float(stream.average_rate) == pytest.approx(fps, rel=1e-4)
            assert stream.frames == 8
            assert float(stream.duration * stream.time_base) == pytest.approx(8 / fps, rel=1e-3)
            assert container.metadata["comment"].startswith("Synthetic")
            assert "facsmith" in container.metadata["title"]

    def test_plays_before_it_is_whole(self, tmp_path):
        video.write(tmp_path / "a.mp4", film(2), fps=25)
        data = (tmp_path / "a.mp4").read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")

    def test_portrait_quality(self, tmp_path):
        """Colour is halved in size by yuv420p, brightness is not."""
        video.write(tmp_path / "a.mp4", [astronaut()] * 2, fps=25)
        error = np.stack(list(video.read(tmp_path / "a.mp4"))).astype(float) - astronaut()
        luma = error @ (0.2126, 0.7152, 0.0722)
        assert 10 * np.log10(255**2 / (luma**2).mean()) > 37
        assert 10 * np.log10(255**2 / (error**2).mean()) > 33


class TestGif:
    def test_background_is_still_and_palette_shared(self, tmp_path):
        video.write(tmp_path / "a.gif", film(6), fps=25)
        read = np.stack(list(video.read(tmp_path / "a.gif")))
        outside = np.ones((96, 120), bool)
        outside[60:70, 20:60] = False
        assert (read[:, outside] == read[:1, outside]).all()
        assert len(np.unique(read.reshape(-1, 3), axis=0)) <= 256

    def test_palette_knows_colours_that_come_late(self, tmp_path):
        frames = [np.full((64, 64, 3), 90, np.uint8) for _ in range(10)]
        frames[9][20:40, 20:40] = (170, 20, 30)
        video.write(tmp_path / "a.gif", frames, fps=25)
        last = list(video.read(tmp_path / "a.gif"))[-1]
        assert np.abs(last[30, 30].astype(int) - (170, 20, 30)).max() < 12

    @pytest.mark.parametrize("fps", [25, 30, 50])
    def test_delays_do_not_drift(self, tmp_path, fps):
        video.write(tmp_path / "a.gif", film(30), fps=fps)
        with Image.open(tmp_path / "a.gif") as picture:
            total = 0
            for index in range(picture.n_frames):
                picture.seek(index)
                total += picture.info["duration"]
            assert picture.n_frames == 30
            assert picture.info["loop"] == 0
        assert total == pytest.approx(1000 * 30 / fps, abs=10)

    def test_too_fast(self, tmp_path):
        with pytest.raises(InputError, match="at most 50"):
            video.write(tmp_path / "a.gif", film(1), fps=60)

    def test_more_frames_than_memory_go_through_the_disk(self, tmp_path, monkeypatch):
        monkeypatch.setattr("facsmith.video._gif._MEMORY", 100_000)
        frames = film(6)
        video.write(tmp_path / "a.gif", frames, fps=25)
        assert worst(frames, list(video.read(tmp_path / "a.gif"))) < 6


class TestWebp:
    def test_background_is_still(self, tmp_path):
        video.write(tmp_path / "a.webp", film(6), fps=25)
        read = np.stack(list(video.read(tmp_path / "a.webp")))
        outside = np.ones((96, 120), bool)
        outside[60:70, 20:60] = False
        assert (read[:, outside] == read[:1, outside]).all()

    def test_timing_and_loop(self, tmp_path):
        video.write(tmp_path / "a.webp", film(30), fps=30)
        with Image.open(tmp_path / "a.webp") as picture:
            total = 0
            for index in range(picture.n_frames):
                picture.seek(index)
                picture.load()
                total += picture.info["duration"]
            assert (picture.n_frames, picture.info["loop"]) == (30, 0)
        assert total == 1000

    def test_too_large(self, tmp_path):
        with pytest.raises(InputError, match="16383"):
            video.write(tmp_path / "a.webp", [np.zeros((4, 20_000, 3), np.uint8)], fps=25)
        assert list(tmp_path.iterdir()) == []


class TestFolder:
    def test_lossless(self, tmp_path):
        frames = film(3)
        video.write(f"{tmp_path}/happy.v2/", frames, fps=25)
        assert worst(frames, list(video.read(tmp_path / "happy.v2"))) == 0
        assert sorted(p.name for p in (tmp_path / "happy.v2").iterdir()) == [f"frame_0000{i}.png" for i in range(3)]

    def test_other_files_are_never_touched(self, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine/letter.txt").write_text("dear")
        with pytest.raises(OutputError, match="holds other files"):
            video.write(tmp_path / "mine", film(1), fps=25)
        assert [p.name for p in (tmp_path / "mine").iterdir()] == ["letter.txt"]


class TestReading:
    def test_what_is_no_film(self, tmp_path):
        for name in ("a.mp4", "a.gif", "a.webp"):
            (tmp_path / name).write_bytes(b"not a film")
            with pytest.raises(InputError, match="no film that can be read"):
                list(video.read(tmp_path / name))
            with pytest.raises(InputError, match="no film that can be read"):
                video.metadata(tmp_path / name)
        with pytest.raises(InputError, match="There is no film"):
            video.read(tmp_path / "absent.mp4")
        with pytest.raises(InputError, match="no frame_00000"):
            list(video.read(tmp_path))

    def test_unknown_ending(self, tmp_path):
        with pytest.raises(OutputError, match=r"\.mp4, \.gif, \.webp"):
            video.write(tmp_path / "a.avi", film(1), fps=25)

    def test_a_still_webp_is_a_film_of_one_frame(self, tmp_path):
        data = io.BytesIO()
        Image.fromarray(film(1)[0]).save(data, "WEBP")
        (tmp_path / "a.webp").write_bytes(data.getvalue())
        assert len(list(video.read(tmp_path / "a.webp"))) == 1
