"""Properties of compositing, on NASA's astronaut moved by `face.muscles`, through a blur as a weak generator's."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from facsmith.compose import Compositor, anatomy, canvas, flow, masks
from facsmith.compose.transfer import Transfer
from facsmith.errors import InputError
from facsmith.face.align import CropTransform, crop_transform
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.face.muscles import displacement
from facsmith.facs import ActionUnits

# fmt: off
LANDMARKS = np.array([  # dlib's
    (179, 104), (180, 116), (181, 127), (182, 139), (185, 150), (191, 160), (200, 168), (209, 176), (220, 178),
    (232, 177), (243, 171), (253, 163), (260, 154), (265, 143), (268, 131), (270, 120), (272, 108), (186, 94),
    (192, 88), (200, 87), (208, 89), (216, 92), (236, 93), (244, 91), (252, 91), (260, 92), (265, 99), (226, 102),
    (225, 111), (225, 119), (225, 127), (214, 131), (219, 133), (224, 134), (229, 133), (234, 132), (195, 101),
    (200, 98), (207, 98), (212, 104), (206, 104), (199, 104), (237, 106), (243, 100), (250, 100), (255, 105),
    (250, 107), (244, 107), (201, 139), (209, 139), (218, 139), (224, 141), (230, 140), (238, 140), (246, 141),
    (238, 151), (229, 155), (222, 156), (216, 155), (208, 150), (204, 141), (218, 143), (223, 144), (230, 143),
    (243, 142), (229, 150), (223, 151), (217, 150),
], np.float64)
# fmt: on
Pixels = NDArray[np.uint8]
STILL = np.zeros((256, 256, 2), np.float32)


@dataclass
class Scene:
    """A photo, its face, and what a blurry generator would make of it."""

    photo: Pixels
    landmarks: NDArray[np.float64]
    transform: CropTransform
    blur: float = 1.0

    @classmethod
    def of(cls, *, scale: float = 1.0, resolution: int = 128, blur: float = 1.0, turn: float = 0.0) -> "Scene":
        height, width = (round(512 * scale),) * 2
        matrix = cv2.getRotationMatrix2D((225.0, 130.0), turn, 1.0)
        points = LANDMARKS @ matrix[:, :2].T + matrix[:, 2]
        photo = cv2.warpAffine(astronaut(), matrix, (512, 512), flags=cv2.INTER_CUBIC) if turn else astronaut()
        photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC)
        points = (points + 0.5) * scale - 0.5
        return cls(photo, points, crop_transform(points, resolution), blur)

    def truth(self, expression: str, amount: float = 1.0) -> Pixels:
        """The photo as `face.muscles` moves it."""
        return MuscleWarp(self.landmarks, self.photo.shape)(self.photo, amount * ActionUnits.parse(expression).vector())

    def generated(self, photo: Pixels) -> Pixels:
        return cv2.GaussianBlur(self.transform.crop(photo), (0, 0), self.blur)

    @property
    def reference(self) -> Pixels:
        return self.generated(self.photo)

    def brightened(self, point: NDArray[np.float64], colour: tuple[int, int, int]) -> tuple[float, float]:
        """A spot that the generator draws on its reference: how much lighter it is there, and the frame's skin."""
        x, y = np.rint(self.transform.to_crop(point)).astype(int)
        generated = self.reference.copy()
        cv2.circle(generated, (int(x), int(y)), 5, colour, -1, cv2.LINE_AA)
        frame = self.compositor().frame(cv2.GaussianBlur(generated, (0, 0), 1.0))
        left, top = np.rint(point).astype(int)
        area = np.s_[top - 2 : top + 3, left - 2 : left + 3]
        drawn = (generated[y, x].astype(float) - self.reference[y, x]).mean()
        return float(drawn), float((frame[area].astype(float) - self.photo[area]).mean())

    def compositor(self, mode: str = "transfer") -> Compositor:
        return Compositor(self.photo, self.transform, self.landmarks, self.reference, mode=mode)

    def frame(self, expression: str, amount: float = 1.0) -> Pixels:
        return self.compositor().frame(self.generated(self.truth(expression, amount)))

    def around(self, indices: slice | list[int], margin: float) -> tuple[slice, slice]:
        """The box of some landmarks, widened by ``margin`` IOD."""
        iod = np.linalg.norm(self.landmarks[[42, 45]].mean(0) - self.landmarks[[36, 39]].mean(0))
        low = self.landmarks[indices].min(0) - margin * iod
        high = self.landmarks[indices].max(0) + margin * iod
        return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene.of(scale=1.5)


def error(a: Pixels, b: Pixels, where: tuple[slice, slice] = (slice(None), slice(None))) -> float:
    return float(np.abs(a[where].astype(float) - b[where]).mean())


FACE = slice(0, 68)
MOUTH = slice(48, 68)
EXPRESSIONS = ("AU6=1,AU12=1", "AU1=1,AU2=1,AU5=.6,AU26=1", "AU1=1,AU4=1,AU15=1", "AU9=1", "AU17=1", "AU20=1")


class TestTransfer:
    @pytest.mark.parametrize(
        ("mode", "resolution"), [*(("transfer", side) for side in (64, 128, 256, 320)), ("paste", 128)]
    )
    def test_no_change_gives_the_photo_bit_for_bit(self, mode, resolution):
        scene = Scene.of(resolution=resolution)
        assert np.array_equal(scene.compositor(mode).frame(scene.reference.copy()), scene.photo)

    def test_hardly_any_change_gives_hardly_any(self, scene):
        """No jump between the first frame and the second."""
        generated = scene.reference.copy()
        generated[60:70, 60:70] += 1
        assert np.abs(scene.compositor().frame(generated).astype(int) - scene.photo).max() <= 2

    @pytest.mark.parametrize("expression", EXPRESSIONS)
    def test_motion_reaches_the_photo(self, scene, expression):
        """Against the photo moved by the true field, most of the difference is gone."""
        truth, face = scene.truth(expression), scene.around(FACE, 0.1)
        assert error(scene.frame(expression), truth, face) < 0.6 * error(scene.photo, truth, face)

    @pytest.mark.parametrize("expression", EXPRESSIONS)
    def test_background_is_the_photo_bit_for_bit(self, scene, expression):
        frame = scene.frame(expression)
        outside = np.ones(frame.shape[:2], bool)
        outside[scene.around(FACE, 0.65)] = False
        assert np.array_equal(frame[outside], scene.photo[outside])

    def test_frames_are_sharper_than_the_generator(self, scene):
        """The photo's own pixels move; the generator's blur does not come with them."""
        frame = scene.frame("AU6=1,AU12=1")
        pasted = scene.compositor("paste").frame(scene.generated(scene.truth("AU6=1,AU12=1")))
        cheeks = scene.around([2, 14, 36, 45], -0.2)

        def detail(image: Pixels) -> float:
            return float(np.abs(cv2.Laplacian(image[cheeks].astype(np.float32), cv2.CV_32F)).mean())

        assert detail(frame) > 0.85 * detail(scene.photo)
        assert detail(pasted) < 0.7 * detail(scene.photo)

    def test_what_comes_into_view_is_taken_from_the_generator(self, scene):
        """A dark mouth that the photo does not hold: her teeth must go."""
        truth, mouth = scene.truth("AU26=1"), scene.landmarks[[62, 66]].mean(0).astype(int)
        generated = scene.transform.crop(truth)
        x, y = scene.transform.to_crop(mouth).astype(int)
        cv2.ellipse(generated, (int(x), int(y) + 2), (14, 8), 0, 0, 360, (50, 15, 18), -1, cv2.LINE_AA)
        generated = cv2.GaussianBlur(generated, (0, 0), 1.0)
        frame = scene.compositor().frame(generated)
        assert scene.photo[mouth[1], mouth[0]].mean() > 120
        assert frame[mouth[1], mouth[0]].mean() < 60

    @pytest.mark.parametrize("place", [48, 57])
    def test_where_lips_do_not_part_nothing_comes_into_view(self, scene, place):
        """A small generator darkens the skin at the corner of a mouth, or below a lip: a shadow, and no more."""
        spot = scene.landmarks[place] + [0, 0.12 * np.ptp(scene.landmarks[[36, 45], 0])]
        x, y = np.rint(scene.transform.to_crop(spot)).astype(int)
        generated = scene.reference.copy()
        cv2.ellipse(generated, (int(x), int(y)), (5, 3), 0, 0, 360, (90, 60, 50), -1, cv2.LINE_AA)
        on = canvas.canvas(scene.transform)
        closed = scene.landmarks.copy()
        closed[[67, 66, 65]] = closed[[61, 62, 63]]
        transfer = Transfer(on, on.points(closed), scene.reference, on.sample(scene.photo))
        change = transfer.change(cv2.GaussianBlur(generated, (0, 0), 1.0))
        left, top = np.rint(on.points(spot[None])[0]).astype(int)
        assert change.shading[top, left].mean() < -50
        assert change.opacity[top - 2 : top + 3, left - 2 : left + 3].max() < 0.2

    def test_a_spot_on_the_jaw_line_stays_away_and_one_on_the_cheek_does_not(self, scene):
        """Where skin, hair and collar meet, a small generator's picture flickers with any change."""
        jaw, cheek = scene.landmarks[11], scene.landmarks[[2, 31]].mean(0)
        (_, at_jaw), (_, at_cheek) = (scene.brightened(point, (90, 70, 60)) for point in (jaw, cheek))
        assert -at_cheek > 20
        assert abs(at_jaw) < 0.2 * -at_cheek

    def test_teeth_that_stay_in_sight_keep_their_light(self, scene):
        """A generator that has lost sight of them draws a dusk, no depth: the photo's own are not dimmed by it."""
        truth, mouth = scene.truth("AU26=1"), scene.landmarks[[62, 66]].mean(0).astype(int)
        generated = scene.transform.crop(truth)
        x, y = scene.transform.to_crop(mouth).astype(int)
        cv2.ellipse(generated, (int(x), int(y) + 2), (14, 8), 0, 0, 360, (140, 90, 85), -1, cv2.LINE_AA)
        frame = scene.compositor().frame(cv2.GaussianBlur(generated, (0, 0), 1.0))
        teeth = np.s_[mouth[1] - 2 : mouth[1] + 1, mouth[0] - 3 : mouth[0] + 4]
        assert frame[teeth].mean() > 0.85 * scene.photo[teeth].mean()

    def test_a_reconstruction_that_lies_off_the_photo_is_registered(self, scene):
        """Two pixels of inversion error cost little."""
        truth, face = scene.truth("AU6=1,AU12=1"), scene.around(FACE, 0.1)
        reference, generated = (np.roll(i, (2, 1), (0, 1)) for i in (scene.reference, scene.generated(truth)))
        frame = Compositor(scene.photo, scene.transform, scene.landmarks, reference).frame(generated)
        assert error(frame, truth, face) < 1.2 * error(scene.frame("AU6=1,AU12=1"), truth, face)

    def test_shading_is_added(self, scene):
        """A fold that only darkens the skin darkens the photo's skin as much, and nothing moves."""
        generated = scene.reference.astype(np.float32)
        x, y = scene.transform.to_crop(scene.landmarks[[2, 31]].mean(0))
        v, u = np.mgrid[:128, :128]
        fold = np.exp(-(((u - x) / 3) ** 2) - ((v - y) / 8) ** 2)[..., None]
        frame = scene.compositor().frame(np.clip(generated * (1 - 0.25 * fold), 0, 255).astype(np.uint8))
        px, py = np.rint(scene.transform.to_photo((x, y))).astype(int)
        spot = np.s_[py - 2 : py + 3, px - 2 : px + 3]
        ratio = frame[spot].mean() / scene.photo[spot].mean()
        assert 0.72 < ratio < 0.88

    def test_a_light_that_comes_on_is_dimmed(self, scene):
        """No AU makes skin shine; a small generator's forehead does, below the hair."""
        lit, shown = scene.brightened(scene.landmarks[[2, 31]].mean(0), (255, 250, 245))
        assert lit > 60
        assert 2 < shown < 0.5 * lit

    def test_a_smooth_expression_does_not_flicker(self, scene):
        """Second differences over time stay near those of the photo moved by the true field."""
        amounts = [t**3 * (10 - 15 * t + 6 * t * t) for t in np.linspace(0.2, 0.8, 7)]
        compositor = scene.compositor()
        true = [scene.truth("AU1=1,AU2=1,AU6=.5,AU12=1", a).astype(float) for a in amounts]
        frames = [compositor.frame(scene.generated(t.astype(np.uint8))).astype(float) for t in true]
        face = scene.around(FACE, 0)

        def shake(film: list[NDArray[np.float64]]) -> float:
            stack = np.stack([f[face] for f in film])
            return float(np.abs(stack[2:] - 2 * stack[1:-1] + stack[:-2]).mean())

        assert shake(frames) < 1.1 * shake(true)

    def test_a_frame_depends_on_its_crop_alone(self, scene):
        smile, frown = (scene.generated(scene.truth(e)) for e in ("AU12=1", "AU4=1,AU15=1"))
        compositor = scene.compositor()
        first = compositor.frame(smile)
        compositor.frame(frown)
        assert np.array_equal(compositor.frame(smile), first)
        assert np.array_equal(scene.compositor().frame(smile), first)

    def test_inputs_are_left_alone(self, scene):
        photo, generated = scene.photo.copy(), scene.generated(scene.truth("AU12=1"))
        before = generated.copy()
        scene.compositor().frame(generated)
        assert np.array_equal(scene.photo, photo)
        assert np.array_equal(generated, before)

    @pytest.mark.parametrize("turn", [-35.0, 20.0, 180.0])
    def test_turned_faces(self, turn):
        scene = Scene.of(turn=turn)
        truth, face = scene.truth("AU6=1,AU12=1"), scene.around(FACE, 0.1)
        assert error(scene.frame("AU6=1,AU12=1"), truth, face) < 0.6 * error(scene.photo, truth, face)

    @pytest.mark.parametrize("resolution", [64, 256])
    def test_other_resolutions(self, resolution):
        scene = Scene.of(resolution=resolution, blur=resolution / 128)
        truth, face = scene.truth("AU6=1,AU12=1"), scene.around(FACE, 0.1)
        assert error(scene.frame("AU6=1,AU12=1"), truth, face) < 0.65 * error(scene.photo, truth, face)

    def test_a_face_that_leaves_the_photo(self):
        whole = Scene.of()
        points = whole.landmarks - (205, 90)
        photo = np.ascontiguousarray(whole.photo[90:165, 205:])
        scene = Scene(photo, points, crop_transform(points, 128))
        frame = scene.frame("AU6=1,AU12=1")
        assert frame.shape == photo.shape
        assert not np.array_equal(frame, photo)
        far = Scene(photo, points - 9000, crop_transform(points - 9000, 128))
        assert np.array_equal(far.compositor().frame(scene.generated(scene.photo)), photo)

    def test_bands_meet_without_a_seam(self, scene, monkeypatch):
        generated = scene.generated(scene.truth("AU26=1,AU12=.5"))
        whole = scene.compositor().frame(generated)
        monkeypatch.setattr(canvas, "_BAND", 1)
        assert np.abs(scene.compositor().frame(generated).astype(int) - whole).max() <= 2


class TestOtherModes:
    def test_paste_shows_the_generated_face_in_the_photos_colours(self, scene):
        """A generator with a colour cast leaves none, and no seam: the frame fades into the photo."""
        cast = np.clip(scene.reference * np.array([0.85, 1.0, 1.1]), 0, 255).astype(np.uint8)
        brighter = np.clip(cast * 1.02, 0, 255).astype(np.uint8)
        compositor = Compositor(scene.photo, scene.transform, scene.landmarks, cast, mode="paste")
        frame = compositor.frame(brighter)
        assert 1 < error(frame, scene.photo, scene.around(FACE, 0)) < 8
        outside = np.ones(frame.shape[:2], bool)
        outside[scene.around(FACE, 0.65)] = False
        assert np.array_equal(frame[outside], scene.photo[outside])

    def test_paste_fades_in_with_the_first_movement(self, scene):
        compositor = scene.compositor("paste")
        steps = [compositor.frame(scene.generated(scene.truth("AU12=1", a))).astype(int) for a in (0.02, 0.05, 0.5)]
        changes = [error(step, scene.photo, scene.around(FACE, 0)) for step in steps]
        assert changes[0] < 1 < changes[1] < changes[2]

    def test_crop_is_the_generated_crop(self, scene):
        generated = scene.generated(scene.truth("AU12=1"))
        assert np.array_equal(scene.compositor("crop").frame(generated), generated)

    def test_unknown_mode(self, scene):
        with pytest.raises(InputError, match="transfer, paste, crop"):
            scene.compositor("blend")

    @pytest.mark.parametrize("bad", [np.zeros((64, 64, 3), np.uint8), np.zeros((128, 128, 3), np.float32)])
    def test_crops_of_another_kind(self, scene, bad):
        with pytest.raises(InputError, match=r"\(128, 128, 3\) uint8"):
            scene.compositor().frame(bad)


class TestFlow:
    @pytest.mark.parametrize("amplitude", [0.5, 2.0, 6.0])
    def test_known_field_is_found(self, scene, amplitude):
        """Smooth motion of ``amplitude`` pixels at 128 px, on a blurred 128 px crop."""
        crop = scene.transform.crop(scene.photo)
        y, x = np.mgrid[:128, :128].astype(np.float32)
        true = amplitude * np.stack([np.sin(y / 30), np.cos(x / 25)], axis=-1).astype(np.float32)
        moved = flow.warp(crop.astype(np.float32), true)
        old, new = (
            cv2.resize(cv2.cvtColor(cv2.GaussianBlur(i, (0, 0), 0.8), cv2.COLOR_RGB2GRAY), (256, 256), interpolation=2)
            for i in (crop, np.rint(np.clip(moved, 0, 255)).astype(np.uint8))
        )
        found = cv2.resize(flow.backward_flow(old, new, STILL), (128, 128), interpolation=cv2.INTER_AREA) / 2
        inside = scene.compositor()._transfer.mask[:256:2, ::2] > 0.9
        assert np.linalg.norm(found - true, axis=-1)[inside].mean() < 0.06 + 0.1 * amplitude

    def test_equal_frames_have_none(self):
        grey = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
        assert np.abs(flow.backward_flow(grey, grey, STILL)).max() < 1e-3

    def test_flat_frames_have_none(self):
        flat = np.full((256, 256), 128, np.uint8)
        assert np.abs(flow.backward_flow(flat, flat, STILL)).max() < 1e-3


class TestMuscleMotion:
    """The guess from which the flow starts."""

    def motion(self, scene: Scene, old: Pixels, new: Pixels, asked: str | None = None) -> NDArray[np.float32]:
        area = canvas.canvas(scene.transform)
        mask = masks.face_mask(area.points(scene.landmarks), area.iod, area.shape)[:256]
        grey = [cv2.resize(cv2.cvtColor(i, cv2.COLOR_RGB2GRAY), (256, 256), interpolation=2) for i in (old, new)]
        change = None if asked is None else ActionUnits.parse(asked).vector()
        return anatomy.MuscleMotion(area.points(scene.landmarks), mask).guess(*grey, change).flow

    @pytest.mark.parametrize(
        ("expression", "point", "least"), [("AU1=1,AU2=1", 19, 7), ("AU12=1", 48, 12), ("AU26=1", 8, 8)]
    )
    def test_finds_most_of_an_expression(self, scene, expression, point, least):
        """In canvas pixels, at the place where the landmark has gone."""
        truth = scene.truth(expression)
        found = self.motion(scene, scene.reference, scene.generated(truth))
        shift = displacement(scene.landmarks, ActionUnits.parse(expression).vector())[point]
        area = canvas.canvas(scene.transform)
        start, end = area.points(scene.landmarks[point]), area.points(scene.landmarks[point] + shift)
        assert np.linalg.norm(end - start) > least
        x, y = np.rint(end).astype(int)
        share = -found[y, x] @ (end - start) / ((end - start) @ (end - start))
        assert 0.45 < share < 1.3

    def wide_open(self, scene: Scene) -> tuple[Pixels, NDArray[np.float64]]:
        """A generator's picture of an open mouth, dark inside; and where the landmarks have gone, photo pixels."""
        open_mouth = ActionUnits.parse("AU25=.8,AU26=1").vector()
        moved = scene.landmarks + displacement(scene.landmarks, open_mouth)
        hole = np.zeros((128, 128), np.uint8)
        cv2.fillPoly(hole, [np.rint(scene.transform.to_crop(moved)[60:]).astype(np.int32)], 255)
        depth = cv2.GaussianBlur(hole, (0, 0), 1.5)[..., None] / np.float32(255)
        frame = scene.generated(scene.truth("AU25=.8,AU26=1"))
        return (frame + depth * ((40, 15, 15) - frame.astype(np.float32))).astype(np.uint8), moved

    def off(self, scene: Scene, found: NDArray[np.float32], moved: NDArray[np.float64]) -> float:
        """How far the flow leads from where the landmarks were, mean in canvas pixels."""
        area = canvas.canvas(scene.transform)
        start, end = area.points(scene.landmarks), area.points(moved)
        x, y = np.rint(end).astype(int).clip(0, 255).T
        return float(np.linalg.norm(found[y, x] + end - start, axis=1).mean())

    def test_told_what_was_asked_it_is_not_led_astray_by_an_open_mouth(self, scene):
        frame, moved = self.wide_open(scene)
        blind, told = (
            self.off(scene, self.motion(scene, scene.reference, frame, asked), moved)
            for asked in (None, "AU25=.8,AU26=1")
        )
        assert told < 0.6 * blind

    @pytest.mark.parametrize("wrong", ["AU12=1", "AU4=1,AU15=1", "AU1=0"])
    def test_the_pictures_decide_and_not_what_was_asked(self, scene, wrong):
        frame, moved = self.wide_open(scene)
        asked, other = (
            self.off(scene, self.motion(scene, scene.reference, frame, what), moved)
            for what in ("AU25=.8,AU26=1", wrong)
        )
        assert other < 1.5 * asked
        still = self.motion(scene, scene.reference, scene.reference, wrong)
        assert self.off(scene, still, scene.landmarks) < 0.2  # of some 4 that the muscles move them by

    def test_equal_frames_do_not_move(self, scene):
        assert np.abs(self.motion(scene, scene.reference, scene.reference)).max() < 1e-3

    def test_shading_is_no_motion(self, scene):
        """Light from one side, and a new skin tone."""
        ramp = np.linspace(0.75, 1.2, 128)[None, :, None] * np.array([1.1, 0.95, 0.85])
        lit = np.clip(scene.reference * ramp, 0, 255).astype(np.uint8)
        assert (
            np.abs(self.motion(scene, scene.reference, lit)).max() < 2.0
        )  # a face turned by light alone moves by .02 IOD at most

    def test_flat_frames_do_not_move(self, scene):
        flat = np.full((128, 128, 3), 128, np.uint8)
        assert np.abs(self.motion(scene, flat, flat)).max() == 0


class TestMasks:
    def test_the_mask_holds_the_moving_face_and_fades_on_the_canvas(self, scene):
        area = canvas.canvas(scene.transform)
        mask = masks.face_mask(area.points(scene.landmarks), area.iod, area.shape)
        x, y = np.rint(area.points(scene.landmarks[17:])).astype(int).T
        assert (mask[y, x] > 0.9).all()
        dropped = np.rint(area.points(scene.landmarks[8]) + (0, 0.2 * area.iod)).astype(int)  # a jaw drop
        assert mask[dropped[1], dropped[0]] > 0.5
        assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) == 0
        steps = max(np.abs(np.diff(mask, axis=axis)).max() for axis in (0, 1))
        assert steps < 0.12  # no seam anywhere

    def test_degenerate_landmarks_give_no_error(self):
        mask = masks.face_mask(np.zeros((68, 2)), 80.0, (300, 256))
        assert np.isfinite(mask).all()
