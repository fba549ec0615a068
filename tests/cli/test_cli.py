import errno
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import face_at, tiny_boundaries
from PIL import Image

from facsmith import image
from facsmith.__main__ import main
from facsmith.latent import Latent

pytestmark = pytest.mark.usefixtures("landmarks_alone")
FAST = ["--iterations", "1"]
SHORT = ["--onset", "0.2", "--apex", "0", "--offset", "0", "--fps", "5", *FAST]


@pytest.fixture
def folder(tmp_path, photo, monkeypatch):
    """A working folder with her.png in it, and nothing else."""
    image.write(tmp_path / "her.png", photo)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def animator(make_animator, monkeypatch):
    """What every command gets for a model."""
    from facsmith.animator import Animator

    tiny = make_animator()
    monkeypatch.setattr(Animator, "from_pretrained", classmethod(lambda cls, name, *, boundaries=None: tiny))
    return tiny


def refused(arguments, capsys):
    """Runs a command line that must be refused; returns the one sentence it says."""
    before = sorted(Path().rglob("*"))
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"facsmith: [^\n]+\n", err), err
    assert "Traceback" not in err
    assert sorted(Path().rglob("*")) == before, "something half-written stays"
    return err


def test_animate_writes_film_receipt_and_sheet(folder, capsys):
    assert (
        main(["animate", "her.png", "-e", "happiness", "-o", "happy.mp4", "--contact-sheet", "sheet.png", *SHORT]) == 0
    )
    assert {p.name for p in folder.iterdir()} == {"her.png", "happy.mp4", "happy.mp4.json", "sheet.png"}
    out, err = capsys.readouterr()
    assert out.startswith("happy.mp4  2 frames, 0.2 s, 120 x 96")
    assert err == ""


@pytest.mark.parametrize(("command", "output"), [("animate", "a.mp4"), ("edit", "a.png")])
def test_without_a_receipt_nothing_is_measured(folder, capsys, monkeypatch, command, output):
    monkeypatch.setattr("facsmith.receipt.frame_reader.FrameReader.read", None)
    assert (
        main(
            [
                command,
                "her.png",
                "-e",
                "AU12=D",
                "-o",
                output,
                "--no-receipt",
                *(SHORT if command == "animate" else FAST),
            ]
        )
        == 0
    )
    assert {p.name for p in folder.iterdir()} == {"her.png", output}
    assert capsys.readouterr().out.startswith(output)


def test_a_page_of_no_receipt_is_refused(folder, capsys):
    arguments = ["animate", "her.png", "-e", "AU12", "-o", "a.mp4", "--no-receipt", "--receipt", "a.png", *SHORT]
    assert "leave out --no-receipt" in refused(arguments, capsys)


@pytest.mark.slow
def test_animate_plays_several_expressions(folder):
    arguments = ["animate", "her.png", "-e", "neutral", "-e", "AU1=E", "-o", "moods.gif", *SHORT, "--fps", "10"]
    assert main(arguments) == 0
    asked = [key["asked"] for key in json.loads(Path("moods.gif.json").read_text())["keyframes"]]
    assert asked[-1] == {"AU1": 1.0}
    assert {} in asked


def test_notes_are_told_on_stderr(folder, capsys):
    assert main(["animate", "her.png", "-e", "4+5D", "-o", "angry.webp", *SHORT]) == 0
    assert "note: AU4: given without an intensity, shown at D (0.8)." in capsys.readouterr().err


def test_edit_adds_a_change_to_what_the_photo_shows(folder):
    assert main(["edit", "her.png", "--relative", "AU12=+0.4,AU4=+0.2", "-o", "out.png", *FAST]) == 0
    (key,) = json.loads(Path("out.png.json").read_text())["keyframes"]
    assert key["asked"]["AU12"] >= 0.4 and key["asked"]["AU4"] >= 0.2


def test_a_change_of_no_kind_is_refused(folder, capsys):
    assert "--relative" in refused(["edit", "her.png", "AU12=0.4", "-o", "out.png", *FAST], capsys)


def test_edit_writes_a_picture(folder, capsys):
    assert main(["edit", "her.png", "--relative", "AU12=+D,AU4=-0.1", "-o", "out.png", *FAST]) == 0
    assert image.read("out.png").shape == (96, 120, 3)
    receipt = json.loads(Path("out.png.json").read_text())
    source, asked = receipt["source"], receipt["keyframes"][0]["asked"]
    assert asked["AU12"] == pytest.approx(min(source.get("AU12", 0) + 0.8, 1), abs=2e-3)
    assert asked.get("AU4", 0) == pytest.approx(max(source.get("AU4", 0) - 0.1, 0), abs=2e-3)
    assert receipt["settings"]["inversion"]["iterations"] == 1


def test_edit_says_one_thing(folder, capsys):
    for asked in ([], ["-e", "fear", "--relative", "AU12=.2"]):
        assert "Say one thing" in refused(["edit", "her.png", "-o", "new.png", *asked, *FAST], capsys)
    Path("her.mp4").write_bytes(b"no film")
    assert "keeps what it shows" in refused(["edit", "her.mp4", "-e", "fear", "-o", "new.mp4"], capsys)
    assert "Say what shall change" in refused(["edit", "her.mp4", "-o", "new.mp4"], capsys)
    assert "no film" in refused(["edit", "her.mp4", "--gain", "AU12=.5", "-o", "new.mp4"], capsys)


def test_faces_are_numbers_or_all(folder, capsys):
    assert "is no face" in refused(["animate", "her.png", "-e", "fear", "-o", "x.mp4", "--face", "left"], capsys)
    many = ["--face", "0", "--face", "1"]
    assert "3 expressions" in refused(
        ["animate", "her.png", *many, "-e", "fear", "-e", "anger", "-e", "fear", "-o", "x.mp4"], capsys
    )


def test_invert_then_animate_from_the_latent(folder, capsys, faces):
    assert main(["invert", "her.png", "-o", "her.safetensors", "--reconstruction", "drawn.png", *FAST]) == 0
    assert "loss" in capsys.readouterr().out
    with Image.open("drawn.png") as drawn:
        assert drawn.size == (16, 16)
    assert Latent.load("her.safetensors").ws.shape == (4, 8)
    assert main(["edit", "her.png", "-e", "fear", "-o", "fear.png", "--latent", "her.safetensors"]) == 0
    assert json.loads(Path("fear.png.json").read_text())["inversion"] is None


def test_invert_prints_json(folder, capsys):
    assert main(["invert", "her.png", "-o", "her.safetensors", "--json", *FAST]) == 0
    account = json.loads(capsys.readouterr().out)
    assert len(account["trace"]) == 2
    assert account["start"] == "encoder"


@pytest.mark.slow
def test_sample_writes_a_face_or_its_film(folder, capsys):
    assert main(["sample", "--seed", "7", "-o", "nobody.png", "--latent", "nobody.safetensors"]) == 0
    assert main(["sample", "--seed", "7", "-e", "happiness", "-o", "nobody.gif"]) == 0
    assert Path("nobody.gif.json").is_file()


def test_nothing_given_shows_the_help(capsys):
    assert main([]) == 0
    assert "facsmith animate her.jpg" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        "animate",
        "edit",
        "invert",
        "sample",
        "measure",
        "models list",
        "boundaries show",
        "boundaries fit",
        "info",
        "timeline plot",
        "timeline convert",
    ],
)
def test_every_help_has_an_example_to_copy(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    assert f"facsmith {command}" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_models_list_and_info(capsys):
    assert main(["models", "list"]) == 0
    assert "stylegan2-ffhq-256" in capsys.readouterr().out
    assert main(["models", "info", "vgg16", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "descriptor"


def test_boundaries_show(tmp_path, capsys, animator):
    animator.networks.boundaries.save(tmp_path / "b.safetensors")
    assert main(["boundaries", "show", str(tmp_path / "b.safetensors")]) == 0
    out = capsys.readouterr().out
    assert "lip corner puller" in out
    assert "pairs" in out
    assert main(["boundaries", "show", str(tmp_path / "b.safetensors"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert len(shown["boundaries"]) == len(shown["cosines"]) == 12


def test_boundaries_fit_and_import(model_folder, tmp_path, capsys):
    from facsmith.boundary import BoundarySet

    generator, fitted, smile = model_folder / "generator.safetensors", tmp_path / "b.safetensors", tmp_path / "s.npy"
    rng = np.random.default_rng(0)
    au = np.zeros((60, 4, 12))
    au[:, 1:, [2, 6]] = rng.choice([0.0, 0.4, 1.0], (60, 3, 2))
    ws = np.repeat(rng.normal(size=(60, 1, 4, 8)), 4, 1)
    ws[..., 0, 0] += 3 * au[..., 2]
    ws[..., 1, 1] += 3 * au[..., 6]
    np.save(tmp_path / "ws.npy", ws.astype(np.float32))
    np.save(tmp_path / "au.npy", au)
    chosen = ["--au", "4", "--au", "12", "--generator", str(generator)]
    assert main(["boundaries", "fit", str(tmp_path), "-o", str(fitted), *chosen]) == 0
    assert BoundarySet.load(fitted).aus == (4, 12)
    np.save(smile, np.ones((1, 8)))
    arguments = ["boundaries", "import", str(smile), "--au", "12", "--generator", str(generator), "--into", str(fitted)]
    assert main([*arguments, "-o", str(tmp_path / "both.safetensors")]) == 0
    both = BoundarySet.load(tmp_path / "both.safetensors")
    assert both.aus == (4, 12)
    assert both[12].report["imported"] == "s.npy"
    capsys.readouterr()
    assert main([*arguments, "-o", str(tmp_path / "x.safetensors"), "--au", "45"]) == 2
    assert "AU45" in capsys.readouterr().err


@pytest.mark.slow
def test_boundaries_fit_from_a_source_goes_on_and_leaves_out_what_is_not_shown(model_folder, tmp_path, capsys):
    from facsmith.boundary import BoundarySet

    rng = np.random.default_rng(0)
    np.save(tmp_path / "images.npy", rng.integers(0, 255, (16, 4, 8, 8, 3), dtype=np.uint8))
    au = np.zeros((16, 4, 12), np.float32)
    au[:, 1:, [6, 10]] = rng.choice([0.0, 1.0], (16, 3, 2))
    np.save(tmp_path / "au.npy", au)
    output = tmp_path / "m.boundaries"
    arguments = [
        "boundaries",
        "fit",
        "--source",
        f"muscles:{tmp_path}",
        "--model",
        str(model_folder),
        "-o",
        str(output),
        "--engine",
        "here",
    ]
    codes = [main(arguments) for _ in range(2)]  # noise has no AU: refused, or fitted to chance, but told alike
    assert codes[0] == codes[1]
    said = capsys.readouterr().err
    assert "left out" in said and "AU4" in said and "AU12" not in said.split("left out")[1].split("note")[0]
    assert (tmp_path / "m.boundaries.parts" / "00000.safetensors").is_file()
    if codes[0] == 0:
        assert BoundarySet.load(output).aus == (12, 25)
    assert main([*arguments, str(tmp_path)]) == 2
    assert "not both" in capsys.readouterr().err
    for unknown in ("movie:x", "disfa", "csv:"):
        assert main(["boundaries", "fit", "--source", unknown, "--model", str(model_folder), "-o", str(output)]) == 2
        said = capsys.readouterr().err
        assert "disfa:DIR" in said and unknown in said


def test_boundaries_are_drawn_and_exported(tmp_path, capsys, animator):
    from facsmith import image

    animator.networks.boundaries.save(tmp_path / "b.safetensors")
    assert main(["boundaries", "show", str(tmp_path / "b.safetensors"), "--plot", str(tmp_path / "plot.png")]) == 0
    plot = image.read(tmp_path / "plot.png")
    assert plot.shape[0] > 300 and plot.shape[1] > 900
    blue = (plot[..., 2].astype(int) - plot[..., 0]) > 80
    assert blue.sum() > 12 * 150  # a curve in every panel
    assert main(["boundaries", "export", str(tmp_path / "b.safetensors"), "-o", str(tmp_path / "npy")]) == 0
    assert np.load(tmp_path / "npy" / "AU12_wplus.npy").shape == (4, 8)


def test_measure_a_photo_and_a_film(tmp_path, capsys):
    import skimage.data

    from facsmith import image, video

    photo = np.ascontiguousarray(skimage.data.astronaut()[0:256, 100:356])
    image.write(tmp_path / "her.png", photo)
    assert main(["measure", str(tmp_path / "her.png"), "--provider", "dlib"]) == 0
    shown = capsys.readouterr()
    assert "AU12" in shown.out and "unsure" in shown.out
    assert "faces in general" in shown.err
    assert main(["measure", str(tmp_path / "her.png"), "--provider", "dlib", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["action_units"]
    assert found["AU12"]["intensity"] > 0.4  # she smiles
    video.write(tmp_path / "her.mp4", [photo, photo], fps=10)
    assert main(["measure", str(tmp_path / "her.mp4")]) == 2
    assert "--csv" in capsys.readouterr().err
    assert main(["measure", str(tmp_path / "her.mp4"), "--csv", str(tmp_path / "t.csv"), "--provider", "dlib"]) == 0
    assert (tmp_path / "t.csv").read_text().count("\n") == 3
    both = ["--neutral", str(tmp_path / "her.png"), "--neutral-at", "0"]
    assert main(["measure", str(tmp_path / "her.mp4"), "--csv", str(tmp_path / "u.csv"), *both]) == 2
    assert "give one" in capsys.readouterr().err


def test_evaluate_measure_fails_where_emotions_are_not_told(tmp_path, capsys):
    import skimage.data

    from facsmith import image

    photo = np.ascontiguousarray(skimage.data.astronaut()[0:256, 100:356])
    for name in ("a.png", "b.png"):
        image.write(tmp_path / name, photo)
    (tmp_path / "l.csv").write_text("name,emotion\na.png,neutral\nb.png,happiness\n")
    arguments = ["--faces", str(tmp_path), "--labels", str(tmp_path / "l.csv"), "--provider", "dlib"]
    assert main(["evaluate", "measure", *arguments, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["areas"]["combined"]["happiness: AU12"] == 0.5


@pytest.mark.slow
def test_boundaries_check_measures_a_real_portrait(capsys, animator, monkeypatch):
    from facsmith.animator import Animator

    networks = animator.networks
    one = tiny_boundaries(networks.generator.generator_id, aus=(12,))
    parts = {"descriptor": networks.descriptor, "encoder": networks.encoder, "boundaries": one}
    monkeypatch.setattr(
        Animator, "from_pretrained", classmethod(lambda cls, name, *, boundaries=None: cls(networks.generator, **parts))
    )
    code = main(["boundaries", "check", "--json", "--provider", "dlib", "--iterations", "0"])
    measured = json.loads(capsys.readouterr().out)
    assert code == (0 if measured["passed"] else 1)
    (row,) = measured["rows"]
    assert row["au"] == 12
    assert measured["landmarks"] == ["dlib"]


@pytest.mark.slow
def test_boundaries_check_judges_the_generator_tuned_to_the_photo(capsys, animator, monkeypatch):
    import torch

    from facsmith import tuning
    from facsmith.animator import Animator
    from facsmith.encoder import Encoder, EncoderConfig
    from facsmith.generator import StyleGAN2, StyleGAN2Config

    torch.manual_seed(0)
    generator = StyleGAN2(StyleGAN2Config(8, 8, 8, mapping_layers=1, channel_base=64, channel_max=8)).eval()
    one = tiny_boundaries(generator.generator_id, aus=(12,))
    descriptor = animator.networks.descriptor
    encoder = Encoder(EncoderConfig(4, 8, generator_id=generator.generator_id, descriptor=descriptor.name)).eval()
    made = Animator(generator, descriptor=descriptor, encoder=encoder, boundaries=one)
    monkeypatch.setattr(Animator, "from_pretrained", classmethod(lambda cls, name, *, boundaries=None: made))
    tuned, tune = [], tuning.tune

    def soon(*photo, options, **how):
        tuned.append(tune(*photo, options=replace(options, steps=2), **how))
        return tuned[-1]

    monkeypatch.setattr("facsmith.tuning.tune", soon)
    code = main(["boundaries", "check", "--json", "--provider", "dlib", "--iterations", "0", "--fidelity", "high"])
    shown = capsys.readouterr()
    assert code in (0, 1), shown.err
    measured = json.loads(shown.out)
    assert [row["au"] for row in measured["rows"]] == [12]
    assert len(tuned) == 1  # once a photo, not once a frame


def test_info_says_what_is_installed(capsys):
    assert main(["info", "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["versions"]["torch"].startswith("2.13.0")
    assert known["cache"]


# What the bar calls bad input: one clear sentence, exit code 2, nothing half-written.


def _bad_photos(folder: Path) -> None:
    good = Image.open(folder / "her.png").convert("RGB")
    (folder / "text.jpg").write_text("this is no picture")
    (folder / "empty.png").write_bytes(b"")
    good.save(folder / "whole.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:900])
    good.resize((10, 8)).save(folder / "tiny.png")
    (folder / "gigantic.png").write_bytes(_png_header(60_000, 60_000))
    (folder / "folder.png").mkdir()


def _png_header(width: int, height: int) -> bytes:
    import struct
    import zlib

    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (head, data)
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.jpg", "missing.jpg"),
        ("text.jpg", "no picture"),
        ("empty.png", "no picture"),
        ("truncated.jpg", "damaged|cut short"),
        ("tiny.png", "only 10 x 8"),
        ("gigantic.png", "megapixels"),
        ("folder.png", "folder.png"),
    ],
)
def test_a_file_that_is_no_usable_photo_is_refused(folder, capsys, name, says):
    _bad_photos(folder)
    assert re.search(says, refused(["animate", name, "-e", "fear", "-o", "out.mp4", *SHORT], capsys))


@pytest.mark.parametrize("kind", ["cmyk", "alpha", "exif", "16-bit", "palette", "grey"])
def test_unusual_photos_are_understood(folder, kind):
    good = Image.open("her.png").convert("RGB")
    if kind == "cmyk":
        good.convert("CMYK").save("odd.jpg")
    elif kind == "alpha":
        good.convert("RGBA").save("odd.png")
    elif kind == "exif":
        exif = Image.Exif()
        exif[274] = 6
        good.save("odd.jpg", exif=exif)
    elif kind == "16-bit":
        Image.fromarray(np.asarray(good.convert("L"), np.uint16) * 257).save("odd.png")
    elif kind == "palette":
        good.quantize(64).save("odd.png")
    else:
        good.convert("L").save("odd.png")
    (name,) = Path().glob("odd.*")
    assert main(["edit", str(name), "-e", "fear", "-o", "out.png", *FAST]) == 0
    assert image.read("out.png").shape == ((120, 96, 3) if kind == "exif" else (96, 120, 3))


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("hapiness", "Did you mean happiness"),
        ("AU34=C", "AU34 (cheek puff) is in FACS"),
        ("AU3=C", "FACS has no AU3"),
        ("AU12=1.2", "0 to 1"),
        ("AU12=-0.1", "0 to 1"),
        ("AU12=nan", "0 to 1"),
        ("AU12=inf", "0 to 1"),
        ("AU12=F", "A-E"),
        ("", "Action Unit"),
        ("AU12=C,AU12=D", "twice"),
    ],
)
@pytest.mark.parametrize(("command", "output"), [("animate", "out.mp4"), ("edit", "out.png")])
def test_an_expression_that_cannot_be_is_refused(folder, capsys, command, output, expression, says):
    assert says in refused([command, "her.png", "-e", expression, "-o", output, *FAST], capsys)


def test_no_face_is_refused(folder, capsys, faces):
    faces.faces = ()
    assert "No face" in refused(["animate", "her.png", "-e", "fear", "-o", "out.mp4", *SHORT], capsys)


def test_a_face_in_profile_is_refused(folder, capsys, faces):
    faces.faces = (face_at(60, 35, 28, yaw=70.0),)
    assert "profile" in refused(["animate", "her.png", "-e", "fear", "-o", "out.mp4", *SHORT], capsys)


def test_of_several_faces_the_largest_is_taken_and_said(folder, capsys, faces):
    faces.faces = (face_at(60, 35, 28), face_at(30, 30, 25))
    assert main(["edit", "her.png", "-e", "fear", "-o", "out.png", *FAST]) == 0
    assert re.search(r"note: 2 faces .*--face", capsys.readouterr().err)
    assert "no face number 5" in refused(["edit", "her.png", "-e", "fear", "-o", "new.png", "--face", "5"], capsys)


def test_a_latent_of_another_generator_is_refused(folder, capsys):
    Latent(np.zeros((4, 8), np.float32), "stylegan2-1024-abcdef").save("other.safetensors")
    arguments = ["animate", "her.png", "-e", "fear", "-o", "out.mp4", "--latent", "other.safetensors"]
    assert "stylegan2-1024-abcdef" in refused(arguments, capsys)


@pytest.mark.parametrize(
    "options",
    [
        ["--fps", "0"],
        ["--fps", "nan"],
        ["--fps", "many"],
        ["--onset", "-1"],
        ["--apex", "inf"],
        ["--mode", "blend"],
        ["--face", "-1"],
        ["--iterations", "-5"],
        ["--latent", "her.png"],
        ["--latent", "missing.safetensors"],
        ["--nonsense"],
    ],
)
def test_an_option_out_of_range_is_refused(folder, capsys, options):
    refused(["animate", "her.png", "-e", "fear", "-o", "out.mp4", *options], capsys)


@pytest.mark.parametrize("arguments", [["animate"], ["animate", "her.png"], ["anim"], ["models"], ["edit", "her.png"]])
def test_an_incomplete_command_is_refused_with_its_help_named(folder, capsys, arguments):
    assert "--help" in refused(arguments, capsys)


@pytest.mark.parametrize(
    "output", ["her.png/out.mp4", "her.png/deeper/out.mp4", "/proc/facsmith/out.mp4", "film.xyz", "d.mp4"]
)
def test_a_place_where_no_film_can_be_is_refused(folder, capsys, output):
    Path("d.mp4").mkdir()
    refused(["animate", "her.png", "-e", "fear", "-o", output, *SHORT], capsys)


@pytest.mark.parametrize("output", ["her.png/out.png", "/proc/facsmith/out.png", "picture.mp4", "picture"])
def test_a_place_where_no_picture_can_be_is_refused(folder, capsys, output):
    refused(["edit", "her.png", "-e", "fear", "-o", output, *FAST], capsys)


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("output", ["out.mp4", "out.gif", "out.webp", "frames/"])
def test_a_full_disk_leaves_nothing_half_written(folder, capsys, monkeypatch, output):
    monkeypatch.setattr(os, "replace", _full)
    assert "No space left" in refused(["animate", "her.png", "-e", "fear", "-o", output, *SHORT], capsys)


def test_a_disk_that_fills_up_while_writing_leaves_nothing(folder, capsys, monkeypatch):
    monkeypatch.setattr(Image.Image, "save", _full)
    assert "No space left" in refused(["edit", "her.png", "-e", "fear", "-o", "out.png", *FAST], capsys)


def test_a_ctrl_c_is_no_traceback(folder, capsys, animator, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(animator), "animate", interrupted)
    assert main(["animate", "her.png", "-e", "fear", "-o", "out.mp4"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_help_starts_quickly_and_imports_nothing_heavy():
    heavy = ["torch", "numpy", "cv2", "mediapipe", "dlib", "sklearn", "av", "PIL"]
    check = f"import sys; import facsmith.__main__; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "[]\n"
    seconds = []
    for _ in range(3):  # processor time: the clock's depends on what else the machine does
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-m", "facsmith", "--help"], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert "facsmith animate" in done.stdout
    assert min(seconds) < 0.4


@pytest.mark.slow
def test_animate_along_a_timeline_file_and_its_tracks(folder, capsys):
    Path("t.yaml").write_text("timeline: 1\nexpressions: [{show: 'L12=E', onset: 0.4, apex: 0.2, offset: 0.4}]\n")
    options = ["--fps", "10", "--openface", "of.csv", "--livelink", "ll.csv", *FAST]
    assert main(["animate", "her.png", "--timeline", "t.yaml", "-o", "film.gif", *options]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1:] == ["of.csv", "ll.csv"]
    assert {"L12": 1.0, "R12": 0.0} in [k["asked"] for k in json.loads(Path("film.gif.json").read_text())["keyframes"]]
    for name, rows in (("of.csv", 12), ("ll.csv", 12)):
        assert len(Path(name).read_text().splitlines()) == rows
    assert (
        main(["animate", "her.png", "--track", "ll.csv", "--track-fps", "10", "-o", "again.gif", "--fps", "10", *FAST])
        == 0
    )
    first, again = (json.loads(Path(f"{n}.gif.json").read_text()) for n in ("film", "again"))
    assert again["output"]["frames"] == first["output"]["frames"] == 11
    assert any("tongueOut" in note for note in again["notes"])


def test_timeline_plot_and_convert(folder, capsys):
    Path("t.yaml").write_text("timeline: 1\nexpressions: [{show: happiness}]\n")
    assert main(["timeline", "plot", "t.yaml", "-o", "curves.png"]) == 0
    with Image.open("curves.png") as picture:
        assert picture.width == 1200
    assert main(["timeline", "convert", "t.yaml", "-o", "t.csv", "--fps", "50"]) == 0
    assert main(["timeline", "convert", "t.csv", "-o", "again.yaml", "--fps", "50"]) == 0
    assert main(["timeline", "convert", "t.yaml", "-o", "ll.csv", "--livelink"]) == 0
    assert Path("ll.csv").read_text().startswith("Timecode,")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["animate", "her.png", "-o", "x.gif"], "nothing"),
        (["animate", "her.png", "-e", "fear", "--timeline", "t.yaml", "-o", "x.gif"], "--expression and --timeline"),
        (["animate", "her.png", "--timeline", "none.yaml", "-o", "x.gif"], "no timeline file none.yaml"),
        (["animate", "her.png", "--track", "her.png", "-o", "x.gif"], "her.png"),
        (["animate", "her.png", "-e", "fear", "--gain", "2", "-o", "x.gif"], "--gain"),
        (["animate", "her.png", "-e", "fear", "--neutral-first", "--relative", "-o", "x.gif"], "--relative"),
        (["animate", "her.png", "-e", "fear", "--openface", "her.png/of.csv", "-o", "x.gif"], "is a file"),
        (["timeline", "plot", "none.csv", "-o", "x.png"], "no track none.csv"),
        (["timeline", "convert", "her.png", "-o", "x.txt"], "her.png"),
    ],
)
def test_what_a_performance_cannot_be(arguments, said, folder, capsys):
    assert said in refused(arguments, capsys)


def test_a_full_disk_is_noticed_before_any_work(tmp_path, monkeypatch, capsys):
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr("facsmith._files.shutil.disk_usage", lambda place: usage(1 << 30, 1 << 30, 1000))
    assert main(["animate", "no-such-photo.jpg", "-e", "happiness", "-o", str(tmp_path / "new" / "a.mp4")]) == 2
    assert "too little" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_noticed_before_any_work(tmp_path, monkeypatch, capsys):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("facsmith._files.tempfile.TemporaryFile", refuse)
    assert main(["edit", "no-such-photo.jpg", "-e", "happiness", "-o", str(tmp_path / "a.png")]) == 2
    assert "Permission denied" in capsys.readouterr().err
