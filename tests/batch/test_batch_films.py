"""Manifests are checked row by row, and what they ask for is byte for byte what single runs make."""

import csv
import json
from pathlib import Path

import fsspec
import numpy as np
import pytest
import skimage.data

from facsmith import image, video
from facsmith.__main__ import main
from facsmith.animator import Animator
from facsmith.batch.manifest import read_manifest
from facsmith.batch.places import check_name
from facsmith.errors import InputError
from facsmith.options import AnimateOptions
from facsmith.receipt.frame_reader import FrameReader

QUICK = ["--fps", "5", "--onset", "0.2", "--apex", "0", "--offset", "0", "--iterations", "1"]
HERE = ["--engine", "here"]


@pytest.fixture
def folder(tmp_path, photo, monkeypatch):
    image.write(tmp_path / "her.png", photo)
    image.write(tmp_path / "him.png", photo[:, ::-1].copy())
    wave = "{show: AU12=C, onset: 0.2, apex: 0, offset: 0.2}"
    (tmp_path / "wave.yaml").write_text(f"timeline: 1\nexpressions:\n  - {wave}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def animator(make_animator, monkeypatch):
    tiny = make_animator()
    monkeypatch.setattr(Animator, "from_pretrained", classmethod(lambda cls, name, *, boundaries=None: tiny))
    monkeypatch.setattr(FrameReader, "read", lambda self, frame, *, sides=False: None)  # measuring takes seconds
    return tiny


def write_manifest(path, text):
    Path(path).write_text(text)
    return str(path)


def read(text, folder):
    return list(read_manifest(write_manifest(folder / "m.csv", text), AnimateOptions()))


def status(out="out"):
    with open(Path(out, "status.csv"), newline="") as file:
        return list(csv.DictReader(file))


def test_results_are_those_of_single_runs(folder, animator):
    write_manifest(
        "films.csv",
        "photo,expression,timeline,output,seed,AU1,L12\n"
        "her.png,happiness,,a/happy.mp4,3,,\n"
        "her.png,AU6=C AU12=D,,a/frames/,,,\n"
        "him.png,neutral; anger,,moods.gif,7,,\n"
        "her.png,,wave.yaml,wave.webp,,,\n"
        "him.png,,,one.png,5,B,0.7\n",
    )
    assert main(["batch", "films.csv", "-o", "out", *HERE, *QUICK]) == 0
    for arguments in (
        ["her.png", "-e", "happiness", "--seed", "3", "-o", "single/a/happy.mp4"],
        ["her.png", "-e", "AU6=C AU12=D", "-o", "single/a/frames"],
        ["him.png", "-e", "neutral", "-e", "anger", "--seed", "7", "-o", "single/moods.gif"],
        ["her.png", "--timeline", "wave.yaml", "-o", "single/wave.webp"],
    ):
        assert main(["animate", *arguments, *QUICK]) == 0
    assert main(["edit", "him.png", "-e", "AU1=B,L12=0.7", "--seed", "5", "-o", "single/one.png", *QUICK[-2:]]) == 0
    single = {p.relative_to("single"): p for p in Path("single").rglob("*") if p.is_file()}
    assert len([path for path in single if path.suffix != ".json"]) == 4 + 2
    for name, path in single.items():
        made = Path("out", name)
        if name.suffix == ".json":
            assert without_times(made) == without_times(path), name
        else:
            assert made.read_bytes() == path.read_bytes(), name
    assert len(list(video.read("out/a/happy.mp4"))) == 2


def without_times(path):
    receipt = json.loads(path.read_text())
    assert receipt.pop("timings") and receipt.pop("settings")
    return receipt


def test_inputs_and_outputs_behind_urls(folder, animator):
    files = fsspec.filesystem("memory")
    files.pipe(
        {"/study/her.png": Path("her.png").read_bytes(), "/study/films.csv": b"photo,output,AU12\nher.png,a.mp4,C\n"}
    )
    try:
        assert main(["batch", "memory://study/films.csv", "-o", "memory://study/out", *QUICK]) == 0
        assert main(["animate", "her.png", "-e", "AU12=C", "-o", "single.mp4", *QUICK]) == 0
        assert files.cat("/study/out/a.mp4") == Path("single.mp4").read_bytes()
        assert json.loads(files.cat("/study/out/a.mp4.json"))["photo"]["name"] == "her.png"
        assert main(["batch", "memory://study/nothing.csv", "-o", "memory://study/out"]) == 2
    finally:
        files.rm("/study", recursive=True)


def test_a_run_goes_on_and_tells_partial_failure(folder, animator, faces, capsys):
    write_manifest(
        "films.csv", "photo,expression,output\nher.png,anger,a.png\nhim.png,hapiness,b.png\ngone.png,fear,c.png\n"
    )
    assert main(["batch", "films.csv", "-o", "out", *HERE, *QUICK[-2:]]) == 3
    out, err = capsys.readouterr()
    assert "3 rows: 1 done, 2 refused" in out
    assert "row 2 (b.png): Unknown emotion 'hapiness'" in err
    assert f"row 3 (c.png): There is no photo {folder / 'gone.png'}" in err
    assert [row["status"] for row in status()] == ["done", "refused", "refused"]
    assert faces.found == 1
    Path("gone.png").write_bytes(Path("him.png").read_bytes())
    write_manifest(
        "films.csv", "photo,expression,output\nher.png,anger,a.png\nhim.png,happiness,b.png\ngone.png,fear,c.png\n"
    )
    assert main(["batch", "films.csv", "-o", "out", *HERE, *QUICK[-2:]]) == 0
    assert "2 done, 1 kept" in capsys.readouterr().out
    assert main(["batch", "films.csv", "-o", "out", *HERE, *QUICK[-2:]]) == 0
    assert [row["status"] for row in status()] == ["kept"] * 3
    assert faces.found == 2, "two photos of the same pixels are one search"


def test_a_dry_run_writes_nothing_and_foresees(folder, animator, capsys):
    rows = "".join(f"her.png,AU12={n / 100:.2f},{n}.png\n" for n in range(1, 13))
    write_manifest("films.csv", f"photo,expression,output\n{rows}her.png,AU99=C,x.png\n")
    assert main(["batch", "films.csv", "-o", "out", *HERE, "--dry-run", *QUICK[-2:]]) == 3
    out = capsys.readouterr().out
    assert "13 rows: 12 to do, 0 there already, 1 refused" in out
    assert "as 3 of them took in a trial" in out
    assert not Path("out").exists()
    assert main(["batch", "films.csv", "-o", "out", *HERE, *QUICK[-2:]]) == 3
    capsys.readouterr()
    size = sum(p.stat().st_size for p in Path("out").glob("[0-9]*"))
    for path in Path("out").glob("1*.png"):
        path.unlink()
    assert main(["batch", "films.csv", "-o", "out", *HERE, "--dry-run", *QUICK[-2:]]) == 3
    out = capsys.readouterr().out
    assert "4 to do, 8 there already" in out
    assert "as 8 rows there took" in out
    foreseen = float(out.partition("disk: ")[2].split()[0]) * 1000
    assert foreseen == pytest.approx(size * 4 / 12, rel=0.1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",happiness,,a.mp4,,", "No photo"),
        ("gone.png,happiness,,a.mp4,,", "There is no photo"),
        ("her.png,,,a.mp4,,", "given: nothing"),
        ("her.png,happiness,wave.yaml,a.mp4,,", "expression and timeline"),
        ("her.png,happiness,,a.mp4,,C", "expression and AUs"),
        ("her.png,,wave.yaml,a.png,,", "A timeline is a film"),
        ("her.png,fear;anger,,a.png,,", "Several expressions are a film"),
        ("her.png,;,,a.mp4,,", "expression is empty"),
        ("her.png,,gone.yaml,a.mp4,,", "There is no file"),
        ("her.png,,m.csv,a.mp4,,", "m.csv"),
        ("her.png,happy,,a.mp4,,", "Unknown emotion"),
        ("her.png,,,a.mp4,,Z", "AU12=Z"),
        ("her.png,,,a.mp4,,1.5", "1.5"),
        ("her.png,happiness,,,,", "No output"),
        ("her.png,happiness,,a.exe,,", "cannot be written"),
        ("her.png,happiness,,../a.mp4,,", "leads out"),
        ("her.png,happiness,,status.csv,,", "keeps status.csv"),
        ("her.png,happiness,,.FACSMITH/a.mp4,,", "for itself"),
        ("her.png,happiness,,a.mp4,-1,", "seed"),
        ("her.png,happiness,,a.mp4,99999999999999999999999,", "seed"),
        ("her.png,happiness,,a.mp4,,,C,B", "more in this row"),
        ("nope://her.png,happiness,,a.mp4,,", None),
    ],
)
def test_bad_rows_are_named_before_anything_is_rendered(folder, row, reason):
    good = "her.png,happiness,,good.mp4,,"
    found = read(f"photo,expression,timeline,output,seed,AU12\n{good}\n{row}\n{good}\n", folder)
    assert len(found) == 3 and hasattr(found[0], "inputs") and hasattr(found[2], "inputs")
    assert found[1].row == 2
    if reason is None:
        assert found[1].inputs == ("nope://her.png",), "told by the worker, which asks the network"
    else:
        assert reason in found[1].reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lacks the column photo and output"),
        ("photo,expression\n", "lacks the column output"),
        ("photo,output,smile\n", "has a column 'smile'"),
        ("photo,output,AU1,AU01\n", "a column twice"),
        ("photo,output\n\xff", "CSV in UTF-8"),
        ('photo,output\n"her.png,a.mp4\n', "row 1"),
        ("photo,output\n" + "x" * 200_000 + ",y\n", "field larger"),
    ],
)
def test_manifests_that_are_none_are_refused(folder, text, reason):
    (folder / "m.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=reason):
        list(read_manifest(str(folder / "m.csv"), AnimateOptions()))
    assert main(["batch", "m.csv", "-o", "out", *HERE]) == 2
    assert not Path("out").exists()


def test_manifests_are_streamed(folder, monkeypatch):
    """A row is yielded before the next is read."""
    write_manifest("m.csv", "photo,output,AU12\nher.png,a.mp4,C\nher.png,b.mp4,C\n" + '"broken')
    rows = read_manifest("m.csv", AnimateOptions())
    assert [next(rows).output, next(rows).output] == ["a.mp4", "b.mp4"]
    with pytest.raises(InputError, match="row 3"):
        next(rows)


def test_options_may_be_columns(folder, animator):
    write_manifest(
        "films.csv",
        "photo,expression,output,fps,neutral_first,edit,iterations\nher.png,AU12=D,a.mp4,,,,\n"
        "her.png,AU12=D,b.mp4,10,yes,,0\nher.png,AU12=D,c.mp4,,,relative,\nher.png,AU12=D,d.mp4,fast,,,\n",
    )
    assert main(["batch", "films.csv", "-o", "out", *HERE, *QUICK]) == 3
    assert "fps is 'fast'; write a number" in status()[3]["reason"]
    single = ["her.png", "-e", "AU12=D", *QUICK]
    assert main(["animate", *single, "-o", "a.mp4"]) == 0
    own = ["--fps", "10", "--neutral-first", "--iterations", "0"]
    assert main(["animate", *single, *own, "-o", "b.mp4"]) == 0
    assert main(["animate", *single, "--relative", "-o", "c.mp4"]) == 0
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        assert Path("out", name).read_bytes() == Path(name).read_bytes()
    assert len({Path(name).read_bytes() for name in ("a.mp4", "b.mp4", "c.mp4")}) > 1


def test_weights_are_frames(folder):
    asked = "her.png,happiness,,a.mp4\nher.png,happiness,,a.png\nher.png,,wave.yaml,b.mp4\n"
    film, still, timed = read(f"photo,expression,timeline,output\n{asked}", folder)
    assert still.weight == 1
    assert film.weight > 20
    assert timed.weight == pytest.approx(10)


OUTSIDE = ["/a.mp4", "../a.mp4", "a/../../b.mp4", "~/a.mp4", "s3://b/a.mp4", "C:/a.mp4", "a\\b.mp4"]


@pytest.mark.parametrize("name", [*OUTSIDE, "a\nb.mp4", "x" * 250, " ", "a/ /b"])
def test_outputs_never_leave_their_folder(name):
    with pytest.raises(InputError):
        check_name(name)


def test_outputs_are_normalised():
    assert check_name("a//./b.mp4") == "a/b.mp4"
    assert check_name("./frames/") == "frames"
    assert check_name("ü/a b.mp4") == "ü/a b.mp4"


@pytest.mark.slow
def test_ray_makes_the_same_bytes(tmp_path, monkeypatch, ray):
    """The bundled model, real landmarks, processes of their own: one, and two."""
    monkeypatch.chdir(tmp_path)
    face = skimage.data.astronaut()[:384, 64:448]
    image.write("astronaut.png", np.ascontiguousarray(face))
    image.write("mirrored.png", np.ascontiguousarray(face[:, ::-1]))
    write_manifest(
        "m.csv", "photo,expression,output,seed\nastronaut.png,happiness,a.mp4,3\nmirrored.png,AU1=D,b.png,\n"
    )
    quick = [*QUICK, "--provider", "dlib", "--threads", "1"]
    assert main(["batch", "m.csv", "-o", "here", *HERE, *quick]) == 0
    for workers in ("1", "2"):
        on_ray = ["--engine", "ray", "--workers", workers, "--chunk", "1"]
        assert main(["batch", "m.csv", "-o", f"ray{workers}", *on_ray, *quick]) == 0
        assert Path(f"ray{workers}/a.mp4").read_bytes() == Path("here/a.mp4").read_bytes()
        assert Path(f"ray{workers}/b.png").read_bytes() == Path("here/b.png").read_bytes()
    assert main(["batch", "m.csv", "-o", "ray2", *HERE, *quick]) == 0
    assert {row["status"] for row in status("ray2")} == {"kept"}, "whoever did it"


def test_signed_results_verify_and_are_kept(folder, animator):
    pytest.importorskip("c2pa")
    from facsmith.signing import verify

    write_manifest("m.csv", "photo,expression,output\nher.png,AU12=D,a.png\nher.png,AU12=D,b.mp4\n")
    assert main(["batch", "m.csv", "-o", "plain", *QUICK, *HERE]) == 0
    assert verify(folder / "plain/a.png") is None
    signed = ["batch", "m.csv", "-o", "signed", *QUICK, *HERE, "--sign", "self"]
    assert main(signed) == 0
    for name in ("a.png", "b.mp4"):
        verdict = verify(folder / "signed" / name)
        assert verdict is not None and verdict.intact and verdict.self_signed
        assert verdict.manifest["org.facsmith.request"]["keyframes"]
    before = (folder / "signed/a.png").read_bytes()
    assert main(signed) == 0
    assert [row["status"] for row in status("signed")] == ["kept", "kept"]
    assert (folder / "signed/a.png").read_bytes() == before
    books = b"".join(path.read_bytes() for path in (folder / "signed").rglob("*") if path.is_file())
    assert b"PRIVATE KEY" not in books
