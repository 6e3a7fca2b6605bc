"""The recipes that come with the package, by name."""

from pathlib import Path


def shipped_folder() -> Path:
    """`recipes/`: inside the package once built, at the root of the source tree before."""
    packaged = Path(__file__).parent / "shipped"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "recipes"


def shipped_recipes() -> dict[str, Path]:
    """Name → file, in order of names."""
    files = {path.stem: path for path in shipped_folder().glob("*.yaml")}
    return dict(sorted(files.items()))
