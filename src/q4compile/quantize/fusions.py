"""Which quantizers onnxruntime would fuse with what stands in front of them, and get wrong.

Its fusions know 8 and 16 bits; on INT4 and UINT4 (1.32, extended level):

    Relu → QuantizeLinear      the Relu is dropped where the zero point is 0, or is not the least
                               code: negative values then get codes of their own
    Clip → QuantizeLinear      the file does not load
    MaxPool → QuantizeLinear   the file does not load: MaxPool is moved onto 4-bit integers

They also act through nodes between the two: layouts the quantizer is moved across, and nodes that
are removed as they change nothing (Identity, Dropout, Mul by 1, Cast to the same type).
"""

import onnx_ir as ir

FUSED = frozenset({"Clip", "MaxPool", "Relu"})
PRODUCTS = frozenset({"Conv", "Gemm", "MatMul"})


def may_fuse(value: ir.Value) -> bool:
    """Whether one of `FUSED` lies between `value` and the products and layers it comes from.

    Rather too often than too seldom: which nodes vanish is known to the optimizer alone.
    """
    seen: set[ir.Node] = set()
    pending = [value.producer()]
    while pending:
        node = pending.pop()
        if node is None or node in seen or node.domain or node.op_type in PRODUCTS:
            continue
        if node.op_type in FUSED:
            return True
        seen.add(node)
        pending += [port.producer() for port in node.inputs if port is not None]
    return False
