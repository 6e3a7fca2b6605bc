"""Names of a model as Python names: readable, valid, unique, and safe to print."""

import builtins
import keyword
import re

LONGEST = 36
"""Letters of an identifier; longer ones keep their end, which tells more than their beginning."""

FUNCTION_NAMES = frozenset(
    {"_", "F", "Tensor", "nn", "operators", "outputs", "resampling", "self", "state", "super"}
    | {"attention", "spectrum", "torch", "windows"}
)
"""What the body of an emitted function means by these names."""

MODULE_NAMES = frozenset(
    {
        *(
            "INPUTS",
            "OUTPUTS",
            "STATES",
            "T_destination",
            "about",
            "add_module",
            "apply",
            "bfloat16",
        ),
        *("buffers", "call_super_init", "children", "clips", "compile", "cpu", "cuda", "double"),
        *(
            "dump_patches",
            "eval",
            "extra_repr",
            "float",
            "forward",
            "get_buffer",
            "get_extra_state",
        ),
        *("get_parameter", "get_submodule", "half", "ipu", "load", "load_state_dict", "modules"),
        *("mtia", "named_buffers", "named_children", "named_modules", "named_parameters"),
        *("parameter_groups", "parameters", "props", "quantizers", "refresh_ranges"),
        *("register_backward_hook", "register_buffer", "register_forward_hook"),
        *("register_forward_pre_hook", "register_full_backward_hook"),
        *("register_full_backward_pre_hook", "register_load_state_dict_post_hook"),
        *("register_load_state_dict_pre_hook", "register_module", "register_parameter"),
        *("register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_", "run"),
        *(
            "save",
            "set_extra_state",
            "set_submodule",
            "share_memory",
            "state_dict",
            "tensors",
            "to",
        ),
        *("to_empty", "train", "training", "type", "xpu", "zero_grad"),
    }
)
"""Attributes that a torch module and our base classes already have."""


def words(name: str) -> list[str]:
    """The words of an ONNX name: ``/encoder/layers.0/lstm/LSTM`` → encoder, layers, 0, lstm, LSTM.

    Letters outside ASCII, quotes, line breaks and the like part words and are gone.
    """
    return [word for word in re.split(r"[^0-9A-Za-z]+", name) if word]


def identifier(parts: list[str], otherwise: str) -> str:
    """``parts`` joined to a lower-case identifier that is no keyword and no builtin."""
    text = "_".join(parts).lower()
    while len(text) > LONGEST and "_" in text:
        text = text.partition("_")[2]
        text = text.lstrip("0123456789_") or text
    text = text[-LONGEST:].strip("_") or otherwise
    if text[0].isdigit():
        text = f"{otherwise}_{text}"
    return f"{text}_" if keyword.iskeyword(text) or hasattr(builtins, text) else text


def class_name(component: str) -> str:
    """``decoder_joint`` → ``DecoderJoint``."""
    return "".join(word.capitalize() for word in component.split("_"))


def without(parts: list[str], prefix: str, op: str = "") -> list[str]:
    """`parts` without the component's name in front and the operator `op` behind.

    What an exporter adds to every name (``node_``, ``_output_0``) goes as well.
    """
    kept = parts[1:] if len(parts) > 1 and parts[0].lower() == "node" else parts
    if len(kept) > 2 and kept[-2].lower() == "output" and kept[-1].isdigit():
        kept = kept[:-2] + (kept[-1:] if kept[-1] != "0" else [])
    if len(kept) > 1 and [part.lower() for part in kept[:1]] == words(prefix.lower())[:1]:
        kept = kept[1:]
    number = kept[-1:] if len(kept) > 2 and kept[-1].isdigit() else []
    stem = kept[: len(kept) - len(number)]
    if len(stem) > 1 and stem[-1].lower() == op.lower():
        return [*stem[:-1], *number]
    return kept


class Names:
    """Gives each name once: ``mul``, ``mul_2``, ``mul_3``."""

    def __init__(self, taken: frozenset[str]) -> None:
        self._taken = set(taken)

    def fresh(self, wanted: str) -> str:
        """`wanted`, with a number behind it if that is taken."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted.rstrip('_')}_{number}"
        self._taken.add(name)
        return name


def printable(name: str) -> str:
    """`name` for comments and docstrings: one line of ASCII that cannot end either."""
    return "".join(map(_escaped, name)).replace('"', '\\"')


def literal(text: str) -> str:
    """`text` as a string literal of ASCII letters, in the quotes that need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(map(_escaped, text)).replace(quote, f"\\{quote}") + quote


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
