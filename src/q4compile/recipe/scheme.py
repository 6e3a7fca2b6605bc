"""Number format + granularity + how the range is set: what a rule says about a tensor."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from q4compile.numerics.formats import Format
from q4compile.recipe.granularity import PER_TENSOR, Granularity
from q4compile.recipe.setters import setter_named
from q4compile.recipe.subject import CONSTANT_ROLES

DEFAULT_RANGE = "minmax"
DEFAULT_PERCENTILE = 99.99
NEAREST, GPTQ = "nearest", "gptq"
ROUNDINGS = (GPTQ, NEAREST)
"""How a constant's codes are chosen once its scales are: each by itself, or (gptq) so that the
columns still to come make up for the error in the product. A convolution's are always nearest."""
ROUNDED_TOGETHER = frozenset({"recurrent_weight", "weight"})


@dataclass(frozen=True)
class Refusal:
    """Why a scheme does not suit a tensor: the law, the numbers put into it, and a way out."""

    title: str
    need: str
    got: str
    fix: str

    def __str__(self) -> str:
        return f"{self.title}: {self.got}"


@dataclass(frozen=True)
class Scheme:
    """``x ≈ (q − zero_point) · scale``, with q in `format` and one scale per `granularity`.

    `symmetric` means zero_point = 0; an unsigned format then holds x ≥ 0 only.
    """

    format: Format
    granularity: Granularity = PER_TENSOR
    range: str | None = None
    """The range setter; None for floats, which have no range to set."""
    symmetric: bool = True
    percentile: float | None = None
    """In (50, 100] [%]; set when `range` is percentile."""
    clip: tuple[float, float] | None = None
    """The least and the largest real value; set when `range` is fixed."""
    rounding: str = NEAREST

    def invalid(self) -> Iterator[tuple[str, str, str]]:
        """Every (key, need, got) by which the parts do not fit together, whatever the tensor."""
        if self.range is not None and not self.format.is_float:
            yield from self._setter_invalid(self.range)
            yield from self._clip_invalid()
            if self.percentile is not None and not 50 < self.percentile <= 100:
                yield "percentile", "a percentage in (50, 100]", f"{self.percentile:g}"

    def _setter_invalid(self, name: str) -> Iterator[tuple[str, str, str]]:
        setter = setter_named(name)
        if setter.symmetric_only and not (self.symmetric and self.format.signed):
            got = "symmetric: false" if not self.symmetric else f"{self.format}"
            yield "range", f"{name} needs a signed format and symmetric: true", got
        if setter.bits is not None and self.format.bits not in setter.bits:
            widths = ", ".join(str(bits) for bits in sorted(setter.bits))
            yield "range", f"{name} is defined for {widths} bits", f"{self.format.bits} bits"

    def _clip_invalid(self) -> Iterator[tuple[str, str, str]]:
        if self.clip is None:
            return
        low, high = self.clip
        if not (low <= 0 < high < inf and low > -inf):
            yield "clip", "a finite range [low, high] with low <= 0 < high", f"[{low:g}, {high:g}]"
        elif self.symmetric and low != (-high if self.format.signed else 0):
            yield "clip", "one number, or symmetric: false", f"[{low:g}, {high:g}]"

    def refuses(
        self, shape: tuple[int | None, ...], role: str, gates: int = 0, reduction_axis: int = -1
    ) -> Refusal | None:
        """Why this scheme does not suit a tensor, or None when it does.

        Args:
            shape: of the tensor.
            role: one of `ROLES`.
            gates: how many gates the output channels are made of (LSTM 4, GRU 3, RNN 1, others 0).
            reduction_axis: the axis that a product sums over.
        """
        if self.rounding == GPTQ and role not in ROUNDED_TOGETHER:
            return _no_product(role)
        kind = self.granularity.kind
        if self.format.is_float or kind == "per_tensor":
            return None
        if role not in CONSTANT_ROLES:
            return _one_scale_only(role, self.granularity)
        if kind == "per_gate" and not gates:
            return _no_gates(role)
        if len(shape) < 2:
            return _too_few_axes(shape, self.granularity)
        return self._group_refusal(shape[reduction_axis]) if kind == "per_group" else None

    def _group_refusal(self, features: int | None) -> Refusal | None:
        size = self.granularity.group_size
        if features is None:
            got = "its length is dynamic"
        elif features % size:
            got = f"{features} % {size} == {features % size}"
        else:
            return None
        need = "in_features % group_size == 0"
        fix = _group_fix(features or 0, size)
        return Refusal("group size does not divide the reduction axis", need, got, fix)

    def __str__(self) -> str:
        words = [str(self.format)]
        if not self.format.is_float:
            words += [str(self.granularity), str(self.range)]
        if self.percentile is not None:
            words.append(f"{self.percentile:g}")
        if self.clip is not None:
            words.append(f"[{self.clip[0]:g}, {self.clip[1]:g}]")
        words += ["asymmetric"] * (not self.symmetric) + [self.rounding] * (self.rounding == GPTQ)
        return " ".join(words)


def _no_product(role: str) -> Refusal:
    return Refusal(
        "no product to round for",
        f"rounding {NEAREST} for role {role}: {GPTQ} weighs errors by the inputs of a product",
        f"rounding {GPTQ}",
        f"rounding {NEAREST}, or role weight and recurrent_weight only",
    )


def _one_scale_only(role: str, granularity: Granularity) -> Refusal:
    return Refusal(
        "an activation has one scale",
        f"granularity per_tensor for role {role}, whose values are not known in advance",
        f"granularity {granularity}",
        "granularity per_tensor",
    )


def _no_gates(role: str) -> Refusal:
    return Refusal(
        "the tensor has no gates",
        "a weight or bias of an LSTM, GRU or RNN node",
        f"a {role} of another node",
        "granularity per_channel",
    )


def _too_few_axes(shape: tuple[int | None, ...], granularity: Granularity) -> Refusal:
    return Refusal(
        "the tensor has no channels",
        f"2 axes or more for granularity {granularity}",
        f"{len(shape)}",
        "granularity per_tensor",
    )


def _group_fix(features: int, size: int) -> str:
    """The nearest divisors of `features` below and above `size`, as spelled in a recipe."""
    divisors = [n for n in range(2, features) if features % n == 0]
    below, above = [n for n in divisors if n < size][-1:], [n for n in divisors if n > size][:1]
    words = [f"per_group({n})" for n in below + above]
    return "granularity " + " or ".join([*words, "per_channel"])
