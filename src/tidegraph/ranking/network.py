"""A click model where a ranker goes: the ranker that trains it."""

from typing import Any, Protocol, TypeGuard, cast, runtime_checkable

from tidegraph.errors import ConfigError
from tidegraph.lazy import Homes
from tidegraph.stages import Ranker
from tidegraph.stages.kinds import RANKS, check_kind
from tidegraph.stages.naming import called


@runtime_checkable
class Network(Protocol):
    """Settings of a click model, such as ``tg.DIN()``; see ``nn.click``."""

    def build(self, spec: Any) -> Any:
        """Return the network for inputs of such widths."""
        ...


@runtime_checkable
class LooksBack(Protocol):
    """A click model that looks at so many of the latest events at the most."""

    @property
    def reach(self) -> str:
        """The name of the setting that says at how many, such as ``length``."""
        ...


def is_network(method: object) -> TypeGuard[Network]:
    """Is this a click model, or the class of one, rather than a ranker?"""
    return hasattr(method, "build") and not hasattr(method, "fit")


def ranker_of(method: Ranker | Network) -> Ranker:
    """Return a ranker as it is, and of a click model ``NeuralRanker`` of it."""
    return neural()(method) if is_network(method) else cast(Ranker, method)


def check_ranks(where: str, method: object) -> None:
    """Refuse what is neither a ranker nor a click model.

    Args:
        where: What was given it, for the error message.
        method: The configuration.

    Raises:
        ConfigError: It is of another stage.
    """
    if not is_network(method):
        check_kind(where, (method,), RANKS, Network)


def check_reach(method: Network, history: int) -> None:
    """Refuse a click model that was told to look at more events than a ranker reads.

    A model that was told nothing looks at what there is.

    Args:
        method: A click model.
        history: How many of the latest events the ranker reads.

    Raises:
        ConfigError: It asks for more.
    """
    if not isinstance(method, LooksBack):
        return
    setting = method.reach
    wanted, usual = getattr(method, setting), getattr(type(method), setting)
    if wanted > max(history, usual):
        name = called(method)
        raise ConfigError(
            f"{name} was to look at {setting}={wanted} events, and a ranker with "
            f"FeatureSet(history={history}) reads the latest {history}. Give it "
            f"FeatureSet(history={wanted}), or {name} a {setting} of at most {history}."
        )


def neural() -> Any:
    """Return ``NeuralRanker``; what ranks without a network needs no tensor engine."""
    return Homes.of("tidegraph.ranking")["NeuralRanker"]
