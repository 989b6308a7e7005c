"""What happened around users and candidates, as tensors: each state there once.

A click model that reads the graph says which plans it reads, and is handed what they
bring beside its ``Inputs``.
"""

from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int

from tidegraph.extras import needed
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.ages import age_bucket

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class Reads(NamedTuple):
    """The plans that a click model reads, in the words of ``tidegraph.parse``.

    Attributes:
        user: What is read around the user of a request; a plan of unique states.
        item: What is read around a candidate.
    """

    user: str
    item: str

    @classmethod
    def latest(cls, user_depth: int, item_depth: int, history: int) -> "Reads":
        """Return plans that hop back and forth along actions.

        Args:
            user_depth: How many hops there are from a user; 0 reads the user alone.
            item_depth: How many from an item.
            history: How many of the latest events of each node they take.
        """
        there, back = (f"hop({e!r}).recent({history})" for e in ("action", "~action"))
        user = [there, back] * user_depth, user_depth
        item = [back, there] * item_depth, item_depth
        texts = (".".join(hops[:n]) or "identity()" for hops, n in (user, item))
        return cls(*(f"unique({text})" for text in texts))


@runtime_checkable
class ReadsGraph(Protocol):
    """A click model whose module takes what its plans bring, too: ``Around``."""

    def reads(self) -> Reads | None:
        """Return the plans of what it reads around users and candidates, if any."""
        ...

    def build(self, spec: InputSpec) -> nn.Module:
        """Return a module that takes both and returns logits of shape (b, k)."""
        ...


def reads_of(model: object) -> Reads | None:
    """Return the plans of what a click model reads of the graph; none of most."""
    return model.reads() if isinstance(model, ReadsGraph) else None


class States(NamedTuple):
    """The different states around some nodes; entry n of each is about depth n.

    Depth 0 are the nodes that were asked about. A state below is a node as of the event
    that led there, and stands once however many share it.

    Attributes:
        node: Table rows of the fields of each node, 0 for unknown or none; behind them
            those of the event that led there, which a click model does not get.
        parent: Place of a parent of each state in the depth above; all parents are one
            node, at different times. Of depth 0 it says nothing.
        child: Places of the neighbours of each state in the depth below, oldest first,
            -1 behind them where there are fewer than the plan takes.
        age: Days from each neighbour's event to the clock of the state; 0 where none.
        event: What was known just before the event that led to each state,
            standardised; of depth 0 it is 0.
        layers: What the states of depth 1 are at each layer above their own vectors,
            where that is known already; nothing stands below them then.
    """

    node: tuple[Int[Tensor, "_ _"], ...]
    parent: tuple[Int[Tensor, " _"], ...]
    child: tuple[Int[Tensor, "_ _"], ...]
    age: tuple[Float[Tensor, "_ _"], ...]
    event: tuple[Float[Tensor, "_ m"], ...]
    layers: tuple[Float[Tensor, "_ width"], ...] = ()

    def below(
        self, depth: int, values: Float[Tensor, "_ width"]
    ) -> Float[Tensor, "_ _ width"]:
        """Return what the neighbours of each state of a depth have.

        Args:
            depth: Of the states.
            values: Of the depth below; where there is no neighbour, 0.
        """
        # Place -1 is the last one.
        nobody = values.new_zeros(1, values.shape[1])
        return torch.cat([values, nobody])[self.child[depth]]

    def real(self, depth: int) -> Bool[Tensor, "_ _"]:
        """Return where the states of a depth have a neighbour."""
        return self.child[depth] >= 0

    def to(self, device: torch.device | str) -> "States":
        """Return the same on a device."""
        return States(*(tuple(one.to(device) for one in part) for part in self))


class Around(NamedTuple):
    """What is around the users of some requests and around their candidates.

    Attributes:
        user: States around the users, of which the n-th is that of request n.
        item: States around the different candidates as of their requests.
        seat: The state of each candidate.
        cross: What each candidate and each neighbour of its user have in common; 0
            where there is none.
        back: What each user and each neighbour of a candidate have in common.
    """

    user: States
    item: States
    seat: Int[Tensor, "b k"]
    cross: Float[Tensor, "b k h c"]
    back: Float[Tensor, "b k l d"]

    def latest(self) -> Int[Tensor, "b h"]:
        """Return the places of the neighbours of each user, the latest first.

        Behind them, -1.
        """
        child, there, place = self.user.child[0], *self._latest_first()
        return child.gather(1, place).where(there, -1)

    def history(self, inputs: Inputs) -> Inputs:
        """Return the inputs with the events around each user as its history.

        For models of sequences that read the graph besides.
        """
        user, event, (there, place) = self.user, self.latest(), self._latest_first()
        # Place -1 is the last one.
        rows, known = (
            torch.cat([part, part.new_zeros(1, part.shape[1])])[event]
            for part in (user.node[1], user.event[1])
        )
        across = place[:, None, :, None].expand_as(self.cross)
        cross = self.cross.gather(2, across) * there[:, None, :, None]
        age = age_bucket(user.age[0].gather(1, place)) * there
        return inputs._replace(
            step=rows, event=known, cross=cross, age=age, real_step=there
        )

    def _latest_first(self) -> tuple[Bool[Tensor, "b h"], Int[Tensor, "b h"]]:
        """Return where there is a neighbour, the latest first, and where it stands."""
        count = self.user.real(0).sum(dim=1, keepdim=True)
        back = torch.arange(1, self.user.child[0].shape[1] + 1, device=count.device)
        return count >= back, (count - back).clamp(min=0)

    def to(self, device: torch.device | str) -> "Around":
        """Return the same on a device."""
        user, item = self.user.to(device), self.item.to(device)
        numbers = (part.to(device) for part in (self.seat, self.cross, self.back))
        return Around(user, item, *numbers)
