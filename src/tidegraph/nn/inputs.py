"""The one batch that every click model gets, and its widths."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    from torch import Tensor

SAID = 8
"""Width of the vector of a field of an event."""
HISTORY_NUMBERS = ("event", "cross")
"""What is read of the graph for each event of a history, which costs time.

A click model that does not look at both says at which it does; see ``ReadsHistory``.
"""


@runtime_checkable
class ReadsHistory(Protocol):
    """A click model that looks at some of ``HISTORY_NUMBERS`` alone."""

    @property
    def history_numbers(self) -> tuple[str, ...]:
        """At which; the others have no columns then."""
        ...


def history_numbers_of(model: object) -> tuple[str, ...]:
    """Return which of ``HISTORY_NUMBERS`` a click model looks at: all, unless said."""
    return model.history_numbers if isinstance(model, ReadsHistory) else HISTORY_NUMBERS


@dataclass(frozen=True)
class InputSpec:
    """How many different values, or columns, each input has.

    Attributes:
        item: Known values of each field of an item: its id, its category, and so on.
            Row 0 of a table of one more stands for the unknown, or for none.
        user: Known values of each field of a user, the id first.
        numbers: Columns of numbers per candidate.
        event: Columns of numbers of each event of a history.
        cross: Columns of numbers of each candidate and event.
        back: Columns of numbers of each user and user of a candidate, which models get
            that read the graph.
        context: Known values of each field of an event. A click model is not told:
            ``Wide`` turns them into columns of ``event``.
    """

    item: tuple[int, ...]
    user: tuple[int, ...]
    numbers: int
    event: int = 0
    cross: int = 0
    back: int = 0
    context: tuple[int, ...] = ()

    @property
    def told(self) -> "InputSpec":
        """The widths of what a click model gets: vectors of what is said of events."""
        event = self.event + SAID * len(self.context)
        return replace(self, event=event, context=())


class Inputs(NamedTuple):
    """Candidates of some requests, what is known of them, and the history before.

    A click model answers for absent candidates too, whatever it likes: masks are
    multiplied with, never indexed by, so that shapes do not depend on values.

    Attributes:
        item: Table rows of the fields of each candidate, 0 for unknown.
        user: Table rows of the fields of each user.
        numbers: The shared inputs, standardised; 0 where no candidate.
        present: Where there is a candidate.
        step: Table rows of the fields of the item of each event, the latest first;
            behind them those of the event itself, which a click model does not get.
        event: What was known of each event just before it, standardised; 0 where none.
            Without columns for a model that does not read it.
        cross: What is known of each candidate and event together; 0 where none.
            Without columns for a model that does not read it.
        age: Bucket of the age of each event.
        real_step: Where there is an event.
    """

    item: Int[Tensor, "b k fi"]
    user: Int[Tensor, "b fu"]
    numbers: Float[Tensor, "b k n"]
    present: Bool[Tensor, "b k"]
    step: Int[Tensor, "b h fi"]
    event: Float[Tensor, "b h m"]
    cross: Float[Tensor, "b k h c"]
    age: Int[Tensor, "b h"]
    # No field begins with the name of another: torch.export would mix them up.
    real_step: Bool[Tensor, "b h"]
