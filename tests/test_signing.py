"""Marks of synthetic media: IPTC's type in every container, and signed manifests where they are asked for."""

import numpy as np
import pytest

from facsmith import image, video
from facsmith.cli import main
from facsmith.errors import InputError
from facsmith.synthetic import COMPOSITE, GENERATED, KEY, packet, read_source_type

PICTURES = ["a.png", "a.jpg", "a.webp", "a.tif"]
FILMS = ["f.mp4", "f.gif", "f.webp"]


@pytest.fixture
def made(tmp_path):
    """Writes a picture or a film of two frames."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)

    def write(name, **options):
        path = tmp_path / name
        if name in PICTURES:
            image.write(path, noise, **options)
        else:
            video.write(path, [noise, np.ascontiguousarray(noise[::-1])], fps=10, **options)
        return path

    return write


@pytest.mark.parametrize("name", PICTURES + FILMS)
@pytest.mark.parametrize("source_type", [GENERATED, COMPOSITE])
def test_every_file_says_where_its_pixels_come_from(made, name, source_type):
    path = made(name, metadata={KEY: source_type})
    assert read_source_type(path) == source_type
    if name in FILMS:
        assert len(list(video.read(path))) == 2
        assert "xml:com.adobe.xmp" not in video.metadata(path)
    else:
        assert image.read(path).shape == (64, 64, 3)


def test_each_frame_of_a_folder_says_it(made):
    assert {read_source_type(frame) for frame in made("frames").iterdir()} == {GENERATED}


def test_other_types_are_refused():
    with pytest.raises(InputError, match="no digital source type"):
        packet("http://example.org/digitalCapture")


def test_nothing_is_signed_by_default(made):
    signing = pytest.importorskip("facsmith.signing")
    pytest.importorskip("c2pa")
    assert signing.verify(made("f.mp4")) is None


@pytest.mark.parametrize("name", PICTURES + FILMS)
def test_a_signed_file_verifies_until_one_byte_changes(made, name):
    pytest.importorskip("c2pa")
    from facsmith.signing import Credentials, sign, verify

    path = made(name)
    unsigned = path.read_bytes()
    sign(path, Credentials.self_signed(), source_type=COMPOSITE, asked={"expression": "AU12=C"})
    verdict = verify(path)
    assert verdict is not None and verdict.intact and verdict.self_signed and not verdict.trusted
    assert verdict.manifest["org.facsmith.request"] == {"expression": "AU12=C"}
    assert verdict.manifest["c2pa.actions.v2"]["actions"][0]["digitalSourceType"] == COMPOSITE
    assert read_source_type(path) == GENERATED  # the XMP of the file is still there
    data = bytearray(path.read_bytes())
    pixels = bytes(unsigned[len(unsigned) // 2 :][:24])  # of the picture itself: found again in the signed file
    data[data.index(pixels)] ^= 1
    path.write_bytes(data)
    broken = verify(path)
    assert broken is None or not broken.intact


def test_a_certificate_of_ones_own(made, tmp_path, capsys):
    pytest.importorskip("c2pa")
    from facsmith.signing import Credentials, sign, verify

    chain, key, other = (tmp_path / name for name in ("chain.pem", "key.pem", "other.pem"))
    made_here = Credentials.self_signed()
    chain.write_bytes(made_here.chain)
    key.write_bytes(made_here.key)
    other.write_bytes(Credentials.self_signed().key)
    path = made("f.mp4")
    sign(path, Credentials.read(chain, key), source_type=GENERATED, asked={})
    assert verify(path).intact
    assert main(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert "holds (self-signed" in said and GENERATED in said
    with pytest.raises(InputError, match="not that of the first certificate"):
        Credentials.read(chain, other)
    with pytest.raises(InputError, match="no certificate in PEM"):
        Credentials.read(key, key)
    with pytest.raises(InputError, match="no unencrypted private key"):
        Credentials.read(chain, chain)


def test_sign_and_key_come_together(tmp_path, capsys):
    assert main(["sample", "-o", str(tmp_path / "a.png"), "--sign", "cert.pem"]) == 2
    assert "without its private key" in capsys.readouterr().err
    assert main(["sample", "-o", str(tmp_path / "a.png"), "--key", "key.pem"]) == 2
    assert "without --sign" in capsys.readouterr().err
