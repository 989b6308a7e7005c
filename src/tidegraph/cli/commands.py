"""The commands by name; a command's module is imported when it runs.

So help, and a command that answers from a saved model, load nothing that they do not
use.
"""

import gc
import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from tidegraph import __version__
from tidegraph.cli.terminal import say
from tidegraph.errors import RequestError


class Once(TyperCommand):
    """A command that refuses a second value of an option that takes one.

    Otherwise the last is taken, and the first is lost in silence.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments.

        Raises:
            RequestError: An option that takes one value has several.
        """
        given: list[Any] = list(self.make_parser(ctx).parse_args(list(args))[2])
        for place, one in enumerate(given):
            option = one.param_type_name == "option"
            if option and not (one.multiple or one.is_flag) and one in given[:place]:
                raise RequestError(
                    f"{one.opts[0]} is given twice, and takes one value. Leave one out."
                )
        return super().parse_args(ctx, args)


class Later(TyperCommand):
    """A command that is known by its name and its sentence until it is run.

    Args:
        name: Its name.
        home: Its module and the function, or the group of commands, there.
        sentence: What its help begins with.
    """

    def __init__(self, name: str, home: str, sentence: str) -> None:
        super().__init__(name, help=sentence)
        self._home = home

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,
        **extra: Any,
    ) -> Any:
        """Read the arguments as the command itself does."""
        return self.command().make_context(info_name, args, parent=parent, **extra)

    def command(self) -> Any:
        """Return the command itself."""
        module, _, name = self._home.partition(":")
        found = getattr(importlib.import_module(module), name)
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        if isinstance(found, TyperGroup):
            return found
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        only = typer.Typer(add_completion=False)
        only.command(self.name, cls=Once)(found)
        return typer.main.get_command(only)


def _say_version(asked: bool) -> None:
    if asked:
        say(f"tidegraph {__version__}")
        raise typer.Exit


def _before_commands(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_say_version,
            help="Say which version this is.",
        ),
    ] = False,
) -> None:
    """What may stand where a command is named."""


_alone = typer.Typer(add_completion=False)
_alone.command()(_before_commands)

app = TyperGroup(
    name="tidegraph",
    params=typer.main.get_command(_alone).params,
    no_args_is_help=True,
    help="Recommendations from a live interaction graph.",
    commands=[
        Later(
            "check",
            "tidegraph.cli.checking:check",
            "Say in plain words how a log is read, what it holds, and what could go "
            "wrong.",
        ),
        Later(
            "train",
            "tidegraph.cli.training:train",
            "Train the pipeline of a recipe, save it, and say how each stage does.",
        ),
        Later(
            "tune",
            "tidegraph.cli.tuning.command:tune",
            "Search the settings of a recipe on its valid part, and write the best "
            "recipe.",
        ),
        Later(
            "evaluate",
            "tidegraph.cli.judging:evaluate",
            "Judge a model by what happened after its training, on the full catalogue.",
        ),
        Later(
            "recommend",
            "tidegraph.cli.answers:recommend",
            "Recommend items to a user, to a history of items, or to a file of users.",
        ),
        Later(
            "similar",
            "tidegraph.cli.answers:similar",
            "Show the items that are most like an item.",
        ),
        Later(
            "embed",
            "tidegraph.cli.answers:embed",
            "Write the vectors of an embedding beside their ids; a CSV has a column "
            "each.",
        ),
        Later(
            "erase",
            "tidegraph.cli.answers:erase",
            "Erase users from a saved model, which is written anew.",
        ),
        Later(
            "forget",
            "tidegraph.cli.answers:forget",
            "Take events back out of a saved model, which is written anew.",
        ),
        Later(
            "simulate",
            "tidegraph.cli.simulation:simulate",
            "Write the log of a simulated marketplace, with logged propensities.",
        ),
        Later(
            "demo",
            "tidegraph.cli.demonstration:demo",
            "Run everything on real data: read, split, train, judge, recommend, "
            "report.",
        ),
        Later("bench", "tidegraph.cli.benching.command:app", "Compare models."),
        Later("graph", "tidegraph.cli.graphs:app", "Look at graphs."),
        Later("device", "tidegraph.cli.devices.command:app", "Models on devices."),
    ],
)
