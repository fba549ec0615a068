"""Latents: what is saved is loaded, and files from strangers are read or refused, never executed or trusted."""

import contextlib
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facsmith.errors import LatentError, OutputError
from facsmith.latent import Latent

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(4, 8), (1, 4, 8), (5, 18, 16), (2, 3, 4, 8)])
def test_save_and_load_give_the_same_numbers(tmp_path: Path, shape: tuple[int, ...]) -> None:
    latent = Latent(RNG.standard_normal(shape).astype(np.float32), "tiny-1")
    latent.save(tmp_path / "face.safetensors")
    loaded = Latent.load(tmp_path / "face.safetensors")
    assert np.array_equal(loaded.ws, latent.ws)
    assert loaded.generator_id == "tiny-1"
    assert (loaded.num_ws, loaded.w_dim) == shape[-2:]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_and_npy_files_of_others(tmp_path: Path, dtype: type) -> None:
    codes = RNG.standard_normal((3, 18, 8)).astype(dtype)
    np.save(tmp_path / "codes.npy", codes)
    latent = Latent.from_array(tmp_path / "codes.npy", generator_id="ffhq")
    assert latent.ws.dtype == np.float32
    assert np.array_equal(latent.ws, codes.astype(np.float32))
    assert np.array_equal(Latent.from_array(np.asfortranarray(codes), generator_id="ffhq").ws, latent.ws)


def test_a_latent_of_another_generator_is_refused() -> None:
    latent = Latent(np.zeros((4, 8)), "a")
    latent.check("a")
    with pytest.raises(LatentError, match=r"generator a, not to b.*invert"):
        latent.check("b")


@pytest.mark.parametrize(
    "ws",
    [
        np.zeros(8),
        np.zeros((0, 8)),
        np.zeros((65, 8)),
        np.zeros((2, 5000)),
        np.full((4, 8), np.nan),
        np.full((4, 8), np.inf),
        np.full((4, 8), 1e300),
        np.zeros((4, 8), dtype=object),
        np.zeros((4, 8), dtype=complex),
    ],
)
def test_shapes_and_numbers_that_are_no_latent(ws: np.ndarray) -> None:
    with pytest.raises(LatentError):
        Latent(ws, "a")
    with pytest.raises(LatentError, match="id of its generator"):
        Latent(np.zeros((4, 8)), "")


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("exploded"),))


def hostile_files(folder: Path) -> list[Path]:
    """Files that pretend to be latents."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 125000), }".ljust(117) + b"\n"
    tensor_header = json.dumps({"ws": {"dtype": "F32", "shape": [1 << 20, 1 << 20], "data_offsets": [0, 4]}}).encode()
    contents = {
        "missing-magic": b"hello",
        "empty": b"",
        "100GB": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 64,
        "negative": b"\x93NUMPY\x01\x00"
        + struct.pack("<H", 118)
        + header.replace(b"(100000, 125000)", b"(-1, -8)        "),
        "long-header": b"\x93NUMPY\x02\x00" + struct.pack("<I", 60000) + b"(" * 60000,
        "future": b"\x93NUMPY\x09\x00" + struct.pack("<H", len(header)) + header,
        "huge-tensors": struct.pack("<Q", len(tensor_header)) + tensor_header + b"\0" * 4,
        "huge-header": struct.pack("<Q", 1 << 60) + b"{}",
        "not-json": struct.pack("<Q", 4) + b"\xff\xfe{}" + b"\0" * 8,
        "pickle": pickle.dumps(Bomb()),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    np.save(folder / "objects.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    np.save(folder / "text.npy", np.array(["a"]))
    with open(folder / "sparse", "wb") as file:
        file.truncate(1 << 40)
    return [*(folder / name for name in contents), folder / "objects.npy", folder / "text.npy", folder / "sparse"]


def test_hostile_files_get_one_error_and_do_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in [*hostile_files(tmp_path), tmp_path / "absent", tmp_path, Path("/dev/zero")]:
        with pytest.raises(LatentError):
            Latent.load(path)
        with pytest.raises(LatentError):
            Latent.from_array(path, generator_id="a")
    assert not (tmp_path / "exploded").exists()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    """Any byte changed, or the tail cut: LatentError or a latent, nothing else."""
    good = tmp_path / "good.safetensors"
    if not good.exists():
        Latent(np.ones((2, 3), np.float32), "a").save(good)
        np.save(tmp_path / "good.npy", np.ones((2, 3)))
    for name in ("good.safetensors", "good.npy"):
        content = bytearray((tmp_path / name).read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
        bad = tmp_path / f"bad-{name}"
        bad.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        for read in (Latent.load, lambda path: Latent.from_array(path, generator_id="a")):
            with contextlib.suppress(LatentError):
                assert read(bad).ws.ndim >= 2


def test_another_safetensors_file_is_no_latent(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros((2, 2), np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(LatentError, match="no latent of facsmith"):
        Latent.load(tmp_path / "model.safetensors")


def test_an_unwritable_folder_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        Latent(np.zeros((4, 8)), "a").save(tmp_path / "file" / "x.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_same_latent_is_the_same_file(tmp_path):
    latent = Latent(np.arange(32).reshape(4, 8), "ü generator")
    for number in range(20):
        latent.save(tmp_path / f"{number}.safetensors")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    assert Latent.load(tmp_path / "0.safetensors").generator_id == "ü generator"
