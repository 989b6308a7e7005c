"""Any sequence model as a retriever: an encoder of histories, a loss, and one loop."""

from dataclasses import field, replace

from tidegraph.arguments import settings
from tidegraph.errors import DataError
from tidegraph.extras import needed
from tidegraph.nn.sequence.encoders import SequenceEncoder, Transformer
from tidegraph.ranges import at_least
from tidegraph.retrieval.index import Exact, Index
from tidegraph.retrieval.objective.losses import PairLoss, SampledSoftmax
from tidegraph.retrieval.objective.memory_needed import check_fits
from tidegraph.retrieval.objective.negatives import Every
from tidegraph.retrieval.scoring.evidence import evidence, trained_until
from tidegraph.retrieval.scoring.learnt_from import drawing, learnt_from, parted
from tidegraph.retrieval.sequence.fitted import FittedNextItem
from tidegraph.retrieval.sequence.network import Design, HistoryNetwork
from tidegraph.retrieval.sequence.task import NextItems
from tidegraph.run import Run
from tidegraph.stages import Fold, Train, remembers
from tidegraph.training.loop import train as trained
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training

with needed("torch", "neural", "a neural network"):
    import torch

CROSS_ENTROPY = SampledSoftmax(None, Every())
"""The softmax over all items."""
UNTIL_BEST = Training(200, 128, optimizer=Adam(1e-3), patience=10)
"""Until ten epochs in a row find no more of what is held out."""


@settings
class NextItem:
    """The history of a request, encoded, is multiplied with vectors of items.

    Nothing is kept of a user: who asks is what their history says. What an encoder
    reads of an event is its item's vector times the root of its numbers, as in SASRec.

    Attributes:
        name: The channel.
        encoder: How a state comes from events.
        loss: What it costs if a state does not find the next item, with the negatives
            that it takes; over all items unless said.
        embedding_size: Numbers in a vector.
        length: Most events that are read at once, the latest of a history.
        training: How long and how fast to learn; ``batch_size`` counts sequences of
            mean length. With ``patience`` the newest item of a thousand users is held
            out, and the best epoch at finding them is kept.
        seed: Seed of everything random; that of the run if left out.
        index: Where the largest products are looked for.
    """

    name: str = "NextItem"
    encoder: SequenceEncoder = field(default_factory=Transformer)
    loss: PairLoss = CROSS_ENTROPY
    embedding_size: int = 64
    length: int = 50
    training: Training = UNTIL_BEST
    seed: int | None = None
    index: Index = field(default_factory=Exact)

    def __post_init__(self) -> None:
        # A token takes a place beside what it is to be found by.
        least = 1 if self.design.masked is None else 2
        at_least(self.name, 1, embedding_size=self.embedding_size)
        at_least(self.name, least, length=self.length)
        at_least(self.name, 0, seed=self.seed)
        # Without memory for weights: an encoder refuses what it cannot be built from.
        with torch.device("meta"):
            HistoryNetwork(self.design, 1)

    def check(self, train: Train) -> None:
        """Find out before any work whether the vectors of all items fit.

        Raises:
            ConfigError: They take more memory than the machine has.
            DataError: ``train`` holds no action.
        """
        items = int(evidence(Fold.of(train, self.name), self.name).item.max()) + 1
        size, encoder, training = self.embedding_size, self.encoder, self.training
        # Products with all items are held a part at a time, whatever the negatives.
        check_fits(self.name, (0, items), size, encoder, training, None)

    @remembers
    def fit(self, train: Train, *, run: Run | None = None) -> FittedNextItem:
        """Learn what follows each event of each user.

        Args:
            train: A log with times or positions, or a fold of one.
            run: Generator, device, threads, checkpoints and monitor, if they matter; of
                seed 0 if left out. What is drawn goes by its seed and the name of the
                channel, so that a channel is the same alone and in company.

        Raises:
            DataError: ``train`` holds no action, has no times, or no user of it has two
                events.
        """
        fold = Fold.of(train, self.name)
        if fold.events.clock == "none":
            raise DataError(
                f"{self.name} learns from the order of events, and this log has no "
                "times. Read it with its column of times, or of positions with "
                "time_unit='order'."
            )
        self.check(fold)
        run = drawing(self.name, self.seed, run)
        stops_early = self.training.stops_early
        known, held = parted(fold, self.name, run.rng, stops_early=stops_early)
        task = NextItems.of(self, known, held, run)
        curve = trained(task, self.training, run, learnt_from(known, held), self)
        task.module.to("cpu")
        fitted = replace(task.fitted(), curve=curve, trained_until=trained_until(fold))
        return fitted.indexed(self.index)

    @property
    def design(self) -> Design:
        """What the network is made of."""
        return Design(self.encoder, self.embedding_size, self.length)
