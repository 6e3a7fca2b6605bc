"""Curves of a run for TensorBoard: what the log says, and the clips of every quantizer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from q4compile.errors import DataError, Finding
from q4compile.qat import QatModule

Scalars = Callable[[dict[str, float], QatModule], None]
"""Called after each epoch with its line of the log and the averaged model."""


def no_scalars(row: dict[str, float], model: QatModule) -> None:
    """Write nothing."""


@contextmanager
def tensorboard(folder: Path) -> Iterator[Scalars]:
    """Event files in `folder`: per epoch ``run/*``; of each clip ``clip_low/*``, ``clip_high/*``.

    Raises:
        DataError: Q566 where the package tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise DataError(_missing()) from error
    writer = SummaryWriter(folder)

    def write(row: dict[str, float], model: QatModule) -> None:
        epoch = int(row["epoch"])
        for name, value in row.items():
            if name != "epoch":
                writer.add_scalar(f"run/{name}", value, epoch)
        for name, (low, high) in model.clips().items():
            writer.add_scalar(f"clip_low/{name}", low, epoch)
            writer.add_scalar(f"clip_high/{name}", high, epoch)
        writer.flush()

    try:
        yield write
    finally:
        writer.close()


def _missing() -> Finding:
    return Finding(
        "Q566",
        "TensorBoard is not installed",
        "--tensorboard",
        "the package tensorboard",
        "no such module",
        "pip install 'q4compile[tensorboard]'",
    )
