"""Nodes whose result is lengths, or numbers made of lengths: integers instead of tensors."""

from collections.abc import Callable

from q4compile.qat.emit.site import Site, Variable, pairwise, together
from q4compile.qat.emit.sizes import ARITHMETIC, Size, Sizes, length, multiply, number

INT64 = 7


def arithmetic(site: Site) -> Sizes | None:
    """The result of a node as integers; None where only a tensor can hold it."""
    op = site.node.op
    if op == "Shape":
        return _shape(site)
    first = site.sizes(0)
    if first is None or site.on_grid(0) or (op != "Concat" and not first.beside and len(site) < 2):
        return None
    if op in ARITHMETIC:
        return _pairwise(site, ARITHMETIC[op])
    return HANDED_ON[op](site, first) if op in HANDED_ON else None


def _shape(site: Site) -> Sizes | None:
    value, rank = site.value(0), site.rank()
    if not isinstance(value, Variable) or rank is None:
        return None
    axes = range(rank)[slice(site.attributes.get("start", 0), site.attributes.get("end"))]
    shape = site.shape(0) or ()
    fixed = [dim if isinstance(dim, int) else None for dim in shape]
    items = tuple(
        length(value.name, axis) if (dim := fixed[axis]) is None else number(dim) for axis in axes
    )
    return Sizes(items, False, value.name)


def _pairwise(site: Site, rule: Callable[[Size, Size], Size | None]) -> Sizes | None:
    sizes = [site.sizes(index) for index in range(len(site))]
    left, right = sizes[0], sizes[-1]
    if len(sizes) != 2 or left is None or right is None:
        return None
    found = [rule(*each) for each in pairwise(left, right)]
    items = tuple(each for each in found if each is not None)
    if len(items) < len(found) or not items:
        return None
    return Sizes(items, left.scalar and right.scalar, together([left, right]))


def _gather(site: Site, sizes: Sizes) -> Sizes | None:
    picked = site.sizes(1)
    indices = site.constants(1)
    if picked is None or indices is None or site.attributes.get("axis", 0) not in (0, -1):
        return None
    items = tuple(sizes.items[index] for index in indices)
    return Sizes(items, picked.scalar, sizes.beside)


def _slice(site: Site, sizes: Sizes) -> Sizes | None:
    ends = [site.constants(index) if site.has(index) else [1] for index in (1, 2, 4)]
    if any(each is None or len(each) != 1 for each in ends):
        return None
    start, stop, step = (each[0] for each in ends if each)
    items = sizes.items[_python_slice(start, stop, step, len(sizes.items))]
    return Sizes(items, False, sizes.beside)


def _python_slice(start: int, stop: int, step: int, count: int) -> slice:
    """ONNX's ends for a negative step: far below 0 is «to the beginning»."""
    return slice(start, None if step < 0 and stop < -count else stop, step)


def _concat(site: Site, sizes: Sizes) -> Sizes | None:
    every = [site.sizes(index) for index in range(len(site))]
    known = [each for each in every if each is not None]
    if len(known) < len(every) or not together(known):
        return None
    return Sizes(tuple(item for each in known for item in each.items), False, together(known))


def _vector(site: Site, sizes: Sizes) -> Sizes:
    return Sizes(sizes.items, False, sizes.beside)


def _scalar(site: Site, sizes: Sizes) -> Sizes | None:
    return Sizes(sizes.items, True, sizes.beside) if len(sizes.items) == 1 else None


def _unsqueeze(site: Site, sizes: Sizes) -> Sizes | None:
    return _vector(site, sizes) if sizes.scalar and len(site.constants(1) or ()) == 1 else None


def _reshape(site: Site, sizes: Sizes) -> Sizes | None:
    shape = site.constants(1)
    if shape == []:
        return _scalar(site, sizes)
    return _vector(site, sizes) if shape in ([-1], [len(sizes.items)]) else None


def _cast(site: Site, sizes: Sizes) -> Sizes | None:
    return sizes if site["to"] == INT64 else None


def _product(site: Site, sizes: Sizes) -> Sizes | None:
    found = number(1)
    for item in sizes.items:
        found = multiply(found, item)
    return Sizes((found,), not site.attributes.get("keepdims", 1), sizes.beside)


HANDED_ON: dict[str, Callable[[Site, Sizes], Sizes | None]] = {
    "Cast": _cast,
    "Concat": _concat,
    "Gather": _gather,
    "Identity": lambda site, sizes: sizes,
    "ReduceProd": _product,
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _scalar,
    "Unsqueeze": _unsqueeze,
}
