"""All range setters by the name a recipe uses."""

from q4compile.quantize.ranges.fixed import FixedRange
from q4compile.quantize.ranges.learned import LearnedRange
from q4compile.quantize.ranges.minmax import MinMaxRange
from q4compile.quantize.ranges.mse import MseRange
from q4compile.quantize.ranges.percentile import PercentileRange
from q4compile.quantize.ranges.sawb import SawbRange
from q4compile.quantize.ranges.setter import RangeSetter

RANGE_SETTERS: tuple[RangeSetter, ...] = (
    FixedRange(),
    LearnedRange("lsq"),
    MinMaxRange(),
    MseRange(),
    LearnedRange("pact"),
    LearnedRange("pact+"),
    PercentileRange(),
    SawbRange(),
)


def range_setter(name: str) -> RangeSetter:
    """The setter called `name`; the recipe has checked that it exists."""
    return next(setter for setter in RANGE_SETTERS if setter.name == name)
