"""One visitor's work, without any web: the same as the API's, and nobody else's."""

import csv
import gc
import io
import shutil
import struct
import threading
import time
import weakref
import zipfile
from concurrent.futures import wait
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from conftest import FakeFaces, face_at, fake_animator, waves
from PIL import Image

from facsmith import image, video
from facsmith.encode import encode
from facsmith.errors import ActionUnitError, InputError, LatentError, NoFaceError, PhotoError, TimelineError
from facsmith.face_region import close_up
from facsmith.facs import AUS, EMOTIONS, UNSIDED, ActionUnits
from facsmith.film import Animation
from facsmith.footage import FilmChange, FilmOptions
from facsmith.inversion import InversionOptions
from facsmith.latent import Latent
from facsmith.options import AnimateOptions, Progress
from facsmith.studio import StudioOptions, views
from facsmith.studio.boards import GROUPS, expression_board
from facsmith.studio.edited_film import MOST_PICTURES, edit_film, take_film
from facsmith.studio.exports import EXPORTS, export
from facsmith.studio.jobs import Job, JobCancelledError, Line
from facsmith.studio.phases import Phases, Score
from facsmith.studio.pose import History, Moment, Pose
from facsmith.studio.project import open_project, restore_page, save_project
from facsmith.studio.samples import SAMPLES
from facsmith.studio.session import StudioSession, readable
from facsmith.studio.sessions import Sessions
from facsmith.studio.sets import add_photo, read_design, render_set

pytestmark = pytest.mark.usefixtures("landmarks_alone")
QUICK = AnimateOptions(fps=8, inversion=InversionOptions(iterations=2))
OPTIONS = StudioOptions(max_bytes=200_000, max_pixels=50_000, animate=QUICK)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def nothing(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def session(make_animator, tmp_path) -> StudioSession:
    folder = tmp_path / "session"
    folder.mkdir()
    return StudioSession(make_animator(), folder=folder, options=OPTIONS)


@pytest.fixture
def opened(session, photo) -> StudioSession:
    session.open_face(session.load_photo(png(photo), name="her.png"), nothing)
    return session


# --- a face -----------------------------------------------------------------------------------------------------------


def test_a_photo_is_shown_as_it_is(opened, photo):
    assert opened.pose.action_units == opened.scene.subject.photo_aus
    assert np.array_equal(opened.scene.subject.photo, photo)
    assert np.array_equal(opened.preview(), opened.scene.preview.before)


def test_the_latent_is_the_api_s(opened, photo, make_animator):
    theirs = make_animator().prepare(photo, options=QUICK)
    assert np.array_equal(opened.scene.subject.latent.ws, theirs.latent.ws)


def test_the_encoders_answer_is_there_before_the_search_ends(session, photo):
    session.load_photo(png(photo), name="her.png")
    seen = []
    session.open_face(0, lambda *step: seen.append((*step, session.scene is not None)))
    assert all(shown for *_, shown in seen)
    assert [step[:3] for step in seen if step[0] == "inversion"][-1] == ("inversion", 2, 2)
    assert seen[-1][0] == "inversion" and seen[-1][1] == seen[-1][2]


def test_a_cancelled_search_leaves_the_encoders_answer(session, photo):
    session.load_photo(png(photo), name="her.png")

    def stop(stage, done, total):
        if done:
            raise JobCancelledError("Cancelled.")

    with pytest.raises(JobCancelledError):
        session.open_face(0, stop)
    assert session.scene.subject.inversion.iterations == (0,)


def test_sliders_moved_during_the_search_stay(session, photo):
    session.load_photo(png(photo), name="her.png")
    smile = Pose(ActionUnits({12: 0.4}))
    session.open_face(0, lambda stage, done, total: done == 1 and session.settle(smile))
    assert session.pose == smile
    session.open_face(0, nothing)
    assert session.pose == smile
    session.load_photo(png(photo[:, ::-1].copy()), name="other.png")
    session.open_face(0, nothing)
    assert session.pose == smile  # the pose stays when the photo changes, until nobody had touched it
    session.as_in_photo()
    session.load_photo(png(photo), name="her.png")
    session.open_face(0, nothing)
    assert session.pose.action_units == session.scene.subject.photo_aus


def test_one_of_several_faces_is_chosen(make_animator, photo, tmp_path):
    faces = FakeFaces((face_at(35, 35, 28), face_at(80, 35, 26)))
    session = StudioSession(make_animator(faces=faces), folder=tmp_path, options=OPTIONS)
    assert session.load_photo(png(photo), name="two.png") == 0
    session.open_face(1, nothing)
    assert session.scene.subject.face_index == 1
    html = views.faces(session)
    assert html.count("data-face") == 2 and html.count('aria-pressed="true"') == 1
    with pytest.raises(NoFaceError):
        session.open_face(2, nothing)


@pytest.mark.slow
def test_faces_keep_what_they_show_and_move_together(make_animator, photo, tmp_path, monkeypatch):
    faces = FakeFaces((face_at(35, 35, 28), face_at(80, 35, 26)))
    session = StudioSession(make_animator(faces=faces), folder=tmp_path, options=OPTIONS)
    session.open_face(session.load_photo(png(photo), name="two.png"), nothing)
    frown, smile = Pose(ActionUnits({4: 1.0})), Pose(ActionUnits({12: 1.0}))
    session.settle(frown)
    first = session.scene
    alone = export(session, "picture", nothing)
    assert [path.name for path in alone] == ["two_AU04-100.png", "two_AU04-100.png.json"]
    session.open_face(1, nothing)
    session.settle(smile)
    session.open_face(0, nothing)
    assert session.pose == frown and session.scene is first  # nothing was searched for again
    session.move_together([1, 7])
    together = export(session, "picture", nothing)
    assert [path.name[-10:] for path in together[1:]] == ["face0.json", "face1.json"]
    one, both = (image.read(paths[0]).astype(int) for paths in (alone, together))
    own = np.abs(one - photo).max(axis=2) > 0
    own[:, 45:] = False  # there the other one's change lies over it
    assert own.any() and np.array_equal(both[own], one[own]) and not np.array_equal(both, one)
    film = session.render(nothing)
    assert [each.subject.face_index for each in film.films] == [0, 1] and not session.is_stale
    assert film.films[1].timeline.at([1.0])[0, AUS.index(12)] == 1
    monkeypatch.setattr(Animation, "save_page", lambda self, path, *, receipt: path.write_text(receipt.to_json()))
    for kind, ending in (("receipt", ".json"), ("page", ".pdf"), ("sheet", ".png")):
        paths = export(session, kind, nothing)
        assert [path.name.partition(".")[2] for path in paths] == [f"face0{ending}", f"face1{ending}"]
        assert paths[0].read_bytes() != paths[1].read_bytes() and export(session, kind, nothing) == paths
    names = zipfile.ZipFile(export(session, "png", nothing)[0]).namelist()
    assert {name for name in names if "frame_" not in name} == {"receipt.face0.json", "receipt.face1.json"}
    session.move_together([])
    assert session.is_stale
    with pytest.raises(NoFaceError):
        session.open_face(2, nothing)
    assert session.scene is first


def test_a_face_that_was_never_opened_is_searched_once(make_animator, photo, tmp_path, monkeypatch):
    faces = FakeFaces((face_at(35, 35, 28), face_at(80, 35, 26)))
    session = StudioSession(make_animator(faces=faces), folder=tmp_path, options=OPTIONS)
    session.open_face(session.load_photo(png(photo), name="two.png"), nothing)
    searched = []

    def rendered(films, folder, progress, *, asked):  # unmeasured, so that it takes no time
        return SimpleNamespace(films=films, asked=asked, master=folder / "master.mkv")

    monkeypatch.setattr(
        "facsmith.studio.session.encode",
        lambda *args, **rest: searched.append(rest["options"].face) or encode(*args, **rest),
    )
    monkeypatch.setattr("facsmith.studio.session.render", rendered)
    session.settle(Pose(ActionUnits({12: 1.0})))
    session.move_together([1])
    session.parts(nothing)
    film = session.render(nothing)
    assert searched == [1] and session.render(nothing) is film and not session.is_stale
    assert film.films[1].timeline.at([1.0])[0, AUS.index(12)] == 1  # it still does as the first one does
    session.open_face(1, nothing)
    assert searched == [1] and session.pose.action_units == session.scene.subject.photo_aus


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"", "a.mp4"), (b"#EXTM3U\nfile:///etc/passwd", "a.mp4"), (b"....ftypisom" + bytes(99), "a.mp4"),
     (bytes(200_001), "a.mkv")],
)  # fmt: skip
def test_what_is_no_film_is_refused_and_leaves_nothing(session, data, name):
    with pytest.raises(InputError) as error:
        take_film(session, data, name)
    assert str(session.folder) not in str(error.value) and session.footage is None
    assert not [path for path in session.folder.rglob("*") if path.is_file()]


def matroska(times: range, *, live: bool) -> bytes:
    """A film of one grey picture at these milliseconds. live: its header tells no duration, as browsers record."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska", options={"live": "1"} if live else {}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
        stream.codec_context.time_base = Fraction(1, 1000)
        picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 128, np.uint8), format="rgb24")
        for picture.pts in times:
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def test_how_long_a_film_is_is_not_left_to_its_header(session):
    take_film(session, matroska(range(0, 3000, 500), live=True), "short.webm")
    assert session.footage_seconds == pytest.approx(2.5, abs=0.6)
    footage, files = session.footage, [*session.folder.rglob("*")]
    silent, honest = (matroska(range(0, 125_000, 500), live=live) for live in (True, False))
    duration = honest.index(b"\x44\x89\x88") + 3  # element, length; then a double, milliseconds
    assert struct.unpack_from(">d", honest, duration)[0] > 120_000
    lying = honest[:duration] + struct.pack(">d", 1000.0) + honest[duration + 8 :]
    many = matroska(range(0, 2 * (MOST_PICTURES + 1), 2), live=True)
    for data, match in ((silent, "at most 120 s"), (honest, "at most 120 s"), (lying, "at most 120 s"), (many, "7200")):
        with pytest.raises(InputError, match=match):
            take_film(session, data, "long.webm")
        assert session.footage is footage and [*session.folder.rglob("*")] == files


@pytest.mark.parametrize("notices", [True, False])
def test_a_film_that_gave_way_to_another_leaves_no_result(session, photo, tmp_path, monkeypatch, notices):
    video.write(tmp_path / "talk.mp4", [photo] * 4, fps=8)
    data = (tmp_path / "talk.mp4").read_bytes()
    take_film(session, data, "first.mp4")

    def edit(film, output, change, **rest):
        shutil.copy(film, output)
        if notices:
            take_film(session, data, "second.mp4")
            video.open_footage(film)  # it is gone
        return SimpleNamespace(film={"rate": 8, "face_box": (0, 0, 32, 32), "frames": 4})

    def bring(stage: str, done: int, total: int) -> None:
        if stage == "pair" and done == total:
            take_film(session, data, "second.mp4")

    monkeypatch.setattr(session.animator, "edit_film", edit)
    with pytest.raises(JobCancelledError):
        edit_film(session, FilmChange.read(relative="AU4=+0.6"), FilmOptions(), bring)
    assert session.footage_name == "second.mp4" and session.edited is None
    assert [path for path in session.folder.rglob("*") if path.is_file()] == [session.footage]


def test_a_new_film_calls_off_what_is_made_of_the_one_before(session, photo, tmp_path):
    def work(progress: Progress) -> None:
        while True:
            progress("frames", 0, 1)
            time.sleep(0.01)

    video.write(tmp_path / "talk.mp4", [photo] * 4, fps=8)
    job = session.start(work)
    with pytest.raises(InputError):
        take_film(session, b"", "none.mp4")
    assert not job.done()
    take_film(session, (tmp_path / "talk.mp4").read_bytes(), "talk.mp4")
    assert isinstance(job.exception(), JobCancelledError)


@pytest.mark.slow
def test_a_film_is_edited_once_and_its_files_go(session, photo, tmp_path):
    video.write(tmp_path / "talk.mp4", [photo] * 8, fps=8)
    data = (tmp_path / "talk.mp4").read_bytes()
    with pytest.raises(InputError, match="no film yet"):
        edit_film(session, FilmChange.read(relative="AU4=+0.6"), FilmOptions(fitted=False), nothing)
    take_film(session, data, "../her talk.mp4")
    assert session.footage_seconds == 1.0 and "her talk.mp4" in views.edited(session)
    film = edit_film(session, FilmChange.read(relative="AU4=+0.6"), FilmOptions(fitted=False), nothing)
    assert film.file.name == "her-talk_edited.mp4" and film.file.with_name(f"{film.file.name}.json").is_file()
    assert film is edit_film(session, FilmChange.read(relative="AU4=+0.6"), FilmOptions(fitted=False), nothing)
    pair = [*video.read(film.pair)]
    assert len(pair) == 8 and "AU4" in views.edited(session)
    half = pair[4].shape[1] // 2
    left, right = pair[4][:, :half].astype(int), pair[4][:, -half:].astype(int)
    assert np.abs(left - pair[0][:, :half]).mean() < 2 and np.abs(left - right).max() > 20  # before, and after
    other = edit_film(session, FilmChange.read(relative="AU1=+0.6"), FilmOptions(fitted=False), nothing)
    assert other is session.edited and not film.file.exists()
    take_film(session, data, "other.mp4")
    assert session.edited is None and not other.file.exists()


def test_eyes_turn_one_way_and_keep_the_rest():
    pose = Pose(ActionUnits({12: 0.5})).with_gesture("Look left").with_gesture("Wink right").with_gesture("Look right")
    assert pose.action_units == ActionUnits(left={12: 0.5, 62: 1.0}, right={12: 0.5, 45: 1.0, 62: 1.0})


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(50), b"<svg></svg>"])
def test_what_is_no_picture_is_refused(session, data):
    with pytest.raises(PhotoError):
        session.load_photo(data, name="x.png")


def test_uploads_are_bounded_in_bytes_and_pixels(session):
    with pytest.raises(PhotoError, match="at most 0 MB are taken"):
        session.load_photo(bytes(OPTIONS.max_bytes + 1), name="x.png")
    with pytest.raises(PhotoError, match="megapixels"):
        session.load_photo(png(np.zeros((300, 300, 3), np.uint8)), name="x.png")


def test_without_a_face_everything_says_so(session):
    for act in (session.preview, session.as_in_photo, session.film, lambda: session.timeline):
        with pytest.raises(PhotoError, match="no face yet"):
            act()
    with pytest.raises(PhotoError, match="no photo yet"):
        session.open_face(0, nothing)
    with pytest.raises(InputError, match="no such sample"):
        session.load_sample("../../etc/passwd")


def test_samples_and_new_faces(session):
    assert session.load_sample("nobody-39") is None
    first = session.preview()
    session.new_face(3)
    assert not np.array_equal(session.preview(), first)
    assert session.load_sample("astronaut") == 0
    assert set(SAMPLES) >= {"astronaut"}


def test_a_latent_comes_back(opened, tmp_path):
    (path,) = export(opened, "latent", nothing)
    saved = path.read_bytes()
    opened.load_code(saved, 0, nothing)
    assert np.array_equal(opened.scene.subject.latent.ws, Latent.load(path).ws)
    with pytest.raises(LatentError):
        opened.load_code(b"not a latent", 0, nothing)
    stranger = tmp_path / "stranger.safetensors"
    Latent(np.zeros((4, 8), np.float32), "another generator").save(stranger)
    with pytest.raises(LatentError, match="belongs to the generator"):
        opened.load_code(stranger.read_bytes(), 0, nothing)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("her.jpg", "her.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\a b.png", "a b.png"),
        ("<b>\0", "b"),
        ("..", "photo"),
    ],
)
def test_a_client_s_file_name_is_only_a_label(given, shown):
    assert readable(given) == shown


# --- close-up ---------------------------------------------------------------------------------------------------------


def test_a_close_up_is_the_same_face_on_fewer_pixels(make_animator):
    y, x = np.mgrid[:900, :1200]
    large = np.stack([x / 5, y / 4, (x + y) / 9], 2).astype(np.uint8)
    animator = make_animator(faces=FakeFaces((face_at(600, 350, 150),)))
    subject = animator.prepare(large, options=QUICK)
    small = close_up(subject, longest=200)
    assert max(small.photo.shape) == 200
    points = subject.face.landmarks[[0, 30, 48]]
    assert np.allclose(
        small.transform.to_crop(small.face.landmarks[[0, 30, 48]]), subject.transform.to_crop(points), atol=0.1
    )
    differences = np.abs(small.transform.crop(small.photo).astype(int) - subject.transform.crop(large))
    assert differences.mean() < 1.5


def test_a_face_at_the_photo_s_edge_still_has_a_close_up(make_animator, photo):
    animator = make_animator(faces=FakeFaces((face_at(14, 12, 28),)))
    small = close_up(animator.prepare(photo, options=QUICK))
    assert small.photo.size > 0 and small.photo.shape[0] <= photo.shape[0]


# --- sliders ----------------------------------------------------------------------------------------------------------


def test_poses_survive_the_page():
    pose = Pose(ActionUnits({6: 0.6}, left={12: 0.25}), frozenset({4}))
    assert Pose.from_json(pose.to_json()) == pose
    assert pose.split == {4, 12}  # what differs cannot be linked


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"left": {}, "right": {}}, {"left": {"12": "x"}, "right": {}, "split": []},
     {"left": {"12": 2}, "right": {}, "split": []}, {"left": {"99": 0.1}, "right": {}, "split": []},
     {"left": {}, "right": {}, "split": [34]}, {"left": {"12": float("nan")}, "right": {}, "split": []}],
)  # fmt: skip
def test_sliders_from_elsewhere_are_checked(value):
    with pytest.raises(ActionUnitError):
        Pose.from_json(value)


def test_undo_and_redo_go_step_by_step(opened):
    """Emotions and their timing, links of sides and seconds alike."""
    start, plain = opened.pose, opened.score
    split = Pose(opened.pose.action_units, frozenset({12}))
    opened.settle(split)
    opened.emotion("surprise")
    surprised = opened.pose, opened.score
    assert opened.pose.action_units == EMOTIONS["surprise"].action_units and opened.score != plain
    opened.move(Pose(ActionUnits({1: 0.3})))
    opened.settle(Pose(ActionUnits({1: 0.35})))
    opened.settle(Pose(ActionUnits({1: 0.35})))
    opened.go(-1)
    assert (opened.pose, opened.score) == surprised
    opened.go(-1)
    assert opened.pose == split and opened.score == plain
    opened.go(-1)
    opened.go(-1)
    assert opened.pose == start
    opened.go(1)
    opened.go(1)
    assert (opened.pose, opened.score) == surprised
    opened.neutral()
    opened.go(1)  # what was undone is gone
    assert not opened.pose.action_units
    opened.as_in_photo()
    assert opened.pose.action_units == opened.scene.subject.photo_aus


def test_a_strength_scales_the_emotion(opened):
    opened.emotion("contempt")
    opened.strengthen(0.5)
    whole = EMOTIONS["contempt"].action_units
    assert all(opened.pose.action_units.right[au] == pytest.approx(0.5 * e) for au, e in whole.right.items())
    assert opened.condition == "contempt-050"
    opened.settle(Pose(ActionUnits({4: 0.3, 1: 0.04})))
    opened.strengthen(0.5)  # no emotion: nothing to scale
    assert opened.pose.action_units[4] == 0.3 and opened.condition == "AU04-030"


def test_slider_movements_that_were_overtaken_are_told(session):
    assert session.is_newest(3) and session.is_newest(3)
    assert not session.is_newest(2)
    assert session.is_newest(4)


def test_history_is_bounded():
    history = History(Moment(Pose(), Score.of()))
    for step in range(300):
        history.settle(Moment(Pose(ActionUnits({12: step / 300})), Score.of()))
    for _ in range(400):
        last = history.go(-1)
    assert last.pose.action_units[12] == pytest.approx(199 / 300)


def test_an_emotion_s_whole_prototype_reaches_the_sliders(opened):
    opened.emotion("anger")
    assert opened.remark == ""
    assert {4, 5, 7, 15, 17, 23, 24} == set(opened.pose.action_units)
    assert {4, 5, 7, 15, 17, 23, 24} <= set(views.timing(opened)["active"])


def test_every_au_has_one_row_and_eyes_have_no_sides_to_split():
    assert sorted(au for group in GROUPS.values() for au in group) == list(AUS)
    html = expression_board({1: "data:,"}).html_template
    assert html.count('class="au"') == len(AUS) and html.count("<img") == 1
    assert html.count('class="link"') == len(AUS) - len(UNSIDED)
    with pytest.raises(ActionUnitError, match="split"):
        Pose.from_json({"left": {}, "right": {}, "split": [61]})


# --- film -------------------------------------------------------------------------------------------------------------


def test_every_au_keeps_its_own_time():
    score = Score({12: Phases(0.5, 0.5, 1.0, 1.0), 6: Phases(0.0, 0.2, 0.0, 0.0)})
    timeline = score.timeline(ActionUnits({25: 0.4}), ActionUnits({12: 0.8, 6: 0.6}))
    at = timeline.at([0, 0.2, 0.5, 1.0, 2.0, 3.0])
    assert at[:, AUS.index(12)] == pytest.approx([0, 0, 0, 0.8, 0.8, 0])
    assert at[:, AUS.index(6)] == pytest.approx([0, 0.6, 0.6, 0.6, 0.6, 0.6])  # no offset: it stays
    assert at[[0, -1], AUS.index(25)] == pytest.approx([0.4, 0.4])  # what the photo shows comes back
    assert at[2, AUS.index(25)] < 0.4
    assert Score.from_json(score.to_json()).phases == score.phases


@pytest.mark.parametrize(
    "value",
    [None, [], {"12": [1, 2, 3]}, {"12": [1, 2, 3, -1]}, {"12": [1, 2, 3, 1e9]}, {"34": [1] * 4}, {"12": ["x"] * 4}],
)
def test_seconds_from_elsewhere_are_checked(value):
    with pytest.raises((TimelineError, InputError)):
        Score.from_json(value)


def test_exported_frames_are_the_api_s(opened, photo, make_animator):
    opened.emotion("happiness")
    archive = zipfile.ZipFile(export(opened, "png", nothing)[0])
    names = sorted(name for name in archive.namelist() if name.endswith(".png"))
    frames = [np.array(Image.open(archive.open(name)).convert("RGB")) for name in names]
    theirs = list(make_animator().animate(photo, opened.timeline, options=QUICK).frames())
    assert len(frames) == len(theirs) > 10
    assert all(np.array_equal(a, b) for a, b in zip(frames, theirs, strict=True))
    assert np.array_equal(frames[0], photo) and not np.array_equal(frames[len(frames) // 2], photo)
    assert b'"synthetic": true' in archive.read("receipt.json")


@pytest.fixture(scope="module")
def smiling(tmp_path_factory) -> StudioSession:
    """Opened once, and rendered by whichever kind of export comes first."""
    session = StudioSession(fake_animator(), folder=tmp_path_factory.mktemp("session"), options=OPTIONS)
    session.open_face(session.load_photo(png(waves()), name="her.png"), nothing)
    session.settle(Pose(ActionUnits({12: 1.0})))
    return session


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(EXPORTS))
def test_every_export_can_be_read(smiling, kind):
    rendered = smiling.rendered
    path, *receipts = export(smiling, kind, nothing)
    assert rendered is None or smiling.rendered is rendered
    assert path.name.startswith("her")
    assert bool(receipts) == (kind in ("mp4", "gif", "webp", "picture"))
    assert path.is_relative_to(smiling.folder) and path.stat().st_size > 100
    if kind in ("mp4", "gif", "webp"):
        assert len(list(video.read(path))) > 10
    if kind == "page":
        assert path.read_bytes().startswith(b"%PDF")
    if kind == "sheet":
        assert image.read(path).shape[0] > 50


def test_every_format_comes_from_one_render(opened, monkeypatch):
    renders = []
    frames = Animation.frames
    monkeypatch.setattr(Animation, "frames", lambda self, progress=None: renders.append(1) or frames(self, progress))
    opened.emotion("surprise")
    played = opened.render(nothing)
    names = {path.name for kind in ("mp4", "gif", "webp", "png", "page") for path in export(opened, kind, nothing)}
    assert renders == [1] and opened.rendered is played and not opened.is_stale
    assert {"her_surprise.mp4", "her_surprise.mp4.json", "her_surprise_receipt.pdf"} <= names
    own = list(opened.film().frames())
    assert all(np.array_equal(a, b) for a, b in zip(played.frames(), own, strict=True))
    opened.settle(Pose(ActionUnits({12: 0.5})))
    assert opened.is_stale and "is-old" in views.timing_plot(opened)
    opened.go(-1)
    assert not opened.is_stale
    opened.neutral()
    opened.render(nothing)
    assert not played.master.exists()  # old films go


def test_a_film_can_be_cancelled_while_it_is_measured(opened):
    opened.neutral()
    before = opened.rendered

    def progress(stage, done, total):
        if stage == "measuring" and done == 1:
            raise JobCancelledError("Cancelled.")

    with pytest.raises(JobCancelledError):
        opened.render(progress)
    assert opened.rendered is before


def test_what_is_played_is_what_is_exported(opened):
    opened.emotion("surprise")
    played = opened.render(nothing)
    assert played.movie[4:8] == b"ftyp"
    html = views.film(opened)
    assert "AU26" in html and "jaw drop" in html
    assert views.movie(opened)["video"].startswith("data:video/mp4;base64,")


def test_each_side_goes_its_own_way(opened):
    opened.settle(Pose(ActionUnits(right={12: 1.0})))
    one_sided = opened.preview()
    opened.settle(Pose(ActionUnits({12: 1.0})))
    assert not np.array_equal(one_sided, opened.preview())
    opened.settle(Pose(ActionUnits(right={12: 1.0})))
    timeline = opened.timeline
    middle = timeline.duration / 2
    assert timeline.at(middle, "right")[0, AUS.index(12)] == 1 and timeline.at(middle, "left")[0, AUS.index(12)] == 0
    assert "R12" in views.timing_plot(opened) and "AU12" not in views.timing_plot(opened)
    html = views.film(opened) or (opened.render(nothing) and views.film(opened))
    assert "<b>R12</b>" in html and "<b>AU12</b>" not in html


TRACK = "frame, timestamp, confidence, success, AU12_r\n" + "\n".join(
    f"{i + 1},{i / 8:.3f},0.98,1,{min(5, i / 2):.2f}" for i in range(20)
)


def test_a_track_drives_until_a_slider_moves(opened):
    opened.load_track(TRACK.encode(), name="smile.csv")
    assert opened.track is not None and "smile.csv drives" in opened.remark
    assert opened.timeline.at(10)[0, AUS.index(12)] == pytest.approx(1.0, abs=0.01)
    again = export(opened, "openface", nothing)[0].read_bytes()
    yaml = export(opened, "yaml", nothing)[0].read_bytes()
    for data, name in ((again, "again.csv"), (yaml, "again.yaml")):
        opened.load_track(data, name=name)
        assert opened.timeline.at(10)[0, AUS.index(12)] == pytest.approx(1.0, abs=0.02)
    opened.settle(Pose(ActionUnits({4: 0.5})))
    assert opened.track is None
    assert opened.timeline.at(1)[0, AUS.index(12)] < 0.9


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"", "x.csv"), (b"a,b\n1,2\n", "x.csv"), (b"\xff\xfe\x00", "x.csv"), (b"!!python/object:os.system {}", "x.yaml"),
     (TRACK.replace("0.98", "nan").encode(), "x.csv"), (TRACK.encode(), "../../x.yaml")],
)  # fmt: skip
def test_bad_tracks_are_refused_and_leave_no_file(opened, data, name):
    with pytest.raises(TimelineError):
        opened.load_track(data, name=name)
    assert opened.track is None
    assert [path for path in opened.folder.rglob("*") if path.is_file()] == []


def test_films_blink_loop_and_rest_when_asked(opened):
    opened.emotion("happiness")
    plain = opened.timeline.duration
    opened.choose(["neutral_first"])
    assert opened.timeline.duration > plain
    opened.choose(["blinks", "loop"])
    assert opened.timeline.loop and opened.timeline.has_blinks
    assert len(opened.film()) > 5
    opened.choose()
    assert opened.timeline.duration == plain


def test_an_unknown_export_is_refused(opened):
    with pytest.raises(InputError, match="no export"):
        export(opened, "../../x", nothing)


# --- jobs and visitors ------------------------------------------------------------------------------------------------


def test_a_job_tells_and_returns():
    def work(progress):
        for step in range(3):
            progress("frames", step + 1, 3)
        return "done"

    job = Job(work)
    steps = list(job.steps())
    assert job.result() == "done"
    assert all(step.stage in ("", "frames") and step.total in (0, 3) for step in steps)


def test_a_job_ends_at_its_next_step_when_cancelled():
    held, gone = threading.Event(), threading.Event()

    def work(progress):
        held.set()
        gone.wait(5)
        progress("frames", 1, 2)
        raise AssertionError("went on")

    job = Job(work)
    held.wait(5)
    job.cancel()
    gone.set()
    with pytest.raises(JobCancelledError):
        job.result()


def test_a_cancelled_job_frees_its_memory():
    held = []

    def work(progress):
        large = np.zeros(1000)
        held.append(weakref.ref(large))
        while True:
            progress("frames", 1, 2)
            time.sleep(0.001)

    job = Job(work)
    while not held:
        time.sleep(0.001)
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.result()
    gc.collect()
    assert held[0]() is None


def test_a_job_s_error_is_the_caller_s():
    def work(progress):
        raise PhotoError("no")

    job = Job(work)
    list(job.steps())
    with pytest.raises(PhotoError):
        job.result()


def test_visitors_share_nothing(make_animator, photo):
    visitors = Sessions(make_animator(), OPTIONS)
    a, b = visitors.get("a"), visitors.get("b")
    assert a is visitors.get("a") and a is not b and a.folder != b.folder
    a.open_face(a.load_photo(png(photo), name="a.png"), nothing)
    b.open_face(b.load_photo(png(photo[:, ::-1].copy()), name="b.png"), nothing)
    a.emotion("surprise")
    assert b.pose.action_units == b.scene.subject.photo_aus
    assert not np.array_equal(a.scene.subject.photo, b.scene.subject.photo)
    visitors.close()


def test_a_visitor_who_leaves_leaves_nothing(make_animator, photo):
    visitors = Sessions(make_animator(), replace(OPTIONS, grace=0.2))
    token, session = visitors.claim("a", None)
    session.open_face(session.load_photo(png(photo), name="a.png"), nothing)
    (path,) = export(session, "latent", nothing)
    offer = visitors.offer(session, path)
    assert visitors.fetch(offer) == ("a_code.safetensors", path)
    visitors.leave("a")
    again, same = visitors.claim("b", token)  # the page loaded anew, within the grace
    assert (again, same) == (token, session) and session.scene is not None
    visitors.claim("c", token)  # another tab
    visitors.leave("b")
    time.sleep(0.3)
    assert session.scene is not None
    visitors.leave("c")
    until = time.monotonic() + 5
    while session.folder.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert visitors.fetch(offer) is None and not path.exists() and not session.folder.exists()
    assert session.photo is None and session.scene is None and session.origin == {}
    with pytest.raises(InputError):
        visitors.offer(session, path)
    visitors.close()
    assert not visitors.folder.exists()


def test_a_script_that_leaves_is_forgotten_at_once(make_animator):
    visitors = Sessions(make_animator(), OPTIONS)
    session = visitors.get("script")
    visitors.leave("script")
    assert len(visitors) == 0 and not session.folder.exists()
    visitors.close()


@pytest.mark.parametrize("token", [None, 3, "", "short", "../../../../../../../../../../../../etc", "x" * 65])
def test_tokens_are_hard_to_guess(make_animator, token):
    visitors = Sessions(make_animator(), OPTIONS)
    given, _ = visitors.claim("a", token)
    assert given != token and len(given) >= 32
    visitors.close()


# --- projects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", ["photo", "astronaut", "nobody-18"])
def test_a_project_is_opened_again(opened, make_animator, tmp_path, begin):
    if begin != "photo":
        index = opened.load_sample(begin)
        if index is not None:
            opened.open_face(index, nothing)
    opened.settle(Pose(ActionUnits(right={12: 0.33}), frozenset({12, 4})))
    opened.time(Score.natural("surprise"))
    opened.choose(["blinks"])
    opened.load_track(TRACK.encode(), name="smile.csv")
    data = save_project(opened)
    (tmp_path / "other").mkdir()
    other = StudioSession(make_animator(), folder=tmp_path / "other", options=OPTIONS)
    open_project(other, data, nothing)
    for what in ("pose", "score", "animate", "stem"):
        assert getattr(other, what) == getattr(opened, what), what
    assert np.array_equal(other.scene.subject.photo, opened.scene.subject.photo)
    assert np.array_equal(other.scene.subject.latent.ws, opened.scene.subject.latent.ws)
    assert other.timeline.at(10)[0, AUS.index(12)] == pytest.approx(1.0, abs=0.02)
    assert [p for p in other.folder.rglob("*") if p.is_file()] == []


def test_a_project_keeps_all_faces_and_asks_for_its_film(make_animator, photo, tmp_path):
    animator = make_animator(faces=FakeFaces((face_at(35, 35, 28), face_at(80, 35, 26))))
    session, other = (StudioSession(animator, folder=tmp_path / name, options=OPTIONS) for name in ("session", "other"))
    for each in (session, other):
        each.folder.mkdir()
    session.open_face(session.load_photo(png(photo), name="two.png"), nothing)
    session.settle(Pose(ActionUnits({4: 1.0})))
    session.open_face(1, nothing)
    session.emotion("fear")
    session.move_together([0])
    video.write(tmp_path / "talk.mp4", [photo] * 3, fps=3)
    film = (tmp_path / "talk.mp4").read_bytes()
    take_film(session, film, "talk.mp4")
    open_project(other, save_project(session), nothing)
    assert other.condition == "fear" and other.together == {0} and other.scene.subject.face_index == 1
    other.go(-1)
    assert other.pose == session.pose  # nothing of the other face's is behind it
    ws = other.cast[0][0].subject.latent.ws
    assert np.array_equal(ws, session.cast[0][0].subject.latent.ws)
    other.see(0)
    assert other.pose == Pose(ActionUnits({4: 1.0}))
    assert "talk.mp4, is not here" in views.edited(other)
    video.write(tmp_path / "walk.mp4", [photo] * 2, fps=3)
    walk = (tmp_path / "walk.mp4").read_bytes()
    open_project(other, save_project(session), nothing)
    assert "not the film of the project, talk.mp4" in take_film(other, walk, "walk.mp4")
    open_project(other, save_project(session), nothing)
    assert take_film(other, film, "anything.mp4") == take_film(session, film, "anything.mp4")
    kept = other.footage
    open_project(other, save_project(session), nothing)
    assert other.footage is kept and kept.exists()  # it is the same: nothing is asked for


def test_a_damaged_project_is_refused(opened):
    whole = save_project(opened)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.json", bytes(3 << 20))
    for data in (b"", b"PK", whole[: len(whole) // 2], whole.replace(b'"face"', b'"fade"'), packed.getvalue()):
        with pytest.raises(InputError):
            open_project(opened, data, nothing)


def test_what_the_page_did_alone_is_taken(opened):
    smile = Pose(ActionUnits({12: 0.7})).to_json()
    restore_page(opened, {"pose": smile | {"turn": 0}})
    assert opened.pose.action_units.get(12, 0.0) != 0.7  # no newer than what the server knows
    restore_page(opened, {"pose": smile | {"turn": 99}, "rows": Score.natural("surprise").to_json()})
    assert opened.pose.action_units[12] == 0.7 and opened.score == Score.natural("surprise")


# --- sets -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_set_is_photos_by_expressions_by_levels(opened, photo):
    add_photo(opened, png(photo), "her.png")
    add_photo(opened, png(photo[:, ::-1].copy()), "../her.png")
    design = read_design(["happiness", "L12", "AU4"], "C,E", films=False)
    archive = zipfile.ZipFile(render_set(opened, design, nothing))
    rows = list(csv.DictReader(io.TextIOWrapper(archive.open("manifest.csv"))))
    assert len(rows) == 2 * (1 + 3 * 2) and {row["photo"] for row in rows} == {"her.jpg", "her-2.jpg"}
    assert "AU06-060_AU12-060" in " ".join(row["condition"] for row in rows)
    for row in rows:
        assert Image.open(archive.open(row["stimulus"])).size == (120, 96)
        assert b'"synthetic": true' in archive.read(f"{row['stimulus']}.json")
    assert len([p for p in opened.folder.rglob("*") if p.is_file()]) == 1


@pytest.mark.parametrize(
    ("wanted", "levels"), [([], "C"), (["AU99"], "C"), (["joy"], "C"), (["AU4"], "2"), (["AU4"], "")]
)
def test_sets_of_nothing_are_refused(wanted, levels):
    with pytest.raises(InputError):
        read_design(wanted, levels, films=False)


def test_a_set_is_bounded(opened):
    levels = ",".join(str(n / 100) for n in range(1, 100))
    with pytest.raises(InputError, match="at most 600"):
        render_set(opened, read_design([f"AU{au}" for au in AUS], levels, films=True), nothing)
    with pytest.raises(PhotoError):
        add_photo(opened, b"no picture", "x.png")


# --- words ------------------------------------------------------------------------------------------------------------


def test_nothing_of_a_command_line_is_said():
    said = (
        "2 faces were found and number 0, the largest, was taken; choose with --face 0 to 1. Landmarks come from dlib."
    )
    assert views.plain(said) == "Landmarks come from dlib."
    assert views.failed(InputError("Look into /usr/lib/x. Then try again."))["text"] == "Then try again."
    assert views.failed(InputError("Use --host."))["text"]  # better these words than none


def test_what_is_amiss_with_a_photo_is_said(make_animator, photo, tmp_path):
    session = StudioSession(
        make_animator(faces=FakeFaces((face_at(60, 35, 28, yaw=21.0),))), folder=tmp_path, options=OPTIONS
    )
    session.open_face(session.load_photo(png(photo), name="her.png"), nothing)
    assert "turned by about 21 degrees" in views.face_notes(session)


def test_a_line_tells_the_place_and_keeps_the_order():
    line, order, told = Line(10.0), [], []
    go = threading.Event()

    def first(progress):
        go.wait(5)
        order.append(1)

    jobs = [Job(line.wait(first))]
    time.sleep(0.05)
    jobs += [Job(line.wait(lambda progress, n=n: order.append(n))) for n in (2,)]
    time.sleep(0.05)
    dropped = Job(line.wait(lambda progress: order.append(3)))
    time.sleep(0.3)
    told += [jobs[0]._step, jobs[1]._step, dropped._step]
    assert [tuple(step)[:3] for step in told] == [("beginning", 0, 0), ("waiting", 1, 10), ("waiting", 2, 20)]
    dropped.cancel()
    go.set()
    wait(jobs)
    with pytest.raises(JobCancelledError):
        dropped.result()
    assert order == [1, 2]


def test_offers_name_files_of_the_session_only(make_animator, tmp_path):
    visitors = Sessions(make_animator(), OPTIONS)
    with pytest.raises(InputError):
        visitors.offer(visitors.get("a"), tmp_path / "secret")
    assert visitors.fetch("../../etc/passwd") is None
    visitors.close()


def test_the_longest_unused_session_makes_room(make_animator):
    visitors = Sessions(make_animator(), StudioOptions(max_sessions=2, animate=QUICK))
    first = visitors.get("a")
    visitors.get("b")
    visitors.get("a")
    visitors.get("c")
    assert len(visitors) == 2 and visitors.get("a") is first
    visitors.close()


# --- options ----------------------------------------------------------------------------------------------------------


def test_other_hosts_demand_a_password():
    with pytest.raises(InputError, match="--auth"):
        StudioOptions(host="0.0.0.0")
    assert not StudioOptions(host="0.0.0.0", auth="ann:secret").is_local
    assert "secret" not in repr(StudioOptions(auth="ann:secret"))
    assert all(StudioOptions(host=host).is_local for host in ("127.0.0.1", "localhost", "::1"))


@pytest.mark.parametrize(
    "given", [{"port": 70000}, {"max_bytes": 0}, {"auth": "ann"}, {"auth": ":x"}, {"auth": "ann:"}]
)
def test_options_are_checked(given):
    with pytest.raises(InputError):
        StudioOptions(**given)
