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
from q4compile.qat.emit.spectral import SPECTRAL

GROUPS: dict[str, tuple[Operator, ...]] = {
    "number by number": ELEMENTWISE,
    "products": PRODUCTS,
    "recurrent": RECURRENT,
    "attention": ATTENDING,
    "normalizations": NORMALIZING,
    "pools": POOLING,
    "along axes": REDUCTIONS,
    "shapes": SHAPING,
    "by index": INDEXING,
    "pictures and grids": RESIZING,
    "spectra": SPECTRAL,
}
OPERATORS = tuple(
    sorted((each for group in GROUPS.values() for each in group), key=lambda each: each.name)
)
BY_NAME = {each.name: each for each in OPERATORS}
