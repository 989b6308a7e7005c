"""Public names of a room and the modules they live in, imported on first use.

A room lists its names once, in the stub ``__init__.pyi`` beside its ``__init__.py``:
type checkers read it, and so does the room itself. What a program does not use is
neither loaded nor needs to be installed.
"""

import ast
import gc
import importlib
import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, get_type_hints

from tidegraph.errors import did_you_mean, with_article

ROOT = Path(__file__).parents[1]


class Homes(Mapping[str, Any]):
    """Values by name; looking one up imports its module.

    Args:
        modules: Each name with the module that defines it.
    """

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = dict(sorted(modules.items()))

    @classmethod
    def of(cls, room: str) -> "Homes":
        """Return the public names of a room, read without importing it.

        Args:
            room: Dotted name of a package that has a stub, or else an ``__all__``.
        """
        folder = ROOT.joinpath(*room.split("."))
        stub = folder / "__init__.pyi"
        if not stub.exists():
            text = (folder / "__init__.py").read_text("utf-8")
            return cls(dict.fromkeys(_listed(text), room))
        modules: dict[str, str] = {}
        for line in ast.parse(stub.read_text("utf-8")).body:
            if not isinstance(line, ast.ImportFrom) or line.module is None:
                continue
            for name in line.names:
                if name.name == "*":
                    modules |= cls.of(line.module)._modules
                else:
                    modules[name.name] = line.module
        return cls(modules)

    def where(self, wanted: Callable[[str], bool]) -> "Homes":
        """Return the names that are wanted."""
        kept = {name: home for name, home in self._modules.items() if wanted(name)}
        return Homes(kept)

    def outside(self, room: str) -> "Homes":
        """Return the names that are not at home in a room or a room within it."""
        homes = self._modules.items()
        return Homes({n: m for n, m in homes if not f"{m}.".startswith(f"{room}.")})

    def alike(self, word: str) -> list[str]:
        """Return the names that are a word but for capitals and punctuation."""
        return [name for name in self if letters_of(name) == letters_of(word)]

    def __or__(self, other: "Homes") -> "Homes":
        return Homes(self._modules | other._modules)

    def __getitem__(self, name: str) -> Any:
        module = self._modules[name]
        if module not in sys.modules:
            with _without_sweeps():
                importlib.import_module(module)
        # As ``from module import name`` does, which finds a room in a room, too.
        return getattr(__import__(module, fromlist=(name,)), name)

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def example_of(kind: type, value: object) -> str:
    """Return how what was meant is written where a value of a kind is wanted.

    Args:
        kind: A class, or a protocol of methods.
        value: What was given: a name, a class or recipe that was not called, or a value
            of another kind that a public one shares its name with but for capitals.

    Returns:
        Such as ``tg.sasrec()`` for a ``SASRec``; nothing if none is known.
    """
    named = isinstance(value, str)
    name = value if named else getattr(value, "__name__", type(value).__name__)
    public = Homes.of("tidegraph")
    for other in public.alike(name):
        with suppress(Exception):  # Its engine is missing, or it is no method at all.
            made = public[other]
            cls = made if isinstance(made, type) else get_type_hints(made)["return"]
            if issubclass(cls, kind):
                return f"tg.{other}()"
    if isinstance(value, type):
        ours = name in public and public[name] is value
        return f"tg.{name}()" if ours else f"{name}()"
    meant = named and letters_of(name) == letters_of(kind.__name__)
    return f"{kind.__name__}()" if meant else ""


def wanted(kind: type, value: object) -> str:
    """Return in words what a value of a kind is, where another value was given."""
    like = example_of(kind, value)
    named = like and isinstance(value, str | type)
    expected = "a value" if named else with_article(kind.__name__)
    said = re.search(r"[Ss]uch as ``(tg\..+?)``", kind.__doc__ or "")
    like = said[1] if said and not like else like
    return f"{expected}, like {like}" if like else expected


def letters_of(name: str) -> str:
    """Return a name without what is not told apart: capitals and punctuation."""
    # SVD++ is svdpp, and SR-GNN srgnn.
    return re.sub(r"[^a-z0-9]", "", name.casefold().replace("+", "p"))


@contextmanager
def _without_sweeps() -> Generator[None]:
    """Collect no garbage for a while.

    What an import makes stays, and looking through it over and over again is a sixth
    of a cold start.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _listed(text: str) -> list[str]:
    """Return what the ``__all__`` of a module lists, by its text."""
    for line in ast.parse(text).body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__all__":
            return list(ast.literal_eval(line.value))
    return []


def lifted(room: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a room that has a stub.

    Args:
        room: The room's ``__name__``.
    """
    homes = Homes.of(room)

    def get(name: str) -> Any:
        if name not in homes:
            alike = [] if name.startswith("_") else homes.alike(name) or homes
            meant = did_you_mean(name, alike)
            said = f"module {room!r} has no attribute {name!r}"
            raise AttributeError(f"{said}.{meant}" if meant else said)
        return homes[name]

    return get, lambda: list(homes)
