"""score = log P_rnnt + external log P_ext - source log P_src - internal log P_int + length |y|."""

from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from q4compile.errors import DataError, Finding, near, raise_all
from q4compile.files import write_text
from q4compile.yaml_lines import Codes, Node, load_yaml

CODES = Codes("Q583", "Q583", "Q583")
FRAMES = ("zero", "mean")
KEYS = ("external", "source", "internal", "length", "internal_frame")
TITLE = "the fusion weights cannot be used"


@dataclass(frozen=True)
class FusionWeights:
    """Density ratio: external and source above 0. Shallow fusion: external alone.

    All act on labels only, so that P of a language model is that of a prefix.

    Args:
        external: Of the language model of the text that is expected.
        source: Subtracted, of one of the text that the transducer was trained on.
        internal: Subtracted, of the transducer's own: prediction network and joint without sound.
        length: Added for each label.
        internal_frame: What stands for the sound there: ``zero``, or the ``mean`` of the
            utterance's encoder frames. At zero a multiplicative joint, as that of the bundled
            model, forgets the prefix.

    Raises:
        DataError: Q583 for a weight that is no finite number, or an unknown frame.
    """

    external: float = 0.0
    source: float = 0.0
    internal: float = 0.0
    length: float = 0.0
    internal_frame: str = "zero"

    def __post_init__(self) -> None:
        raise_all(
            DataError,
            [
                Finding("Q583", TITLE, f"fusion weight {key}", _need(key), f"{value}")
                for key, value in asdict(self).items()
                if not _fits(key, value)
            ],
        )


def write_fusion(weights: FusionWeights, path: Path) -> None:
    """Replace `path` by YAML, one weight a line.

    Raises:
        OutputError: Q551, Q552.
    """
    write_text(path, "".join(f"{name}: {value}\n" for name, value in asdict(weights).items()))


def read_fusion(path: Path) -> FusionWeights:
    """read_fusion(path) == weights after write_fusion(weights, path); absent weights are 0.

    Raises:
        DataError: Q583 no such file, not YAML, an unknown weight, no finite number.
    """
    root = load_yaml(path, DataError, CODES)
    if not isinstance(root.value, dict):
        need = "a mapping of weights to numbers"
        raise DataError(Finding("Q583", TITLE, root.at, need, root.shown()))
    found: dict[str, Any] = {key: node.plain() for key, node in root.value.items()}
    findings = [_unknown(root, key) for key in found if key not in KEYS]
    findings += [
        Finding("Q583", TITLE, node.at, _need(key), node.shown())
        for key, node in root.value.items()
        if key in KEYS and not _fits(key, found[key])
    ]
    raise_all(DataError, findings)
    weights: dict[str, Any] = {
        key: value if key == KEYS[-1] else float(value) for key, value in found.items()
    }
    return FusionWeights(**weights)


def _fits(key: str, value: object) -> bool:
    if key == KEYS[-1]:
        return value in FRAMES
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _need(key: str) -> str:
    return " or ".join(FRAMES) if key == KEYS[-1] else "a finite number"


def _unknown(root: Node, key: str) -> Finding:
    return Finding("Q583", TITLE, root.key_at(key), ", ".join(KEYS), f"{key!r}", near(key, KEYS))
