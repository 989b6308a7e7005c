"""A fleet: the users of a pipeline, each with a device that keeps their events."""

from dataclasses import field

import numpy as np

from tidegraph.arguments import settings
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.evidence import without_returns
from tidegraph.dccl.personal import FittedPersonal
from tidegraph.dccl.trunk import FleetInputs
from tidegraph.device.patch import MetaPatch
from tidegraph.device.personalise import LocalSteps
from tidegraph.device.rows import FleetRows
from tidegraph.device.split import Parts, split
from tidegraph.errors import ConfigError, DataError
from tidegraph.fitting.actions import actions_or_shown
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.fitted import FittedPipeline
from tidegraph.ranges import at_least, from_0_to_1
from tidegraph.ranking.neural import FittedNeuralRanker


def check_rows(owner: str, power: float, **counts: int) -> None:
    """Refuse settings of what is on devices that are out of range.

    Args:
        owner: Whose they are.
        power: Power by which negatives are drawn.
        counts: What there is at least one of.

    Raises:
        ConfigError: One is out of range.
    """
    at_least(owner, 1, **counts)
    from_0_to_1(owner, power=power)


@settings
class Fleet:
    """Devices of the users of a fitted pipeline, whose ranker is a click model.

    Each action of a user leaves rows on the user's device: the item, and others of
    which it was chosen. Those are what the log says was shown in vain at that moment,
    or, where nothing was, are drawn from the items alive then.

    Attributes:
        model: The pipeline.
        patch: How its tower is patched on each device.
        local: How a device learns.
        negatives: How many other items are drawn for an action.
        power: Draw them in proportion to earlier actions to this power, 0 to 1.
        keep: How many of its latest rows a device keeps.
        processes: How many processes learn for the devices, each on one thread.
    """

    model: FittedPipeline
    patch: MetaPatch = field(default_factory=MetaPatch)
    local: LocalSteps = field(default_factory=LocalSteps)
    negatives: int = 10
    power: float = 0.5
    keep: int = 220
    processes: int = 1

    def __post_init__(self) -> None:
        check_rows(
            "Fleet",
            self.power,
            negatives=self.negatives,
            keep=self.keep,
            processes=self.processes,
        )
        self.patch.places(self.parts.tower)

    @property
    def ranker(self) -> FittedNeuralRanker:
        """The ranker of the pipeline.

        Raises:
            ConfigError: It has none that can be patched.
        """
        found = self.model.ranker
        if isinstance(found, FittedPersonal):
            raise ConfigError(
                "the pipeline of the fleet is a cloud that has had its rounds, and "
                "takes no further ones: it has not kept the rows that its devices "
                "learnt from. Run DCCL anew, with the pipeline it was fitted with and "
                "the whole log after that."
            )
        if not isinstance(found, FittedNeuralRanker):
            what = "no ranker" if found is None else f"a {type(found).__name__}"
            raise ConfigError(
                f"the pipeline of the fleet has {what}, and devices patch a click "
                "model. Fit it with rank=DIN(), or another that has hidden layers."
            )
        return found

    @property
    def parts(self) -> Parts:
        """The trunk and the tower of its network."""
        return split(self.ranker.network)

    def rows(
        self, graph: Snapshot, log: Interactions, *, rng: np.random.Generator
    ) -> FleetRows:
        """Return what is on the devices of all users of a graph; see ``inputs``."""
        return self.inputs(graph, log, rng=rng).rows(self.ranker)

    def inputs(
        self, graph: Snapshot, log: Interactions, *, rng: np.random.Generator
    ) -> FleetInputs:
        """Return what the rows on the devices of all users of a graph are made of.

        Args:
            graph: Everything that happened; each row reads it before its own time.
            log: The events that leave rows, numbered as the graph.
            rng: Draws the negatives.
        """
        log = without_returns(log)
        if not len(log.actions()):
            raise DataError("the log has no action, so no device has a row.")
        found = actions_or_shown(
            graph,
            log,
            self.negatives,
            power=self.power,
            repeat=self.model.repeat,
            rng=rng,
        )
        return FleetInputs.of(self.ranker, found)
