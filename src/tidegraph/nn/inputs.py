"""The one batch that every click model gets, and its widths."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Bool, Float, Int

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    from torch import Tensor


@dataclass(frozen=True)
class InputSpec:
    """How many different values each input has.

    Attributes:
        items: Known items; row 0 of a table of ``items + 1`` stands for the unknown.
        categories: Categories, with row 0 for none.
        numbers: Columns of numbers per candidate.
        users: Known users, with row 0 for the unknown.
    """

    items: int
    categories: int
    numbers: int
    users: int = 0


class Inputs(NamedTuple):
    """Candidates of some requests, what is known of them, and the history before.

    A click model answers for absent candidates too, whatever it likes: masks are
    multiplied with, never indexed by, so that shapes do not depend on values.

    Attributes:
        item: Table rows of each candidate and of its category, 0 for unknown.
        numbers: The shared inputs, standardised.
        present: Where there is a candidate.
        step: Table rows of item and category of each event, the latest first.
        age: Bucket of the age of each event.
        real_step: Where there is an event.
    """

    item: Int[Tensor, "b k 2"]
    numbers: Float[Tensor, "b k n"]
    present: Bool[Tensor, "b k"]
    step: Int[Tensor, "b h 2"]
    age: Int[Tensor, "b h"]
    # No field begins with the name of another: torch.export would mix them up.
    real_step: Bool[Tensor, "b h"]
