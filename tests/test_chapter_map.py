"""Every equation that docs/chapter.md calls done has a docstring and a test."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| (?P<what>[^|]+) \| `(?P<file>[^`]+)` \| `(?P<test>[^`]+)` \|")
ROWS = [
    match
    for line in (ROOT / "docs" / "chapter.md").read_text().splitlines()
    if (match := ROW.match(line))
]
EQUATIONS = re.compile(r"Eq (19\.\d+)")


def docstrings(path: Path) -> str:
    tree = ast.parse(path.read_text())
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    return "\n".join(
        ast.get_docstring(node) or ""
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    )


def test_the_map_has_rows():
    assert len(ROWS) >= 10


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"].strip())
def test_a_mapped_place_exists(row):
    test_file, _, name = row["test"].partition("::")
    test = (ROOT / test_file).read_text()

    assert (ROOT / row["file"]).is_file()
    assert re.search(rf"(def|class) {re.escape(name)}\b", test), name


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if EQUATIONS.search(row["what"])],
    ids=lambda row: row["what"].strip(),
)
def test_a_mapped_equation_is_named_where_it_is_computed_and_tested(row):
    said = docstrings(ROOT / row["file"])
    for equation in EQUATIONS.findall(row["what"]):
        assert re.search(rf"Eq {re.escape(equation)}\b", said)
        assert f"eq_{equation.replace('.', '_')}" in row["test"]


def test_no_equation_is_computed_without_being_mapped():
    mapped = {e for row in ROWS for e in EQUATIONS.findall(row["what"])}
    computed = {
        equation
        for path in (ROOT / "src").rglob("*.py")
        for equation in EQUATIONS.findall(docstrings(path))
    }

    assert computed <= mapped
