"""What calibration data must be: at least one feed, every input, the right rank, finite values."""

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from q4compile.errors import DataError, Finding

Feed = Mapping[str, NDArray[np.generic]]
UNREADABLE = (OSError, ValueError, EOFError, KeyError, MemoryError, RuntimeError)


def findings(index: int, feed: Feed, ports: Sequence[ir.Value]) -> list[Finding]:
    """Everything that is wrong with feed number `index`."""
    return [finding for port in ports for finding in _port_findings(index, feed, port)]


def no_feeds() -> Finding:
    """Q520: there is nothing to calibrate on."""
    return Finding(
        "Q520",
        "the calibration data are empty",
        "calibration",
        "at least one feed",
        "none",
        "name a corpus or a folder of .npz files with --calib",
    )


def unfit(index: int, error: Exception) -> Finding:
    """Q521: every input is fine by itself, but the model does not run on them together."""
    return Finding(
        "Q521",
        "the model does not run on a feed",
        f"feed {index}",
        "inputs whose lengths fit together",
        f"{error}",
    )


def overflowed(index: int, name: str) -> Finding:
    """Q522: finite inputs became NaN or infinity inside the model."""
    return Finding(
        "Q522",
        "a tensor is not finite",
        f"value '{name}', feed {index}",
        "finite values in every tensor",
        "NaN or infinity",
        "the float model overflows on this input: check its scaling",
    )


def read_npz(folder: Path) -> Iterator[dict[str, NDArray[np.generic]]]:
    """The feeds of a folder of ``.npz`` files, one file a feed, in the order of their names.

    Raises:
        DataError: Q520 no files, Q523 a file that is not an .npz archive of plain arrays.
    """
    for path in npz_files(folder):
        try:
            feed = _arrays(path)
        except (*UNREADABLE, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(_unreadable(path, error)) from error
        yield feed


def npz_files(folder: Path) -> list[Path]:
    """The ``.npz`` files of `folder`, sorted; DataError Q520 when there are none."""
    files = sorted(folder.glob("*.npz")) if folder.is_dir() else [folder] * folder.is_file()
    if not files:
        raise DataError(no_feeds())
    return files


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    with zipfile.ZipFile(path) as archive:
        return {name.removesuffix(".npy"): _array(archive, name) for name in archive.namelist()}


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[np.generic]:
    with archive.open(name) as stream:
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _port_findings(index: int, feed: Feed, port: ir.Value) -> Iterable[Finding]:
    name, at = str(port.name), f"input '{port.name}', feed {index}"
    if name not in feed:
        got = f"inputs {', '.join(sorted(feed))}" if feed else "an empty feed"
        yield Finding("Q521", "a feed lacks an input", at, f"an array called '{name}'", got)
        return
    array = feed[name]
    if port.shape is not None and array.ndim != len(port.shape):
        need = f"rank {len(port.shape)}, {port.shape}"
        yield Finding("Q521", "wrong rank", at, need, f"rank {array.ndim}, {_axes(array.shape)}")
    elif port.shape is not None and not _fits(array.shape, port.shape):
        yield Finding("Q521", "wrong shape", at, f"{port.shape}", _axes(array.shape))
    if port.dtype is not None and array.dtype != port.dtype.numpy():
        yield Finding("Q521", "wrong type", at, f"{port.dtype.numpy()}", f"{array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        yield Finding("Q522", "a feed is not finite", at, "finite values", f"{bad} NaN or infinite")


def _fits(shape: tuple[int, ...], declared: ir.Shape) -> bool:
    """Whether every axis of fixed length has that length."""
    return all(
        have == want for have, want in zip(shape, declared, strict=True) if isinstance(want, int)
    )


def _axes(shape: tuple[int, ...]) -> str:
    return f"[{','.join(str(axis) for axis in shape)}]"


def _unreadable(path: Path, error: Exception) -> Finding:
    need = "an .npz archive of arrays without Python objects"
    return Finding("Q523", "calibration file unreadable", f"{path}", need, f"{error}")
