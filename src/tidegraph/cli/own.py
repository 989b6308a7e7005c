"""``--kinds``: models that are made of classes of one's own."""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from tidegraph.catalog import load
from tidegraph.errors import RequestError
from tidegraph.pipeline import FittedPipeline

Kinds = Annotated[
    list[str] | None,
    typer.Option(
        help="A module that Python finds, such as package.module, with classes of your "
        "own that the model is made of; repeatable."
    ),
]
"""The option ``--kinds`` of what opens a model."""


def opened(folder: Path, kinds: Sequence[str] | None) -> FittedPipeline:
    """Return the model of a folder, with classes of some modules.

    Raises:
        RequestError: A module is not found, fails, or has no class.
        ArtifactError: The folder is no whole model, or of other classes.
    """
    return load(folder, kinds=classes_of(kinds, folder))


def classes_of(kinds: Sequence[str] | None, *folders: Path) -> list[type]:
    """Return the classes of some modules, which are imported.

    Modules are those that Python finds, of which none is in a model's folder: what
    came with a model is never run.

    Args:
        kinds: Names of modules.
        folders: Of models.

    Raises:
        RequestError: A module is not found, is in a folder, fails, or has no class.
    """
    found = list[type]()
    for name in kinds or ():
        own = [
            value
            for value in vars(_imported(name, folders)).values()
            if isinstance(value, type) and not value.__module__.startswith("tidegraph.")
        ]
        if not own:
            raise RequestError(
                f"--kinds {name}: the module has no class. Name the one with yours."
            )
        found += own
    return found


def _imported(name: str, folders: Sequence[Path]) -> ModuleType:
    top = name.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top) if top else None
    except ValueError:
        spec = None
    if spec is None:
        raise RequestError(
            f"--kinds {name}: Python finds no module {top!r}. Install it, or add the "
            "folder that it lies in to PYTHONPATH."
        )
    places = [spec.origin, *(spec.submodule_search_locations or ())]
    for folder in folders:
        if any(_is_within(place, folder) for place in places if place is not None):
            raise RequestError(
                f"--kinds {name}: the module lies in {folder}, and what came with a "
                "model is never run. Put your classes elsewhere."
            )
    try:
        return importlib.import_module(name)
    except Exception as error:  # whatever a module of one's own raises
        raise RequestError(
            f"--kinds {name}: importing it failed with {type(error).__name__}: {error}."
        ) from error


def _is_within(place: str, folder: Path) -> bool:
    return Path(place).resolve().is_relative_to(folder.resolve())
