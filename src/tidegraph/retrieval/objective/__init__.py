"""What an embedding is trained for: positive pairs, negatives, and a loss."""

from dataclasses import field

from tidegraph.arguments import settings
from tidegraph.ranges import at_least
from tidegraph.retrieval.objective.losses import BPR, PairLoss
from tidegraph.retrieval.objective.pairs import Edges, Pairs


@settings
class Objective:
    """Which pairs belong together, and what it costs if vectors do not say so.

    Attributes:
        pairs: What belongs together.
        loss: What it costs, with the negatives that it takes.
        l2: Penalty on the squared length of the vectors that a batch learns, halved: of
            source, target and negatives of each pair. Of ``BPR`` and ``TripletMargin``,
            means over triples of the three, it is such a mean, too, so that the
            negatives of a pair count together what one would.
    """

    pairs: Pairs = field(default_factory=Edges)
    loss: PairLoss = field(default_factory=BPR)
    l2: float = 0.0

    def __post_init__(self) -> None:
        at_least("Objective", 0, l2=self.l2)
