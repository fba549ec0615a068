"""Films read and written again: what was not changed stays, and everything keeps its time."""

from fractions import Fraction

import av
import numpy as np
import pytest

from facsmith import image, video
from facsmith.errors import InputError, OutputError
from facsmith.synthetic import COMPOSITE, KEY, read_source_type
from facsmith.video import join_parts, open_footage, planes_with, write_part
from facsmith.video._footage import _planes

SIZE = (48, 64)
TEXT = image.provenance({KEY: COMPOSITE})


def picture(index, size=SIZE):
    """Smooth, coloured, different each time."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([4 * y + index, 3 * x, 255 - 2 * (x + y) + 2 * index], axis=2).clip(0, 255).astype(np.uint8)


def make(
    path, stamps, *, base=Fraction(1, 600), sound_from=None, pixel_format="yuv420p", colours=None, codec="libx264",
    sound="aac",
):  # fmt: skip
    """A film whose pictures are shown at ``stamps`` (in ``base``), with a tone from second ``sound_from`` on."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = SIZE
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = stream.time_base = base
        if colours is not None:
            context = stream.codec_context
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = colours
        track = None if sound_from is None else container.add_stream(sound, rate=16_000, layout="mono")
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = stamp, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None:
            samples = (8000 * np.sin(np.arange(16_000) * 0.17)).astype(np.int16)
            for k in range(0, 16_000, 1000):
                tone = av.AudioFrame.from_ndarray(samples[None, k : k + 1000], format="s16", layout="mono")
                tone.sample_rate, tone.pts, tone.time_base = 16_000, round(sound_from * 16_000) + k, Fraction(1, 16_000)
                container.mux(track.encode(tone))
            container.mux(track.encode(None))
    return path


def stamps_of(path):
    """Seconds of the pictures and of the first sound, on the file's own clock."""
    with av.open(str(path)) as container:
        seconds = [float(f.pts * f.time_base) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return seconds, None
        first = next(container.decode(audio=0))
        return seconds, float(first.pts * first.time_base)


def again(path, out, *, cut=None):
    """The film written again, unchanged, in one or two parts."""
    footage = open_footage(path)
    parts = []
    for k, (first, last) in enumerate([(0, None)] if cut is None else [(0, cut), (cut, None)]):
        parts.append(out.with_name(f"part{k}.nut"))
        write_part(parts[-1], footage, ((f, f.pixels) for f in footage.read(first, last)))
    join_parts(out, footage, parts, metadata=TEXT)
    return out


VARIABLE = [0, 24, 48, 60, 108, 111, 140, 200, 260, 284, 308, 400]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("cut", [None, 5])
def test_variable_time_stamps_are_kept(tmp_path, suffix, cut):
    film = make(tmp_path / "in.mp4", VARIABLE)
    out = again(film, tmp_path / f"out{suffix}", cut=cut)
    was, _ = stamps_of(film)
    now, _ = stamps_of(out)
    assert np.diff(now) == pytest.approx(np.diff(was), abs=0.0011)  # Matroska counts milliseconds
    assert read_source_type(out) == COMPOSITE


def test_parts_join_without_a_seam(tmp_path):
    film = make(tmp_path / "in.mp4", range(0, 1200, 24))
    whole = [f.pixels for f in open_footage(again(film, tmp_path / "whole.mp4")).read()]
    cut = [f.pixels for f in open_footage(again(film, tmp_path / "cut.mp4", cut=17)).read()]
    source = [f.pixels for f in open_footage(film).read()]
    assert len(whole) == len(cut) == len(source) == 50
    for a, b, c in zip(whole, cut, source, strict=True):
        assert np.abs(a.astype(int) - c).mean() < 3 and np.abs(b.astype(int) - c).mean() < 3


@pytest.mark.parametrize(("pictures", "sound"), [(0.0, 0.0), (0.6, 0.0), (0.0, 0.5), (3.0, 3.0)])
def test_sound_keeps_its_distance_from_the_pictures(tmp_path, pictures, sound):
    first = round(600 * pictures)
    film = make(tmp_path / "in.mov", range(first, first + 600, 24), sound_from=sound)
    was, heard = stamps_of(film)
    now, still = stamps_of(again(film, tmp_path / "out.mp4"))
    assert still - now[0] == pytest.approx(heard - was[0], abs=0.03)
    assert len(now) == len(was)


def test_an_unchanged_frame_is_the_decoder_s_own(tmp_path):
    for frame in open_footage(make(tmp_path / "in.mp4", range(0, 120, 24))).read():
        assert planes_with(frame, frame.pixels.copy()) is frame.picture


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_only_changed_pixels_reach_the_planes(tmp_path, pixel_format):
    frame = next(open_footage(make(tmp_path / "in.mp4", range(0, 120, 24), pixel_format=pixel_format)).read())
    edited = frame.pixels.copy()
    edited[10:20, 30:50] = (200, 40, 90)
    merged = planes_with(frame, edited)
    assert merged.format.name == pixel_format
    for own, new in zip(_planes(frame.picture), _planes(merged), strict=True):
        down, across = SIZE[0] // own.shape[0], SIZE[1] // own.shape[1]
        box = np.s_[10 // down : 20 // down, 30 // across : 50 // across]
        outside = np.ones(own.shape, np.bool_)
        outside[box] = False
        assert (own == new)[outside].all() and (own != new)[box].any()
    shown = np.asarray(merged.reformat(format="rgb24").to_ndarray(), int)
    assert np.abs(shown[12:18, 33:47] - (200, 40, 90)).max() <= 8  # swscale's own error with ten bits is 6


def test_colours_and_depth_are_kept_and_hdr_is_told(tmp_path):
    film = make(tmp_path / "in.mp4", range(0, 240, 24), pixel_format="yuv420p10le", colours=(9, 16, 9, 1))
    footage = open_footage(film)
    assert footage.hdr == "PQ" and footage.pixel_format == "yuv420p10le"
    out = open_footage(again(film, tmp_path / "out.mp4"))
    assert out.colours == footage.colours == (9, 16, 9, 1) and out.pixel_format == footage.pixel_format
    assert open_footage(make(tmp_path / "plain.mp4", range(0, 240, 24))).hdr is None


def test_a_film_held_upright_is_written_upright(tmp_path):
    film = make(tmp_path / "in.mp4", range(0, 120, 24))
    footage = open_footage(film)
    turned = type(footage)(**{**footage.__dict__, "width": SIZE[0], "height": SIZE[1], "turns": 1})
    frame, plain = next(turned.read()), next(footage.read())
    assert np.abs(frame.pixels.astype(int) - np.rot90(plain.pixels)).max() <= 6  # chroma is shared by other pixels
    for own, was in zip(_planes(frame.picture), _planes(plain.picture), strict=True):
        assert np.array_equal(own, np.rot90(was))
    write_part(tmp_path / "part.nut", turned, ((f, f.pixels) for f in turned.read()))
    join_parts(tmp_path / "out.mp4", turned, [tmp_path / "part.nut"], metadata=TEXT)
    out = open_footage(tmp_path / "out.mp4")
    assert (out.width, out.height, out.turns) == (SIZE[0], SIZE[1], 0)


def test_refusals(tmp_path):
    film = open_footage(make(tmp_path / "in.mkv", range(0, 240, 24), sound_from=0.0, sound="pcm_s16le"))
    with pytest.raises(OutputError, match=r"pcm_s16le.*\.mkv"):
        video.check_holds(tmp_path / "out.mp4", film)
    video.check_holds(tmp_path / "out.mov", film)
    video.check_holds(tmp_path / "out.mkv", film)
    with pytest.raises(OutputError, match=r"\.mp4, \.mov, \.mkv"):
        video.check_holds(tmp_path / "out.gif", film)
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(InputError, match="no film"):
        open_footage(tmp_path / "noise.mp4")
    with pytest.raises(InputError, match="There is no film"):
        open_footage(tmp_path / "none.mp4")


def test_a_failed_part_leaves_nothing(tmp_path):
    footage = open_footage(make(tmp_path / "in.mp4", range(0, 240, 24)))

    def broken():
        yield next(frames), picture(0)
        raise RuntimeError("stopped")

    frames = footage.read()
    with pytest.raises(RuntimeError):
        write_part(tmp_path / "part.nut", footage, broken())
    assert not (tmp_path / "part.nut").exists()
