"""The first stages of a build: the generator's file, how it frames faces, the descriptor.

Each stage goes from files to files; what it returns is its report, JSON values.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facsmith.bundle import DEFAULT_BUNDLE, FILES, bundle_folder
from facsmith.checkpoint import convert, load_generator, read_checkpoint, save_generator
from facsmith.descriptor import keep_descriptor
from facsmith.errors import InputError, ModelUnavailableError
from facsmith.lab.build.bench import Bench
from facsmith.lab.build.faces import FIRST_SEED, FaceMaker
from facsmith.lab.fit.estimate_framing import estimate_framing
from facsmith.lab.fit.own_faces import working

__all__ = ["frame", "read", "take_descriptor"]

_LOOKED_AT: Final = 24
_FEWEST: Final = 3
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
    maker = FaceMaker(small, bench.options.psi, bench.options.provider)
    faces: list[npt.NDArray[np.float64]] = []
    looked = 0
    for seed in range(_LOOKED_AT):
        enough = looked >= 4 and (len(faces) >= _FEWEST or looked >= 12 or bench.options.framing is not None)
        if bench.spent > bench.options.seconds("framing") and enough:
            break
        looked += 1
        found = maker.face(FIRST_SEED["search"] + seed)
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
    return {"name": bench.networks.descriptor.name}
