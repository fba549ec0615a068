"""Files made to do harm: one clear CheckpointError each, and nothing happens.

Where a file would leave a trace if it were executed, the test first lets the ordinary loader execute it, so that a file
that has become harmless by mistake fails the test.
"""

import builtins
import importlib
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoint_forge import (
    Call,
    ada_pickle,
    images,
    nvidia_packages,
    random_stylegan2,
    rosinality_state,
    stylegan2_variables,
    tensorflow_pickle,
    torch_bytes,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facsmith.checkpoint import _pickle, load_generator, read_checkpoint, read_state_dict, save_generator
from facsmith.errors import CheckpointError

READERS = [load_generator, read_state_dict]
MEMORY = 64 * 1024**2
"""What refusing a small file may take at most, whatever the file asks for."""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """The file that appears when a hostile file is executed."""
    return tmp_path / "executed"


def refuse(data: bytes, tmp_path: Path, *, match: str, reader: Callable[[Path], Any] = load_generator) -> str:
    """The reader refuses ``data`` with one CheckpointError, taking little memory; returns the message."""
    file = tmp_path / "model.pkl"
    file.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=match) as caught:
            reader(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY
    message = str(caught.value)
    assert str(file) in message
    assert "\n" not in message
    return message


def executes(load: Callable[[], Any], marker: Path) -> None:
    """The ordinary loader really does the harm; then undo it."""
    load()
    assert marker.exists()
    marker.unlink()


# Code that would run


def calls(marker: Path) -> list[Call]:
    """Things a pickle can do; each leaves the marker."""
    path = str(marker)
    return [
        Call(os.system, f"touch {path}"),
        Call(subprocess.call, ["touch", path]),
        Call(builtins.exec, f"open({path!r}, 'w')"),
        Call(builtins.eval, f"open({path!r}, 'w').close()"),
        Call(builtins.open, path, "w"),
        Call(Path.touch, Path(path)),
        Call(pickle.loads, pickle.dumps(Call(os.system, f"touch {path}"))),
    ]


@pytest.mark.parametrize("which", range(7))
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_pickle_that_calls_something_is_refused_by_name(
    which: int, protocol: int, tmp_path: Path, marker: Path
) -> None:
    data = pickle.dumps({"G_ema": calls(marker)[which]}, protocol=protocol)
    executes(lambda: pickle.loads(data), marker)
    message = refuse(data, tmp_path, match="asks for")
    assert "nothing in the file was run" in message
    assert not marker.exists()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_torch_file_that_calls_something_is_refused(
    legacy: bool, reader: Callable[[Path], Any], tmp_path: Path, marker: Path
) -> None:
    data = torch_bytes({"g_ema": Call(os.system, f"touch {marker}")}, legacy=legacy)
    executes(lambda: torch.load(io.BytesIO(data), weights_only=False), marker)
    refuse(data, tmp_path, match="asks for posix.system", reader=reader)
    assert not marker.exists()


def test_a_call_hidden_in_a_tensors_own_stream_is_refused(tmp_path: Path, marker: Path) -> None:
    inner = torch_bytes(Call(os.system, f"touch {marker}"), legacy=True)
    data = pickle.dumps({"G_ema": Call(torch.storage._load_from_bytes, inner)})
    # since 2.6 torch itself refuses to execute a nested stream; older ones, which NVIDIA's code ran on, did so
    executes(lambda: torch.load(io.BytesIO(inner), weights_only=False), marker)
    refuse(data, tmp_path, match="asks for posix.system")
    assert not marker.exists()


def test_the_source_inside_a_pickle_is_not_run_and_the_network_is_read(tmp_path: Path, marker: Path) -> None:
    network = random_stylegan2()
    data = ada_pickle(network, source=f"open({str(marker)!r}, 'w').close()")
    with nvidia_packages():
        executes(lambda: pickle.loads(data), marker)
    (tmp_path / "network.pkl").write_bytes(data)
    torch.testing.assert_close(images(load_generator(tmp_path / "network.pkl")), images(network))
    assert not marker.exists()


def test_a_class_outside_the_list_is_refused_and_its_module_not_imported(
    tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "marking_module.py").write_text(f"open({str(marker)!r}, 'w').close()\nclass Generator: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    data = b"\x80\x02cmarking_module\nGenerator\n)\x81."
    executes(lambda: pickle.loads(data), marker)
    importlib.invalidate_caches()
    del sys.modules["marking_module"]
    refuse(data, tmp_path, match="asks for marking_module.Generator, which is not on the list")
    assert "marking_module" not in sys.modules
    assert not marker.exists()


def test_names_on_the_list_reach_nothing_beside_them(tmp_path: Path) -> None:
    for name in ("collections namedtuple", "torch load", "torch.storage eval", "numpy load", "builtins getattr"):
        module, attribute = name.split()
        refuse(f"\x80\x02c{module}\n{attribute}\n.".encode("latin-1"), tmp_path, match=f"asks for {module}.{attribute}")
    refuse(b"\x80\x04\x8c\x05numpy\x8c\x0cdtype.__new_\x93.", tmp_path, match="asks for")


def test_build_sets_no_attribute_of_anything_real(tmp_path: Path) -> None:
    data = b"\x80\x02ccollections\nOrderedDict\n}X\x08\x00\x00\x00__init__K\x01sb."
    refuse(data, tmp_path, match="damaged")


# Sizes that would be taken


HUNDRED_GB = 100 * 1000**3


class ForgedArray:
    """Pickles as a float32 array that announces a shape and holds some bytes."""

    def __init__(self, shape: tuple[int, ...], held: bytes = b"") -> None:
        self.shape = shape
        self.held = held

    def __reduce__(self) -> Any:
        rebuild, args, _ = np.zeros(0, np.float32).__reduce__()
        return rebuild, args, (1, self.shape, np.dtype(np.float32), False, self.held)


@pytest.mark.parametrize("shape", [(HUNDRED_GB // 4,), (2**20, 2**20, 2**20), (HUNDRED_GB // 4, 0, 1)])
def test_an_array_of_100_gb_is_refused_before_memory_is_taken(shape: tuple[int, ...], tmp_path: Path) -> None:
    own, mapping, synthesis = stylegan2_variables(random_stylegan2())
    held = b"" if 0 not in shape else b"held"
    own["dlatent_avg"] = ForgedArray(shape, held)
    for protocol in (2, 4, 5):
        refuse(pickle.dumps(ForgedArray(shape, held), protocol), tmp_path, match="announces an array of")
    message = refuse(tensorflow_pickle(own, mapping, synthesis), tmp_path, match="announces an array of")
    assert "93.1 GB" in message or shape != (HUNDRED_GB // 4,)


def test_an_array_of_objects_is_refused(tmp_path: Path, marker: Path) -> None:
    data = pickle.dumps(np.array([Call(os.system, f"touch {marker}")], dtype=object))
    executes(lambda: pickle.loads(data), marker)
    refuse(data, tmp_path, match="type 'O8'")
    assert not marker.exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_torch_storage_of_100_gb_is_refused_before_memory_is_taken(legacy: bool, tmp_path: Path) -> None:
    honest = torch_bytes({"a": torch.arange(7.0)}, legacy=legacy)
    count = HUNDRED_GB // 4
    forged = _replaced(honest, b"K\x07", b"\x8a\x05" + count.to_bytes(5, "little"))
    forged = forged.replace(struct.pack("<q", 7), struct.pack("<q", count)) if legacy else forged
    refuse(forged, tmp_path, match="93.1 GB", reader=read_state_dict)


def test_a_view_larger_than_its_storage_is_refused(tmp_path: Path) -> None:
    wide = torch.zeros(1).expand(7, 2**31 - 1)
    for legacy in (False, True):
        refuse(torch_bytes({"a": wide}, legacy=legacy), tmp_path, match="tensor of shape", reader=read_state_dict)
    outside = _replaced(torch_bytes({"a": torch.zeros(9)[3:]}), b"K\x03K\x06", b"K\x09K\x06")
    refuse(outside, tmp_path, match="tensor of shape|damaged", reader=read_state_dict)


def test_one_storage_under_a_thousand_names_is_refused(tmp_path: Path) -> None:
    shared = torch.zeros(2**20)
    data = torch_bytes({str(n): shared[:] for n in range(1100)})
    refuse(data, tmp_path, match="would take 4.3 GB", reader=read_state_dict)


@pytest.mark.parametrize(
    "code",
    [
        b"\x8e" + struct.pack("<Q", HUNDRED_GB),  # BINBYTES8
        b"\x8d" + struct.pack("<Q", HUNDRED_GB),  # BINUNICODE8
        b"\x96" + struct.pack("<Q", HUNDRED_GB),  # BYTEARRAY8
        b"\x95" + struct.pack("<Q", HUNDRED_GB),  # FRAME
        b"\x8b" + struct.pack("<I", 2**31 - 1),  # LONG4
        b"N" + b"r" + struct.pack("<I", 2**32 - 1) + b"0j" + struct.pack("<I", 1),  # a memo of 4 billion places
    ],
)
def test_lengths_beyond_the_file_take_no_memory(code: bytes, tmp_path: Path) -> None:
    refuse(b"\x80\x04" + code + b"N.", tmp_path, match="cut off|no model file does|damaged")


def test_a_stream_of_endless_instructions_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pickle, "MAX_OPERATIONS", 10_000)
    refuse(b"\x80\x04" + b"]" * 20_000 + b".", tmp_path, match="10,000 pickle instructions")


def test_work_that_is_repeated_for_free_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is made into sets, a text into bytes, a stream into tensors, over and over again."""
    monkeypatch.setattr(_pickle, "MAX_OPERATIONS", 100_000)
    thousand = b"](" + b"N" * 1000 + b"eq\x01"
    sets = b"cbuiltins\nset\nq\x00" + thousand + b"h\x00h\x01\x85R" * 10_000
    text = b"X" + struct.pack("<I", 10**6) + b"a" * 10**6 + b"q\x01"
    encoded = b"c_codecs\nencode\nq\x00" + text + b"h\x00h\x01X\x06\x00\x00\x00latin1\x86R" * 10_000
    stream = torch_bytes([[] for _ in range(1000)], legacy=True)
    tensors = b"ctorch.storage\n_load_from_bytes\nq\x00B" + struct.pack("<I", len(stream)) + stream + b"q\x01"
    for program in (sets, encoded, tensors + b"h\x00h\x01\x85R" * 10_000):
        refuse(b"\x80\x04" + program + b".", tmp_path, match="100,000 pickle instructions")


def test_a_tower_of_tuples_as_a_key_overflows_no_stack(tmp_path: Path) -> None:
    """Hashing one of 200,000 levels kills the process; so does pickle.loads."""
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04}" + b")" + b"\x85" * 200_000 + b"Ns.")
    with pytest.raises(CheckpointError, match="a tuple as a dictionary key"):
        load_generator(tmp_path / "model.pkl")


def test_lists_that_double_forty_times_are_not_written_out(tmp_path: Path) -> None:
    doubling: list[Any] = ["x"]
    for _ in range(40):
        doubling = [doubling, doubling]
    refuse(ada_pickle(random_stylegan2(), changed={"z_dim": doubling}), tmp_path, match="says z_dim")
    variables = stylegan2_variables(random_stylegan2())
    refuse(tensorflow_pickle(*variables, blur_filter=doubling), tmp_path, match="blur_filter")
    named = pickle.dumps((doubling,), protocol=4)[:-2] + b"0\x8c\x01a\x93."
    refuse(named, tmp_path, match="damaged")


def test_a_message_is_one_short_line_whatever_the_file_says(tmp_path: Path) -> None:
    name = b"\x1b[31m\n" * 10_000
    text = b"X" + struct.pack("<I", len(name)) + name
    message = refuse(b"\x80\x04" + text + text + b"\x93.", tmp_path, match="asks for")
    assert len(message) < 1100
    assert message.isprintable()


def test_a_module_inside_itself_is_refused(tmp_path: Path) -> None:
    """`_modules` of G_ema's mapping is the memo's dictionary that holds the mapping."""
    text = lambda value: b"X" + struct.pack("<I", len(value)) + value  # noqa: E731
    modules = text(b"_modules") + b"}q\x01"
    meta = b"}(" + text(b"class_name") + text(b"X") + text(b"state") + b"}" + modules + b"su"
    module = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n" + meta + b"\x85Rq\x02"
    cycle = b"h\x01(" + text(b"mapping") + b"h\x02" + text(b"synthesis") + b"h\x02" + b"u0"
    refuse(b"\x80\x02}" + text(b"G_ema") + module + cycle + b"s.", tmp_path, match="contains itself")


# Damage


def _honest() -> dict[str, bytes]:
    network = random_stylegan2(resolution=4, mapping_layers=1)
    file = io.BytesIO()
    return {
        "ada": ada_pickle(network),
        "ada2": ada_pickle(network, protocol=2),
        "tensorflow": tensorflow_pickle(*stylegan2_variables(network)),
        "zip": torch_bytes({"g_ema": rosinality_state(network), "latent_avg": network.w_avg}),
        "legacy": torch_bytes({"g_ema": rosinality_state(network), "latent_avg": network.w_avg}, legacy=True),
        "safetensors": file.getvalue(),
    }


def _our_file(tmp_path: Path) -> bytes:
    save_generator(random_stylegan2(resolution=4, mapping_layers=1), tmp_path / "ours.safetensors", metadata={})
    return (tmp_path / "ours.safetensors").read_bytes()


@pytest.mark.parametrize("kind", ["ada", "ada2", "tensorflow", "zip", "legacy", "safetensors"])
def test_a_truncated_file_is_refused_wherever_it_ends(kind: str, tmp_path: Path) -> None:
    data = _honest()[kind] or _our_file(tmp_path)
    for end in sorted({1, 2, 8, 9, 12, *range(16, len(data), max(len(data) // 15, 1)), len(data) - 1}):
        refuse(data[:end], tmp_path, match="cut off|damaged|no model file|forged|readable")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["ada", "ada2", "tensorflow", "zip", "legacy", "safetensors"]),
    where=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_a_damaged_file_gives_a_network_or_a_clear_error(
    kind: str, where: list[tuple[float, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    data = bytearray(_HONEST.setdefault(kind, _honest()[kind] or _our_file(folder)))
    for position, value in where:
        data[int(position * len(data))] = value
    (folder / "model").write_bytes(data)
    try:
        read_checkpoint(folder / "model")
    except CheckpointError as error:
        assert str(folder / "model") in str(error)  # noqa: PT017 (either outcome is right)


_HONEST: dict[str, bytes] = {}


def test_flipped_numbers_in_a_zip_are_noticed(tmp_path: Path) -> None:
    data = torch_bytes({"a": torch.arange(1000.0)})
    where = data.index(np.arange(1000, dtype=np.float32).tobytes())
    refuse(data[: where + 8] + b"\xff" + data[where + 9 :], tmp_path, match="CRC", reader=read_state_dict)


# Zip files


def _zip(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("reader", READERS)
def test_a_zip_bomb_is_refused_packed(reader: Callable[[Path], Any], tmp_path: Path) -> None:
    bomb = _zip({"archive/data.pkl": b"\0" * 100_000_000}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 200_000
    refuse(bomb, tmp_path, match="compressed, to unfold into 95.4 MB", reader=reader)


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    data = bytearray(_zip({"archive/data.pkl": b"\x80\x02N."}))
    entry = data.index(b"PK\x01\x02")
    data[entry + 20 : entry + 28] = struct.pack("<II", 2**32 - 2, 2**32 - 2)
    refuse(bytes(data), tmp_path, match="damaged|cut off")


def test_an_endless_table_of_contents_is_refused(tmp_path: Path) -> None:
    contents = b"PK\x01\x02" + b"\0" * 42
    table = contents * (9 * 1024**2 // len(contents))
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, len(table), 4, 0)
    refuse(b"PK\x03\x04" + table + end, tmp_path, match="table of contents of 9.0 MB")


def test_an_encrypted_zip_and_one_without_a_model_are_refused(tmp_path: Path) -> None:
    data = bytearray(_zip({"archive/data.pkl": b"\x80\x02N."}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    data[6] |= 1
    refuse(bytes(data), tmp_path, match="damaged|encrypted|password")
    refuse(_zip({"face.tflite": b"0" * 99}), tmp_path, match="no torch model")
    refuse(_zip({"a/data.pkl": b"\x80\x02N.", "b/data.pkl": b"\x80\x02N."}), tmp_path, match="2 data.pkl")


# safetensors


def _safetensors(header: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + body


OURS = {"facsmith": "generator", "config": json.dumps({"network": {"family": "stylegan2", "resolution": 2**30}})}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "data",
    [
        _safetensors(b"{}", length=2**63),
        _safetensors(b"{}", length=HUNDRED_GB),
        _safetensors(b"{" * 400),
        _safetensors(b'{"__metadata__":' + b"[" * 100_000),
        _safetensors(b'{"a":{"dtype":"F32","shape":[25000000000],"data_offsets":[0,100000000000]}}', b"\0" * 4),
        _safetensors(b'{"a":{"dtype":"F32","shape":[25000000000],"data_offsets":[0,4]}}', b"\0" * 4),
        _safetensors(b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[4,0]}}', b"\0" * 4),
    ],
)
def test_an_absurd_safetensors_header_is_refused(data: bytes, reader: Callable[[Path], Any], tmp_path: Path) -> None:
    refuse(data, tmp_path, match="header|damaged|readable|holds", reader=reader)


@pytest.mark.parametrize(
    ("network", "match"),
    [
        ({"family": "stylegan2", "resolution": 2**30}, "out of proportion|not understood"),
        ({"family": "stylegan2", "resolution": 4, "mapping_layers": 10**9}, "out of proportion"),
        ({"family": "stylegan2", "resolution": 4, "mapping_layers": 8, "z_dim": 2**20, "w_dim": 2**20}, "not those"),
        ({"family": "stylegan2", "resolution": 4, "mapping_layers": 8, "colour": "red"}, "not understood"),
        ({"family": "stylegan2", "resolution": "4", "mapping_layers": 8}, "not understood"),
        ({"family": "stylegan2"}, "not understood"),
        ({"family": "stylegan1", "channels": {"4": 2**40}, "mapping_layers": 1}, "out of proportion|not understood"),
        ({"family": "stylegan9"}, "family 'stylegan9'"),
        ([], "family None"),
    ],
)
def test_a_configuration_beyond_its_tensors_is_refused(network: Any, match: str, tmp_path: Path) -> None:
    metadata = {"facsmith": "generator", "config": json.dumps({"network": network})}
    header = json.dumps({"__metadata__": metadata}).encode()
    refuse(_safetensors(header), tmp_path, match=match)


# Networks that are not what they say


def test_attributes_that_contradict_the_tensors_are_refused(tmp_path: Path) -> None:
    refuse(ada_pickle(random_stylegan2(), changed={"w_dim": 512}), tmp_path, match="says w_dim = 512")
    refuse(ada_pickle(random_stylegan2(), changed={"z_dim": [1]}), tmp_path, match="says z_dim")


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    network = random_stylegan2()
    state = rosinality_state(network)
    del state["convs.1.conv.weight"]
    refuse(torch_bytes({"g_ema": state}), tmp_path, match=r"convs\.1\.conv\.weight is missing")
    own, mapping, synthesis = stylegan2_variables(network)
    del synthesis["8x8/Conv1/mod_bias"]
    refuse(tensorflow_pickle(own, mapping, synthesis), tmp_path, match="8x8/Conv1/mod_bias is missing")


def test_another_resampling_filter_is_refused(tmp_path: Path) -> None:
    state = rosinality_state(random_stylegan2()) | {"convs.0.conv.blur.kernel": torch.ones(4, 4) / 4}
    refuse(torch_bytes({"g_ema": state}), tmp_path, match="blur.kernel is not the")


def test_variants_that_are_not_run_are_declined_by_name(tmp_path: Path) -> None:
    variables = stylegan2_variables(random_stylegan2())
    refuse(tensorflow_pickle(*variables, nonlinearity="relu"), tmp_path, match="nonlinearity = 'relu'")
    own, mapping, synthesis = variables
    labelled = mapping | {"LabelConcat/weight": np.ones((3, 12), np.float32)}
    refuse(tensorflow_pickle(own, labelled, synthesis), tmp_path, match="LabelConcat")
    refuse(tensorflow_pickle(own, {}, {}), tmp_path, match="neither StyleGAN1 nor StyleGAN2")
    refuse(pickle.dumps({"G": None}), tmp_path, match="G_ema")


# Files that are no models


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"<!DOCTYPE html><html><title>Google Drive - Virus scan warning", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
        (b"\xff\xd8\xff\xe0 a photo", "no model file we know"),
        (b"", "0 bytes"),
        (b"x", "no model file we know"),
        (b"(dp0\nS'G_ema'\np1\n.", "no model file we know"),
    ],
)
def test_other_files_are_named(data: bytes, match: str, tmp_path: Path) -> None:
    refuse(data, tmp_path, match=match)


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.pkl"):
        with pytest.raises(CheckpointError, match="There is no file"):
            load_generator(path)
    with pytest.raises(CheckpointError, match="Did you mean stylegan2-ffhq-1024"):
        load_generator("stylegan2-ffqh-1024")


def _replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    """A torch file whose main pickle has ``new`` for the one ``old``; a zip gets its sums and sizes right again."""
    if not data.startswith(b"PK"):
        assert old in data
        return data.replace(old, new, 1)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {member.filename: archive.read(member) for member in archive.infolist()}
    main = next(name for name in entries if name.endswith("/data.pkl"))
    assert old in entries[main]
    entries[main] = entries[main].replace(old, new, 1)
    return _zip(entries)


# Deep nesting, shared storages, records upon one another


DEEP = 200_000


def _deep_safetensors(**metadata: str) -> list[bytes]:
    """Headers nested too deep: the header itself, and JSON inside its metadata."""
    nested = "[" * DEEP + "]" * DEEP
    header = f'{{"__metadata__":{{"facsmith":"generator","config":{nested}}}}}'.encode()
    inside = json.dumps({"__metadata__": {"facsmith": "generator", "config": nested} | metadata}).encode()
    return [_safetensors(header), _safetensors(inside)]


@pytest.mark.parametrize("which", [0, 1])
def test_json_nested_too_deep_is_refused_by_every_reader(which: int, tmp_path: Path) -> None:
    from facsmith.boundary import BoundarySet
    from facsmith.bundle import load_bundle
    from facsmith.checkpoint import info
    from facsmith.descriptor import load_descriptor
    from facsmith.encoder import Encoder
    from facsmith.errors import InputError
    from facsmith.tuning import read_latent

    file = tmp_path / "model.safetensors"
    for kind in ("generator", "encoder", "descriptor", "tuned latent"):
        file.write_bytes(_deep_safetensors(facsmith=kind)[which])
        for reader in (load_generator, Encoder.load, load_descriptor, BoundarySet.load, read_latent):
            with pytest.raises(InputError):
                reader(file)
    file.write_bytes(_deep_safetensors(facsmith="generator")[which])
    with pytest.raises(CheckpointError, match=r"nested too deep|out of proportion|damaged"):
        info(file)
    (tmp_path / "card.json").write_text("[" * DEEP + "]" * DEEP)
    with pytest.raises(CheckpointError, match="nested too deep"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("reader", READERS)
def test_sixty_names_for_one_storage_take_no_memory(reader: Callable[[Path], Any], tmp_path: Path) -> None:
    shared = torch.zeros(15_000_000)
    named = {f"style.{n}.weight": shared[:] for n in range(1, 60)} | {"input.input": shared[:]}
    data = torch_bytes(named)
    assert len(data) < 61_000_000
    refuse(data, tmp_path, match="shown many times", reader=reader)


def test_a_few_shared_weights_are_no_forgery(tmp_path: Path) -> None:
    shared = torch.arange(1000.0)
    (tmp_path / "a.pt").write_bytes(torch_bytes({"a": shared, "b": shared, "c": shared}))
    assert torch.equal(read_state_dict(tmp_path / "a.pt")["c"], shared)


def test_records_upon_one_another_are_refused(tmp_path: Path) -> None:
    """Every entry of the table of contents points at the one record that there is."""
    data = bytearray(_zip({"archive/data.pkl": b"\x80\x02N.", "archive/data/0": b"\0" * 4000}))
    contents = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = bytes(data[data.index(b"PK\x01\x02", contents + 4) : end])
    repeated = bytes(data[contents:end]) + b"".join(
        entry.replace(b"archive/data/0", f"archive/data/{n}".encode()) for n in range(1, 10)
    )
    count = struct.pack("<H", 11)
    tail = data[end : end + 8] + count + count + struct.pack("<II", len(repeated), contents) + b"\0\0"
    refuse(bytes(data[:contents]) + repeated + bytes(tail), tmp_path, match="upon one another")


def test_a_refused_file_is_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from facsmith.checkpoint import info, store

    monkeypatch.setattr(store, "file_sha256", lambda _: pytest.fail("gigabytes are hashed for nothing"))
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"G_ema": None}))
    with pytest.raises(CheckpointError, match="G_ema"):
        info(tmp_path / "model.pkl")


def test_dictionaries_that_double_or_hold_themselves_end(tmp_path: Path) -> None:
    doubling: dict[str, Any] = {"input.input": torch.ones(1)}
    for _ in range(40):
        doubling = {"a": doubling, "b": doubling}
    refuse(torch_bytes(doubling), tmp_path, match="contains itself")
    itself: dict[str, Any] = {"input.input": torch.ones(1)}
    itself["itself"] = itself
    refuse(torch_bytes(itself), tmp_path, match="contains itself|longer names")


# Words that are no attack


def test_a_harmless_name_is_not_called_an_attack(tmp_path: Path, marker: Path) -> None:
    data = b"\x80\x02}X\x05\x00\x00\x00G_emacomegaconf.dictconfig\nDictConfig\nX\x01\x00\x00\x00a\x85Rs."
    message = refuse(data, tmp_path, match=r"asks for omegaconf.dictconfig.DictConfig")
    assert "may be harmless" in message
    data = pickle.dumps({"G_ema": Call(os.system, f"touch {marker}")})
    executes(lambda: pickle.loads(data), marker)
    assert "can run code" in refuse(data, tmp_path, match="asks for posix.system")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_classes_of_a_whole_module_are_words(legacy: bool, protocol: int, tmp_path: Path, marker: Path) -> None:
    """An instance made of nothing is a record; one that is called, or given arguments, is refused."""

    class Harm:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {marker}",)

    def saved(value: Any) -> bytes:
        file = io.BytesIO()
        torch.save(value, file, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
        return file.getvalue()

    for value in (Harm(), {"g_ema": Harm()}, [Harm()], {"args": {"x": (Harm(),)}}):
        data = saved(value)
        executes(lambda data=data: torch.load(io.BytesIO(data), weights_only=False), marker)
        refuse(data, tmp_path, match="asks for posix.system")
        assert not marker.exists()
