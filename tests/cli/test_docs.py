"""The pages name what there is: every command and option, and names of Python."""

import ast
import builtins
import importlib
import inspect
import re
from pathlib import Path

import pytest

import tidegraph as tg
from tidegraph.cli.commands import Later, app
from tidegraph.errors import MissingExtraError

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cli.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(command, name="tidegraph"):
    """Every command by its full name."""
    if isinstance(command, Later):
        command = command.command()
    if not hasattr(command, "commands"):
        return {name: command}
    found = {}
    for word, inner in command.commands.items():
        found |= commands(inner, f"{name} {word}")
    return found


def row(option) -> str:
    """The line of the page about an option or argument."""
    names = [*option.opts, *option.secondary_opts]
    if not names[0].startswith("-"):
        names = [names[0].upper()]
    shown = ", ".join(f"`{name}`" for name in names)
    text = " ".join((option.help or "").split()).replace("|", "\\|")
    default = option.default
    if (
        default not in (None, "", False)
        and not option.required
        and not callable(default)
    ):
        text = f"{text} (default: {default})"
    return f"| {shown} | {text} |"


COMMANDS = commands(app)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_has_each_option_of_a_command_as_its_help_says_it(name):
    section = re.split(r"^## ", PAGE.read_text(), flags=re.M)
    (about,) = [part for part in section if part.startswith(f"`{name}`\n")]
    lines = [line for line in about.splitlines() if line.startswith("| `")]

    options = [p for p in COMMANDS[name].params if p.name != "help"]
    assert lines == [row(option) for option in options]


@pytest.mark.parametrize("name", app.commands)
def test_the_help_says_of_a_command_what_the_command_says_of_itself(name):
    known = app.commands[name]

    assert known.help == " ".join(known.command().help.split())


def known_and_used(page):
    """Names that blocks of Python bind on a page, and capitalised ones they read."""
    known, used = set(dir(builtins)), set()
    for block in re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S):
        code = re.sub(r"^(>>>|\.\.\.) ", "", block, flags=re.M)
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                known |= {(a.asname or a.name).split(".")[0] for a in node.names}
            elif isinstance(node, ast.ClassDef | ast.FunctionDef):
                known.add(node.name)
            elif isinstance(node, ast.Name):
                stored = isinstance(node.ctx, ast.Store)
                (known if stored else used).add(node.id)
    return known, {name for name in used if name[0].isupper()}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_names_of_python_on_a_page_exist_and_are_imported(path):
    page = path.read_text()
    known, used = known_and_used(page)

    assert used <= known
    missing = {n for n in re.findall(r"\btg\.(\w+)", page) if not hasattr(tg, n)}
    assert not missing


def test_a_name_that_a_block_does_not_import_is_found():
    known, used = known_and_used("```python\nGAT(x)\n```\n")

    assert used - known == {"GAT"}


def imported(page):
    """Names that blocks of Python take from modules of the library."""
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S)
    for block in blocks:
        for node in ast.walk(
            ast.parse(re.sub(r"^(>>>|\.\.\.) ", "", block, flags=re.M))
        ):
            module = getattr(node, "module", None) or ""
            if isinstance(node, ast.ImportFrom) and module.split(".")[0] == "tidegraph":
                yield from ((module, alias.name) for alias in node.names)


def is_there(module, name):
    """Whether a module has a name; read where it needs a package that is not here."""
    path = ROOT.joinpath("src", *module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.exists():
        return False
    try:
        return hasattr(importlib.import_module(module), name)
    except MissingExtraError:
        return name in {
            getattr(n, "name", "") for n in ast.parse(file.read_text()).body
        }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_a_page_imports_from_the_library_is_there(path):
    missing = [one for one in imported(path.read_text()) if not is_there(*one)]

    assert not missing


def test_an_import_of_what_is_not_there_is_found():
    page = "```python\nfrom tidegraph.fitting.examples import examples, no_such\n```\n"
    assert [one for one in imported(page) if not is_there(*one)] == [
        ("tidegraph.fitting.examples", "no_such")
    ]
    assert not is_there("tidegraph.no_such_module", "examples")


def classes():
    """Public classes of the library by their names, read without importing them."""
    trees = (ast.parse(p.read_text()) for p in (ROOT / "src").rglob("*.py"))
    found = {node.name for tree in trees for node in tree.body if is_class(node)}
    return {name for name in found if not name.startswith("_")}


def is_class(node):
    return isinstance(node, ast.ClassDef)


def called(page):
    """Names with a capital that a page calls, in blocks and in its text."""
    return set(re.findall(r"(?<![\w.])(?:tg\.)?([A-Z]\w+)\(", page))


KNOWN = classes()
OF_ONES_OWN = re.compile(
    r"^from tidegraph\.(?:device|graph|retrieval.objective|testing)[\w.]* import (.+)$",
    flags=re.M,
)
"""What a part of one's own or a device needs, a page imports by its module."""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_class_that_a_page_calls_is_reached_from_the_library(path):
    page = path.read_text()
    rooms = [getattr(tg, n) for n in tg.__all__ if inspect.ismodule(getattr(tg, n))]
    imported = {n for names in OF_ONES_OWN.findall(page) for n in names.split(", ")}
    reached = {*tg.__all__, *(name for room in rooms for name in dir(room)), *imported}

    assert (called(page) & KNOWN) - reached == set()


def test_no_two_parts_of_the_library_have_one_name():
    made = {name: getattr(tg, name) for name in tg.__all__}
    rooms = [one for one in made.values() if inspect.ismodule(one)]

    parts = [(name, getattr(room, name)) for room in rooms for name in dir(room)]
    for name, part in parts:
        assert not inspect.isclass(part) or made.setdefault(name, part) is part, name
