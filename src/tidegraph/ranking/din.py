"""DIN: the history weighed by each item of it against the candidate."""

from dataclasses import field

from tidegraph.arguments import settings
from tidegraph.features.columns import FeatureSet
from tidegraph.fitting.candidate_sampling import CandidateSampling
from tidegraph.nn.click.din import Interest
from tidegraph.ranges import at_least
from tidegraph.ranking.neural import FittedNeuralRanker, NeuralRanker
from tidegraph.run import Run
from tidegraph.stages import Examples
from tidegraph.training.settings import Training


@settings
class DIN:
    """Deep interest network over the latest events of the history.

    Attributes:
        embedding_size: Width of an item's, and of a category's, vector.
        history: How many of the latest events are looked at.
        hidden: Widths of the layers after pooling.
        category: Item feature column that groups items, if any.
        id_dropout: Share of ids hidden in training, so that new items are known kin.
        sampled: Most candidates per request and pass, at most half of them positives
            while there are negatives; the loss corrects for what is left out, so that
            probabilities stay right.
        training: How long and how fast to learn.

    Source:
        Zhou et al. (2018), "Deep interest network for click-through rate prediction":
        local activation unit without softmax, Dice. Departs: the shared features enter
        beside the vectors and, linearly, the logit; the age of each event enters the
        activation unit.
    """

    embedding_size: int = 16
    history: int = 30
    hidden: tuple[int, ...] = (64, 32)
    category: str | None = None
    id_dropout: float = 0.3
    sampled: int = 40
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        at_least("DIN", 1, sampled=self.sampled)
        # What else cannot be is known before the work too.
        self.ranker()

    def ranker(self) -> NeuralRanker:
        """Return the recipe: this network, every feature, sampled candidates."""
        return NeuralRanker(
            Interest(self.embedding_size, self.hidden),
            FeatureSet(category=self.category, history=self.history),
            CandidateSampling(self.sampled),
            self.training,
            self.id_dropout,
        )

    def fit(self, train: Examples, valid: Examples, *, run: Run) -> FittedNeuralRanker:
        """Learn from past requests; stop when ``valid`` gets no better."""
        return self.ranker().fit(train, valid, run=run)
