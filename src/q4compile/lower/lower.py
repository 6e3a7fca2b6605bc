"""``lower(parts, target)``: a program with an entry for each component."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from q4compile.errors import Finding, TargetError, raise_all
from q4compile.isa.engine import Precision
from q4compile.isa.instruction import Instruction
from q4compile.isa.program import Entry, Program
from q4compile.isa.target import Target
from q4compile.isa.word import WORD_BYTES
from q4compile.lower.emit.component import Component, component_of
from q4compile.lower.emit.image import Image
from q4compile.lower.emit.limits import limited
from q4compile.lower.findings import Refused
from q4compile.lower.numbers.halves import halved, quantizer_findings
from q4compile.lower.options import Options, Room
from q4compile.lower.phases.selected import Selected
from q4compile.lower.phases.values import Numbers
from q4compile.lower.plan.overlap import overlapped
from q4compile.lower.plan.planning import plan_phases
from q4compile.lower.select.select import select
from q4compile.quantize.network import Array, Network

Part = tuple[str, Network]
"""Name of a component, and the component with its recurrent states as ports."""
USUAL = Options()
CELLS_FIX = "leave out --cell-bits, or --precision"


@dataclass(frozen=True)
class Lowered:
    """A program, and its figures."""

    program: Program
    figures: Mapping[str, float]


def lower(
    parts: Iterable[Part], target: Target, options: Options = USUAL, name: str = "model"
) -> Program:
    """The program of `parts`, an entry for each; independent of all run-time sizes.

    Raises:
        TargetError: Q321 to Q329, everything that was found.
    """
    return lowered(parts, target, options, name).program


def lowered(
    parts: Iterable[Part], target: Target, options: Options = USUAL, name: str = "model"
) -> Lowered:
    """`lower` with figures; raises what that raises."""
    room = Room(options, target)
    if room.cores > target.cores:
        need = f"at most {target.cores} of target {target.name}"
        raise TargetError(Refused("Q328", need, f"{room.cores}").finding("cores"))
    parts = _read(list(parts), options)
    selected = _selected(parts, room)
    image = Image()
    components = _components(selected, room, image)
    return _with_ratio(_program(components, image, room, name), parts)


def _with_ratio(done: Lowered, parts: Sequence[Part]) -> Lowered:
    """With the bytes of all float parameters in float32, and how many times DATA that is."""
    count_bytes = sum(4 * each.size for each in _held(parts) if each.dtype.kind == "f")
    ratio = count_bytes / max(len(done.program.data), 1)
    more = {"float32_parameter_bytes": count_bytes, "compression_ratio": ratio}
    return Lowered(done.program, {**done.figures, **more})


def _held(parts: Sequence[Part]) -> list[Array]:
    """All constants; one that several components share once, files may use a name differently."""
    found: dict[str, list[Array]] = {}
    for _, network in parts:
        for name, each in network.constants.items():
            known = found.setdefault(name, [])
            if not any(np.array_equal(each, one) for one in known):
                known.append(each)
    return [each for known in found.values() for each in known]


def _read(parts: Sequence[Part], options: Options) -> list[Part]:
    """The parts at the precision that is asked for."""
    if options.precision is not Precision.FP16:
        return list(parts)
    if options.has_wide_cells:
        need = f"a quantized model, for cells of {options.cell_bits} bits"
        refused = Refused("Q329", need, "precision fp16, whose c is float32", CELLS_FIX)
        raise TargetError(refused.finding("cell bits"))
    raise_all(TargetError, [f for part in parts for f in quantizer_findings(*part)])
    return [(name, halved(network)) for name, network in parts]


def _selected(parts: Sequence[Part], room: Room) -> list[Selected]:
    """Every component as phases; an input that another one makes is what it is there."""
    found: dict[str, Selected] = {}
    made: dict[str, Numbers] = {}
    for component, network in in_order(parts):
        found[component] = select(component, network, room, made)
        made |= found[component].outputs
    ordered = [found[component] for component, _ in parts]
    raise_all(TargetError, [finding for each in ordered for finding in each.findings])
    return ordered


def in_order(parts: Sequence[Part]) -> Iterator[Part]:
    """The parts, each behind those that make its inputs."""
    left = list(parts)
    while left:
        made = [{port.name for port in network.outputs} for _, network in left]
        ready = (
            n
            for n, (_, network) in enumerate(left)
            if not any(
                port.name in outputs
                for k, outputs in enumerate(made)
                for port in network.inputs
                if k != n
            )
        )
        yield left.pop(next(ready, 0))


def _components(selected: Sequence[Selected], room: Room, image: Image) -> list[Component]:
    found: list[Component] = []
    findings: list[Finding] = []
    for each in selected:
        plans = plan_phases(each, room)
        findings += plans.findings
        if not findings:
            try:
                found.append(component_of(each, overlapped(plans.phases, room), room, image))
            except Refused as refused:
                findings.append(refused.finding(f"component {each.name}"))
    raise_all(TargetError, findings)
    return found


def _program(components: Sequence[Component], image: Image, room: Room, name: str) -> Lowered:
    code: list[Instruction] = []
    entries: list[Entry] = []
    for each in components:
        entries.append(each.entry.moved(len(code)))
        code += each.code
    _require_fit(WORD_BYTES * len(code), len(image.data), room)
    program = Program(
        name,
        room.target.name,
        room.target.hash,
        (room.options.precision or _precision(components)).name.lower(),
        tuple(code),
        bytes(image.data),
        tuple(limited(entry, len(image.data), room.target) for entry in entries),
        tuple(image.nodes),
        tuple(image.symbols),
        room.cores,
    )
    return Lowered(program, _figures(components, program, image))


def _precision(components: Sequence[Component]) -> Precision:
    """That of most products."""
    totals: dict[Precision, int] = {}
    for each in components:
        for precision, count in each.macs.items():
            totals[precision] = totals.get(precision, 0) + count
    return max(totals, key=lambda each: totals[each], default=Precision.INT8)


def _figures(components: Sequence[Component], program: Program, image: Image) -> dict[str, float]:
    found: dict[str, float] = {
        "code_bytes": WORD_BYTES * len(program.code),
        "data_bytes": len(program.data),
        "coded_percent": 100 * image.coded_bytes / max(len(program.data) + image.saved_bytes, 1),
        "coding_saved_bytes": image.saved_bytes,
        "sram_peak_bytes": max(each.sram_peak_bytes for each in components),
        "sram_lower_bound_bytes": max(each.sram_lower_bound_bytes for each in components),
        "sram_over_bound_percent": max(each.sram_over_bound_percent for each in components),
    }
    for each in components:
        found[f"{each.entry.name}_words"] = len(each.code)
        found[f"{each.entry.name}_macs_per_step"] = sum(each.macs.values())
    return found


def _require_fit(code_bytes: int, data_bytes: int, room: Room) -> None:
    target, found = room.target, []
    words = target.sequencer.code_words
    if code_bytes > words * WORD_BYTES:
        found.append(("code", f"{words} words", f"{code_bytes // WORD_BYTES}"))
    if data_bytes > target.dram.size_bytes:
        found.append(("data", f"{target.dram.size_bytes} bytes", f"{data_bytes}"))
    raise_all(
        TargetError,
        [
            Refused("Q328", f"at most {need} of target {target.name}", got).finding(what)
            for what, need, got in found
        ],
    )
