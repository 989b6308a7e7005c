"""Memory that work will take: foreseen, and said before it."""

import math
import os
from pathlib import Path

from tidegraph.errors import ConfigError

_OF_CONTAINER = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def check_memory(
    what: str, needed: int, instead: str, limit_gb: float | None = None
) -> None:
    """Refuse what would not fit, before any work.

    Args:
        what: Begins the sentence, such as a solver on so many nodes.
        needed: Bytes that it takes.
        instead: What else can be done; ends the sentence.
        limit_gb: A method's ``memory_limit_gb``, in 10^9 bytes; what the machine has if
            left out.

    Raises:
        ConfigError: It would take more than the limit.
    """
    limit = machine_bytes() / 1e9 if limit_gb is None else limit_gb
    if needed / 1e9 <= limit:
        return
    text = f"{what} needs {needed / 1e9:,.1f} GB, and "
    if limit_gb is None:
        way = instead[:1].upper() + instead[1:]
        raise ConfigError(f"{text}this machine has {limit:,.1f}. {way}.")
    raise ConfigError(f"{text}memory_limit_gb is {limit_gb:g}. Raise it, or {instead}.")


def machine_bytes() -> float:
    """Return how much a process may hold here, inf where the system does not tell.

    That is the memory of the machine, or of the container that the process is in.
    """
    try:
        most = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf
    for path in _OF_CONTAINER:
        try:
            most = min(most, float(path.read_text()))
        except (OSError, ValueError):  # No such file, or "max".
            continue
    return most
