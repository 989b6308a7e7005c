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
from tidegraph.device.split import split
from tidegraph.errors import ConfigError, DataError, type_of
from tidegraph.fitting.actions import actions_or_shown
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.inputs import InputSpec
from tidegraph.nn.wide import Wide
from tidegraph.pipeline import FittedPipeline, Pipeline
from tidegraph.ranges import at_least, from_0_to_1
from tidegraph.ranking.device_catalog import beyond_devices
from tidegraph.ranking.neural import FittedNeuralRanker, NeuralRanker
from tidegraph.stages import called
from tidegraph.training.weights import initialised

SMALL = InputSpec((1, 1), (1,), 1, event=1, cross=1, back=1)
"""Inputs of a network that is only looked at."""


@settings
class Fleet:
    """How the users of a pipeline, whose ranker is a click model, have a device each.

    Each action of a user leaves rows on the user's device: the item, and others of
    which it was chosen. Those are what the log says was shown in vain at that moment,
    or, where nothing was, are drawn from the items alive then.

    Attributes:
        patch: How the tower is patched on each device.
        local: How a device learns.
        negatives: How many other items are drawn for an action.
        power: Draw them in proportion to earlier actions to this power, 0 to 1.
        keep: How many of its latest rows a device keeps.
        processes: How many processes learn for the devices, each on one thread.
    """

    patch: MetaPatch = field(default_factory=MetaPatch)
    local: LocalSteps = field(default_factory=LocalSteps)
    negatives: int = 10
    power: float = 0.5
    keep: int = 220
    processes: int = 1

    def __post_init__(self) -> None:
        counts = {"negatives": self.negatives, "keep": self.keep}
        at_least("Fleet", 1, **counts, processes=self.processes)
        from_0_to_1("Fleet", power=self.power)

    def check(self, pipeline: Pipeline) -> None:
        """Refuse a pipeline that cannot be patched so, before it is trained.

        Raises:
            ConfigError: Its ranker is no click model, has no tower or several tasks, or
                its tower lacks a junction or is too small for theta.
        """
        ranker = pipeline.rank
        if not isinstance(ranker, NeuralRanker):
            what = "no ranker" if ranker is None else f"the ranker {called(ranker)}"
            raise ConfigError(
                f"the pipeline has {what}, and devices patch a click model. Take one "
                "that has hidden layers, such as DIN."
            )
        # Its layers are those of its settings, whatever enters it.
        further = 0 if ranker.tasks is None else len(ranker.tasks.also)
        network = initialised(
            lambda: Wide(ranker.model.build(SMALL), SMALL.numbers, further),
            np.random.default_rng(0),
        )
        self.patch.places(split(network).tower)

    def beyond(self, pipeline: Pipeline) -> str:
        """Return why devices cannot rank by a pipeline's ranker alone, blank if so."""
        ranker = pipeline.rank
        return beyond_devices(ranker) if isinstance(ranker, NeuralRanker) else ""

    def ranker(self, model: FittedPipeline) -> FittedNeuralRanker:
        """Return the ranker of a pipeline.

        Raises:
            ConfigError: It has none that can be patched so.
        """
        found = model.ranker
        if isinstance(found, FittedPersonal):
            raise ConfigError(
                "the pipeline of the fleet is a cloud that has had its rounds, and "
                "takes no further ones: it has not kept the rows that its devices "
                "learnt from. Run DCCL anew, with the pipeline it was fitted with and "
                "the whole log after that."
            )
        if not isinstance(found, FittedNeuralRanker):
            what = "no ranker" if found is None else type_of(found)
            raise ConfigError(
                f"the pipeline of the fleet has {what}, and devices patch a click "
                "model. Fit it with rank=DIN(), or another that has hidden layers."
            )
        self.patch.places(split(found.network).tower)
        return found

    def inputs(
        self,
        model: FittedPipeline,
        graph: Snapshot,
        log: Interactions,
        *,
        rng: np.random.Generator,
    ) -> FleetInputs:
        """Return what the rows on the devices of all users of a graph are made of.

        Args:
            model: The pipeline.
            graph: Everything that happened; each row reads it before its own time.
            log: The events that leave rows, numbered as the graph.
            rng: Draws the negatives.

        Raises:
            ConfigError: The pipeline has no ranker that can be patched so.
            DataError: The log has no action.
        """
        ranker, log = self.ranker(model), without_returns(log)
        if not len(log.actions()):
            raise DataError("the log has no action, so no device has a row.")
        found = actions_or_shown(
            graph,
            log,
            self.negatives,
            power=self.power,
            repeat=model.repeat,
            rng=rng,
        )
        return FleetInputs.of(ranker, found)
