"""Everything else is in pyproject.toml: this maps the folder recipes/ into the package."""

from setuptools import find_packages, setup

SHIPPED = "q4compile.recipe.shipped"

setup(
    packages=[*find_packages("src"), SHIPPED],
    package_dir={"": "src", SHIPPED: "recipes"},
    package_data={
        "q4compile": ["py.typed"],
        "q4compile.speech": ["demo/*", "pretrained/*"],
        SHIPPED: ["*.yaml", "targets/*.yaml"],
    },
)
