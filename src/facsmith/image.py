"""Pictures in and out: files, tensors and contact sheets.

Conventions: an image is (H, W, 3) uint8 RGB in sRGB; a network's image is (N, 3, H, W) float32 in [-1, 1].
"""

import io
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageDraw, ImageFont, ImageOps, PngImagePlugin

from facsmith import __version__
from facsmith._files import atomic_path
from facsmith._float_tiff import from_floats, read_float_tiff
from facsmith._types import Pixels
from facsmith.errors import InputError, OutputError, PhotoError
from facsmith.synthetic import GENERATED, KEY, packet

if TYPE_CHECKING:
    import torch

__all__ = [
    "ALPHA_SUFFIXES",
    "MAX_PIXELS",
    "MAX_PIXELS_VARIABLE",
    "MIN_SIDE",
    "PHOTO_SUFFIXES",
    "SUFFIXES",
    "as_lines",
    "contact_sheet",
    "decode",
    "decode_rgba",
    "enlarged",
    "exif",
    "from_lines",
    "over_white",
    "pixel_limit",
    "png_text",
    "provenance",
    "read",
    "resize",
    "to_tensor",
    "to_uint8",
    "write",
]

T = TypeVar("T")

MAX_PIXELS: Final = 64_000_000
"""Largest photo that is read, in pixels: 192 MB once decoded."""
MAX_PIXELS_VARIABLE: Final = "FACSMITH_MAX_MEGAPIXELS"
"""Environment variable that raises or lowers the limit."""
MIN_SIDE: Final = 32
"""Smallest side, in pixels, that can hold a face worth animating."""

# Only what a camera, a phone or an editor writes: Pillow's other readers (PostScript among them) stay shut.
_READABLE: Final = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM")
_WRITABLE: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
SUFFIXES: Final = tuple(_WRITABLE)
"""Endings of picture files that `write` knows."""
ALPHA_SUFFIXES: Final = (".png", ".webp", ".tif", ".tiff")
"""Those of ``SUFFIXES`` that hold transparency."""
PHOTO_SUFFIXES: Final = (*_WRITABLE, ".avif", ".gif", ".jp2", ".bmp", ".heic", ".heif")
"""Endings of the photos that `read` reads, by which photos are found in a folder."""


def pixel_limit() -> int:
    """Largest photo that is read, in pixels: ``MAX_PIXELS``, or the megapixels that ``MAX_PIXELS_VARIABLE`` names.

    Raises
    ------
    InputError
        The variable holds no number from 1 to 170 (twice what Pillow warns of, above which it refuses).
    """
    said = os.environ.get(MAX_PIXELS_VARIABLE)
    if said is None:
        return MAX_PIXELS
    try:
        limit = float(said)
    except ValueError:
        limit = 0.0
    if not 1 <= limit <= 170:
        raise InputError(f"{MAX_PIXELS_VARIABLE} is {said!r}; give megapixels, from 1 to 170.")
    return int(limit * 1e6)


def read(path: str | os.PathLike[str], *, max_pixels: int | None = None) -> Pixels:
    """A photo as it is meant to be seen: upright (EXIF), in sRGB, over white where it is transparent, 8 bits a channel.

    The size is checked from the header, before anything is decoded. Of several pages or frames, the first.

    Returns (H, W, 3) uint8.

    Raises
    ------
    PhotoError
        No such file, no picture, damaged, truncated, smaller than ``MIN_SIDE`` or over ``max_pixels``.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PhotoError(f"Could not read the photo {path}: {error.strerror or error}. Check the path.") from error
    return decode(data, name=os.fspath(path), max_pixels=max_pixels)


def decode(data: bytes, *, name: str = "The picture", max_pixels: int | None = None) -> Pixels:
    """What `read` does, for the bytes of a file that need not lie on a disk.

    Parameters
    ----------
    name
        What error messages call it.
    """
    return _decoded(data, name, max_pixels, _rgb)


def decode_rgba(data: bytes, *, name: str = "The picture", max_pixels: int | None = None) -> Pixels | None:
    """The same as (H, W, 4) uint8 sRGB with its alpha, not laid over anything; None of a picture without alpha."""
    return _decoded(data, name, max_pixels, _rgba)


def _decoded(data: bytes, name: str, max_pixels: int | None, convert: Callable[[Image.Image], T]) -> T:
    """What `convert` makes of the opened picture, upright."""
    kinds = "JPEG, PNG, WebP, TIFF, AVIF, BMP or GIF"
    max_pixels = pixel_limit() if max_pixels is None else max_pixels
    readable = (*_READABLE, *_heif(data, name))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own size warning and its notes on odd metadata
            with Image.open(io.BytesIO(data), formats=readable) as opened:
                _check_size(name, opened.size, max_pixels)
                opened.load()
                return convert(ImageOps.exif_transpose(opened))
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name} is larger than {max_pixels / 1e6:.0f} megapixels. Scale it down first.") from error
    except Image.UnidentifiedImageError as error:
        floats = read_float_tiff(data, check=lambda size: _check_size(name, size, max_pixels))
        if floats is not None:
            return convert(Image.fromarray(floats))
        raise PhotoError(f"{name} is no picture that can be read here. Give a {kinds} file.") from error
    except Exception as error:  # damaged files make Pillow's decoders raise almost anything
        raise PhotoError(f"{name} is damaged or cut short ({error}). Give an intact {kinds} file.") from error


def _heif(data: bytes, name: str) -> tuple[str, ...]:
    """Pillow's name of the format where the bytes are HEIC or HEIF; the extra opens it."""
    if data[4:8] != b"ftyp" or data[8:12] not in _HEIF_BRANDS:
        return ()
    try:
        import pillow_heif
    except ImportError as error:
        raise PhotoError(
            f"{name} is HEIC or HEIF; reading it needs the extra `heif`: pip install 'facsmith[heif]'. Or give a JPEG."
        ) from error
    cast(Any, pillow_heif).register_heif_opener(thumbnails=False)
    return ("HEIF",)


def write(path: str | os.PathLike[str], image: Pixels, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a .png, .jpg, .webp or .tif, whole or not at all.

    Parameters
    ----------
    metadata
        Text to store inside, beside `provenance`.
    image
        (H, W, 3) uint8 RGB, or (H, W, 4) with alpha where the ending is one of ``ALPHA_SUFFIXES``.

    Raises
    ------
    OutputError
        Another suffix, or a place that cannot be written.
    """
    kind = _WRITABLE.get(Path(path).suffix.lower())
    if kind is None:
        raise OutputError(f"Pictures are written as {', '.join(_WRITABLE)}; given: {path}. Take one of these endings.")
    text = provenance(metadata)
    options: Mapping[str, Any] = {
        "PNG": {"pnginfo": png_text(text)},
        "JPEG": {"quality": 95, "subsampling": 0, "exif": exif(text), "xmp": packet(text[KEY])},
        "WEBP": {"quality": 95, "exact": True, "exif": exif(text), "xmp": packet(text[KEY])},
        "TIFF": {"compression": "tiff_deflate", "tiffinfo": _tiff_tags(text)},
    }[kind]
    picture = Image.fromarray(_checked(image, alpha=kind != "JPEG"))
    with atomic_path(path) as temporary:
        picture.save(temporary, kind, **options)


def provenance(metadata: Mapping[str, str] | None = None) -> dict[str, str]:
    """What every written file says about itself: made by facsmith, its version, synthetic (IPTC's digital source type
    among it, `facsmith.synthetic`). ``metadata`` wins.
    """
    said = {
        KEY: GENERATED,
        "title": "Facial expression animated by facsmith",
        "software": f"facsmith {__version__}",
        "comment": f"Synthetic: made by facsmith {__version__}",
    }
    return said | dict(metadata or {})


def png_text(metadata: Mapping[str, str]) -> PngImagePlugin.PngInfo:
    """Metadata, which `provenance` completed, as an XMP packet and as PNG text chunks.

    Their keywords are capitalised as the PNG specification spells its own.
    """
    chunks = PngImagePlugin.PngInfo()
    for key, value in metadata.items():
        chunks.add_itxt(key.capitalize(), value)
    chunks.add_itxt("XML:com.adobe.xmp", packet(metadata[KEY]).decode())
    return chunks


def exif(metadata: Mapping[str, str]) -> bytes:
    """Metadata as an EXIF block: ``software`` under its tag, all of it as the lines of the description."""
    block = Image.Exif()
    block[ExifTags.Base.Software] = metadata.get("software", "")
    block[ExifTags.Base.ImageDescription] = as_lines(metadata)
    return block.tobytes()


def _tiff_tags(metadata: Mapping[str, str]) -> Image.Exif:
    block = Image.Exif()
    block.load(exif(metadata))
    block[ExifTags.Base.XMLPacket] = packet(metadata[KEY])
    return block


def as_lines(metadata: Mapping[str, str]) -> str:
    """``key: value``, one a line, for the formats that hold a single text."""
    return "\n".join(f"{key}: {' '.join(value.split())}" for key, value in metadata.items())


def from_lines(text: str) -> dict[str, str]:
    """The inverse of `as_lines`; lines of another form are passed over."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {key: value for key, colon, value in pairs if colon}


def resize(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize by Lanczos; when it shrinks, each pixel averages the area it covers.

    Parameters
    ----------
    image
        (H, W, 3).
    size
        (height, width) in pixels.
    """
    height, width = size
    if min(size) < 1:
        raise InputError(f"An image cannot be resized to {height} x {width}. Give a height and a width of 1 or more.")
    return np.array(Image.fromarray(_checked(image)).resize((width, height), Image.Resampling.LANCZOS), np.uint8)


def enlarged(image: Pixels, side: int) -> tuple[Pixels, int]:
    """The image where no side is shorter than ``side`` pixels, else one larger by the smallest whole factor that does
    it.

    Parameters
    ----------
    image
        (H, W, 3).

    Returns
    -------
    ndarray
        The image.
    int
        The factor. Pixel centres: large = factor * small + (factor - 1) / 2.
    """
    height, width = image.shape[:2]
    factor = max(1, -(-side // min(height, width)))
    return (image, 1) if factor == 1 else (resize(image, (factor * height, factor * width)), factor)


def to_tensor(image: Pixels) -> "torch.Tensor":
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [-1, 1]; 0 -> -1, 255 -> 1."""
    import torch

    channels_first = np.ascontiguousarray(_checked(image).transpose(2, 0, 1), np.float32)
    return torch.as_tensor(channels_first)[None] / 127.5 - 1


def to_uint8(images: "torch.Tensor") -> Pixels:
    """(N, 3, H, W) float in [-1, 1] -> (N, H, W, 3) uint8, rounded; values outside the range are clipped."""
    import torch

    scaled = images.detach().to("cpu", torch.float32).add(1).mul(127.5).round().clamp(0, 255)
    return np.ascontiguousarray(scaled.to(torch.uint8).permute(0, 2, 3, 1).numpy())


def contact_sheet(
    images: Sequence[Pixels],
    *,
    labels: Sequence[str] | None = None,
    columns: int | None = None,
    cell: int = 384,
) -> Pixels:
    """Images side by side on white, each with its label below.

    Parameters
    ----------
    images
        (H, W, 3) each, sizes may differ; larger than ``cell`` pixels on the longer side are scaled down.
    columns
        By default as many as there are images, up to five.

    Returns
    -------
    ndarray
        (H, W, 3) uint8.
    """
    if not images:
        raise InputError("A contact sheet needs at least one image.")
    if labels is not None and len(labels) != len(images):
        raise InputError(f"{len(images)} images but {len(labels)} labels were given. Give one label for each image.")
    tiles = [_fitted(image, cell) for image in images]
    width, height = max(t.width for t in tiles), max(t.height for t in tiles)
    gap = max(2, width // 48)
    font = ImageFont.load_default(max(10, width // 24))
    texts = [_wrapped(label, font, width) for label in labels] if labels is not None else [""] * len(tiles)
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    caption = max(int(ruler.multiline_textbbox((0, 0), text, font)[3]) for text in texts) + (gap if any(texts) else 0)

    columns = min(columns or 5, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = width + gap, height + caption + gap
    sheet = Image.new("RGB", (columns * step_x + gap, rows * step_y + gap), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (tile, text) in enumerate(zip(tiles, texts, strict=True)):
        row, column = divmod(index, columns)
        x, y = gap + column * step_x, gap + row * step_y
        sheet.paste(tile, (x + (width - tile.width) // 2, y + (height - tile.height) // 2))
        draw.multiline_text((x, y + height + gap // 2), text, "black", font)
    return np.array(sheet, np.uint8)


def _check_size(name: str, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise PhotoError(
            f"{name} has {width} x {height} pixels; at most {max_pixels / 1e6:.0f} megapixels are read. "
            f"Scale it down first, or raise the limit: {MAX_PIXELS_VARIABLE}=170 (megapixels) in the environment."
        )
    if min(size) < MIN_SIDE:
        raise PhotoError(
            f"{name} has only {width} x {height} pixels; at least {MIN_SIDE} a side are needed. Give a larger photo."
        )


def _rgb(picture: Image.Image) -> Pixels:
    """Any mode that Pillow reads, as sRGB over white."""
    if picture.mode.startswith("I;16") or picture.mode == "I":  # 16-bit grey: Pillow would clip it, not scale it
        grey = np.clip(np.asarray(picture, np.float64) / 257, 0, 255)
        return np.array(Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB"), np.uint8)
    if picture.mode == "F":  # TIFF of floats, which Pillow would clip
        grey = from_floats(np.asarray(picture, np.float32))
        return np.array(Image.fromarray(grey).convert("RGB"), np.uint8)
    if (transparent := _rgba(picture)) is not None:
        return over_white(Image.fromarray(transparent))
    return np.array(_managed(picture), np.uint8)


def _rgba(picture: Image.Image) -> Pixels | None:
    """(H, W, 4) uint8 sRGB and alpha, of a picture with transparency."""
    if not picture.has_transparency_data:
        return None
    profile = picture.info.get("icc_profile")
    whole = picture.convert("RGBA")
    alpha, colours = whole.getchannel("A"), whole.convert("RGB")
    colours.info["icc_profile"] = profile
    return np.dstack([np.array(_managed(colours), np.uint8), np.array(alpha, np.uint8)])


def over_white(picture: Image.Image) -> Pixels:
    """(H, W, 3) uint8 of a picture in mode RGBA."""
    white = Image.new("RGBA", picture.size, "white")
    return np.array(Image.alpha_composite(white, picture).convert("RGB"), np.uint8)


def _managed(picture: Image.Image) -> Image.Image:
    """Mode RGB, the colours by the picture's own profile."""
    profile = picture.info.get("icc_profile")
    return _srgb(picture, profile) if profile and picture.mode in ("RGB", "CMYK", "L") else picture.convert("RGB")


def _srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Colours as the file's own profile means them (phones write Display P3); a broken profile is passed over."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" not in ImageCms.getProfileDescription(source):
            target = cast(Any, ImageCms).createProfile("sRGB")
            return ImageCms.profileToProfile(picture, source, target, outputMode="RGB") or picture.convert("RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        pass
    return picture.convert("RGB")


def _checked(image: Pixels, *, alpha: bool = False) -> Pixels:
    """alpha: four channels are allowed too."""
    channels = (3, 4) if alpha else (3,)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in channels or 0 in image.shape:
        raise InputError(f"An image is an (H, W, 3) uint8 RGB array; given: {image.dtype} of shape {image.shape}.")
    return np.ascontiguousarray(image)


def _fitted(image: Pixels, longest: int) -> Image.Image:
    picture = Image.fromarray(_checked(image))
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return picture


def _wrapped(text: str, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont", width: int) -> str:
    """Words broken into lines of at most ``width`` pixels."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)
