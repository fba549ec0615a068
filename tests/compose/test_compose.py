"""Properties of compositing, on NASA's astronaut moved by `face.muscles`, through a blur as a weak generator's."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from facsmith.compose import Compositor, canvas, flow, masks
from facsmith.errors import InputError
from facsmith.face.align import CropTransform, crop_transform
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.face.muscles import displacement
from facsmith.facs import AUS, ActionUnits

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


def change(expression: str, amount: float = 1.0) -> NDArray[np.float64]:
    """(28,)"""
    return amount * ActionUnits.parse(expression).vector()


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
        return MuscleWarp(self.landmarks, self.photo.shape)(self.photo, change(expression, amount))

    def generated(self, photo: Pixels) -> Pixels:
        return cv2.GaussianBlur(self.transform.crop(photo), (0, 0), self.blur)

    @property
    def reference(self) -> Pixels:
        return self.generated(self.photo)

    def closed(self) -> "Scene":
        """The same photo with lips drawn together over its teeth."""
        rest = -change("AU12=.8,AU25=.8")
        points = self.landmarks + displacement(self.landmarks, rest)
        middle = (points[[61, 62, 63]] + points[[67, 66, 65]]) / 2
        points[[61, 62, 63]] = points[[67, 66, 65]] = middle
        photo = MuscleWarp(self.landmarks, self.photo.shape)(self.photo, rest)
        return Scene(photo, points, crop_transform(points, self.transform.resolution), self.blur)

    def compositor(self) -> Compositor:
        return Compositor(self.photo, self.transform, self.landmarks, self.reference)

    def frame(self, expression: str, amount: float = 1.0) -> Pixels:
        generated = self.generated(self.truth(expression, amount))
        return self.compositor().frame(generated, change=change(expression, amount))

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


STILL_FACE = np.zeros(len(AUS))


class TestTransfer:
    @pytest.mark.parametrize(
        ("mode", "resolution"), [*(("transfer", side) for side in (64, 128, 256, 320)), ("paste", 128)]
    )
    def test_no_change_gives_the_photo_bit_for_bit(self, mode, resolution):
        scene = Scene.of(resolution=resolution)
        frame = scene.compositor().frame(scene.reference.copy(), change=STILL_FACE, mode=mode)
        assert np.array_equal(frame, scene.photo)

    def test_hardly_any_change_gives_hardly_any(self, scene):
        """No jump between the first frame and the second."""
        first = scene.compositor().frame(scene.reference, change=change("AU1=1,AU12=1,AU25=1", 0.005))
        assert np.abs(first.astype(int) - scene.photo).max() <= 6

    @pytest.mark.parametrize("expression", EXPRESSIONS)
    def test_the_photo_moves_as_the_muscles_do(self, scene, expression):
        truth, face = scene.truth(expression), scene.around(FACE, 0.1)
        assert error(scene.frame(expression), truth, face) < 0.4 * error(scene.photo, truth, face)

    @pytest.mark.parametrize("expression", EXPRESSIONS)
    def test_background_is_the_photo_bit_for_bit(self, scene, expression):
        frame = scene.frame(expression)
        outside = np.ones(frame.shape[:2], bool)
        outside[scene.around(FACE, 0.65)] = False
        assert np.array_equal(frame[outside], scene.photo[outside])

    def test_frames_are_sharper_than_the_generator(self, scene):
        """The photo's own pixels move; the generator's blur does not come with them."""
        frame = scene.frame("AU6=1,AU12=1")
        generated = scene.generated(scene.truth("AU6=1,AU12=1"))
        pasted = scene.compositor().frame(generated, change=change("AU6=1,AU12=1"), mode="paste")
        cheeks = scene.around([2, 14, 36, 45], -0.2)

        def detail(image: Pixels) -> float:
            return float(np.abs(cv2.Laplacian(image[cheeks].astype(np.float32), cv2.CV_32F)).mean())

        assert detail(frame) > 0.85 * detail(scene.photo)
        assert detail(pasted) < 0.7 * detail(scene.photo)

    @pytest.mark.parametrize(("resolution", "most"), [(256, 60), (128, 110)])
    def test_between_lips_that_part_nothing_of_the_photo_is_stretched(self, resolution, most):
        """From 256 pixels on a generator draws the mouth's inside, here a dark one; a smaller one's is painted."""
        scene = Scene.of(scale=1.5, resolution=resolution)
        closed = scene.closed()
        moved = closed.landmarks + displacement(closed.landmarks, change("AU27=1"))
        hole = np.zeros((resolution, resolution), np.uint8)
        cv2.fillPoly(hole, [np.rint(closed.transform.to_crop(moved)[60:]).astype(np.int32)], 1)
        generated = closed.generated(closed.truth("AU27=1"))
        generated[hole > 0] = (50, 15, 18)
        frame = closed.compositor().frame(generated, change=change("AU27=1"))
        x, y = np.rint(moved[[62, 66]].mean(0)).astype(int)
        assert frame[y - 2 : y + 3, x - 3 : x + 4].mean() < most

    def test_what_a_generator_draws_on_skin_stays_away(self, scene):
        """Spots at the jaw, a dusk beside the mouth, a forehead that shines: a small generator's own ideas."""
        expression = "AU1=.5,AU12=.6"
        plain = scene.generated(scene.truth(expression))
        spotted = plain.copy()
        for point in (11, 48, 19, 2):
            x, y = np.rint(scene.transform.to_crop(scene.landmarks[point])).astype(int)
            cv2.circle(spotted, (int(x), int(y)), 5, (255, 250, 245), -1, cv2.LINE_AA)
        frames = [scene.compositor().frame(g, change=change(expression)) for g in (plain, spotted)]
        assert np.array_equal(*frames)

    def test_shading_follows_the_folds_and_is_bounded_in_the_skins_own_hue(self, scene):
        """On plain skin, so that all there is to see is shading: no darker than 0.75, no lighter than 1.15; only
        wrinkles, which are thin, are deeper."""
        plain = Scene(np.full_like(scene.photo, (200, 160, 140)), scene.landmarks, scene.transform)
        frame = plain.compositor().frame(plain.reference, change=change("AU4=1,AU6=1,AU9=1,AU12=1"))
        ratio = frame.astype(float) / plain.photo
        mouth = plain.around(MOUTH, 0.35)
        ratio[mouth] = 1
        assert 0.57 < ratio.min() < 0.8
        ratio = cv2.GaussianBlur(ratio, (0, 0), 0.05 * np.ptp(plain.landmarks[[36, 45], 0]))
        assert 0.75 < ratio.min() < 0.93
        assert ratio.max() < 1.15
        darkest = np.unravel_index(ratio.mean(axis=2).argmin(), ratio.shape[:2])
        red, _, blue = ratio[darkest]
        assert red > blue

    @pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.86, 0.7)])
    def test_a_grey_photo_stays_grey_and_a_sepia_one_sepia(self, scene, tint):
        grey = cv2.cvtColor(scene.photo, cv2.COLOR_RGB2GRAY)[..., None] * np.array(tint)
        toned = Scene(np.rint(grey).astype(np.uint8), scene.landmarks, scene.transform)
        drawn = scene.generated(scene.truth("AU12=1,AU25=1,AU26=1"))  # in colour
        frame = toned.compositor().frame(drawn, change=change("AU12=1,AU25=1,AU26=1")).astype(float)
        light = frame[..., 0]
        for channel in (1, 2):
            assert np.abs(frame[..., channel] - tint[channel] * light).max() < 14
            assert np.abs(frame[..., channel] - tint[channel] * light).mean() < 2

    def test_a_smooth_expression_does_not_flicker(self, scene):
        """Second differences over time stay near those of the photo moved by the true field."""
        amounts = [t**3 * (10 - 15 * t + 6 * t * t) for t in np.linspace(0.2, 0.8, 7)]
        expression = "AU1=1,AU2=1,AU6=.5,AU12=1"
        compositor = scene.compositor()
        true = [scene.truth(expression, a) for a in amounts]
        frames = [
            compositor.frame(scene.generated(t), change=change(expression, a))
            for t, a in zip(true, amounts, strict=True)
        ]
        face = scene.around(FACE, 0)

        def shake(film: list[Pixels]) -> float:
            stack = np.stack([f[face].astype(float) for f in film])
            return float(np.abs(stack[2:] - 2 * stack[1:-1] + stack[:-2]).mean())

        assert shake(frames) < 1.1 * shake(true)

    def test_a_frame_depends_on_its_crop_and_change_alone(self, scene):
        smile, frown = (scene.generated(scene.truth(e)) for e in ("AU12=1", "AU4=1,AU15=1"))
        compositor = scene.compositor()
        first = compositor.frame(smile, change=change("AU12=1"))
        compositor.frame(frown, change=change("AU4=1,AU15=1"))
        assert np.array_equal(compositor.frame(smile, change=change("AU12=1")), first)
        assert np.array_equal(scene.compositor().frame(smile, change=change("AU12=1")), first)

    def test_aus_that_the_generator_does_not_draw_move_the_photo_all_the_same(self, scene):
        """The muscles' own AUs: the generator's picture is its reference."""
        frame = scene.compositor().frame(scene.reference, change=change("AU10=1,AU14=1"), drawn=STILL_FACE)
        truth, face = scene.truth("AU10=1,AU14=1"), scene.around(FACE, 0.1)
        assert error(frame, truth, face) < 0.5 * error(scene.photo, truth, face)

    def test_inputs_are_left_alone(self, scene):
        photo, generated = scene.photo.copy(), scene.generated(scene.truth("AU12=1"))
        before = generated.copy()
        scene.compositor().frame(generated, change=change("AU12=1"))
        assert np.array_equal(scene.photo, photo)
        assert np.array_equal(generated, before)

    @pytest.mark.parametrize("turn", [-35.0, 20.0, 180.0])
    def test_turned_pictures(self, turn):
        scene = Scene.of(turn=turn)
        truth, face = scene.truth("AU6=1,AU12=1"), scene.around(FACE, 0.1)
        assert error(scene.frame("AU6=1,AU12=1"), truth, face) < 0.4 * error(scene.photo, truth, face)

    @pytest.mark.parametrize("resolution", [64, 256])
    def test_other_resolutions(self, resolution):
        scene = Scene.of(resolution=resolution, blur=resolution / 128)
        truth, face = scene.truth("AU6=1,AU12=1"), scene.around(FACE, 0.1)
        assert error(scene.frame("AU6=1,AU12=1"), truth, face) < 0.4 * error(scene.photo, truth, face)

    def test_a_face_that_leaves_the_photo(self):
        whole = Scene.of()
        points = whole.landmarks - (205, 90)
        photo = np.ascontiguousarray(whole.photo[90:165, 205:])
        scene = Scene(photo, points, crop_transform(points, 128))
        frame = scene.frame("AU6=1,AU12=1")
        assert frame.shape == photo.shape
        assert not np.array_equal(frame, photo)
        far = Scene(photo, points - 9000, crop_transform(points - 9000, 128))
        moved = far.compositor().frame(scene.generated(scene.photo), change=change("AU12=1"))
        assert np.array_equal(moved, photo)

    def test_bands_meet_without_a_seam(self, scene, monkeypatch):
        generated, asked = scene.generated(scene.truth("AU26=1,AU12=.5")), change("AU26=1,AU12=.5")
        whole = scene.compositor().frame(generated, change=asked)
        monkeypatch.setattr(canvas, "_BAND", 1)
        assert np.abs(scene.compositor().frame(generated, change=asked).astype(int) - whole).max() <= 2

    def test_folds_of_a_grey_photo_are_grey(self, scene):
        photo = np.repeat(cv2.cvtColor(scene.photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        grey = Scene(photo, scene.landmarks, scene.transform, scene.blur)
        asked = change("AU4=1,AU6=1,AU9=1,AU12=1,AU25=1")
        for frame in (
            grey.compositor().frame(grey.reference, change=asked),
            MuscleWarp(grey.landmarks, photo.shape)(photo, change("AU4=1,AU9=1")),
        ):
            assert np.ptp(frame, axis=2).max() <= 2
            assert error(frame, photo) > 0.2


class TestOtherModes:
    def test_paste_shows_the_generated_face_in_the_photos_colours(self, scene):
        """A generator with a colour cast leaves none, and no seam: the frame fades into the photo."""
        cast = np.clip(scene.reference * np.array([0.85, 1.0, 1.1]), 0, 255).astype(np.uint8)
        brighter = np.clip(cast * 1.02, 0, 255).astype(np.uint8)
        compositor = Compositor(scene.photo, scene.transform, scene.landmarks, cast)
        frame = compositor.frame(brighter, change=STILL_FACE, mode="paste")
        assert 1 < error(frame, scene.photo, scene.around(FACE, 0)) < 8
        outside = np.ones(frame.shape[:2], bool)
        outside[scene.around(FACE, 0.65)] = False
        assert np.array_equal(frame[outside], scene.photo[outside])

    def test_paste_fades_in_with_the_first_movement(self, scene):
        compositor = scene.compositor()
        steps = [
            compositor.frame(
                scene.generated(scene.truth("AU12=1", a)), change=change("AU12=1", a), mode="paste"
            ).astype(int)
            for a in (0.02, 0.05, 0.5)
        ]
        changes = [error(step, scene.photo, scene.around(FACE, 0)) for step in steps]
        assert changes[0] < 1 < changes[1] < changes[2]

    def test_crop_is_the_generated_crop(self, scene):
        generated = scene.generated(scene.truth("AU12=1"))
        assert np.array_equal(scene.compositor().frame(generated, change=change("AU12=1"), mode="crop"), generated)

    def test_unknown_mode(self, scene):
        with pytest.raises(InputError, match="transfer, paste, crop"):
            scene.compositor().frame(scene.reference, change=STILL_FACE, mode="blend")

    @pytest.mark.parametrize("bad", [np.zeros((64, 64, 3), np.uint8), np.zeros((128, 128, 3), np.float32)])
    def test_crops_of_another_kind(self, scene, bad):
        with pytest.raises(InputError, match=r"\(128, 128, 3\) uint8"):
            scene.compositor().frame(bad, change=STILL_FACE)


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


class TestMasks:
    def test_the_mask_holds_the_moving_face_and_fades_on_the_canvas(self, scene):
        area = canvas.canvas(scene.transform, scene.landmarks)
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
