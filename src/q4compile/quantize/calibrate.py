"""What the model's tensors look like on calibration data, those inside a recurrence included.

The float model runs once over the feeds with every tensor the recipe asks about as an extra output.
A recurrent node becomes its own `observe` function, a Scan that also hands out every step's cell
state and gate pre-activations. Memory is that of one feed and one histogram per tensor, however
many feeds there are.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray

from q4compile.errors import DataError, raise_all
from q4compile.graph.recurrent import describe, recurrent_nodes
from q4compile.numerics.histogram import Histogram
from q4compile.numerics.moments import SecondMoments
from q4compile.progress import Progress, quiet
from q4compile.quantize import feeds as checks
from q4compile.quantize.editor import Editor
from q4compile.quantize.feeds import Feed
from q4compile.quantize.recurrent_call import cell_name, gate_name, hidden_name, observe
from q4compile.quantize.session import RUNTIME_ERRORS, session

Seen = dict[str, Histogram]


def calibrate(
    model: ir.Model,
    feeds: Iterable[Feed],
    full: Sequence[str],
    extremes: Sequence[str],
    progress: Progress = quiet,
    total: int | None = None,
    moments: Mapping[str, SecondMoments] | None = None,
) -> Seen:
    """Statistics of the values named in `full` and `extremes` over all `feeds`.

    Args:
        model: the float model; left as it was.
        feeds: input name → array, one mapping a run; read once, one at a time.
        full: values whose distribution is needed: a whole histogram each.
        extremes: values of which count, minimum and maximum are enough.
        total: how many feeds there are, for the progress bar.
        moments: second moments to add to, by the name of the value.

    Raises:
        DataError: Q520 no feeds; Q521 a feed lacks an input or has the wrong rank or type;
            Q522 a feed, or a tensor computed from it, holds NaN or infinity.
    """
    moments = moments or {}
    names = list(dict.fromkeys([*full, *extremes, *moments]))
    runner = session(observing(model, names), fold_constants=False)
    seen: Seen = {name: Histogram() for name in names}
    whole, index, inputs = set(full), -1, model.graph.inputs
    for index, feed in enumerate(progress(feeds, "calibrating", total)):
        raise_all(DataError, checks.findings(index, feed, inputs))
        results = _results(runner, index, {str(p.name): feed[str(p.name)] for p in inputs})
        for name, values in zip(names, results, strict=True):
            if name in whole:
                seen[name].add(values)
            else:
                seen[name].extent.add(values)
            if name in moments:
                moments[name].add(values)
        overflowed = [name for name in names if seen[name].extent.nonfinite]
        raise_all(DataError, [checks.overflowed(index, name) for name in overflowed])
    if index < 0:
        raise DataError(checks.no_feeds())
    return seen


def _results(
    runner: onnxruntime.InferenceSession, index: int, feed: dict[str, NDArray[np.generic]]
) -> list[NDArray[np.generic]]:
    try:
        return list(runner.run(None, feed))
    except RUNTIME_ERRORS as error:
        raise DataError(checks.unfit(index, error)) from error


def observing(model: ir.Model, names: Sequence[str]) -> ir.Model:
    """A copy of `model` whose outputs are the values called `names`, in that order."""
    copy = model.clone()
    editor = Editor(copy)
    inside: dict[str, ir.Value] = {}
    for node in list(recurrent_nodes(copy)):
        described = describe(node)
        hidden = {hidden_name(described.node), cell_name(described.node), gate_name(described.node)}
        if hidden & set(names) and not node.domain:
            inside |= observe(editor, node, described)
    values = {str(output.name): output for node in copy.graph for output in node.outputs}
    values |= {str(p.name): _copied(editor, p) for p in copy.graph.inputs if p.name in names}
    values |= inside
    copy.graph.outputs.clear()
    copy.graph.outputs.extend(values[name] for name in names)
    return copy


def _copied(editor: Editor, port: ir.Value) -> ir.Value:
    """An input of a graph cannot be its output as well: its copy can."""
    made = ir.node("Identity", [port], {}, num_outputs=1)
    made.outputs[0].name = editor.fresh(f"{port.name}.observed")
    made.outputs[0].type, made.outputs[0].shape = port.type, port.shape
    editor.graph.append(made)
    return made.outputs[0]
