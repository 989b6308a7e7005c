"""Vectors of what a click model is told of: of fields, and of when events happened."""

from collections.abc import Sequence
from typing import cast

from jaxtyping import Float, Int

from tidegraph.extras import needed
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.ages import GAPS

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

AGE = 4
"""Width of the vector of an age bucket."""
KNOWN = 8
"""Width of the vector of what was known of an event just before it."""


def look_up_rows(
    table: nn.Embedding, rows: Int[Tensor, "*shape"]
) -> Float[Tensor, "*shape size"]:
    """Return rows of a table, as calling it does, to the bit.

    On a processor the gradient of an embedding is added up by a view for each row,
    that of a selection in a third of the time. Elsewhere the latter is added up in no
    order, so that its bits would differ from run to run; nor can it be sparse.
    """
    if rows.device.type != "cpu" or table.sparse:
        return table(rows)
    found = table.weight.index_select(0, rows.flatten())
    return found.view(*rows.shape, table.embedding_dim)


class FieldVectors(nn.Module):
    """A table for each field; the vectors of a node's fields stand side by side.

    Args:
        counts: How many values each field has, without that for the unknown.
        size: Width of the vector of a field.
    """

    def __init__(self, counts: tuple[int, ...], size: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(n + 1, size) for n in counts])
        self.width = size * len(counts)

    def forward(self, rows: Int[Tensor, "*shape f"]) -> Float[Tensor, "*shape width"]:
        """Return the vectors of nodes, of the ``f`` fields of each side by side."""
        return torch.cat(self.each(rows), dim=-1)

    def of_both(
        self, rows: Int[Tensor, "*some f"], others: Int[Tensor, "*more f"]
    ) -> tuple[Float[Tensor, "*some width"], Float[Tensor, "*more width"]]:
        """Return the vectors of two sets of nodes, as calling this with each does.

        Each table is looked at once: a gradient as large as the table is laid out once
        for both, and none is added to another.
        """
        sets = rows.flatten(0, -2), others.flatten(0, -2)
        found = self(torch.cat(sets)).split([one.shape[0] for one in sets])
        some, more = (
            part.view(*of.shape[:-1], self.width)
            for part, of in zip(found, (rows, others), strict=True)
        )
        return some, more

    def each(self, rows: Int[Tensor, "*shape f"]) -> list[Float[Tensor, "*shape size"]]:
        """Return the vector of each field."""
        return [
            look_up_rows(cast(nn.Embedding, table), rows[..., n])
            for n, table in enumerate(self.tables)
        ]

    def total(self, rows: Int[Tensor, "*shape f"]) -> Float[Tensor, "*shape size"]:
        """Return the sum of the vectors of each node's fields."""
        return torch.stack(self.each(rows)).sum(dim=0)

    def mute_unknown(self, fields: Sequence[int]) -> None:
        """Let the vector of the unknown say nothing, where nothing will move it.

        Args:
            fields: Of which fields, by their places.
        """
        for n in fields:
            nn.init.zeros_(cast(nn.Embedding, self.tables[n]).weight.data[0])


class UserVectors(FieldVectors):
    """Vectors of users, whose first field is who they are; they can be forgotten."""

    def forget(self, rows: Int[Tensor, " n"]) -> None:
        """Give some users the vector of an unknown one.

        Args:
            rows: Their rows in the first table.
        """
        weight = cast(nn.Embedding, self.tables[0]).weight.data
        weight[rows] = weight[0].clone()


class EventVectors(nn.Module):
    """How long ago each event of a history was, and what was known just before it.

    Args:
        spec: Widths of the inputs.
    """

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        self.age = nn.Embedding(GAPS, AGE)
        self.known = nn.Linear(spec.event, KNOWN) if spec.event else None
        self.width = AGE + KNOWN * (spec.event > 0)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b h width"]:
        """Return a vector of each event, which says nothing of its item."""
        return self.of(inputs.age, inputs.event)

    def of(
        self, age: Int[Tensor, "*shape"], event: Float[Tensor, "*shape m"]
    ) -> Float[Tensor, "*shape width"]:
        """Return the vectors of events of these buckets of age, and known so."""
        if self.known is None:
            return look_up_rows(self.age, age)
        return torch.cat([look_up_rows(self.age, age), self.known(event)], dim=-1)
