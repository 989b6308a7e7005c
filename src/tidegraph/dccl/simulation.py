"""The rounds of a log's users and their devices: the table ``[device]`` of a recipe."""

from dataclasses import field

import numpy as np

from tidegraph.arguments import settings
from tidegraph.data.interactions import Interactions
from tidegraph.dccl.cloud import DCCL, later_than
from tidegraph.dccl.fitted import FittedDCCL
from tidegraph.dccl.fleet import Fleet, check_rows
from tidegraph.device.patch import MetaPatch
from tidegraph.device.personalise import LocalSteps
from tidegraph.device.split import split
from tidegraph.errors import ConfigError
from tidegraph.nn.inputs import InputSpec
from tidegraph.nn.wide import Wide
from tidegraph.pipeline import FittedPipeline, Pipeline
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.stages import called
from tidegraph.training.weights import initialised

SMALL = InputSpec((1, 1), (1,), 1, event=1, cross=1, back=1)
"""Inputs of a network that is only looked at."""


@settings
class Simulation:
    """How devices and cloud learn over a log; see ``DCCL`` and ``Fleet``.

    Attributes:
        cloud: Rounds, and how the cloud learns.
        patch: How the tower is patched on each device.
        local: How a device learns.
        negatives: How many other items are drawn for an action.
        power: Draw them in proportion to earlier actions to this power, 0 to 1.
        keep: How many of its latest rows a device keeps.
        processes: How many processes learn for the devices, each on one thread.
    """

    cloud: DCCL = field(default_factory=DCCL)
    patch: MetaPatch = field(default_factory=MetaPatch)
    local: LocalSteps = field(default_factory=LocalSteps)
    negatives: int = 10
    power: float = 0.5
    keep: int = 220
    processes: int = 1

    def __post_init__(self) -> None:
        check_rows(
            "Simulation",
            self.power,
            negatives=self.negatives,
            keep=self.keep,
            processes=self.processes,
        )

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

    def check_log(self, log: Interactions, known: int) -> None:
        """Refuse a log of which nothing is left for devices, before a pipeline learns.

        Args:
            log: All events.
            known: Unix seconds of the last that the pipeline is to learn from.

        Raises:
            DataError: It has no action after that, or no times.
        """
        later_than(known, log)

    def fit(self, model: FittedPipeline, log: Interactions, run: Run) -> FittedDCCL:
        """Return what devices and cloud learn after what a model knows.

        Args:
            model: The pipeline.
            log: Goes on after the last event that the pipeline knows.
            run: Checkpoints and generator.

        Raises:
            ConfigError: The model lacks a junction.
            DataError: Nothing happened after what the pipeline knows.
        """
        settings = {name: part for name, part in vars(self).items() if name != "cloud"}
        return self.cloud.fit(log, Fleet(model, **settings), run=run)
