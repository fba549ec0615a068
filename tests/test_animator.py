import json
import tracemalloc
from collections import deque
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data
from conftest import QUICK, FakeFaces, face_at, tiny_boundaries

from facsmith.animator import Animator
from facsmith.compose import Compositor
from facsmith.errors import ActionUnitError, BoundaryError, InputError, LatentError, NoFaceError, PhotoError
from facsmith.facs import AUS, EMOTIONS, ActionUnits
from facsmith.inversion import InversionOptions
from facsmith.latent import Latent
from facsmith.options import AnimateOptions
from facsmith.plan import MOST_KEYFRAMES, keyframe_seconds, plan
from facsmith.receipt.receipt import receipt_path
from facsmith.timeline import Keyframe, Timeline
from facsmith.tuning import TunedLatent, TuningOptions


def test_a_film_begins_with_the_photo_bit_for_bit(make_animator, photo):
    film = make_animator().animate(photo, "happiness", options=QUICK)
    frames = list(film.frames())
    assert len(frames) == len(film) == 10
    assert np.array_equal(frames[0], photo)
    assert all(frame.shape == photo.shape and frame.dtype == np.uint8 for frame in frames)
    assert not np.array_equal(frames[4], photo)


def test_a_film_ends_where_it_began(make_animator, photo):
    *_, last = make_animator().animate(photo, "AU12=E", options=QUICK).frames()
    assert np.array_equal(last, photo)


def test_the_face_s_own_expression_leaves_the_photo_unchanged(make_animator, photo):
    animator = make_animator()
    own = animator.prepare(photo, options=QUICK).photo_aus
    assert np.array_equal(animator.edit(photo, own, options=QUICK).image, photo)


def test_relative_mode_with_no_action_units_leaves_the_photo_unchanged(make_animator, photo):
    options = replace(QUICK, edit="relative")
    assert np.array_equal(make_animator().edit(photo, "neutral", options=options).image, photo)


def test_frames_do_not_depend_on_the_batch(make_animator, photo):
    animator = make_animator()
    one, many = (
        list(animator.animate(photo, "surprise", options=replace(QUICK, batch=batch)).frames()) for batch in (1, 7)
    )
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(one, many, strict=True))


def test_crop_mode_gives_the_generators_own_pictures(make_animator, photo):
    film = make_animator().animate(photo, "happiness", options=replace(QUICK, mode="crop"))
    assert all(frame.shape == (16, 16, 3) for frame in film.frames())


def test_equal_neighbours_are_rendered_once(make_animator, photo, monkeypatch):
    animator = make_animator()
    film = animator.animate(photo, "AU12=E", options=QUICK, mode="paste")
    drawn = []
    synthesis = animator.networks.generator.synthesis
    monkeypatch.setattr(animator.networks.generator, "synthesis", lambda ws: drawn.append(len(ws)) or synthesis(ws))
    list(film.frames())
    assert 0 < sum(drawn) < len(film) - 3  # the hold, and both ends


def test_a_photo_is_encoded_once(make_animator, photo, faces):
    animator = make_animator()
    animator.animate(photo, "happiness", options=QUICK)
    animator.animate(photo.copy(), "sadness", options=QUICK)
    assert faces.found == 1
    animator.prepare(photo, options=replace(QUICK, inversion=InversionOptions(iterations=1)))
    assert faces.found == 2


def test_only_so_many_photos_are_remembered(make_animator, photo, faces):
    animator = make_animator()
    for shift in range(6):
        animator.prepare(np.roll(photo, shift, 1), options=QUICK)
    animator.prepare(photo, options=QUICK)
    assert faces.found == 7


def test_the_same_seed_gives_the_same_frames(make_animator, photo):
    options = replace(QUICK, inversion=InversionOptions(start="random", iterations=2, seed=5))
    first, second = (make_animator().edit(photo, "fear", options=options).image for _ in range(2))
    assert np.array_equal(first, second)


def test_several_expressions_play_in_turn_and_return(make_animator, photo):
    animator = make_animator()
    film = animator.animate(photo, ["neutral", "sadness"], options=QUICK)
    source = animator.prepare(photo, options=QUICK).photo_aus
    times = [0.0, 0.5, 0.8, 1.1, 1.4, 1.7, 2.0]
    asked = film.timeline.at(times)
    for row, expected in zip(
        asked[[0, 1, 2, 3, 6]], [source, source, ActionUnits(), ActionUnits(), source], strict=True
    ):
        np.testing.assert_allclose(row, expected.vector(), atol=1e-12)
    np.testing.assert_allclose(asked[4], asked[5])
    assert asked[4][AUS.index(15)] == 1


@pytest.mark.slow
def test_a_film_saves_itself_with_receipt_and_sheet(make_animator, photo, tmp_path):
    film = make_animator().animate(photo, "anger", options=QUICK)
    seen = []
    film.save(
        tmp_path / "angry.gif",
        contact_sheet=tmp_path / "sheet.png",
        progress=lambda stage, done, total: seen.append((stage, done, total)),
    )
    assert {p.name for p in tmp_path.iterdir()} == {"angry.gif", "angry.gif.json", "sheet.png"}
    assert ("frames", 10, 10) in seen
    stage, done, total = seen[-1]
    assert stage == "measuring" and done == total > 3
    account = json.loads((tmp_path / "angry.gif.json").read_text())
    assert account["synthetic"] is True
    assert account["model"]["name"] == "tiny"
    assert account["output"] == {"frames": 10, "seconds": pytest.approx(0.9), "width": 120, "height": 96}
    asked = [key["asked"] for key in account["keyframes"]]
    assert EMOTIONS["anger"].action_units == ActionUnits({int(au[2:]): e for au, e in max(asked, key=len).items()})
    assert all(len(key["measured"]) >= 12 for key in account["keyframes"])
    assert account["settings"]["inversion"]["iterations"] == 2
    assert account["inversion"] is None  # a picture of 16 px reaches no pixel: nobody searched for its latent
    assert account["timings"].keys() >= {"face", "frames"} and "inversion" not in account["timings"]
    ways = account["ways"]
    assert [ways[au] for au in ("AU4", "AU5", "AU7", "AU23")] == ["muscles"] * 4  # a picture of 16 px shows nothing


def test_a_picture_saves_itself_with_its_receipt(make_animator, photo, tmp_path):
    make_animator().edit(photo, "AU6=C", options=QUICK).save(tmp_path / "cheek.png")
    account = json.loads(receipt_path(tmp_path / "cheek.png").read_text())
    assert account["keyframes"][0]["asked"] == {"AU6": 0.6}
    assert account["output"]["frames"] == 1


def test_frames_on_which_no_face_is_seen_are_not_measured_and_it_is_said(make_animator, photo, faces, monkeypatch):
    def blind(image, face):
        raise NoFaceError("nothing")

    monkeypatch.setattr(faces, "follow", blind)
    receipt = make_animator().edit(photo, "AU6=C", options=QUICK).receipt
    assert receipt.keyframes[0].measured is None
    assert any("1 of the 1 frames" in note for note in receipt.notes)


def test_a_receipt_names_no_folder_of_the_user(make_animator, photo, tmp_path):
    from facsmith import image

    image.write(tmp_path / "her.png", photo)
    receipt = make_animator().edit(tmp_path / "her.png", "AU6=C", options=QUICK).receipt
    assert receipt.photo["name"] == "her.png"
    assert str(tmp_path) not in receipt.to_json()


def test_the_largest_of_several_faces_is_taken_and_said(make_animator, photo, faces):
    faces.faces = (face_at(60, 35, 28), face_at(30, 30, 25))
    animator = make_animator()
    subject = animator.prepare(photo, options=QUICK)
    assert subject.face_index == 0
    assert any("2 faces" in note and "--face" in note for note in subject.notes)
    chosen = animator.prepare(photo, options=replace(QUICK, face=1))
    assert chosen.face_index == 1
    assert not chosen.notes
    with pytest.raises(NoFaceError, match="numbers 0"):
        animator.prepare(photo, options=replace(QUICK, face=2))


def test_no_face_is_an_error(make_animator, photo, faces):
    faces.faces = ()
    with pytest.raises(NoFaceError):
        make_animator().animate(photo, "happiness", options=QUICK)


def test_a_misspelt_expression_is_named_before_the_photo_is_touched(make_animator, photo, faces):
    with pytest.raises(ActionUnitError, match="happiness"):
        make_animator().animate(photo, "hapiness", options=QUICK)
    with pytest.raises(ActionUnitError):
        make_animator().animate(photo, [], options=QUICK)
    assert faces.found == 0


def test_an_action_unit_without_boundary_comes_from_the_muscles_or_is_named_before_rendering(make_animator, photo):
    generator_id = make_animator().networks.generator.generator_id
    animator = make_animator(boundaries=tiny_boundaries(generator_id, aus=(6, 12)))
    assert len(animator.animate(photo, "AU12=E", options=QUICK)) == 10
    assert animator.animate(photo, "AU4=E", options=QUICK).ways["AU4"] == "muscles"
    assert animator.animate(photo, "AU12=E", options=QUICK, mode="paste").ways["AU12"] == "latent"
    with pytest.raises(BoundaryError, match=r"AU4 has no boundary here .* mode crop does not move"):
        animator.animate(photo, "AU4=E", options=replace(QUICK, mode="crop", edit="relative"))
    film = animator.animate(photo, "AU12=E,AU4=E", options=replace(QUICK, mode="crop", edit="relative"))
    assert any("AU4 has no boundary" in note and "left out" in note for note in film.notes)


def test_a_film_that_shows_the_generators_picture_tells_how_its_latent_was_found(make_animator, photo):
    account = make_animator().animate(photo, "anger", options=replace(QUICK, mode="paste")).receipt
    assert account.inversion is not None
    assert account.inversion["start"] == "encoder" and account.inversion["iterations"] == 2
    assert account.timings.keys() >= {"face", "inversion", "frames"}


def test_the_latent_is_searched_for_when_it_is_asked_for_and_is_the_same(make_animator, photo):
    """A film that muscles move needs none; what is found later depends on nothing that was done before."""
    animator, steps = make_animator(), []
    film = animator.animate(photo, "happiness", options=QUICK)
    before = list(film.frames())
    assert film.subject.code.known is None
    account = film.receipt
    found = animator.prepare(photo, options=QUICK)
    found.code.found(lambda *step: steps.append(step))
    assert steps[-1] == ("inversion", 2, 2)
    assert found.code is film.subject.code
    assert np.array_equal(found.latent.ws, make_animator().prepare(photo, options=QUICK).latent.ws)
    assert all(map(np.array_equal, before, film.frames()))
    assert film.receipt.inversion is account.inversion is None


@pytest.mark.parametrize("mode", ["transfer", "crop"])
def test_without_a_receipt_a_film_is_the_same_and_nothing_looks_at_it(
    make_animator, photo, tmp_path, monkeypatch, mode
):
    options = replace(QUICK, mode=mode)
    film = make_animator().animate(photo, "happiness", options=options)
    assert film.save(tmp_path / "a.mp4") is not None
    for look in ("frame_reader.FrameReader.read", "frame_stats.FrameStats.see"):
        monkeypatch.setattr(f"facsmith.receipt.{look}", None)
    alone, told = make_animator().animate(photo, "happiness", options=options, receipt=False), []
    assert alone.save(tmp_path / "b.mp4", progress=lambda *step: told.append(step)) is None
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert not (tmp_path / "b.mp4.json").exists()
    assert alone.size == film.size and told[-1] == ("frames", len(alone), len(alone))


def test_without_a_receipt_there_is_none_to_be_had(make_animator, photo, tmp_path):
    film = make_animator().animate(photo, "happiness", options=QUICK, receipt=False)
    with pytest.raises(InputError, match="receipt=False"):
        _ = film.receipt
    with pytest.raises(InputError, match="contact sheet"):
        film.save(tmp_path / "a.mp4", contact_sheet=tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
    picture = make_animator().edit(photo, "happiness", options=QUICK, receipt=False)
    assert picture.save(tmp_path / "a.png") is None
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_a_known_latent_needs_no_inversion(make_animator, photo):
    animator = make_animator()
    latent = Latent(np.full((4, 8), 0.1, np.float32), animator.networks.generator.generator_id)
    subject = animator.prepare(photo, options=QUICK, latent=latent)
    assert subject.inversion is None
    assert np.array_equal(subject.latent.ws, latent.ws)


@pytest.mark.slow
def test_a_latent_that_names_no_generator_is_judged_by_its_picture(portrait: np.ndarray):
    animator = Animator.from_pretrained()
    options = AnimateOptions(mode="crop", provider="dlib", inversion=InversionOptions(iterations=0))
    own = animator.prepare(portrait, options=options).latent
    claimed = Latent(own.ws, own.generator_id, claimed=True)
    assert any(
        "names no generator" in note for note in animator.prepare(portrait, options=options, latent=claimed).notes
    )
    other = Latent(animator.sample(3).latent.ws, own.generator_id, claimed=True)
    with pytest.raises(LatentError, match="as far from the photo as the mean face"):
        animator.prepare(portrait, options=options, latent=other)


def test_a_latent_of_another_generator_or_of_many_faces_is_refused(make_animator, photo):
    animator = make_animator()
    with pytest.raises(LatentError, match="stylegan2-1024"):
        animator.animate(photo, "fear", latent=Latent(np.zeros((4, 8), np.float32), "stylegan2-1024-abc"))
    many = Latent(np.zeros((3, 4, 8), np.float32), animator.networks.generator.generator_id)
    with pytest.raises(LatentError, match="3 faces"):
        animator.animate(photo, "fear", latent=many)


def test_a_sampled_face_can_be_filmed(make_animator, tmp_path):
    animator = make_animator()
    subject = animator.sample(3)
    assert subject.photo.shape == (16, 16, 3)
    assert np.array_equal(animator.sample(3).photo, subject.photo)
    assert not np.array_equal(animator.sample(4).photo, subject.photo)
    film = animator.animate(subject, "happiness", options=QUICK)
    first, *_ = film.frames()
    assert np.array_equal(first, subject.photo)
    with pytest.raises(PhotoError, match="own"):
        animator.invert(subject)
    with pytest.raises(InputError, match="psi"):
        animator.sample(3, psi=1.5)


def test_invert_gives_the_whole_account(make_animator, photo):
    steps = []
    found = make_animator().invert(photo, options=QUICK, progress=lambda *step: steps.append(step))
    assert found.latent.ws.shape == (1, 4, 8)
    assert len(found.trace[0]) == 3
    assert steps[-1] == ("inversion", 2, 2)


@pytest.mark.parametrize("array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_an_array_that_is_no_photo_is_refused(make_animator, array):
    with pytest.raises(PhotoError, match="uint8"):
        make_animator().prepare(array)


@pytest.mark.parametrize(
    "wrong",
    [{"fps": 0}, {"fps": float("nan")}, {"fps": 1e4}, {"mode": "blend"}, {"edit": "add"}, {"face": -1}, {"batch": 0}],
)
def test_options_are_validated(wrong):
    with pytest.raises(InputError):
        AnimateOptions(**wrong)


def test_an_intensity_that_was_not_given_is_said():
    from facsmith.plan import expression_notes

    (said,) = expression_notes("6+12C+L14")
    assert said == "AU6, L14: given without an intensity, shown at D (0.8)."
    assert expression_notes("AU12=C") == expression_notes("contempt") == []


def test_a_recorded_track_gives_few_keyframes():
    track = tuple(Keyframe(i / 25, 0.5) for i in range(1000))
    seconds = keyframe_seconds(Timeline({12: track}))
    assert len(seconds) == MOST_KEYFRAMES
    assert (seconds[0], seconds[-1]) == (0.0, 999 / 25)


def test_timings_asked_for_replace_the_natural_ones():
    timeline = plan("happiness", ActionUnits(), AnimateOptions(onset=1, apex=2, offset=0))
    assert timeline.duration == 3
    natural = plan("surprise", ActionUnits(), AnimateOptions())
    assert natural.duration < plan("sadness", ActionUnits(), AnimateOptions()).duration


def test_neutral_first_lets_the_own_expression_go_and_stay_away(make_animator, photo, monkeypatch):
    shown = SimpleNamespace(action_units=ActionUnits({4: 0.4}))
    monkeypatch.setattr("facsmith.measure.alone", lambda pixels, face: shown)
    animator = make_animator()
    options = replace(QUICK, neutral_first=True)
    film = animator.animate(photo, "AU1=E", options=options)
    own = animator.prepare(photo, options=options).photo_aus
    assert own
    assert np.array_equal(next(film.frames()), photo)
    assert film.timeline.pose(0.0) == own
    asked = film.timeline.at(np.linspace(0.85, film.timeline.duration, 60))
    assert asked[0] == pytest.approx(0)
    assert np.delete(asked, AUS.index(1), axis=1) == pytest.approx(0)
    assert asked[-1] == pytest.approx(0)
    assert asked.max() == 1
    with pytest.raises(InputError, match="--relative"):
        replace(options, edit="relative")


def test_a_timeline_is_led_in_looped_and_blinks_when_asked():
    given = Timeline({12: (Keyframe(0, 1.0), Keyframe(9.0, 0.5))})
    own = ActionUnits({25: 1.0})
    assert plan(given, own, QUICK) is given
    led = plan(given, own, replace(QUICK, neutral_first=True, blinks=True, loop=True))
    assert led.pose(0.0) == own == led.pose(led.duration)
    assert led.loop and led.has_blinks


def test_posed_expressions_are_quicker_than_spontaneous_ones():
    durations = [
        plan("happiness", ActionUnits(), AnimateOptions(variant=variant)).duration
        for variant in ("posed", None, "spontaneous")
    ]
    assert durations == sorted(durations)
    with pytest.raises(InputError, match="posed or spontaneous"):
        AnimateOptions(variant="acted")


def test_a_performance_is_what_the_face_shows(make_animator, photo):
    animator = make_animator()
    relative = replace(QUICK, edit="relative")
    film = animator.animate(photo, "L12=C", options=relative)
    own = animator.prepare(photo, options=relative).photo_aus
    shown = film.performance.sides(film.timeline.frame_times(10))
    np.testing.assert_allclose(shown[0], np.tile(own.vector(), (2, 1)))
    assert film.performance.duration == film.timeline.duration
    absolute = animator.animate(photo, "L12=C", options=QUICK)
    assert absolute.performance is absolute.timeline


def test_a_second_expression_of_the_same_face_needs_no_new_compositor(make_animator, photo, monkeypatch):
    """Counted where they are made, whoever makes them and under whatever name."""
    made, build = [], Compositor.__init__

    def counted(self, *parts, **named):
        made.append(self)
        build(self, *parts, **named)

    monkeypatch.setattr(Compositor, "__init__", counted)
    animator = make_animator()
    first = animator.edit(photo, "AU12=E", options=QUICK).image
    assert len(made) == 1
    other = animator.edit(photo, "AU1=E", options=QUICK).image
    again = animator.edit(photo, "AU12=E", options=QUICK).image
    list(animator.animate(photo, "happiness", options=QUICK).frames())
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert len(made) == 1
    animator.edit(photo[:, ::-1].copy(), "AU12=E", options=QUICK)
    assert len(made) == 2


@pytest.mark.slow
def test_high_fidelity_draws_this_very_face_and_can_be_kept(tmp_path):
    portrait = np.ascontiguousarray(skimage.data.astronaut()[:360, 50:410])
    animator = Animator.from_pretrained()
    plain = AnimateOptions(provider="dlib", mode="crop", inversion=InversionOptions(iterations=5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facsmith.tuning.TuningOptions", lambda: TuningOptions(steps=12))
        subject = animator.prepare(portrait, options=replace(plain, fidelity="high"))
    known = animator.prepare(portrait, options=plain)
    assert subject.tuned is not None and known.tuned is None
    assert np.array_equal(subject.latent.ws, known.latent.ws)
    crop = subject.transform.crop(portrait).astype(float)
    assert np.abs(subject.reference - crop).mean() < 0.95 * np.abs(known.reference - crop).mean()

    subject.tuned.save(tmp_path / "her.safetensors")
    again = animator.edit(portrait, "AU12=D", options=plain, latent=TunedLatent.load(tmp_path / "her.safetensors"))
    directly = animator.edit(subject, "AU12=D", options=plain)
    assert np.abs(again.image.astype(int) - directly.image).max() <= 2  # weights are kept in half precision
    kept, made = again.receipt.tuning, directly.receipt.tuning
    assert kept["likeness"]["l1"][1] < kept["likeness"]["l1"][0]
    assert "seconds" not in kept  # it was not tuned now
    assert made["likeness"] == kept["likeness"]
    for name, sign in (("perceptual", -1), ("identity", 1)):
        before, after = made["likeness"][name]
        gained = made["gained_per_second"][name] * made["seconds"]
        assert gained == pytest.approx(sign * (after - before), abs=1e-5 * made["seconds"])
    other = animator.edit(portrait, "AU12=D", options=plain)
    assert np.abs(other.image.astype(int) - directly.image).max() > 10


@pytest.fixture
def composed(monkeypatch):
    """What the compositor is given: (asked, whether the latent moved) a frame; its frames tell asked AU7 and AU14."""
    seen = []

    class Spy(Compositor):
        def frame(self, generated, right=None, *, change, **rest):
            out = super().frame(generated, right, change=change, **rest)
            if change.any():
                at_rest = generated is None or np.array_equal(generated, self._reference)
                seen.append((change, not at_rest))
                out[0, 0, :2] = np.rint(100 * change[:, [AUS.index(7), AUS.index(14)]].max(axis=1))
            return out

    monkeypatch.setattr("facsmith.encode.Compositor", Spy)
    return seen


def test_aus_of_the_muscles_reach_the_compositor_with_the_latent_at_rest(make_animator, photo, composed):
    relative = replace(QUICK, edit="relative")
    film = make_animator().animate(photo, "AU7=E,R14=C", options=relative)
    frames = list(film.frames())
    assert film.ways == {"AU7": "muscles", "AU14": "muscles"}
    assert np.array_equal(frames[0], photo) and np.array_equal(frames[-1], photo)
    assert all(asked.shape == (2, 28) and not moved for asked, moved in composed)
    peak = max((asked for asked, _ in composed), key=np.sum)
    assert peak[:, AUS.index(7)].tolist() == [1.0, 1.0]
    assert peak[:, AUS.index(14)].tolist() == [0.0, 0.6]
    assert len({frame.tobytes() for frame in frames}) > 4, "each step of the muscles is a frame of its own"


def test_muscles_do_not_depend_on_the_batch(make_animator, photo, composed):
    films = [
        list(make_animator().animate(photo, "AU7=E,AU12=C", options=replace(QUICK, batch=batch)).frames())
        for batch in (1, 3, 8)
    ]
    for one, *others in zip(*films, strict=True):
        assert all(np.array_equal(one, other) for other in others)


def test_eyes_close_on_a_frame_that_is_composed_once(make_animator, photo, composed):
    held = Timeline({7: (Keyframe(0, 0.5),), 45: (Keyframe(0, 0), Keyframe(0.5, 1))}, 0.5)
    frames = list(make_animator().animate(photo, held, options=replace(QUICK, edit="relative")).frames())
    assert len(composed) == 1
    assert len({frame.tobytes() for frame in frames}) > 3


@pytest.mark.slow
def test_one_film_draws_each_thing_once(monkeypatch):
    """One compositor, the neutral face drawn at most twice, nothing composed before frames are asked for."""
    made, changes = [], []
    build, frame = Compositor.__init__, Compositor.frame

    def counted(self, *parts, **named):
        made.append(self)
        build(self, *parts, **named)

    def composed(self, *parts, change, **named):
        changes.append(np.asarray(change))
        return frame(self, *parts, change=change, **named)

    monkeypatch.setattr(Compositor, "__init__", counted)
    monkeypatch.setattr(Compositor, "frame", composed)
    portrait = np.ascontiguousarray(skimage.data.astronaut()[:360, 50:410])
    options = replace(QUICK, provider="dlib", inversion=InversionOptions(iterations=0))
    animator = Animator.from_pretrained()
    subject = animator.prepare(portrait, options=options)
    drawn = len(changes)
    film = animator.animate(subject, "surprise", options=options)
    assert len(changes) == drawn
    assert film.receipt.keyframes
    neutral = np.tile(-subject.photo_aus.vector(), (2, 1))
    assert len(made) == 1
    assert sum(np.allclose(change, neutral) for change in changes) <= 2
    assert drawn <= 1 < len(film) <= len(changes) + 10


@pytest.mark.slow
def test_a_film_of_a_4k_photo_is_never_held(make_animator):
    """Three times as many frames need no more memory: they pass, and only close-ups of the measured ones stay."""
    photo = np.random.default_rng(0).integers(0, 255, (54, 96, 3), np.uint8).repeat(40, 0).repeat(40, 1)
    animator = make_animator(faces=FakeFaces((face_at(1900, 900, 300),)))
    subject = animator.prepare(photo, options=QUICK)

    def peak(fps: int) -> tuple[int, int]:
        film = animator.animate(subject, "AU12=D", options=replace(QUICK, fps=fps, personal=False))
        frames = film.frames()
        next(frames)  # what is made once for a face is there
        tracemalloc.start()
        deque(frames, maxlen=0)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return len(film), most

    (few, least), (many, most) = peak(8), peak(24)
    assert many > few + 12
    assert most - least < 3 * photo.nbytes
