"""Whose neighbours are whose: edges of a graph, or of a part of it, for operators.

The whole graph and the sampled surroundings of a batch have one form, so that an
operator is written once and training on either runs the same code.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from jaxtyping import Float, Int, Int32, Int64

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Links:
    """Edges from sources to targets, those of a target next to each other.

    Attributes:
        ptr: Where the edges of each target start.
        column: The source of each edge.
        weight: Its strength.
        strength: The strength of all edges of each source, in the graph that it comes
            from. Of a sampled part it is not the sum of what is here.
        lasting: Is this used again and again, and worth keeping turned around?
    """

    ptr: Int64[Tensor, " starts"]
    column: Int32[Tensor, " edges"]
    weight: Float[Tensor, " edges"]
    strength: Float[Tensor, " sources"]
    lasting: bool = False

    @classmethod
    def square(
        cls,
        nodes: int,
        row: Int[Tensor, " edges"],
        column: Int[Tensor, " edges"],
        weight: Float[Tensor, " edges"],
    ) -> "Links":
        """Return the links of a whole graph, whose nodes are sources and targets.

        Args:
            nodes: How many there are.
            row: Target of each edge, not decreasing.
            column: Source of each edge.
            weight: Strength of each edge.
        """
        ptr = row.new_zeros(nodes + 1, dtype=torch.int64)
        torch.cumsum(torch.bincount(row, minlength=nodes), 0, out=ptr[1:])
        strength = weight.new_zeros(nodes).index_add_(0, row, weight)
        return cls(ptr, column.to(torch.int32), weight, strength, lasting=True)

    @property
    def targets(self) -> int:
        """How many targets there are."""
        return len(self.ptr) - 1

    @property
    def sources(self) -> int:
        """How many sources there are."""
        return len(self.strength)

    @cached_property
    def row(self) -> Int64[Tensor, " edges"]:
        """The target of each edge."""
        target = torch.arange(self.targets, device=self.ptr.device)
        return target.repeat_interleave(self.count, output_size=len(self.column))

    @cached_property
    def count(self) -> Int64[Tensor, " targets"]:
        """How many edges each target has."""
        return self.ptr.diff()

    @cached_property
    def received(self) -> Float[Tensor, " targets"]:
        """The strength of all edges of each target."""
        return self.weight.new_zeros(self.targets).index_add_(0, self.row, self.weight)

    @cached_property
    def mean(self) -> "Links":
        """The same with weights that make the sum over a target's edges their mean."""
        return replace(self, weight=self.weight / self.received[self.row])

    @cached_property
    def symmetric(self) -> "Links":
        """The same with weights over the roots of the strengths of both ends."""
        # Before the edge that led to it a sampled source may have had no other.
        sent = torch.where(self.strength > 0, self.strength, 1)
        both = self.received[self.row] * sent[self.column]
        return replace(self, weight=self.weight * both.rsqrt())

    @cached_property
    def looped(self) -> tuple["Links", Float[Tensor, " targets"]]:
        """``symmetric`` once every node has a loop, and the weight of the loops."""
        both = (self.received[self.row] + 1) * (self.strength[self.column] + 1)
        return replace(self, weight=self.weight * both.rsqrt()), 1 / (self.received + 1)

    @cached_property
    def turned(self) -> tuple["Links", Int64[Tensor, " edges"]]:
        """The edges from targets to sources, and which edge of this each of them is."""
        column, order = self.column.sort(stable=True)
        ptr = self.ptr.new_zeros(self.sources + 1)
        torch.cumsum(torch.bincount(column, minlength=self.sources), 0, out=ptr[1:])
        row = self.row[order].to(torch.int32)
        return Links(ptr, row, self.weight[order], self.received), order

    def first(self, targets: int, sources: int) -> "Links":
        """Return the edges of the first targets, which come from the first sources."""
        ptr = self.ptr[: targets + 1]
        edges = int(ptr[-1])
        return Links(
            ptr, self.column[:edges], self.weight[:edges], self.strength[:sources]
        )

    def of(self, targets: Int[Tensor, " b"]) -> "Links":
        """Return the edges of some targets, in the order given."""
        count = self.count[targets]
        ptr = self.ptr.new_zeros(len(targets) + 1)
        torch.cumsum(count, 0, out=ptr[1:])
        shift = (self.ptr[:-1][targets] - ptr[:-1]).repeat_interleave(count)
        edge = torch.arange(len(shift), device=ptr.device) + shift
        return Links(ptr, self.column[edge], self.weight[edge], self.strength)

    def to(self, device: torch.device) -> "Links":
        """Return the same on a device; itself if it is there."""
        if self.ptr.device == device:
            return self
        tensors = self.ptr, self.column, self.weight, self.strength
        return Links(*(t.to(device) for t in tensors), lasting=self.lasting)
