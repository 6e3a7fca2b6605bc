"""Small edits to a graph: constants, nodes before another node, and functions, each made once."""

from collections.abc import Sequence
from itertools import count

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from q4compile.graph.recurrent import OWN_DOMAIN
from q4compile.quantize.recurrence import Variant, function_text

FLOAT, FLOAT16 = ir.DataType.FLOAT, ir.DataType.FLOAT16


class Editor:
    """Adds to one model; names are derived from the values they belong to, so runs repeat."""

    def __init__(self, model: ir.Model) -> None:
        self.model = model
        self.graph = model.graph
        self._taken = {value.name for node in self.graph for value in node.outputs}
        self._taken |= set(self.graph.initializers) | {value.name for value in self.graph.inputs}
        self._constants: dict[str, ir.Value] = {}

    def fresh(self, name: str) -> str:
        """`name`, numbered from 2 where a value of the model has it already."""
        numbered = (f"{name}.{n}" if n > 1 else name for n in count(1))
        result = next(each for each in numbered if each not in self._taken)
        self._taken.add(result)
        return result

    def constant(self, name: str, tensor: ir.TensorProtocol) -> ir.Value:
        """The initializer for `tensor`, made once per `name`, and numbered if the user has one."""
        if name not in self._constants:
            value = ir.Value(
                name=self.fresh(name),
                shape=ir.Shape(tensor.shape.numpy()),
                type=ir.TensorType(tensor.dtype),
                const_value=tensor,
            )
            self.graph.register_initializer(value)
            self._constants[name] = value
        return self._constants[name]

    def array(self, name: str, array: NDArray[np.generic] | np.generic) -> ir.Value:
        """The initializer called `name`, holding `array`."""
        return self.constant(name, ir.Tensor(np.asarray(array), name=name))

    def integers(self, values: Sequence[int]) -> ir.Value:
        """A shared int64 initializer, named after its contents."""
        name = "q4.ints." + "_".join(str(value) for value in values)
        return self.array(name, np.array(values, np.int64))

    def before(
        self,
        node: ir.Node,
        op: str,
        inputs: Sequence[ir.Value | None],
        result: str,
        like: ir.Value | None = None,
        dtype: ir.DataType = FLOAT,
        **attributes: int | float | str | Sequence[int],
    ) -> ir.Value:
        """Insert ``result = op(inputs)`` before `node`; `like` lends its shape to the result."""
        made = ir.node(op, inputs, attributes, num_outputs=1, name=result)
        self._typed(made.outputs[0], result, like, dtype)
        self.graph.insert_before(node, made)
        return made.outputs[0]

    def after(
        self, value: ir.Value, op: str, operand: ir.Value, inner: str, last: bool = False
    ) -> ir.Value:
        """Insert ``op(value, operand)`` behind `value`: it takes over its readers and its name.

        `value` itself is called `inner` from then on, also where it was an output of the graph.
        With `last`, it is ``op(operand, value)``.
        """
        producer = value.producer()
        assert producer is not None, f"{value.name} is computed by a node"
        users = [(use.node, use.idx) for use in value.uses()]
        inputs = [operand, value] if last else [value, operand]
        made = ir.node(op, inputs, {}, num_outputs=1, name=f"{inner}.{op}")
        after, outer = made.outputs[0], str(value.name)
        value.name = inner
        self._typed(after, outer, value, FLOAT)
        self.graph.insert_after(producer, made)
        for user, index in users:
            user.replace_input_with(index, after)
        for index, output in enumerate(self.graph.outputs):
            if output is value:
                self.graph.outputs[index] = after
        return after

    def function(self, variant: Variant) -> None:
        """Make sure the model defines the function of `variant`."""
        if (OWN_DOMAIN, variant.kind, variant.overload) in self.model.functions:
            return
        text = (
            f'<ir_version: 10, opset_import: ["": 21]>\ng () => () {{}}\n{function_text(variant)}'
        )
        parsed = ir.from_onnx_text(text)
        for identifier, function in parsed.functions.items():
            self.model.functions[identifier] = function
        self.model.opset_imports.setdefault(OWN_DOMAIN, 1)

    def _typed(self, value: ir.Value, name: str, like: ir.Value | None, dtype: ir.DataType) -> None:
        value.name = name
        value.type = ir.TensorType(dtype)
        if like is not None:
            value.shape = like.shape
