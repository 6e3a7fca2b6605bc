"""docs/generated/*.md and the tables of README.md, from the registries and benchmarks/results.

python docs/generate.py            write them
python docs/generate.py --check    exit 1 if any differs from what it would write
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, asdict
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any

import click
from tables import FILES, TABLES, table

from q4compile.cli.registry import COMMANDS
from q4compile.graph.operators import OPERATORS
from q4compile.isa import lstm_block
from q4compile.isa.instruction import Field, Instruction, fields_of
from q4compile.isa.instructions import INSTRUCTIONS
from q4compile.isa.target import load_target, shipped_targets
from q4compile.numerics.formats import FORMATS
from q4compile.qat.emit.registry import GROUPS
from q4compile.recipe.granularity import SPELLINGS
from q4compile.recipe.predicates import KEYS, Numbers, Patterns
from q4compile.recipe.read_recipe import load_recipe
from q4compile.recipe.scheme import ROUNDINGS
from q4compile.recipe.setters import SETTERS
from q4compile.recipe.shipped import shipped_recipes
from q4compile.recipe.subject import ROLES

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
FIELD_COLUMNS = ("field", "bits", "values", "default", "meaning")
SIXTEEN_BITS = "decisions/0010-sixteen-bit-cells.md"
NOTE = "<!-- written by docs/generate.py -->\n\n"


def main() -> int:
    """Write every document, or with --check report the stale ones."""
    check = "--check" in sys.argv[1:]
    stale = [path for path, text in documents().items() if _read(path) != text]
    for path in stale:
        if not check:
            path.write_text(documents()[path], encoding="utf-8")
        print(f"{'stale' if check else 'wrote'} {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


def documents() -> dict[Path, str]:
    """Path → text of everything that is generated."""
    generated = ROOT / "docs" / "generated"
    pages = ("qat.md", "fusion.md", "decoding.md", "timing-model.md", SIXTEEN_BITS)
    filled = (ROOT / "README.md", *(ROOT / "docs" / page for page in pages))
    return {
        generated / "commands.md": NOTE + commands(),
        generated / "instructions.md": NOTE + instructions(),
        generated / "operators.md": NOTE + operators(),
        generated / "recipes.md": NOTE + recipes(),
        generated / "schemes.md": NOTE + schemes(),
        generated / "targets.md": NOTE + targets(),
        generated / "trainable_operators.md": NOTE + trainable_operators(),
        **{path: BLOCK.sub(_filled, _read(path)) for path in filled},
    }


def commands() -> str:
    """The help text of every command."""
    parts = ["# Commands\n"]
    for entry in COMMANDS:
        command = import_module(entry.module).command
        context = click.Context(command, info_name=f"q4compile {entry.name}", terminal_width=92)
        parts.append(f"## {entry.name}\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


ENGINES = {
    "SQ": "the sequencer",
    "LD": "DRAM to SRAM",
    "ST": "SRAM to DRAM",
    "MX": "matrix products",
    "VX": "element by element",
    "": "Any engine but SQ",
}


def instructions() -> str:
    """Every instruction by its engine: equation and encoding."""
    shared = table(FIELD_COLUMNS, map(_field, fields_of(Instruction)))
    parts = [
        "# Instructions\n",
        "`d[31:16]` are bits 31 to 16 of the member d of a word. Every word has also\n",
        shared,
    ]
    for engine, about in ENGINES.items():
        group = [each for each in INSTRUCTIONS if _engine_of(each) == engine]
        parts.append(f"## {engine}: {about}\n" if engine else f"## {about}\n")
        parts += map(_instruction, sorted(group, key=lambda each: each.op))
    block = (lstm_block.__doc__ or "", getdoc(lstm_block.LstmBlock) or "")
    return "\n".join([*parts, "## The block of `lstm`\n", *map(_markdown, block)])


def _instruction(kind: type[Instruction]) -> str:
    shared = [field.name for field in fields_of(Instruction)]
    rows = [_field(field) for field in fields_of(kind) if field.name not in shared]
    own = "\n" + table(FIELD_COLUMNS, rows) if rows else ""
    return f"### `{kind.mnemonic}`, op {kind.op:#04x}\n\n{_markdown(getdoc(kind) or '')}{own}"


def _engine_of(kind: type[Instruction]) -> str:
    """Its name; nothing where the engine is a field."""
    return kind.engine.name if hasattr(kind, "engine") else ""


def _field(field: Field) -> tuple[str, ...]:
    required = field.default is MISSING
    default = "" if required else f"`{field.kind.text(field.default)}`"
    places = ", ".join(f"`{slot}`" for slot in field.kind.slots)
    return f"`{field.name}`", places, field.kind.says, default, field.meaning


def _markdown(text: str) -> str:
    return text.strip().replace("``", "`") + "\n"


def targets() -> str:
    """Every shipped target, value by value."""
    found = {name: dict(_leaves(asdict(load_target(name)))) for name in shipped_targets()}
    rows = [(f"`{key}`", *(f"{each[key]}" for each in found.values())) for key in found["rapid1"]]
    return "# Targets\n\n" + table(("value", *(f"`{name}`" for name in found)), rows)


def _leaves(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield above + key, value


def operators() -> str:
    """What can be quantized."""
    rows = [(f"`{each.op}`", getdoc(type(each)) or "") for each in OPERATORS]
    return "# Operators that are quantized\n\n" + table(("operator", "meaning"), sorted(rows))


def trainable_operators() -> str:
    """What a package can be written for."""
    parts = ["# Operators that a trainable package can hold\n"]
    for title, group in GROUPS.items():
        parts.append(f"## {title}\n\n" + ", ".join(f"`{each.name}`" for each in group) + "\n")
    return "\n".join(parts)


def recipes() -> str:
    """Every shipped recipe, rule by rule."""
    parts = ["# Recipes\n"]
    for name in shipped_recipes():
        rules = load_recipe(name).rules
        rows = [
            (
                rule.name,
                " and ".join(map(str, rule.match)) or "anything",
                str(rule.scheme),
                rule.why,
            )
            for rule in rules
        ]
        parts.append(f"## {name}\n\n" + table(("rule", "matches", "scheme", "why"), rows))
    return "\n".join(parts)


def schemes() -> str:
    """The words a recipe may use."""
    formats = [
        (
            f"`{each.name}`",
            str(each.bits),
            "" if each.is_float else f"{each.code_min} … {each.code_max}",
        )
        for each in FORMATS.values()
    ]
    setters = [(f"`{each.name}`", each.says) for each in SETTERS]
    keys = [(f"`{each.key}`", _value(each)) for each in KEYS]
    lines = [
        "# Words of a recipe\n",
        "## format\n\n" + table(("format", "bits", "codes"), formats),
        "## granularity\n\n" + ", ".join(f"`{each}`" for each in SPELLINGS) + "\n",
        "## range\n\n" + table(("setter", "the clip is"), setters),
        "## rounding\n\n" + ", ".join(f"`{each}`" for each in ROUNDINGS) + "\n",
        "## role\n\n" + ", ".join(f"`{each}`" for each in ROLES) + "\n",
        "## match\n\n" + table(("key", "value"), keys),
    ]
    return "\n".join(lines)


def _value(key: Any) -> str:
    if isinstance(key, Numbers):
        return "`{min: , max: }`" + (", measured in calibration" if key.measured else "")
    if isinstance(key, Patterns):
        return "shell pattern, or a list of them"
    return "one of " + ", ".join(key.known) if key.known else "a word, or a list of them"


def _filled(block: re.Match[str]) -> str:
    """A block with its table, or with how to make the figures where there are none."""
    name = block[2]
    path = (
        RESULTS / f"{name.split('_')[0] if name.startswith('ptq') else FILES.get(name, name)}.json"
    )
    if not path.exists():
        return f"{block[1]}(no figures yet: python benchmarks/{path.stem}.py)\n{block[3]}"
    return block[1] + TABLES[name](json.loads(path.read_text(encoding="utf-8"))) + block[3]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
