"""The stages of a build, each from files to files; what it returns is its report, JSON values."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from facsmith._arrays import read_tensors, write_tensors
from facsmith._files import atomic_path
from facsmith.bundle import DEFAULT_BUNDLE, FILES, bundle_folder
from facsmith.checkpoint import convert, load_generator, read_checkpoint, save_generator
from facsmith.descriptor import keep_descriptor
from facsmith.errors import BoundaryError, InputError, ModelUnavailableError
from facsmith.facs import DISFA
from facsmith.lab.build.bench import FIRST_SEED, Bench
from facsmith.lab.fit.estimate_framing import estimate_framing
from facsmith.lab.fit.own_faces import own_face, working
from facsmith.lab.fit.search_known import SearchOptions, search_moves, w_spread

__all__ = ["encode", "found_moves", "frame", "read", "search", "take_descriptor"]

Codes = npt.NDArray[np.float32]

_LOOKED_AT: Final = 24
_FEWEST: Final = 3
_STEPS: Final = 600  # of the encoder, for which its batch is made smaller
_MAX_BYTES: Final = 1 << 30
_NOT_READ: Final = "source.safetensors"


def read(bench: Bench) -> dict[str, Any]:
    """The checkpoint -> build/source.safetensors."""
    target = bench.work / _NOT_READ
    convert(bench.checkpoint, target, label=bench.options.label)
    checkpoint = read_checkpoint(target)
    return {"metadata": dict(checkpoint.metadata), "notes": list(checkpoint.notes)}


def frame(bench: Bench) -> dict[str, Any]:
    """How it frames faces -> generator.safetensors, which says so."""
    source = bench.work / _NOT_READ
    network: Any = load_generator(source)
    small = working(network.to(bench.options.device))
    faces: list[npt.NDArray[np.float64]] = []
    looked = 0
    for seed in range(_LOOKED_AT):
        enough = looked >= 4 and (len(faces) >= _FEWEST or looked >= 12 or bench.options.framing is not None)
        if bench.spent > bench.options.seconds("framing") and enough:
            break
        looked += 1
        found = own_face(small, FIRST_SEED["search"] + seed, psi=bench.options.psi, provider=bench.options.provider)
        if found is not None:
            faces.append(found.landmarks)
        bench.tell("framing", seed + 1, _LOOKED_AT)
    given = bench.options.given_framing or network.framing
    estimated = estimate_framing(faces, small.resolution) if faces else None
    if given is None and (estimated is None or len(faces) < _FEWEST):
        raise InputError(
            f"No framing can be read from this generator: {len(faces)} of {looked} random pictures show a face that a "
            "landmarker finds. Is it a generator of faces? If so, give --framing ffhq, celebahq or SIDE,BELOW."
        )
    framing = given or (estimated.framing if estimated else None)
    network.framing = framing
    network.to("cpu")
    save_generator(network, bench.folder / FILES[0], metadata=bench.record.numbers("read", "metadata"))
    assert framing is not None
    report: dict[str, Any] = {
        "framing": str(framing),
        "card": framing.to_json(),
        "found": len(faces),
        "looked_at": looked,
    }
    if estimated is not None:
        seen = estimated.framing
        report |= {"seen": str(seen), "misses": estimated.misses, "spread": [round(x, 3) for x in estimated.spread]}
        if abs(seen.side - framing.side) > 0.1 * framing.side:
            report["note"] = f"The framing is {framing} as was said, but its own faces look like {seen}."
    else:
        report["note"] = "No landmarker finds a face in its pictures: the mean face's landmarks stand in."
    return report


def take_descriptor(bench: Bench) -> dict[str, Any]:
    """-> descriptor.safetensors."""
    source, target = bench.options.descriptor, bench.folder / FILES[1]
    if source == "auto":
        try:
            keep_descriptor("efficientnet-lite0", target)
        except ModelUnavailableError:
            keep_descriptor(bundle_folder(DEFAULT_BUNDLE) / FILES[1], target)
    else:
        keep_descriptor(source, target)
    return {"name": bench.descriptor.name}


def search(bench: Bench) -> dict[str, Any]:
    """Moves of known codes -> build/moves/SEED.safetensors, one a face."""
    folder = bench.work / "moves"
    folder.mkdir(exist_ok=True)
    most = bench.options.seconds("search") / (_FEWEST * len(DISFA) * 1.6 * bench.speed.step)  # steps a face
    options = SearchOptions(batch=bench.batch)
    options = replace(options, steps=int(np.clip(most, 2, options.steps)), later=int(np.clip(most, 2, options.later)))
    sigma = w_spread(bench.small, seed=bench.options.seed)
    total = np.zeros((len(DISFA), bench.small.num_ws, bench.small.w_dim), np.float64)
    done, spent, before = 0, 0.0, time.monotonic()
    begun: list[npt.NDArray[np.float64]] = []
    left: list[npt.NDArray[np.float64]] = []
    for face in bench.faces("search", bench.options.faces):
        path = folder / f"{face.seed:07d}.safetensors"
        if path.is_file():
            moves, notes = _read_moves(path, total.shape)
        elif done >= _FEWEST and spent + spent / done > bench.options.seconds("search"):
            break
        else:
            start = (total / done).astype(np.float32) if done >= options.settled else None
            found = search_moves(face, bench.small, bench.descriptor, start=start, sigma=sigma, options=options)
            moves, notes = (
                found.moves,
                {
                    "seconds": time.monotonic() - before,
                    "begun": found.begun.round(4).tolist(),
                    "left": found.left.round(4).tolist(),
                },
            )
            write_tensors(path, {"ws": face.ws, "moves": moves}, {"search": json.dumps(notes)})
        before = time.monotonic()
        total += moves
        done, spent = done + 1, spent + float(notes["seconds"])
        begun.append(np.array(notes["begun"]))
        left.append(np.array(notes["left"]))
        most = max(done, int(bench.options.seconds("search") / max(spent / done, 1e-9)))
        bench.tell("search", done, min(bench.options.faces, most))
    if done < _FEWEST:
        raise InputError(
            f"The generator's random pictures show {done} faces that can be used; {_FEWEST} are needed to find how it "
            "moves them. Is it a generator of faces? Try a smaller psi."
        )
    explained = 1 - np.mean(left, axis=0) / np.maximum(np.mean(begun, axis=0), 1e-9)
    return {
        "faces": done,
        "explained": {f"AU{au}": round(float(x), 3) for au, x in zip(DISFA, explained, strict=True)},
    }


def found_moves(bench: Bench) -> tuple[Codes, Codes]:
    """Of the search: the faces' codes (N, num_ws, w_dim), and their moves (N, K, num_ws, w_dim)."""
    files = sorted((bench.work / "moves").glob("*.safetensors"))
    shape = (len(DISFA), bench.small.num_ws, bench.small.w_dim)
    parts = [read_tensors(file, max_bytes=_MAX_BYTES, error=BoundaryError)[0] for file in files]
    if not parts or any(part["moves"].shape != shape for part in parts):
        raise InputError(f"{bench.work / 'moves'} holds moves of another generator; remove {bench.work}.")
    return np.stack([part["ws"] for part in parts]), np.stack([part["moves"] for part in parts])


def encode(bench: Bench) -> dict[str, Any]:
    """-> encoder.safetensors, trained on the generator's own pictures, some of them moved by what the search found."""
    from facsmith.lab.train.encoder import EncoderTraining, train_encoder
    from facsmith.lab.train.loop import Budget

    _, moves = found_moves(bench)
    budget = bench.options.seconds("encoder")
    speed = bench.speed
    # A picture of a batch is drawn and looked at; every fourth of them twice, once with gradients.
    each = speed.draw + bench.look + (1.6 * speed.step + 3 * bench.look) / 4
    size = int(np.clip(budget / _STEPS / each, 4, 32))
    options = EncoderTraining(
        batch=size,
        drawn=max(1, min(8, bench.batch, size // 4)),
        survey=int(np.clip(0.06 * budget / (speed.draw + bench.look), 2 * size, 2048)),
        measured=int(np.clip(0.03 * budget / (2 * (speed.draw + bench.look)), 8, 64)),
        at_once=max(1, min(32, 3 * bench.batch)),
        evaluate_every=2000,
        psi=min(0.5, bench.options.psi),
        seed=bench.options.seed,
    )
    options = _as_begun(bench, options)

    def report(line: Mapping[str, Any]) -> None:
        seconds = float(line["seconds"])
        bench.tell("encoder", min(round(seconds), round(budget)), round(budget))

    encoder = train_encoder(
        bench.small,
        bench.descriptor,
        bench.work / "encoder",
        budget=Budget(minutes=budget / 60),
        directions=torch.tensor(moves.mean(axis=0)),
        options=options,
        report=report,
    )
    encoder.save(bench.folder / FILES[2])
    lines = (bench.work / "encoder" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {"steps": json.loads(lines[-1])["step"], "held_out": json.loads(lines[-1]).get("held_out", {})}


def _as_begun(bench: Bench, options: Any) -> Any:
    """The options that this build's encoder began with: what a machine's speed says differs from run to run."""
    from dataclasses import asdict

    file = bench.work / "encoder" / "options.json"
    if file.is_file():
        return type(options)(**json.loads(file.read_text(encoding="utf-8")))
    file.parent.mkdir(exist_ok=True)
    with atomic_path(file) as temporary:  # a kill leaves no half of it
        temporary.write_text(json.dumps(asdict(options)), encoding="utf-8")
    return options


def _read_moves(path: Any, shape: tuple[int, ...]) -> tuple[Codes, dict[str, Any]]:
    tensors, metadata = read_tensors(path, max_bytes=_MAX_BYTES, error=BoundaryError)
    if set(tensors) != {"ws", "moves"} or tensors["moves"].shape != shape:
        raise InputError(f"{path} holds no moves of this generator; remove it and build again.")
    notes: dict[str, Any] = json.loads(metadata["search"])
    return tensors["moves"].astype(np.float32), notes
