"""Where networks compute: the CPU, or a GPU that torch can use here."""

import torch

from facsmith.errors import InputError

__all__ = ["read_device"]


def read_device(device: str | torch.device) -> torch.device:
    """A device that torch can compute on here.

    Parameters
    ----------
    device : str or torch.device
        As torch calls it: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.

    Raises
    ------
    InputError
        No such device, or none of this kind in this machine or in this build of torch.
    """
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f"There is no device {str(device)!r} here; torch has {', '.join(_available())}.") from error
    if found.type not in ("cpu", "cuda", "mps"):  # meta and others, which hold no numbers
        raise InputError(f"facsmith does not compute on {str(device)!r}; torch has {', '.join(_available())}.")
    return found


def _available() -> list[str]:
    names = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    return [*names, "mps"] if torch.backends.mps.is_available() else names
