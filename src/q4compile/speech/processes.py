"""One process, or several of `torchrun` that train one model: the same batches, their rows shared.

mean over processes of (gradient of a process's rows · processes) = gradient of the whole batch
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from q4compile.errors import DataError, Finding
from q4compile.speech.training_state import RunState


@dataclass(frozen=True)
class Processes:
    """This process among `world`; a world of 1 needs no `torch.distributed`.

    `words` is the group that carries what is no gradient. It is not the one gradients go through:
    DistributedDataParallel never lets go of that, so its threads run until the interpreter ends,
    and one that frees a Python object just then aborts the process.
    """

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    words: dist.ProcessGroup | None = None

    def shared(self, model: nn.Module) -> nn.Module:
        """`model` with gradients averaged over the processes."""
        if self.world == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices)

    def rows(self, count: int) -> tuple[slice, float]:
        """This process's rows of `count`, and what to multiply their loss by.

        A process without rows computes the first one for nothing: the others wait for its gradient.
        """
        if self.rank < count:
            return slice(self.rank, None, self.world), float(self.world)
        return slice(0, 1), 0.0

    def precision(self, mixed: bool) -> AbstractContextManager[None]:
        """bfloat16 products on a GPU; float32 on a CPU."""
        if self.device.type == "cpu" or not mixed:
            return nullcontext()
        return cast(
            AbstractContextManager[None], torch.autocast(self.device.type, dtype=torch.bfloat16)
        )

    @contextmanager
    def first_only(self) -> Iterator[bool]:
        """Whether this is the process that scores and writes; the others wait for it."""
        yield self.rank == 0
        if self.world > 1:
            dist.barrier(self.words)

    def agree(self, state: RunState) -> None:
        """Give every process what the first one found out about the run."""
        if self.world == 1:
            return
        found: list[Any] = [state.best, state.best_epoch, state.log]
        dist.broadcast_object_list(found, src=0, group=self.words)
        state.best, state.best_epoch, state.log = found


ALONE = Processes()


def is_first() -> bool:
    """Whether this process is the one that reports: the first of `torchrun`, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


@contextmanager
def launched(device: str = "cpu") -> Iterator[Processes]:
    """The processes that `torchrun` started; `ALONE` without it. `device` is cpu or cuda.

    Raises:
        DataError: Q567 where this process has no GPU of its own.
    """
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    chosen = _gpu(local) if device == "cuda" else torch.device(device)
    if world == 1:
        yield Processes(device=chosen)
        return
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield Processes(rank, world, chosen, dist.new_group(backend="gloo"))
    finally:
        dist.destroy_process_group()


def _gpu(local: int) -> torch.device:
    """GPU `local`, made the current one: collectives of objects would all take the first."""
    count = torch.cuda.device_count()
    if local >= count:
        need, got = f"{local + 1} GPUs that torch can use", f"{count}"
        fix = "start fewer processes, or train with --device cpu"
        raise DataError(Finding("Q567", "no GPU for this process", "--device cuda", need, got, fix))
    torch.cuda.set_device(local)
    return torch.device("cuda", local)
