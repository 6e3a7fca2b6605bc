"""Which quantizers onnxruntime would fuse with what stands in front of them, and get wrong.

Of version 1.32, at levels extended and all. To INT4 and UINT4:

    Relu → QuantizeLinear      the Relu is dropped where the zero point is 0, or is not the least
                               code: negative values then get codes of their own
    Clip → QuantizeLinear      the file does not load
    MaxPool → QuantizeLinear   the file does not load: MaxPool is moved onto 4-bit integers

To 8 and 16 bits, when codes are multiplied as they are:

    Transpose → QuantizeLinear → Cast → MatMul    loading crashes, if W is transposed as well

All of them act through nodes between the two: layouts the quantizer is moved across, and nodes that
are removed as they change nothing (Identity, Dropout, Mul by 1, Cast to the same type).
"""

import onnx_ir as ir

from q4compile.quantize.subjects import RECURRENT

TO_FOUR_BITS = frozenset({"Clip", "MaxPool", "Relu"})
TO_PLAIN_CODES = frozenset({"Transpose"})
PRODUCTS = frozenset({"Conv", "Gemm", "MatMul"})


def may_fuse(value: ir.Value, fused: frozenset[str]) -> bool:
    """Whether an operator of `fused` lies between `value` and the layers it comes from.

    Rather too often than too seldom: which nodes vanish is known to the optimizer alone.
    """
    seen: set[ir.Node] = set()
    pending = [value.producer()]
    while pending:
        node = pending.pop()
        if node is None or node in seen or node.domain or node.op_type in PRODUCTS | RECURRENT:
            continue
        if node.op_type in fused:
            return True
        seen.add(node)
        pending += [port.producer() for port in node.inputs if port is not None]
    return False
