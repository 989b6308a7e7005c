"""Settings in sentences, spelt as options of the command line."""

import re

from tidegraph.data.reading import setting_names

_NAMES = (*setting_names(), "users", "items", "graph")
_SETTING = re.compile(
    rf"(?<![^\s(])({'|'.join(_NAMES)})=(\[.*?\]|'[^']*'|[\w-]+)?(?![^\s.,;:)])"
)


def as_options(sentence: str) -> str:
    """Return a sentence whose settings of the log are options.

    ``missing='drop'`` becomes ``--missing drop``, and ``header=False`` ``--no-header``.

    Args:
        sentence: It spells settings as arguments of Python.
    """
    return _SETTING.sub(_as_option, sentence)


def _as_option(setting: re.Match[str]) -> str:
    name, value = setting[1].replace("_", "-"), setting[2]
    if value is None or value == "True":
        return f"--{name}"
    if value == "False":
        return f"--no-{name}"
    if value == "None":
        return f"--{name} none"
    value = value.strip("[]").replace("', '", ",").replace("'", "")
    return f"--{name} {value}"
