import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms
from skimage.data import astronaut

from facsmith import image
from facsmith.errors import InputError, OutputError, PhotoError


@pytest.fixture
def picture() -> np.ndarray:
    """48 x 64, smooth, every corner of its own colour."""
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([x * 4, y * 5, 255 - x * 2 - y * 2], axis=-1).astype(np.uint8)


def saved(folder: Path, name: str, picture: Image.Image, **options: object) -> Path:
    path = folder / name
    picture.save(path, **options)
    return path


class TestRead:
    def test_png_is_read_bit_for_bit(self, tmp_path, picture):
        assert np.array_equal(image.read(saved(tmp_path, "a.png", Image.fromarray(picture))), picture)

    @pytest.mark.parametrize(
        ("orientation", "undo"),
        [
            (3, lambda a: a[::-1, ::-1]),
            (6, lambda a: np.rot90(a)),
            (8, lambda a: np.rot90(a, -1)),
            (2, lambda a: a[:, ::-1]),
        ],
    )
    def test_exif_orientation_is_applied(self, tmp_path, picture, orientation, undo):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = saved(tmp_path, "a.png", Image.fromarray(np.ascontiguousarray(undo(picture))), exif=exif)
        assert np.array_equal(image.read(path), picture)

    def test_transparent_pixels_are_white(self, tmp_path, picture):
        alpha = np.full((48, 64), 255, np.uint8)
        alpha[:10] = 0
        read = image.read(saved(tmp_path, "a.png", Image.fromarray(np.dstack([picture, alpha]))))
        assert (read[:10] == 255).all()
        assert np.array_equal(read[10:], picture[10:])

    def test_transparent_palette_is_white(self, tmp_path):
        palette = Image.new("P", (64, 48), 1)
        palette.putpalette([0, 0, 0, 200, 10, 10])
        palette.paste(0, (0, 0, 64, 10))
        read = image.read(saved(tmp_path, "a.png", palette, transparency=0))
        assert (read[:10] == 255).all()
        assert (read[10:] == (200, 10, 10)).all()

    def test_sixteen_bit_grey_is_scaled_not_clipped(self, tmp_path):
        ramp = np.linspace(0, 65535, 64).astype(np.uint16)
        read = image.read(saved(tmp_path, "a.png", Image.fromarray(np.tile(ramp, (48, 1)))))
        assert read.shape == (48, 64, 3)
        assert np.abs(read[0, :, 0] - ramp / 257).max() <= 0.5

    def test_sixteen_bit_colour(self, tmp_path):
        """Pillow writes no 16-bit RGB: a PNG by hand."""
        row = b"\0" + struct.pack(">HHH", 65535, 32768, 0) * 40
        header = struct.pack(">IIBBBBB", 40, 40, 16, 2, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * 40)), (b"IEND", b""))
        body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
        path = tmp_path / "a.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
        assert np.array_equal(image.read(path)[0, 0], [255, 128, 0])

    @pytest.mark.parametrize("mode", ["CMYK", "L", "1", "P", "YCbCr", "LA"])
    def test_other_modes_become_rgb(self, tmp_path, picture, mode):
        path = saved(
            tmp_path, "a.jpg" if mode in ("CMYK", "YCbCr") else "a.png", Image.fromarray(picture).convert(mode)
        )
        read = image.read(path)
        assert read.shape == (48, 64, 3)
        assert read.dtype == np.uint8

    def test_cmyk_keeps_its_colours(self, tmp_path, picture):
        path = saved(tmp_path, "a.jpg", Image.fromarray(picture).convert("CMYK"), quality=95)
        assert np.abs(image.read(path).astype(int) - picture).mean() < 4

    def test_own_profile_is_converted_to_srgb(self, tmp_path, picture):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        same = image.read(saved(tmp_path, "s.png", Image.fromarray(picture), icc_profile=profile))
        assert np.array_equal(same, picture)
        broken = image.read(saved(tmp_path, "b.png", Image.fromarray(picture), icc_profile=b"no profile"))
        assert np.array_equal(broken, picture)

    @pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_truncated_file(self, tmp_path, kind, kept):
        data = io.BytesIO()
        Image.fromarray(astronaut()).save(data, kind)
        path = tmp_path / "cut.jpg"
        path.write_bytes(data.getvalue()[: int(kept * len(data.getvalue()))])
        with pytest.raises(PhotoError, match=r"damaged|no picture"):
            image.read(path)

    @pytest.mark.parametrize(
        "content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n", b"\0" * 999]
    )
    def test_no_picture(self, tmp_path, content):
        path = tmp_path / "a.jpg"
        path.write_bytes(content)
        with pytest.raises(PhotoError, match="no picture"):
            image.read(path)

    def test_missing_file_and_folder(self, tmp_path):
        with pytest.raises(PhotoError, match="Could not read"):
            image.read(tmp_path / "absent.jpg")
        with pytest.raises(PhotoError, match="Could not read"):
            image.read(tmp_path)

    def test_tiny(self, tmp_path):
        with pytest.raises(PhotoError, match="only 20 x 40 pixels; at least 32"):
            image.read(saved(tmp_path, "a.png", Image.new("RGB", (20, 40))))

    def test_gigantic_is_refused_from_its_header(self, tmp_path):
        """A PNG of a few bytes that announces 60,000 x 60,000 pixels."""
        header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
        chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
        path = tmp_path / "bomb.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
        )
        with pytest.raises(PhotoError, match="megapixels"):
            image.read(path)

    def test_over_the_limit(self, tmp_path, picture):
        path = saved(tmp_path, "a.png", Image.fromarray(picture))
        with pytest.raises(PhotoError, match="64 x 48 pixels"):
            image.read(path, max_pixels=1000)


class TestWrite:
    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_lossless(self, tmp_path, picture, suffix):
        path = tmp_path / f"new/a{suffix}"
        image.write(path, picture)
        assert np.array_equal(image.read(path), picture)
        assert [p.name for p in path.parent.iterdir()] == [path.name]

    @pytest.mark.parametrize("suffix", [".jpg", ".webp"])
    def test_lossy_is_close(self, tmp_path, suffix):
        image.write(tmp_path / f"a{suffix}", astronaut())
        assert np.abs(image.read(tmp_path / f"a{suffix}").astype(int) - astronaut()).mean() < 3

    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
    def test_provenance_is_inside(self, tmp_path, picture, suffix):
        path = tmp_path / f"a{suffix}"
        image.write(path, picture, metadata={"comment": "Synthetic: asked AU12"})
        with Image.open(path) as opened:
            said = " ".join([str(v) for v in opened.info.values()] + [str(v) for v in opened.getexif().values()])
        assert "Synthetic: asked AU12" in said
        assert "facsmith" in said

    def test_unknown_suffix_and_unwritable_place(self, tmp_path, picture):
        with pytest.raises(OutputError, match=r"\.png"):
            image.write(tmp_path / "a.xyz", picture)
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(OutputError, match="Could not write"):
            image.write(tmp_path / "file/a.png", picture)

    def test_wrong_arrays_are_named(self, tmp_path, picture):
        with pytest.raises(InputError, match="float32"):
            image.write(tmp_path / "a.png", picture.astype(np.float32))
        assert not list(tmp_path.iterdir())


class TestTensors:
    def test_round_trip_is_exact(self, picture):
        tensor = image.to_tensor(picture)
        assert tensor.shape == (1, 3, 48, 64)
        assert tensor.dtype == torch.float32
        assert tensor.min() >= -1
        assert tensor.max() <= 1
        assert np.array_equal(image.to_uint8(tensor)[0], picture)

    def test_ends_and_clipping(self):
        values = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0])[None, None, None].expand(2, 3, 1, 5)
        assert np.array_equal(image.to_uint8(values)[1, 0, :, 2], [0, 0, 128, 255, 255])

    def test_resize(self, picture):
        assert image.resize(picture, (24, 128)).shape == (24, 128, 3)
        checker = np.indices((64, 64)).sum(0) % 2 * np.uint8(255)
        small = image.resize(np.repeat(checker[..., None], 3, axis=2).astype(np.uint8), (16, 16))
        assert np.abs(small.astype(int) - 128).max() < 12  # averaged, not sampled
        with pytest.raises(InputError, match="0 x 5"):
            image.resize(picture, (0, 5))


class TestContactSheet:
    def test_tiles_are_whole_and_labelled(self, picture):
        plain = image.contact_sheet([picture] * 7, columns=3)
        labelled = image.contact_sheet([picture] * 7, columns=3, labels=["AU12=0.6 and more words than fit"] * 7)
        assert labelled.shape[1] == plain.shape[1]
        assert labelled.shape[0] > plain.shape[0]
        assert (labelled.reshape(-1, 3) < 60).all(axis=1).sum() > 100  # ink
        gap = (plain.shape[1] - 3 * 64) // 4
        assert np.array_equal(plain[gap : gap + 48, gap : gap + 64], picture)

    def test_sizes_may_differ_and_are_bounded(self, picture):
        sheet = image.contact_sheet([picture, np.zeros((2000, 1000, 3), np.uint8)], labels=["a", "b"], cell=200)
        assert max(sheet.shape) < 300

    def test_bad_counts(self, picture):
        with pytest.raises(InputError, match="at least one"):
            image.contact_sheet([])
        with pytest.raises(InputError, match="2 labels"):
            image.contact_sheet([picture], labels=["a", "b"])


def test_a_tiff_of_floats_is_scaled(tmp_path):
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    Image.fromarray(ramp).save(tmp_path / "float.tif")
    assert image.read(tmp_path / "float.tif")[0, :, 0] == pytest.approx(np.linspace(0, 255, 64), abs=1)


@pytest.mark.parametrize(("largest", "compression"), [(1.0, None), (255.0, None), (1.0, "zlib")])
def test_a_tiff_of_floats_in_colour_is_scaled(tmp_path, picture, largest, compression):
    floats = (picture / 255 * largest).astype(np.float32)
    tifffile.imwrite(tmp_path / "float.tif", floats, photometric="rgb", compression=compression)
    assert np.array_equal(image.read(tmp_path / "float.tif"), picture)
    with pytest.raises(PhotoError, match="megapixels"):
        image.read(tmp_path / "float.tif", max_pixels=1000)
    data = (tmp_path / "float.tif").read_bytes()
    for cut in (9, len(data) // 2):
        with pytest.raises(PhotoError, match=r"no picture|damaged"):
            image.decode(data[:cut])


def test_heic_is_read(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.new("RGB", (64, 48), (200, 100, 50))).save(tmp_path / "phone.heic")
    pixels = image.read(tmp_path / "phone.heic")
    assert pixels.shape == (48, 64, 3)
    assert pixels.mean(axis=(0, 1)) == pytest.approx([200, 100, 50], abs=3)


def test_the_limit_of_pixels_can_be_raised(tmp_path, monkeypatch):
    Image.new("L", (1200, 1000)).save(tmp_path / "large.png")
    monkeypatch.setenv("FACSMITH_MAX_MEGAPIXELS", "1")
    with pytest.raises(PhotoError, match="FACSMITH_MAX_MEGAPIXELS"):
        image.read(tmp_path / "large.png")
    monkeypatch.setenv("FACSMITH_MAX_MEGAPIXELS", "2")
    assert image.read(tmp_path / "large.png").shape == (1000, 1200, 3)
    monkeypatch.setenv("FACSMITH_MAX_MEGAPIXELS", "many")
    with pytest.raises(InputError, match="megapixels, from 1 to 170"):
        image.read(tmp_path / "large.png")


def test_endings_of_folders_are_those_of_single_files():
    from facsmith.batch.jobs import PHOTOS

    assert {".avif", ".gif", ".jp2", ".heic", ".tif", ".bmp", ".jpg"} <= set(image.PHOTO_SUFFIXES)
    assert PHOTOS == image.PHOTO_SUFFIXES
