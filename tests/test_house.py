"""The house holds its own rules: sizes, layers, engines, names, no pickle."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "tidegraph").rglob("*.py"))


@cache
def definitions() -> list[tuple[Path, ast.FunctionDef | ast.ClassDef]]:
    """Every function and class; where no test asks, a worker does not read them."""
    return [
        (path, node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]


def functions() -> list[tuple[Path, ast.FunctionDef]]:
    return [(p, node) for p, node in definitions() if isinstance(node, ast.FunctionDef)]


def classes() -> list[tuple[Path, ast.ClassDef]]:
    return [(p, node) for p, node in definitions() if isinstance(node, ast.ClassDef)]


def length(node: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node) is not None:
        lines -= node.body[0].end_lineno - node.body[0].lineno + 1
    return lines


def test_no_file_is_longer_than_350_lines():
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}

    assert len(lengths) > 500
    assert {path: count for path, count in lengths.items() if count > 350} == {}


def test_no_folder_has_more_than_16_files():
    counts = Counter(path.parent for path in SOURCES)

    assert [folder for folder, count in counts.items() if count > 16] == []


def test_no_function_is_longer_than_60_lines_and_nine_in_ten_have_at_most_30():
    lengths = sorted(length(node) for _, node in functions())
    long = [(p.name, f.name) for p, f in functions() if length(f) > 60]

    assert long == []
    assert lengths[int(0.9 * len(lengths))] <= 30


def test_no_recipe_is_longer_than_30_lines():
    room = ROOT / "src" / "tidegraph" / "retrieval" / "recipes"
    recipes = [node for path, node in functions() if path.parent == room]
    long = [f.name for f in recipes if f.end_lineno - f.lineno + 1 > 30]

    assert len(recipes) >= 25
    assert long == []


def test_no_configuration_has_more_than_eight_settings():
    crowded = []
    for path, node in classes():
        marks = map(ast.unparse, node.decorator_list)
        if any(re.search("dataclass|settings", mark) for mark in marks):
            fields = [
                part
                for part in node.body
                if isinstance(part, ast.AnnAssign)
                and "ClassVar" not in ast.unparse(part.annotation)
            ]
            has_defaults = any(part.value is not None for part in fields)
            # What holds arrays is a value, not a configuration.
            holds = any("np.ndarray" in ast.unparse(p.annotation) for p in fields)
            if has_defaults and not holds and len(fields) > 8:
                crowded.append((path.name, node.name, len(fields)))

    assert crowded == []


def _settings() -> set[tuple[str, str]]:
    """Each setting of a configuration or a recipe, with whose it is."""
    found = {
        (node.name, part.arg)
        for path, node in functions()
        if path.parent.name == "recipes"
        for part in node.args.args
    }
    for _, node in classes():
        if "settings" in map(ast.unparse, node.decorator_list):
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            found |= {(node.name, ast.unparse(part.target)) for part in fields}
    return found


def test_settings_are_called_as_contributing_says():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| .* \| (`.*`) \|$", text, re.MULTILINE)
    refused = {word for _, others in rows for word in re.findall(r"\w+", others)}
    found = _settings()

    assert len(rows) >= 10
    assert {name for name, _ in rows} <= {setting for _, setting in found}
    # Candidates of a request are no numbers in a vector, and nobody writes a Design.
    said = found - {("CandidateSampling", "size"), ("Design", "size")}
    assert {one for one in said if one[1] in refused} == set()


def test_names_are_words_of_the_field():
    """Such as known, training data, query and users without a history."""
    own = {"met", "lesson", "lessons", "stranger", "fellow", "fellows", "speaker"}
    variables = {
        (path.name, node.id)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name)
    }
    nouns = {(path.name, node.name.strip("_").lower()) for path, node in classes()}
    nouns |= {(path.name, path.stem) for path in SOURCES}

    assert {name for name in variables if name[1] in own} == set()
    assert {name for name in nouns if name[1] in {*own, "asked", "reached"}} == set()


def test_nothing_is_called_utils_or_helpers():
    vague = re.compile(r"^(utils?|helpers?|common|misc|base)$")

    assert [path for path in SOURCES if vague.match(path.stem)] == []


def test_imports_point_one_way():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        # Of this tree, whichever is installed.
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_importing_it_loads_no_tensor_engine():
    code = (
        "import sys, tidegraph.graph.live, tidegraph.data.interactions, "
        "tidegraph.stages; sys.exit('torch' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "src", check=False)

    assert done.returncode == 0


def test_nothing_loads_pickle():
    guilty = [
        path.name
        for path in SOURCES
        if re.search(
            r"\b(pickle|joblib|torch\.load|allow_pickle)\b(?! *\.)",
            "".join(
                line
                for line in path.read_text().splitlines(True)
                if "never" not in line
            ),
        )
    ]

    assert guilty == []


def test_the_tree_for_contributors_is_that_of_the_folders_and_what_they_say():
    told = re.findall(
        r"^  (\w+)/ +(.+)$", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.M
    )
    rooms = (ROOT / "src" / "tidegraph").glob("*/__init__.py")
    said = {
        room.parent.name: ast.get_docstring(ast.parse(room.read_text())).splitlines()[0]
        for room in rooms
    }

    assert len(told) == len(said)
    assert dict(told) == said


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "CHANGELOG.md"])
def test_a_page_names_no_file_or_module_that_is_gone(page):
    text = (ROOT / page).read_text()
    named = set(re.findall(r"`((?:src|tests|docs|benchmarks|clients)/[\w./-]*)`", text))
    for module in re.findall(r"\btidegraph((?:\.[a-z_]\w*)+)", text):
        folder = Path("src/tidegraph", *module.split(".")[1:])
        # What is named last may be a name of the module.
        places = (folder, folder.with_suffix(".py"), folder.parent.with_suffix(".py"))
        if not any((ROOT / place).exists() for place in places):
            named.add(f"tidegraph{module}")

    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def _marks(text: str) -> Iterator[tuple[str, str | None]]:
    """Classes and tests that are slow, or of which laws are, and of which test."""
    for node in ast.parse(text).body:
        for mark in getattr(node, "decorator_list", ()):
            if ast.unparse(mark).startswith("pytest.mark.slow"):
                of = re.fullmatch(
                    r"pytest\.mark\.slow\(of='(\w+)'\)", ast.unparse(mark)
                )
                yield node.name, of and of[1]
        for part in node.body if isinstance(node, ast.ClassDef) else ():
            said = re.fullmatch(r"variant_of = '(\w+)'", ast.unparse(part))
            if said is not None:
                yield node.name, said[1]


def test_what_a_slow_test_proves_again_is_proved_by_one_in_every_run():
    texts = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    named = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)
    slow = [
        found
        for text in texts
        if re.search(r"pytest\.mark\.slow|variant_of", text)
        for found in _marks(text)
    ]
    every = {name for text in texts for name in named.findall(text)}

    assert len(slow) > 20
    assert [name for name, of in slow if of is None] == []
    assert {of for _, of in slow} <= every - {name for name, _ in slow}
