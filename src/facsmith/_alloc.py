"""Tell glibc's allocator to keep large blocks: synthesis then stops paying for page faults.

By default every activation above 128 KiB - 32 MiB is mapped from the kernel, zeroed page by page at first touch and
unmapped when freed; at 1024 px that was half of the run time (a million page faults a frame). The settings here keep
freed memory in one heap for the next layer. They are process-wide and raise resident memory to the peak of use.

Only processes of our own are changed: the command line and Ray's workers call ``tune()`` when they start. Importing
facsmith changes nothing; a program that wants the same calls ``facsmith._alloc.tune()`` before its threads allocate.
Set FACSMITH_MALLOC=0, or any glibc setting of your own (MALLOC_ARENA_MAX, GLIBC_TUNABLES, ...), and nothing is touched.
"""

import ctypes
import os
import sys

__all__ = ["tune"]

# The parameter numbers of <malloc.h>.
_SETTINGS = {
    "M_MMAP_THRESHOLD": (-3, 1 << 30),
    "M_TRIM_THRESHOLD": (-1, (1 << 31) - 1),
    "M_TOP_PAD": (-2, 64 << 20),
    "M_ARENA_MAX": (-8, 1),  # essential where synthesis runs in a worker thread, whose own arena cannot grow so far
}

_GLIBC_VARIABLES = (
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_TRIM_THRESHOLD_",
)


def tune() -> bool:
    """Apply the settings; True where glibc took them, False where there is no glibc or the user chose otherwise."""
    if not sys.platform.startswith("linux") or _chosen_by_user():
        return False
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018  musl has a mallopt that does nothing, and no such name
        mallopt = libc.mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    mallopt.restype = ctypes.c_int
    accepted = [mallopt(number, value) == 1 for number, value in _SETTINGS.values()]
    return all(accepted)


def _chosen_by_user() -> bool:
    if os.environ.get("FACSMITH_MALLOC") == "0" or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return True
    return any(name in os.environ for name in _GLIBC_VARIABLES)
