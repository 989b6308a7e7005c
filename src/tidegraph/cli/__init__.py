"""The command line: ``tidegraph check | train | evaluate | recommend | ...``."""

import gc
import importlib
import sys
from typing import Any, cast

from typer.exceptions import TyperException

from tidegraph.cli.terminal import complain, spell_out_what_has_no_letter, warnings_said
from tidegraph.errors import TidegraphError, did_you_mean

FAILED = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command line; a mistake is answered with one sentence and status 2."""
    spell_out_what_has_no_letter()
    # All that is imported stays. To look through it for garbage, at last when the
    # process ends, is a third of a cold answer; ``Later`` begins with what comes after.
    gc.disable()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status.

    Args:
        arguments: The words after ``tidegraph``.
    """
    try:
        # Inside, since a user may press Ctrl-C while the engines are being imported.
        app = importlib.import_module("tidegraph.cli.commands").app
        with warnings_said():
            status = app(arguments, prog_name="tidegraph", standalone_mode=False)
    except TidegraphError as error:
        return _fail(str(error))
    except TyperException as error:
        return _fail(_with_suggestion(error) or error.format_message())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}.")
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status == INTERRUPTED:
        _fail("stopped; nothing is half-written.")
    return status if isinstance(status, int) else 0


def _fail(sentence: str) -> int:
    complain(sentence)
    return FAILED


def _with_suggestion(error: TyperException) -> str | None:
    """Return a sentence that names the option which was probably meant."""
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ != "NoSuchOption" or context is None:
        return None
    given: str = cast(Any, error).option_name
    known = [name for option in context.command.params for name in option.opts]
    path = context.command_path
    return (
        f"'{path}' has no option {given}.{did_you_mean(given, known)} "
        f"See {path} --help."
    )
