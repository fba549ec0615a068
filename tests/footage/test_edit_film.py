"""A film in, a film out: what is asked changes, everything else stays."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import FakeFaces, face_at, fake_animator, waves

from facsmith import video
from facsmith.errors import ActionUnitError, InputError, NoFaceError, OutputError
from facsmith.facs import AUS
from facsmith.footage import FilmChange, FilmOptions, edit_footage, read_changes, write_contact_sheet
from facsmith.footage.editor import FrameEditor
from facsmith.footage.receipt import FilmReceipt
from facsmith.receipt.frame_stats import near_face

pytestmark = pytest.mark.usefixtures("landmarks_alone")
FRAMES, LOST = 24, range(10, 14)
QUICKLY = FilmOptions(fitted=False, part_seconds=1.0)
FROWN = FilmChange(relative=read_changes("AU4=+0.6", "relative"))


@dataclass
class Faces(FakeFaces):
    """Nobody is to be seen in a picture with a white corner."""

    def find(self, image, *, provider="auto"):
        return [] if _white(image) else super().find(image, provider=provider)

    def follow(self, image, face):
        if _white(image):
            raise NoFaceError("nobody")
        return super().follow(image, face)


def _white(image):
    return image[:8, :8].mean() > 200


@pytest.fixture
def faces():
    return Faces((face_at(60, 35, 28),))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two seconds and a half of a face that is not to be seen for four frames, two of them with sound."""
    folder = tmp_path_factory.mktemp("film")
    path, tone, photo = folder / "her.mp4", folder / "tone.mp4", waves()
    with av.open(str(tone), "w") as container:
        track = container.add_stream("aac", rate=16_000, layout="mono")
        samples = (8000 * np.sin(np.arange(32_000) * 0.17)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    nobody = photo.copy()
    nobody[:12, :12] = 255
    video.write(path, (nobody if k in LOST else photo for k in range(FRAMES)), fps=10, sound=video.Sound(tone))
    return path


def edited(make_animator, film, out, change=FROWN, **options):
    return edit_footage(film, out, change, make_animator().networks, **({"options": QUICKLY} | options))


@contextmanager
def watched() -> Iterator[list]:
    """Every frame that goes to the encoder, as it was and as it became."""
    kept = []
    write = video.write_part

    def watch(path, footage, frames):
        write(path, footage, (kept.append(p) or p for p in frames))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video, "write_part", watch)
        yield kept


@dataclass
class Frowning:
    """The whole film with FROWN: its receipt, and every frame that went to the encoder, before and after."""

    path: Path
    receipt: FilmReceipt
    handed: list


@pytest.fixture(scope="module")
def frowning(film, landmarks_alone, tmp_path_factory) -> Frowning:
    """Made once and looked at by several tests."""
    out = tmp_path_factory.mktemp("frowning") / "out.mp4"
    with watched() as handed:
        receipt = edited(lambda: fake_animator(Faces((face_at(60, 35, 28),))), film, out)
    return Frowning(out, receipt, handed)


@pytest.mark.slow
def test_only_the_face_changes_and_lost_frames_are_the_film_s_own(frowning):
    receipt, handed = frowning.receipt, frowning.handed
    near = near_face(face_at(60, 35, 28).landmarks, handed[0][1].shape[:2], 0.5) > 0
    apart = [np.abs(frame.pixels.astype(int) - now) for frame, now in handed]
    assert not any(each[~near].any() for each in apart)
    changed = np.array([each.mean() for each in apart])
    assert changed[:8].min() > 0 and not changed[list(LOST)].any()
    assert changed[9] < changed[7] and changed[14] < changed[17], "it fades towards frames without the face"
    assert receipt.summary["frames"] == FRAMES and receipt.summary["left_alone"] == len(LOST)
    assert receipt.summary["outside"] == 0
    (stretch,) = receipt.left_alone
    assert stretch == {"from": 1.0, "to": 1.3, "frames": 4, "why": "no face was found"}


@pytest.mark.slow
def test_the_receipt_lies_beside_and_the_parts_are_gone(frowning):
    said = json.loads(frowning.path.with_name("out.mp4.json").read_text())
    assert said["synthetic"] is True and said["change"]["relative"] == {"AU4": 0.6}
    assert len(said["frames"]["AU4"]["asked"]) == FRAMES == len(said["frames"]["flicker_after"])
    assert max(said["frames"]["AU4"]["asked"]) == pytest.approx(0.6)
    assert frowning.receipt.summary["edited"] < FRAMES and not list(frowning.path.parent.glob("*.parts"))
    assert "compositeWithTrained" in video.metadata(frowning.path)["digitalsourcetype"]


def test_nothing_asked_is_nothing_changed(make_animator, film, tmp_path):
    nothing = FilmChange(gain=read_changes("AU12=1", "gain"))
    with watched() as handed:
        receipt = edited(make_animator, film, tmp_path / "out.mp4", nothing)
    assert len(handed) == FRAMES and all(now is frame.pixels for frame, now in handed)
    assert receipt.summary["edited"] == 0 and any("Nothing changed" in note for note in receipt.notes)


@pytest.mark.slow
def test_killed_and_gone_on_with_is_the_same_film(make_animator, film, tmp_path, frowning):
    class KilledError(Exception):
        pass

    seen = []

    def die(stage, done, total):
        seen.append((stage, done))
        if stage == "frames" and done == 15:
            raise KilledError

    with pytest.raises(KilledError):
        edited(make_animator, film, tmp_path / "out.mp4", progress=die)
    assert not (tmp_path / "out.mp4").exists()
    assert [p.name for p in sorted((tmp_path / "out.mp4.parts").glob("part-*"))] == ["part-00000.npz", "part-00000.nut"]
    stages = []
    edited(make_animator, film, tmp_path / "out.mp4", progress=lambda stage, done, total: stages.append((stage, done)))
    assert "looking" not in {stage for stage, _ in stages}
    assert min(done for stage, done in stages if stage == "frames") == 11, "the first second was done"
    assert (tmp_path / "out.mp4").read_bytes() == frowning.path.read_bytes()


def test_parts_of_another_change_are_not_taken(make_animator, film, tmp_path):
    folder = tmp_path / "out.mp4.parts"
    folder.mkdir()
    (folder / "mine.txt").write_text("precious")
    with pytest.raises(OutputError, match="in the way"):
        edited(make_animator, film, tmp_path / "out.mp4")
    assert (folder / "mine.txt").read_text() == "precious"


def test_a_part_of_the_film(make_animator, film, tmp_path):
    part = FilmChange(relative=read_changes("AU4=+0.6", "relative"), begin=1.5, end=2.0, fade=0.1)
    receipt = edited(make_animator, film, tmp_path / "out.mp4", part)
    asked = np.array(receipt.frames["AU4"]["asked"])
    assert not asked[:16].any() and not asked[20:].any() and asked[17:19].max() == pytest.approx(0.6)


@pytest.mark.slow
def test_a_contact_sheet(film, tmp_path, frowning):
    from facsmith import image

    write_contact_sheet(tmp_path / "sheet.png", film, frowning.path, frowning.receipt)
    sheet = image.read(tmp_path / "sheet.png")
    left, top, right, bottom = frowning.receipt.film["face_box"]
    assert sheet.shape[0] > 2 * (bottom - top) and sheet.shape[1] > 3 * (right - left)


def test_bad_input_is_one_sentence_and_no_file(make_animator, film, tmp_path):
    with pytest.raises(OutputError):
        edited(make_animator, film, tmp_path / "out.gif")
    with pytest.raises(ActionUnitError, match="AU28 a film shows is not read"):
        edited(make_animator, film, tmp_path / "out.mp4", FilmChange(gain=read_changes("AU28=0", "gain")))
    with pytest.raises(InputError, match="ends at"):
        edited(make_animator, film, tmp_path / "late.mp4", options=FilmOptions(neutral=99.0))
    with pytest.raises(InputError, match="There is no photo"):
        FilmOptions(neutral=Path("nobody.jpg"))
    for name in ("out.gif", "out.mp4", "late.mp4"):
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["../{}/her.mp4", "link.mp4", "same.mp4"])
def test_a_film_is_not_written_over_itself(make_animator, film, tmp_path, name):
    own = Path(shutil.copy(film, tmp_path))
    (tmp_path / "link.mp4").symlink_to(own)
    (tmp_path / "same.mp4").hardlink_to(own)
    before = own.read_bytes()
    with pytest.raises(InputError, match="the film itself"):
        edited(make_animator, own, tmp_path / name.format(tmp_path.name))
    assert own.read_bytes() == before and not list(tmp_path.glob("*.parts"))


def test_the_animator_takes_changes_in_words(make_animator, photo, tmp_path):
    animator, film = make_animator(), tmp_path / "her.mp4"
    video.write(film, [photo] * 6, fps=10)
    receipt = animator.edit_film(film, tmp_path / "out.mp4", relative="L4=+0.5", absolute="AU45=1", options=QUICKLY)
    assert receipt.change["relative"] == {"L4": 0.5} and receipt.change["absolute"] == {"AU45": 1.0}
    with pytest.raises(InputError, match="not both"):
        animator.edit_film(film, tmp_path / "x.mp4", FROWN, gain="AU12=0")
    with pytest.raises(ActionUnitError, match="Say what shall change"):
        animator.edit_film(film, tmp_path / "x.mp4")


def test_a_film_without_a_face(make_animator, tmp_path):
    video.write(tmp_path / "grey.mp4", (np.full((64, 64, 3), 90 + k, np.uint8) for k in range(4)), fps=10)
    with pytest.raises(NoFaceError, match="No face that can be edited"):
        edit_footage(tmp_path / "grey.mp4", tmp_path / "out.mp4", FROWN, make_animator(faces=FakeFaces(())).networks)


def test_zero_change_is_the_very_frame(make_animator, photo):
    frame = FrameEditor(make_animator().networks).edited(
        photo, face_at(60, 35, 28), np.zeros((2, len(AUS))), np.zeros(len(AUS))
    )
    assert frame is photo


def test_eyes_close_and_sides_move_as_on_photos(make_animator, photo):
    editor, face = FrameEditor(make_animator().networks), face_at(60, 35, 28)
    change = np.zeros((2, len(AUS)))
    change[0, AUS.index(4)] = 0.8  # the person's own left
    moved = np.abs(editor.edited(photo, face, change, np.zeros(len(AUS))).astype(int) - photo).sum(axis=2)
    assert moved[:, 70:].sum() > 20 * moved[:, :50].sum()


@pytest.mark.slow
def test_sound_and_time_stamps_stay(film, frowning):
    for path in (film, frowning.path):
        with av.open(str(path)) as container:
            heard = [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]
        with av.open(str(path)) as container:
            shown = [float(f.pts * f.time_base) for f in container.decode(video=0)]
        if path == film:
            expected = heard, shown
    assert heard and heard == expected[0] and shown == pytest.approx(expected[1])
