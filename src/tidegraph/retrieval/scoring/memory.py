"""Memory that work will take: foreseen, and said before it."""

import math
import os
from pathlib import Path

import numpy as np
import scipy

from tidegraph.errors import ConfigError

_OF_CONTAINER = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_EDGE = 48
"""Bytes that building takes at least for each edge and direction; 70 were measured."""
_TRIED = 256
"""Items whose edges are counted where a bound does not say that all fit."""


def check_memory(
    what: str, needed: int, instead: str, limit_gb: float | None = None
) -> None:
    """Refuse what would not fit, before any work.

    Args:
        what: Begins the sentence, such as a solver on so many nodes.
        needed: Bytes that it takes.
        instead: What else can be done; ends the sentence.
        limit_gb: A method's ``memory_limit_gb``, in 10^9 bytes, if it has one; the
            machine is asked all the same.

    Raises:
        ConfigError: It would take more than the limit, or than the machine has.
    """
    text, machine = f"{what} needs {needed / 1e9:,.1f} GB, and ", machine_bytes()
    if needed > machine:
        way = instead[:1].upper() + instead[1:]
        raise ConfigError(f"{text}this machine has {machine / 1e9:,.1f}. {way}.")
    if needed > limited_bytes(limit_gb):
        raise ConfigError(
            f"{text}memory_limit_gb is {limit_gb:g}. Raise it, or {instead}."
        )


def limited_bytes(limit_gb: float | None) -> float:
    """Return how much a method may take here, by its ``memory_limit_gb`` too."""
    machine = machine_bytes()
    return machine if limit_gb is None else min(limit_gb * 1e9, machine)


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


def check_item_graph(method: str, pairs: "scipy.sparse.csr_array") -> None:
    """Refuse an item graph that would not fit, before it is built.

    Two items are linked that a user has both of, so there are no more edges than pairs
    of items in histories. Where so many would not fit they are counted for some items,
    evenly chosen.

    Args:
        method: Its name.
        pairs: A row per user, a column per item.

    Raises:
        ConfigError: It takes more memory than the machine has.
    """
    items = int(pairs.shape[1])
    most = (np.diff(pairs.indptr).astype(np.float64) ** 2).sum()
    if min(most, float(items) ** 2) * _EDGE <= machine_bytes():
        return
    some = np.unique(np.linspace(0, items - 1, _TRIED).astype(np.int64))
    once = scipy.sparse.csr_array(
        (np.ones(len(pairs.indices), np.float32), pairs.indices, pairs.indptr),
        shape=pairs.shape,
    )
    edges = (once[:, some].T @ once).nnz / len(some) * items
    check_memory(
        f"the item graph of {method}, of about {edges:,.0f} edges of {items:,} items,",
        int(edges * _EDGE),
        "leave out users of very many events, or take a method or a setting that works "
        'on users and items, as on = "bipartite"',
    )
