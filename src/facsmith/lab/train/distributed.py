"""One process or several: `torchrun` starts them, torch's DistributedDataParallel keeps their gradients equal."""

import os
import warnings
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

__all__ = ["Team", "joined"]


@dataclass(frozen=True)
class Team:
    """The processes that train one network.

    Parameters
    ----------
    rank
        This process's number; 0 writes files.
    size
        Number of processes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def share(self, module: nn.Module) -> nn.Module:
        """The module, its gradients averaged over the team in every backward pass."""
        if self.size == 1:
            return module
        with warnings.catch_warnings():  # newer torch has another word for the buffers; older ones have only this one
            warnings.simplefilter("ignore", FutureWarning)
            # Unused: blocks that a growing network does not draw with yet.
            return DistributedDataParallel(module, find_unused_parameters=True, broadcast_buffers=False)

    def alone(self, module: nn.Module, *, until_last: bool) -> AbstractContextManager[None]:
        """Around forward and backward: gradients gather here, and are averaged with the last part of a batch only."""
        if until_last and isinstance(module, DistributedDataParallel):
            return module.no_sync()
        return nullcontext()

    def sum(self, values: Tensor) -> Tensor:
        """Over the team, the same everywhere."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)  # pyright: ignore[reportUnknownMemberType]
        return values

    def told(self, *values: float) -> list[float]:
        """What the first process says, so that all stop, grow and cool down at the same step."""
        if self.size == 1:
            return list(values)
        said = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.broadcast(said, src=0)  # pyright: ignore[reportUnknownMemberType]
        return [float(value) for value in said]


@contextmanager
def joined() -> Generator[Team]:
    """The team `torchrun` made (RANK, LOCAL_RANK and WORLD_SIZE are set), or a team of one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", local) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True  # every step has the same shapes
        torch.set_float32_matmul_precision("high")
    if size == 1:
        yield Team(0, 1, device)
        return
    dist.init_process_group("nccl" if gpu else "gloo")
    try:
        yield Team(dist.get_rank(), size, device)
    finally:
        dist.destroy_process_group()
