"""Driving by a film: the astronaut, moved by our own animator, drives another face; her sound comes along."""

import wave
from fractions import Fraction

import av
import numpy as np
import pytest
from conftest import QUICK

from facsmith import video
from facsmith.animator import Animator
from facsmith.drive import DriveOptions, read_performance
from facsmith.errors import InputError, NoFaceError, TimelineError
from facsmith.facs import AUS
from facsmith.inversion import InversionOptions
from facsmith.options import AnimateOptions
from facsmith.timeline import Keyframe, Timeline
from facsmith.video import Sound

pytestmark = pytest.mark.slow

FPS = 12.5
PERFORMED = Timeline(
    {
        12: (Keyframe(0.4, 0), Keyframe(0.8, 1.0), Keyframe(1.0, 1.0), Keyframe(1.4, 0)),
        # At 1 her brows lie under the fringe, where dlib reads half of what it read on the way.
        1: (Keyframe(1.6, 0), Keyframe(2.0, 0.6), Keyframe(2.4, 0)),
        2: (Keyframe(1.6, 0), Keyframe(2.0, 0.6), Keyframe(2.4, 0)),
    },
    minimum_duration=2.8,
)


@pytest.fixture(scope="module")
def tone(tmp_path_factory):
    path = tmp_path_factory.mktemp("tone") / "tone.wav"
    samples = (8000 * np.sin(np.arange(3 * 16_000) * 2 * np.pi * 440 / 16_000)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory, tone):
    """The astronaut rests, smiles, raises her brows, with a tone."""

    import skimage.data

    path = tmp_path_factory.mktemp("film") / "performer.mp4"
    portrait = skimage.data.astronaut()[:300, 80:380].copy()
    options = AnimateOptions(provider="dlib", inversion=InversionOptions(iterations=0), fps=FPS)
    Animator.from_pretrained().animate(portrait, PERFORMED, options=options).save(path, sound=Sound(tone))
    return path


@pytest.fixture(scope="module")
def read(film):
    return read_performance(film, options=DriveOptions(fps=FPS, provider="dlib"))


def heard(path):
    """(seconds of sound, codec, loudness of the whole) of a film; None without sound."""
    with av.open(path) as container:
        if not container.streams.audio:
            return None
        frames = list(container.decode(audio=0))
        codec = container.streams.audio[0].codec_context.name
        begin = float(frames[0].pts * frames[0].time_base)
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in frames])
        return (
            begin,
            begin + sum(f.samples for f in frames) / frames[0].sample_rate,
            codec,
            float(np.abs(samples).mean()),
        )


def test_what_was_performed_is_read_when_it_was_performed(read):
    assert read.duration == pytest.approx(2.8, abs=0.1)
    times = np.arange(0, 2.8, 0.08)
    smile, brows = read.at(times)[:, AUS.index(12)], read.at(times)[:, AUS.index(2)]
    assert 0.7 <= times[smile.argmax()] <= 1.1 and smile.max() > 0.3
    assert 1.8 <= times[brows.argmax()] <= 2.2 and brows.max() > 0.25  # dlib sees half of it below her fringe
    assert smile[[0, 1, -1]].max() < 0.15 and brows[[0, 1, -1]].max() < 0.15
    assert read.at(0.9)[0].argmax() == AUS.index(12)
    assert any("counts as neutral" in note for note in read.notes)


def test_a_part_with_another_neutral(film):
    part = read_performance(film, options=DriveOptions(fps=FPS, provider="dlib", start=1.4, seconds=1.2))
    assert part.duration == pytest.approx(1.2, abs=0.1)
    rest, raised = part.at([0.0, 0.6])[:, [AUS.index(1), AUS.index(2)]].sum(axis=1)
    assert rest < 0.05 and raised > 0.5  # of 1.2: dlib sees half of brows that rise to her fringe


def test_it_drives_another_face_with_its_sound(make_animator, photo, read, film, tmp_path):
    driven = make_animator().animate(photo, read, options=QUICK)
    driven.save(tmp_path / "driven.mp4", sound=Sound(film))
    begin, end, codec, loud = heard(tmp_path / "driven.mp4")
    assert codec == "aac" and loud > 0.05
    assert begin < 0.1 and end == pytest.approx(driven.timeline.duration, abs=0.2)
    frames = list(video.read(tmp_path / "driven.mp4"))
    assert len(frames) == len(driven)
    assert video.metadata(tmp_path / "driven.mp4")["software"].startswith("facsmith")


def test_the_command_line_drives(make_animator, photo, film, tmp_path, monkeypatch, capsys):
    from facsmith import image
    from facsmith.__main__ import main

    tiny = make_animator()
    monkeypatch.setattr(Animator, "from_pretrained", classmethod(lambda cls, name, *, boundaries=None: tiny))
    image.write(tmp_path / "her.png", photo)
    out = tmp_path / "out.mp4"
    options = ["--iterations", "1", "--fps", "5", "--provider", "dlib", "--track-seconds", "1", "--neutral-first"]
    assert main(["animate", str(tmp_path / "her.png"), "--drive", str(film), "-o", str(out), *options]) == 0
    assert "counts as neutral" in capsys.readouterr().err
    begin, end, _, _ = heard(out)
    assert begin == pytest.approx(1.25, abs=0.1), "the sound waits while the own expression goes"
    assert end == pytest.approx(2.25, abs=0.15)


def _film_with_a_click(path, *, pictures, sound, click):
    """Pictures and sound that begin at these seconds of the file's clock, with a click at another."""
    with av.open(str(path), "w") as container:
        shown = container.add_stream("libx264", rate=25)
        shown.height = shown.width = 32
        shown.codec_context.time_base = shown.time_base = Fraction(1, 600)
        track = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for index in range(30):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 5 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(600 * pictures) + 24 * index, Fraction(1, 600)
            container.mux(shown.encode(frame))
        container.mux(shown.encode(None))
        samples = np.zeros(32_000, np.int16)
        at = round(16_000 * (click - sound))
        samples[at : at + 200] = 20_000
        for k in range(0, 32_000, 1000):
            heard = av.AudioFrame.from_ndarray(samples[None, k : k + 1000], format="s16", layout="mono")
            heard.sample_rate, heard.time_base = 16_000, Fraction(1, 16_000)
            heard.pts = round(16_000 * sound) + k
            container.mux(track.encode(heard))
        container.mux(track.encode(None))
    return path


def _loudest(path):
    """Seconds from the first picture to the loudest moment."""
    with av.open(str(path)) as container:
        first = next(f for f in container.decode(video=0))
        begin = float(first.pts * first.time_base)
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    moments = [
        (
            float(np.abs(f.to_ndarray()).max()),
            float(f.pts * f.time_base) + int(np.abs(f.to_ndarray()).argmax()) / 16_000,
        )
        for f in frames
    ]
    return max(moments)[1] - begin


class TestSound:
    def frames(self, count):
        return (np.full((32, 32, 3), 5 * i, np.uint8) for i in range(count))

    def test_pcm_becomes_aac_and_aac_is_copied(self, tone, tmp_path):
        video.write(tmp_path / "one.mp4", self.frames(25), fps=25, sound=Sound(tone))
        video.write(tmp_path / "two.mp4", self.frames(25), fps=25, sound=Sound(tmp_path / "one.mp4"))
        for name in ("one.mp4", "two.mp4"):
            begin, end, codec, loud = heard(tmp_path / name)
            assert codec == "aac" and loud > 0.05 and begin < 0.1 and end == pytest.approx(1.0, abs=0.15)

    def test_a_part_and_a_delay(self, tone, tmp_path):
        sound = Sound(tone, start=0.5, seconds=0.5, delay=0.4)
        video.write(tmp_path / "part.mp4", self.frames(50), fps=25, sound=sound)
        begin, end, _, _ = heard(tmp_path / "part.mp4")
        assert begin == pytest.approx(0.4, abs=0.08) and end == pytest.approx(0.9, abs=0.1)

    @pytest.mark.parametrize(("pictures", "sound"), [(0.6, 0.0), (0.0, 0.4), (3.0, 3.0), (5.0, 4.6)])
    def test_sound_and_pictures_have_one_clock(self, tmp_path, pictures, sound):
        """A click sounds 0.5 s after the first picture, wherever the file's own clock begins."""
        click = _film_with_a_click(tmp_path / "in.mov", pictures=pictures, sound=sound, click=pictures + 0.5)
        video.write(tmp_path / "out.mp4", self.frames(30), fps=25, sound=Sound(click))
        assert _loudest(tmp_path / "out.mp4") == pytest.approx(0.5, abs=0.05)
        video.write(tmp_path / "part.mp4", self.frames(30), fps=25, sound=Sound(click, start=0.3, delay=0.1))
        assert _loudest(tmp_path / "part.mp4") == pytest.approx(0.3, abs=0.05)

    def test_a_silent_film_stays_silent(self, tmp_path):
        video.write(tmp_path / "silent.mp4", self.frames(5), fps=25)
        video.write(tmp_path / "out.mp4", self.frames(5), fps=25, sound=Sound(tmp_path / "silent.mp4"))
        assert heard(tmp_path / "out.mp4") is None

    def test_refusals(self, tone, tmp_path):
        with pytest.raises(InputError, match=r"Only an \.mp4"):
            video.write(tmp_path / "x.gif", self.frames(5), fps=25, sound=Sound(tone))
        (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 10)
        with pytest.raises(InputError, match=r"noise\.mp4"):
            video.write(tmp_path / "x.mp4", self.frames(5), fps=25, sound=Sound(tmp_path / "noise.mp4"))
        assert not (tmp_path / "x.mp4").exists()
        with pytest.raises(InputError):
            Sound(tone, start=-1)


def test_films_without_a_face_or_that_are_none(tmp_path):
    video.write(tmp_path / "grey.mp4", (np.full((64, 64, 3), 90 + i, np.uint8) for i in range(4)), fps=10)
    with pytest.raises(NoFaceError, match=r"grey\.mp4"):
        read_performance(tmp_path / "grey.mp4", options=DriveOptions(provider="dlib"))
    (tmp_path / "noise.mp4").write_bytes(b"no film at all")
    with pytest.raises(InputError, match="no film"):
        read_performance(tmp_path / "noise.mp4")
    with pytest.raises(InputError, match="There is no film"):
        read_performance(tmp_path / "none.mp4")


def test_frames_come_with_their_seconds(tmp_path):
    video.write(tmp_path / "t.mp4", (np.full((16, 16, 3), 40 * i, np.uint8) for i in range(5)), fps=8)
    seconds, frames = zip(*video.timed(tmp_path / "t.mp4"), strict=True)
    assert seconds == pytest.approx(np.arange(5) / 8)
    assert [f.mean() for f in frames] == pytest.approx([0, 40, 80, 120, 160], abs=4)


def test_options_are_validated():
    for wrong in ({"start": -1}, {"neutral": 3, "seconds": 2}, {"seconds": 1e9}):
        with pytest.raises(TimelineError):
            DriveOptions(**wrong)
