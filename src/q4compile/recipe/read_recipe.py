"""A YAML file → `Recipe`, with every mistake in it reported at once."""

from pathlib import Path

from q4compile.errors import Finding, RecipeError, raise_all
from q4compile.recipe.fields import Report, read_pairs, read_text
from q4compile.recipe.findings import (
    YAML_CODES,
    missing_key,
    no_such_recipe,
    not_a_recipe,
    same_name,
)
from q4compile.recipe.read_match import read_match
from q4compile.recipe.read_scheme import read_scheme
from q4compile.recipe.recipe import Recipe, Rule
from q4compile.recipe.shipped import shipped_recipes
from q4compile.yaml_lines import Node, load_yaml

VERSION = 1
RECIPE_KEYS = ("version", "name", "rules")
RULE_KEYS = ("name", "match", "scheme", "why")


def load_recipe(path_or_name: str | Path) -> Recipe:
    """The recipe in a file, or else the shipped one of that name (``rnnt`` or ``rnnt.yaml``).

    Raises:
        RecipeError: Q201, Q202, Q204 to Q206, Q210 to Q212, all that apply.
    """
    path = resolve(path_or_name)
    root = load_yaml(path, RecipeError, YAML_CODES)
    findings: list[Finding] = []
    recipe = read_recipe(root, findings.append)
    raise_all(RecipeError, findings)
    raise_all(RecipeError, recipe.hidden())
    return recipe


def resolve(path_or_name: str | Path) -> Path:
    """A file as it is; a name that is no file, in the folder of shipped recipes."""
    path = Path(path_or_name)
    if path.is_file():
        return path
    shipped = shipped_recipes()
    name = str(path_or_name).removesuffix(".yaml")
    if name not in shipped:
        raise RecipeError(no_such_recipe(str(path_or_name), tuple(shipped)))
    return shipped[name]


def read_recipe(root: Node, report: Report) -> Recipe:
    """What could be read; complete when nothing was reported."""
    if not isinstance(root.value, dict):
        report(not_a_recipe(root.at, "a mapping with version and rules", root.shown()))
        return Recipe("", root.file, ())
    pairs = read_pairs(root, "recipe", RECIPE_KEYS, report) or {}
    _version(pairs.get("version"), root, report)
    name = read_text(pairs["name"], "name", report) if "name" in pairs else root.file.stem
    return Recipe(name or "", root.file, _rules(pairs.get("rules"), root, report))


def _version(node: Node | None, root: Node, report: Report) -> None:
    if node is None:
        report(missing_key(root.at, "recipe", "version", root.key_lines))
    elif node.plain() != VERSION:
        report(not_a_recipe(node.at, f"version: {VERSION}", f"version: {node.shown()}"))


def _rules(node: Node | None, root: Node, report: Report) -> tuple[Rule, ...]:
    if node is None:
        report(missing_key(root.at, "recipe", "rules", root.key_lines))
        return ()
    if not isinstance(node.value, tuple) or not node.value:
        got = "an empty list" if node.value == () else node.shown()
        report(not_a_recipe(node.at, "a list of rules, one or more", got))
        return ()
    rules = []
    names: dict[str, str] = {}
    for number, item in enumerate(node.value, 1):
        rule = _rule(item, number, report)
        if rule is None:
            continue
        if rule.name in names:
            report(same_name(rule.at, rule.name, names[rule.name]))
        names.setdefault(rule.name, rule.at)
        rules.append(rule)
    return tuple(rules)


def _rule(node: Node, number: int, report: Report) -> Rule | None:
    pairs = read_pairs(node, "rule", RULE_KEYS, report)
    if pairs is None:
        return None
    missing = [key for key in ("match", "scheme") if key not in pairs]
    for key in missing:
        report(missing_key(node.at, "rule", key, pairs))
    if missing:
        return None
    name = read_text(pairs["name"], "name", report) if "name" in pairs else f"rule {number}"
    why = read_text(pairs["why"], "why", report) if "why" in pairs else ""
    match = read_match(pairs["match"], report)
    scheme = read_scheme(pairs["scheme"], report)
    if scheme is None:
        return None
    return Rule(name or "", match, scheme, why or "", node.at)
