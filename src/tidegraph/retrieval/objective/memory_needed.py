"""Memory that a training of vectors takes, said before it."""

from typing import Protocol, runtime_checkable

from tidegraph.retrieval.objective.negatives import NeedsBytes, Negatives
from tidegraph.retrieval.scoring.memory import check_memory
from tidegraph.training.settings import Training

_NUMBER = 4
"""Bytes of a float32."""
_KEPT = 3
"""The weights, those of the best epoch, and the vectors that they make."""


@runtime_checkable
class _Copies(Protocol):
    """An optimiser that says how many numbers it holds for each weight beside it."""

    @property
    def copies(self) -> int: ...


@runtime_checkable
class _Tables(Protocol):
    """An encoder that says how many vectors of its own a node has, if not one."""

    @property
    def tables(self) -> int: ...


def check_fits(
    name: str,
    nodes: tuple[int, int],
    width: int,
    encoder: object,
    training: Training,
    drawn: Negatives | None,
) -> None:
    """Refuse a training that would not fit into the memory of the machine.

    What is counted is what it takes at least: vectors, the gradient and what the
    optimiser keeps of them, and what negatives say that they need. Measured peaks are
    1 to 2.3 times that.

    Args:
        name: Of the channel.
        nodes: How many users and items have vectors.
        width: Numbers in a vector.
        encoder: What makes vectors, of one table unless it says otherwise.
        training: The batches, and what steps.
        drawn: The negatives, if there are any.

    Raises:
        ConfigError: It would not.
    """
    optimizer = training.optimizer
    copies = optimizer.copies if isinstance(optimizer, _Copies) else 1
    tables = encoder.tables if isinstance(encoder, _Tables) else 1
    vectors = sum(nodes) * width * _NUMBER * tables * (_KEPT + copies)
    negatives = 0
    if isinstance(drawn, NeedsBytes):
        negatives = drawn.needs_bytes(*nodes, training.batch_size)
    instead = "lower embedding_size, or leave out users and items of few events"
    if negatives > vectors:
        instead = (
            f"{type(drawn).__name__} takes most of it: draw a few negatives, as "
            "Shared(1024) does, name nearer ranks, or lower batch_size"
        )
    what = f"{name} on {nodes[0]:,} users and {nodes[1]:,} items"
    check_memory(what, vectors + negatives, instead)
