"""Every ONNX operator that can be written as torch code."""

from q4compile.qat.emit.attending import ATTENDING
from q4compile.qat.emit.elementwise import ELEMENTWISE
from q4compile.qat.emit.indexing import INDEXING
from q4compile.qat.emit.normalizing import NORMALIZING
from q4compile.qat.emit.operator import Operator
from q4compile.qat.emit.pooling import POOLING
from q4compile.qat.emit.products import PRODUCTS
from q4compile.qat.emit.recurrent import RECURRENT
from q4compile.qat.emit.reductions import REDUCTIONS
from q4compile.qat.emit.resizing import RESIZING
from q4compile.qat.emit.shaping import SHAPING

OPERATORS: tuple[Operator, ...] = tuple(
    sorted(
        (
            *(*ATTENDING, *ELEMENTWISE, *INDEXING, *NORMALIZING, *POOLING, *PRODUCTS, *RECURRENT),
            *(*REDUCTIONS, *RESIZING, *SHAPING),
        ),
        key=lambda each: each.name,
    )
)
BY_NAME = {each.name: each for each in OPERATORS}
