"""Everything a training run must remember from one epoch to the next, as one file."""

import json
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from q4compile.errors import Finding, ModelError
from q4compile.files import replacing
from q4compile.speech.config import RnntConfig
from q4compile.speech.model import Rnnt

HEADER = "q4compile-training"


class RunState:
    """Networks, a moving average of the one that is kept, the optimizer, and the log.

    `epoch` counts finished epochs; `best` is the lowest score so far, inf before the first.

    Args:
        networks: Everything that is trained.
        kept: The part of it, or all, whose weights are averaged, scored and written.
        optimizer: Over the parameters of `networks`.
        average_decay: Of the moving average.
    """

    def __init__(
        self,
        networks: nn.Module,
        kept: nn.Module,
        optimizer: torch.optim.Optimizer,
        average_decay: float,
    ) -> None:
        self.networks, self.kept, self.optimizer = networks, kept, optimizer
        moving = get_ema_multi_avg_fn(average_decay)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(kept, multi_avg_fn=moving)
        self.epoch = 0
        self.best = float("inf")
        self.best_epoch = 0
        self.log: list[dict[str, float]] = []

    def save(self, path: Path, settings: dict[str, Any]) -> None:
        """Write all of it, and the settings it was reached with, whole or not at all."""
        header = {
            "settings": settings,
            "epoch": self.epoch,
            "best": None if self.best_epoch == 0 else self.best,
            "best_epoch": self.best_epoch,
            "log": self.log,
        }
        with replacing(path) as temporary:
            temporary.write_bytes(save(self._tensors(), {HEADER: json.dumps(header)}))

    def load(self, path: Path, settings: dict[str, Any]) -> None:
        """Become the state that was saved.

        Raises:
            ModelError: Q120 unreadable, Q126 saved by a run with other settings or other networks.
        """
        header, tensors = _read(path)
        try:
            _require_equal(path, header["settings"], settings)
            _require_names(path, tensors, self._tensors())
            self._take(header, tensors)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(_unreadable(path, error)) from error

    def _take(self, header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.networks.load_state_dict(_under(tensors, "networks."))
        self.average.load_state_dict(_under(tensors, "average."))
        self.optimizer.load_state_dict(
            {
                **self.optimizer.state_dict(),
                "state": _optimizer_state(_under(tensors, "optimizer.")),
            }
        )
        self.epoch, self.best_epoch = header["epoch"], header["best_epoch"]
        self.best = header["best"] if self.best_epoch else float("inf")
        self.log = header["log"]

    def _tensors(self) -> dict[str, Tensor]:
        parts = {f"networks.{name}": value for name, value in self.networks.state_dict().items()}
        parts |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for index, entry in self.optimizer.state_dict()["state"].items():
            parts |= {f"optimizer.{index}.{name}": value for name, value in entry.items()}
        return {name: value.contiguous() for name, value in parts.items()}


class TrainingState(RunState):
    """The state of `train`: a transducer, and a CTC head on its encoder.

    The head helps it to start and is in no checkpoint.
    """

    def __init__(self, rnnt: Rnnt, average_decay: float) -> None:
        width = rnnt.encoder.projection.in_features
        self.rnnt = rnnt
        self.ctc = nn.Linear(width, len(rnnt.config.vocabulary))
        networks = nn.ModuleDict({"rnnt": self.rnnt, "ctc": self.ctc})
        optimizer = torch.optim.AdamW(networks.parameters(), lr=0.0)
        super().__init__(networks, rnnt, optimizer, average_decay)

    @classmethod
    def start(
        cls,
        model: RnntConfig,
        dropout: float,
        average_decay: float,
        seed: int,
        weights: Rnnt | None = None,
    ) -> "TrainingState":
        """The `weights`, or random ones by `seed`; torch's generator stays as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            rnnt = Rnnt(model, dropout)
            if weights is not None:
                rnnt.load_state_dict(weights.state_dict())
            return cls(rnnt, average_decay)

    @property
    def averaged(self) -> Rnnt:
        """The transducer with averaged weights."""
        return cast(Rnnt, self.average.module)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[HEADER])
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, RecursionError, ValueError) as error:
        raise ModelError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: Exception) -> Finding:
    return Finding(
        "Q120",
        "the state of the run cannot be read",
        f"{path}",
        "a whole file, written by this release",
        f"{type(error).__name__}: {error}",
        "name another run folder, or delete this file to start again",
    )


def _require_names(path: Path, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """The optimizer has no entries before its first step, so only the weights are compared."""
    shapes = [
        {name: tuple(value.shape) for name, value in each.items() if "optimizer." not in name}
        for each in (found, wanted)
    ]
    if shapes[0] == shapes[1]:
        return
    differing = sorted(shapes[0].items() ^ shapes[1].items())
    raise ModelError(
        Finding(
            "Q126",
            "the run folder holds a run of another network",
            f"{path}",
            f"{len(shapes[1])} tensors with the names and shapes of this network's",
            f"{len(shapes[0])} tensors; '{differing[0][0]}' differs, the first of {len(differing)}",
            "name another run folder",
        )
    )


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _optimizer_state(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, entry = name.partition(".")
        state.setdefault(int(index), {})[entry] = value
    return state


def _require_equal(path: Path, saved: dict[str, Any], asked: dict[str, Any]) -> None:
    differing = [key for key in sorted(asked) if saved.get(key) != asked[key]]
    if differing:
        raise ModelError(
            Finding(
                "Q126",
                "the run folder holds a run with other settings",
                f"{path}",
                "\n".join(f"{key}: {json.dumps(saved.get(key))}" for key in differing),
                "\n".join(f"{key}: {json.dumps(asked[key])}" for key in differing),
                "name another run folder, or repeat the settings to go on",
            )
        )
