"""Encoding a source by portions: what was done is not done again, by whomever."""

import shutil
import tracemalloc
from dataclasses import dataclass, field, replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch

from facsmith import image
from facsmith.__main__ import main
from facsmith.batch import Here, Place, Task, run_batch
from facsmith.boundary import BoundarySet
from facsmith.bundle import FILES
from facsmith.encoder import Encoder
from facsmith.errors import BoundaryError, InputError, ModelUnavailableError
from facsmith.facs import DISFA
from facsmith.generator import TinyGenerator
from facsmith.lab.fit import FitOptions, fit_boundaries
from facsmith.lab.fit.collect_codes import codes, collect, units
from facsmith.lab.fit.encoded_shards import encode_portion, source_name
from facsmith.lab.fit.encoding_job import CodesJob
from facsmith.lab.fit.sources import Item, TableSource, everything, portions

pytestmark = pytest.mark.slow


@dataclass
class Numbers:
    """Items whose pictures hold their number; stops with an error at `breaks`."""

    count: int = 600
    breaks: int = -1
    started: list[int] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def __len__(self):
        return self.count

    def portions(self):
        return portions(self.count, 256)

    def selection(self):
        return everything

    def items(self, start=0, stop=None):
        self.started.append(start)
        for k in range(start, stop):
            if k == self.breaks:
                raise KeyboardInterrupt
            picture = np.zeros((16, 16, 3), np.uint8)
            picture[..., 0], picture[..., 1] = k % 256, k // 256
            yield Item(k, np.eye(12)[k % 12] * (k % 5) / 4, f"person {k % 7}", image=picture, aligned=True)


GENERATOR = TinyGenerator(num_ws=4, w_dim=8, resolution=16)


def encode(images):
    """A code that is the picture's number."""
    digits = ((images[:, :2, 0, 0] + 1) * 127.5).round()
    return (digits[:, 0] + 256 * digits[:, 1])[:, None, None].expand(-1, 4, 8).clone()


def test_an_interrupted_run_goes_on_and_ends_the_same(tmp_path):
    whole = collect(Numbers(), tmp_path / "whole", GENERATOR, encode, name="numbers")
    with pytest.raises(KeyboardInterrupt):
        collect(Numbers(breaks=400), tmp_path / "cut", GENERATOR, encode, name="numbers")
    assert list((tmp_path / "cut" / ".facsmith" / "working").iterdir()) == []  # it is not the portion's fault
    again = Numbers()
    resumed = collect(again, tmp_path / "cut", GENERATOR, encode, name="numbers")
    assert again.started == [256, 512]
    assert (whole.ws[:, 0, 0] == np.arange(600)).all()
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(np.unique(whole.people)) == 7
    third = Numbers()
    collect(third, tmp_path / "cut", GENERATOR, encode, name="numbers")
    assert third.started == []


def test_another_source_is_not_mixed_in(tmp_path):
    collect(Numbers(20), tmp_path, GENERATOR, encode, name="numbers")
    with pytest.raises(BoundaryError, match="holds faces of numbers"):
        collect(Numbers(20), tmp_path, GENERATOR, encode, name="others")


def test_known_latents_need_no_encoder(tmp_path):
    class Codes(Numbers):
        def items(self, start=0, stop=None):
            for item in super().items(start, stop):
                yield Item(item.index, item.au, item.person, latent=np.full((4, 8), item.index, np.float32))

    found = collect(Codes(30), tmp_path, GENERATOR, None, name="codes")
    assert (found.ws[:, 0, 0] == np.arange(30)).all()


def test_what_was_refused_is_tried_again(tmp_path):
    with pytest.raises(BoundaryError, match="an encoder is needed"):
        collect(Numbers(20), tmp_path, GENERATOR, None, name="numbers")
    assert len(collect(Numbers(20), tmp_path, GENERATOR, encode, name="numbers").au) == 20


def test_pictures_are_not_held(tmp_path):
    """Of a portion of 150 pictures of 1.3 MB, a handful at a time."""

    class Large(Numbers):
        def items(self, start=0, stop=None):
            for item in super().items(start, stop):
                yield replace(item, image=np.zeros((660, 660, 3), np.uint8))

    tracemalloc.start()
    collect(Large(150), tmp_path, GENERATOR, encode, name="large")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 660 * 660 * 3


def test_pictures_without_faces_leave_nothing_to_fit(tmp_path):
    class Walls(Numbers):
        def items(self, start=0, stop=None):
            for k in range(3):
                yield Item(k, np.zeros(12), "wall", image=np.full((120, 120, 3), 90, np.uint8))

    with pytest.raises(BoundaryError, match="No face"):
        collect(Walls(3), tmp_path, GENERATOR, encode, name="walls", provider="dlib")


def test_a_damaged_portion_is_made_again(tmp_path):
    whole = collect(Numbers(300), tmp_path, GENERATOR, encode, name="numbers")
    (tmp_path / "00001.safetensors").write_bytes(b"half a file")
    again = Numbers(300)
    found = collect(again, tmp_path, GENERATOR, encode, name="numbers")
    assert again.started == [256]
    np.testing.assert_array_equal(found.ws, whole.ws)


def test_a_changed_file_is_another_source(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a")
    first = source_name(f"csv:{path}")
    path.write_text("b")
    assert source_name(f"csv:{path}") != first
    assert source_name("samples:5") == "samples:5"


def test_what_was_collected_is_fitted(tmp_path):
    directions = np.linalg.qr(np.random.default_rng(0).standard_normal((32, 32)))[0]

    class Known(Numbers):
        def items(self, start=0, stop=None):
            random = np.random.default_rng(1)
            for k in range(self.count):
                au = np.zeros(12) if k % 6 == 0 else (random.random(12) < 0.3) * random.uniform(0.2, 1, 12)
                who = directions[12 + k // 6 % 20]
                code = (who + 3 * au @ directions[:12]).reshape(4, 8)
                if start <= k < stop:
                    yield Item(k, au, f"{k // 6}", latent=code.astype(np.float32))

    codes = collect(Known(360), tmp_path, GENERATOR, None, name="known")
    options = FitOptions(aus=(4, 12), candidates=(0.01, 1.0), compare=True)
    fitted = fit_boundaries(
        codes.ws, codes.au, groups=codes.people, generator_id=GENERATOR.generator_id, options=options
    )
    for boundary in fitted.boundaries:
        truth = directions[DISFA.index(boundary.au)]
        assert boundary.normal.ravel() @ truth > 0.97
        assert boundary.report["accuracy_within_person"] > 0.95
        assert set(boundary.report["methods"]) == {"mean", "neutral"}


FIT = ["boundaries", "fit", "--provider", "dlib", "--no-cross-validate", "--threads", "1"]


@pytest.fixture
def arguments(tmp_path, model_folder, monkeypatch):
    """A fit to faces moved by muscles, as `train data` keeps them, in three portions: what lights up is AU12."""
    monkeypatch.setattr("facsmith.lab.fit.sources.muscles.MANY", 64)
    random = np.random.default_rng(0)
    au = np.zeros((40, 4, 12), np.float32)
    au[:, 1:, DISFA.index(12)] = random.choice([0.0, 1.0], (40, 3))
    faces = random.integers(40, 120, (40, 1, 8, 8, 3)) + 80 * au[:, :, DISFA.index(12), None, None, None]
    np.save(tmp_path / "images.npy", faces.astype(np.uint8))
    np.save(tmp_path / "au.npy", au)
    encoder = Encoder.load(model_folder / FILES[2])
    torch.manual_seed(0)
    for parameter in encoder.parameters():  # one that was not trained at all says the same of everybody
        torch.nn.init.normal_(parameter, std=0.1)
    encoder.save(tmp_path / "encoder.safetensors")
    encoded = ["--encoder", str(tmp_path / "encoder.safetensors"), "--model", str(model_folder)]
    return [*FIT, "--source", f"muscles:{tmp_path}", *encoded]


def test_workers_make_the_same_codes_and_boundaries(tmp_path, arguments, ray, capsys):
    made = []
    for engine in (["here"], ["ray", "--workers", "1"], ["ray", "--workers", "2"]):
        output = tmp_path / f"{'-'.join(engine)}.boundaries"
        assert main([*arguments, "-o", str(output), "--engine", *engine]) == 0
        assert "3 parts: 3 done" in capsys.readouterr().out
        parts = [tmp_path / f"{output.name}.parts" / f"0000{k}.safetensors" for k in range(3)]
        made.append([path.read_bytes() for path in (output, *parts)])
    assert made[0] == made[1] == made[2]
    assert BoundarySet.load(output).aus == (12,)
    assert main([*arguments, "-o", str(output), "--engine", "here"]) == 0, "whoever did it"
    assert "3 parts: 3 kept" in capsys.readouterr().out


@pytest.mark.parametrize("was_there", [False, True])
def test_what_could_not_be_encoded_is_named_and_the_rest_is_fitted(
    tmp_path, model_folder, arguments, capsys, monkeypatch, was_there
):
    def broken(path, source, portion, *rest, **more):
        if portion.start == 64:
            raise InputError("The film is cut.")
        return encode_portion(path, source, portion, *rest, **more)

    output = tmp_path / "m.boundaries"
    if was_there:  # of an earlier encoder: its codes must not be mixed in
        parts = ["--encoder", str(model_folder / FILES[2]), "--parts", f"{output}.parts"]
        assert main([*arguments, "-o", str(tmp_path / "old"), "--engine", "here", *parts]) == 2  # untrained
    with monkeypatch.context() as patch:
        patch.setattr("facsmith.lab.fit.collect_codes.encode_portion", broken)
        assert main([*arguments, "-o", str(output), "--engine", "here"]) == 3
    assert "row 2 (00001.safetensors): The film is cut." in capsys.readouterr().err
    assert (Path(f"{output}.parts") / "00001.safetensors").is_file() == was_there
    assert BoundarySet.load(output)[12].report["training"]["people"] == 18  # of 24, a quarter held out
    assert main([*arguments, "-o", str(output), "--engine", "here", "--retry"]) == 0
    assert BoundarySet.load(output)[12].report["training"]["people"] == 30  # of 40


def test_a_model_that_is_missing_is_named_once(tmp_path, arguments, capsys, monkeypatch):
    def missing(image, *, provider="auto"):
        raise ModelUnavailableError("There is no such model here. Fetch it.")

    monkeypatch.setattr("facsmith.lab.fit.encoding_job.find", missing)
    assert main([*arguments, "-o", str(tmp_path / "m.boundaries"), "--engine", "here"]) == 2
    assert "There is no such model here. Fetch it." in capsys.readouterr().err


def test_a_folder_of_latents_has_no_dry_run(tmp_path, capsys):
    assert main(["boundaries", "fit", str(tmp_path), "-o", str(tmp_path / "m.boundaries"), "--dry-run"]) == 2
    assert "--source" in capsys.readouterr().err


def test_a_dry_run_foresees_and_writes_nothing(tmp_path, arguments, capsys):
    output = tmp_path / "m.boundaries"
    assert main([*arguments, "-o", str(output), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "3 parts: 3 to do" in said and "disk" in said and "3 of them took in a trial" in said
    assert not output.exists() and not Path(f"{output}.parts").exists()


def test_parts_may_lie_behind_a_url(tmp_path, arguments):
    output = tmp_path / "m.boundaries"
    arguments += ["-o", str(output)]
    assert main([*arguments, "--parts", "memory://parts"]) == 0
    assert main([*arguments, "--parts", str(tmp_path / "parts"), "--engine", "here"]) == 0
    path = Path("00001.safetensors")
    assert fsspec.filesystem("memory").cat_file(f"/parts/{path}") == (tmp_path / "parts" / path).read_bytes()
    assert not Path(f"{output}.parts").exists()


def test_a_picture_of_no_use_is_named(tmp_path, model_folder):
    from skimage.data import astronaut

    image.write(tmp_path / "her.png", np.ascontiguousarray(astronaut()[0:256, 100:356]))
    image.write(tmp_path / "wall.png", np.full((200, 200, 3), 90, np.uint8))
    (tmp_path / "cut.png").write_bytes((tmp_path / "her.png").read_bytes()[:900])
    names = ["her", "wall", "cut", "gone", "12::30"]
    (tmp_path / "12::30.png").write_bytes((tmp_path / "her.png").read_bytes())
    (tmp_path / "t.csv").write_text("input,AU12_r\n" + "".join(f"{name}.png,{k}\n" for k, name in enumerate(names)))
    files = [str(model_folder / name) for name in FILES[:3]]
    job = CodesJob(f"csv:{tmp_path / 't.csv'}", *files, provider="dlib")
    place, source = Place(str(tmp_path / "parts")), TableSource(tmp_path / "t.csv")
    assert run_batch(Task(job, place, job.identity), units(source), Here()).complete
    assert "No usable face in wall.png, cut.png, gone.png." in (tmp_path / "parts" / "status.csv").read_text()
    found = codes(place, source, 4, job.identity)
    assert found.ws.shape == (2, 4, 8) and found.au.max(axis=1) == pytest.approx([0, 0.8])


def test_faces_of_disfas_videos_are_cut_out_and_encoded(tmp_path):
    """Her jaw drops in the second half of the video, and the codes of exactly those frames say so."""
    av = pytest.importorskip("av")
    from skimage.data import astronaut

    from facsmith.face import choose, find
    from facsmith.face.muscle_warp import MuscleWarp
    from facsmith.lab.fit.sources import DISFASource

    photo = np.ascontiguousarray(astronaut()[0:256, 100:356])
    muscles = MuscleWarp(choose(find(photo, provider="dlib")).face.landmarks, photo.shape)
    rest, jaw = -0.7 * np.isin(DISFA, [12, 25]), 1.0 * np.isin(DISFA, [26])
    pictures = [muscles(photo, rest), muscles(photo, rest + jaw)]
    labels = tmp_path / "DISFA" / "ActionUnit_Labels" / "SN001"
    labels.mkdir(parents=True)
    for au in DISFA:
        levels = [5 if au == 26 and frame >= 4 else 0 for frame in range(8)]
        (labels / f"SN001_au{au}.txt").write_text("".join(f"{k + 1},{level}\n" for k, level in enumerate(levels)))
    shutil.copytree(labels, labels.with_name("SN002"))
    for path in labels.with_name("SN002").iterdir():
        path.rename(path.with_name(path.name.replace("SN001", "SN002")))
    (tmp_path / "DISFA" / "LeftVideoSN002_comp.avi").write_bytes(b"half a film")
    with av.open(str(tmp_path / "DISFA" / "LeftVideoSN001_comp.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=20)
        stream.width = stream.height = 256
        stream.pix_fmt = "yuvj420p"
        for frame in range(8):
            picture = av.VideoFrame.from_ndarray(pictures[frame >= 4], format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))

    def mouth(images):
        """A code that is the brightness where an open mouth is dark."""
        return images[:, :, 11:13, 6:10].mean(dim=(1, 2, 3))[:, None, None].expand(-1, 4, 8).clone()

    source, broken = DISFASource(tmp_path / "DISFA"), tmp_path / "DISFA" / "LeftVideoSN002_comp.avi"
    with pytest.raises(BoundaryError, match=r"SN002_comp.avi is no film"):
        collect(source, tmp_path / "parts", GENERATOR, mouth, name="d", provider="dlib")
    broken.unlink()
    source = DISFASource(tmp_path / "DISFA")  # without the other subject
    found = collect(source, tmp_path / "parts", GENERATOR, mouth, name="d", provider="dlib")
    assert found.au[:, DISFA.index(26)].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    brightness = found.ws[:, 0, 0]
    assert brightness[4:].max() < brightness[:4].min() - 0.05
    assert (found.people == 0).all()
