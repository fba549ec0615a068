"""genforce's generators (https://github.com/genforce/genforce) as the TensorFlow networks that they were ported from.

Their tensors are TensorFlow's, transposed for torch and renamed; so they are named back, and read as those are.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facsmith.checkpoint._tensorflow import AverageGenerator
from facsmith.errors import CheckpointError

__all__ = ["tensorflow_of"]

_BUFFERS: Final = re.compile(r".*(\bkernel|filter\.kernel|upsample\.kernel)$")


def tensorflow_of(tensors: Mapping[str, NDArray[Any]], *, family: str) -> AverageGenerator:
    """genforce's tensors under TensorFlow's names, in TensorFlow's layout.

    Parameters
    ----------
    family
        'stylegan1' or 'stylegan2'.

    Raises
    ------
    CheckpointError
        A tensor that these generators do not have.
    """
    own: dict[str, NDArray[Any]] = {}
    mapping: dict[str, NDArray[Any]] = {}
    synthesis: dict[str, NDArray[Any]] = {}
    outputs = [int(m[1]) for m in (re.fullmatch(r"synthesis\.output(\d+)\.weight", name) for name in tensors) if m]
    top = max(outputs, default=0)
    rename = _stylegan1_name if family == "stylegan1" else _stylegan2_name
    for name, array in tensors.items():
        part, _, rest = name.partition(".")
        if name == "truncation.w_avg":
            own["dlatent_avg"] = array
        elif part == "mapping":
            mapping[_mapping_name(rest)] = array.T if array.ndim == 2 and rest != "label_weight" else array
        elif _BUFFERS.match(name):
            _check_kernel(name, array, family)
        else:
            synthesis[rename(rest, top) if part == "synthesis" else _unknown(name)] = _transposed(rest, array)
    return AverageGenerator(own, mapping, synthesis, {})


def _mapping_name(name: str) -> str:
    found = re.fullmatch(r"dense(\d+)\.(weight|bias)", name)
    if found is None:
        return "LabelConcat/weight" if name == "label_weight" else _unknown(f"mapping.{name}")
    return f"Dense{found[1]}/{found[2]}"


def _stylegan2_name(name: str, top: int) -> str:
    if name == "early_layer.const":
        return "4x4/Const/const"
    found = re.fullmatch(r"(layer|output)(\d{1,2})\.(style\.)?(weight|bias|noise_strength|noise)", name)
    if found is None:
        return _unknown(f"synthesis.{name}")
    index, inner = int(found[2]), ("mod_" if found[3] else "") + found[4]
    block = index if found[1] == "output" else (index + 1) // 2
    if inner == "noise":
        return f"noise{index}"
    scope = f"{2 ** (block + 2)}x{2 ** (block + 2)}"
    if found[1] == "output":
        return f"{scope}/ToRGB/{inner}"
    return f"{scope}/{'Conv' if not index else 'Conv0_up' if index % 2 else 'Conv1'}/{inner}"


def _stylegan1_name(name: str, top: int) -> str:
    if name == "lod":
        return "lod"
    found = re.fullmatch(r"layer(\d{1,2})\.(style\.|apply_noise\.)?(const|weight|bias|noise)", name)
    if found is None:
        output = re.fullmatch(r"output(\d{1,2})\.(weight|bias)", name)
        if output is None:
            return _unknown(f"synthesis.{name}")
        return f"ToRGB_lod{top - int(output[1])}/{output[2]}"
    index, part, inner = int(found[1]), found[2] or "", found[3]
    if part == "apply_noise." and inner == "noise":
        return f"noise{index}"
    resolution = 2 ** (index // 2 + 2)
    first = "Const" if not index else "Conv0_up"
    layer = first if index % 2 == 0 else "Conv" if index == 1 else "Conv1"
    folder = {"style.": "StyleMod/", "apply_noise.": "Noise/", "": ""}[part]
    return f"{resolution}x{resolution}/{layer}/{folder}{inner}"


def _transposed(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Weights as TensorFlow has them: [kh, kw, in, out] and [in, out]."""
    if name.endswith("weight") and array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    return array.T if name.endswith("weight") and array.ndim == 2 else array


def _check_kernel(name: str, kernel: NDArray[Any], family: str) -> None:
    row = np.array([1, 2, 1] if family == "stylegan1" else [1, 3, 3, 1])
    wanted = np.outer(row, row) / row.sum() ** 2 * (1 if family == "stylegan1" else 4)
    if kernel.shape[-2:] != wanted.shape or not np.allclose(kernel, wanted, atol=1e-6):
        raise CheckpointError(f"Its {name} is not the {row.tolist()} filter of a {family}; not run here.")


def _unknown(name: str) -> str:
    raise CheckpointError(f"Its tensor {name} is none of genforce's StyleGAN generators; not run here.")
