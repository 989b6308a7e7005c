"""A click model where a ranker goes: the ranker that trains it."""

from typing import Any, Protocol, TypeGuard, cast, runtime_checkable

from tidegraph.lazy import Homes
from tidegraph.stages import Ranker


@runtime_checkable
class Network(Protocol):
    """Settings of a click model, such as ``tg.DIN()``; see ``nn.click``."""

    def build(self, spec: Any) -> Any:
        """Return the network for inputs of such widths."""
        ...


def is_network(method: object) -> TypeGuard[Network]:
    """Is this a click model, or the class of one, rather than a ranker?"""
    return hasattr(method, "build") and not hasattr(method, "fit")


def ranker_of(method: Ranker | Network) -> Ranker:
    """Return a ranker as it is, and of a click model ``NeuralRanker`` of it."""
    return neural()(method) if is_network(method) else cast(Ranker, method)


def neural() -> Any:
    """Return ``NeuralRanker``; what ranks without a network needs no tensor engine."""
    return Homes.of("tidegraph.ranking")["NeuralRanker"]
