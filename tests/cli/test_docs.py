"""docs/cli.md names every command and option, as they are."""

import re
from pathlib import Path

import pytest

from tidegraph.cli.commands import Later, app

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


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
