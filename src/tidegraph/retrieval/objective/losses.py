"""Losses of pairs: each with the negatives and the similarity that it takes."""

from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float

from tidegraph import losses
from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.ranges import above, at_least, from_0_to_1
from tidegraph.retrieval.objective.negatives import (
    InBatch,
    Negatives,
    PerPair,
    Shared,
)
from tidegraph.retrieval.objective.scored import Scored

with needed("torch", "neural", "a neural network"):
    from torch import Tensor

__all__ = [
    "BPR",
    "BSL",
    "BinaryCrossEntropy",
    "DirectAU",
    "GeneralisedBCE",
    "InfoNCE",
    "PairLoss",
    "SampledSoftmax",
    "SkipGram",
    "TripletMargin",
]


@runtime_checkable
class PairLoss(Protocol):
    """Settings of a loss, such as ``tg.BPR()``; your own need no more than this."""

    @property
    def drawn(self) -> Negatives | None:
        """Its negatives; none if it needs none."""
        ...

    @property
    def temperature(self) -> float | None:
        """Similarities are cosines over this; products of vectors if none."""
        ...

    def loss(self, batch: Scored) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        ...


@runtime_checkable
class OfTriples(Protocol):
    """A loss that is a mean over triples of a source, a target and one negative."""

    @property
    def of_triples(self) -> bool: ...


@settings
class BPR:
    """A target is to score above each negative: ``losses.bpr``.

    Attributes:
        negatives: A number of them for each pair, or a kind.
        temperature: Similarities are cosines over this; products if left out.
    """

    of_triples: ClassVar[bool] = True
    negatives: int | Negatives = 1
    temperature: float | None = None

    def __post_init__(self) -> None:
        _check_pair_loss(self)

    @property
    def drawn(self) -> Negatives:
        """Its negatives."""
        return _per_pair_negatives(self.negatives)

    def loss(self, batch: Scored) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        return losses.bpr(batch.positive, batch.negative, batch.present)


@settings
class BinaryCrossEntropy:
    """A target is a yes and each negative a no, over chance: ``losses.skip_gram``.

    Attributes:
        negatives: A number of them for each pair, or a kind.
        temperature: Similarities are cosines over this; products if left out.

    Departs:
        A similarity is the log odds of a yes over those of a pick among target and
        negatives; of one negative there is no difference. See ``GeneralisedBCE``.
    """

    negatives: int | Negatives = 1
    temperature: float | None = None

    def __post_init__(self) -> None:
        _check_pair_loss(self)

    @property
    def drawn(self) -> Negatives:
        """Its negatives."""
        return _per_pair_negatives(self.negatives)

    def loss(self, batch: Scored) -> Float[Tensor, ""]:
        """Return the mean over targets of what each and its negatives cost."""
        return losses.skip_gram(*batch.over_chance(), batch.present)


@settings
class GeneralisedBCE:
    """A yes and a no each, calibrated: ``losses.generalised_binary_cross_entropy``.

    Attributes:
        negatives: A number of them that the batch shares.
        calibration: 0 for binary cross-entropy, 1 for the probabilities of all items.
        temperature: Similarities are cosines over this; products if left out.

    Departs:
        The batch shares its negatives. A similarity is the log odds of a yes over those
        at chance, which no list depends on. Without, all vectors learn first that a yes
        is rare, by pointing one way, and then tell items apart no more: on Amazon
        Beauty SASRec finds .0054 of NDCG@10 so, and what is popular finds .0061.
    """

    negatives: int = 256
    calibration: float = 0.75
    temperature: float | None = None

    def __post_init__(self) -> None:
        _check_pair_loss(self)
        from_0_to_1("GeneralisedBCE", calibration=self.calibration)

    @property
    def drawn(self) -> Negatives:
        """Its negatives."""
        return _shared_negatives(self.negatives)

    def loss(self, batch: Scored) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        rate = min(1.0, float(batch.log_q.exp().mean()))
        power = 1 - self.calibration * (1 - rate)
        pair = batch.over_chance(power)
        return losses.generalised_binary_cross_entropy(*pair, power, batch.present)


@settings
class SkipGram:
    """A pair is to be told from noise: ``losses.skip_gram``.

    With many negatives vectors first learn that a pair is rare, all by pointing one
    way; ``BinaryCrossEntropy(PerPair(64, linked=True))`` says the same over chance, and
    does not.

    Attributes:
        negatives: A number of them for each pair, linked ones too, or a kind.
        temperature: Similarities are cosines over this; products if left out.
    """

    negatives: int | Negatives = 5
    temperature: float | None = None

    def __post_init__(self) -> None:
        _check_pair_loss(self)

    @property
    def drawn(self) -> Negatives:
        """Its negatives."""
        if isinstance(self.negatives, int):
            return PerPair(self.negatives, linked=True)
        return self.negatives

    def loss(self, batch: Scored) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        return losses.skip_gram(batch.positive, batch.negative, batch.present)


@settings
class TripletMargin:
    """A target is to score above each negative by a margin: ``losses.triplet_margin``.

    Attributes:
        margin: By how much.
        negatives: A number of them that the batch shares, or a kind.
        temperature: Similarities are cosines over this; products if left out.
    """

    of_triples: ClassVar[bool] = True
    margin: float = 0.1
    negatives: int | Negatives = 500
    temperature: float | None = 1.0

    def __post_init__(self) -> None:
        _check_pair_loss(self)
        above("TripletMargin", 0, margin=self.margin)

    @property
    def drawn(self) -> Negatives:
        """Its negatives."""
        return _shared_negatives(self.negatives)

    def loss(self, batch: Scored) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        pair = batch.positive, batch.negative
        return losses.triplet_margin(*pair, self.margin, batch.present)


@settings
class SampledSoftmax:
    """A target is to be told from all items: ``losses.sampled_softmax``.

    Attributes:
        temperature: Similarities are cosines over this; products if none.
        negatives: A number of them that the batch shares, or a kind.
    """

    temperature: float | None = 0.1
    negatives: int | Negatives = 1024

    def __post_init__(self) -> None:
        _check_pair_loss(self)

    @property
    def drawn(self) -> Negatives:
        """Its negatives."""
        return _shared_negatives(self.negatives)

    def loss(self, batch: Scored) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        pair = batch.positive, batch.negative
        return losses.sampled_softmax(*pair, batch.log_q, batch.present)


@settings
class InfoNCE:
    """A target is to be told from its negatives as they come: ``losses.info_nce``.

    Attributes:
        temperature: Similarities are cosines over this; products if none.
        negatives: A number of them that the batch shares, or a kind.
    """

    temperature: float | None = 0.1
    negatives: int | Negatives = InBatch()

    def __post_init__(self) -> None:
        _check_pair_loss(self)

    @property
    def drawn(self) -> Negatives:
        """Its negatives."""
        return _shared_negatives(self.negatives)

    def loss(self, batch: Scored) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        return losses.info_nce(batch.positive, batch.negative, present=batch.present)


@settings
class BSL:
    """A softmax that doubts targets as it doubts negatives: ``bilateral_softmax``.

    Attributes:
        temperature: Of negatives: similarities are cosines over this.
        positive_temperature: Of the targets that a source has in a batch: the smaller,
            the more it learns of those it agrees with already; of a source with one
            target there, it says nothing.
        negatives: A number of them that the batch shares, or a kind.
    """

    temperature: float = 0.1
    positive_temperature: float = 0.1
    negatives: int | Negatives = 1024

    def __post_init__(self) -> None:
        _check_pair_loss(self)
        above("BSL", 0, positive_temperature=self.positive_temperature)

    @property
    def drawn(self) -> Negatives:
        """Its negatives."""
        return _shared_negatives(self.negatives)

    def loss(self, batch: Scored) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        ratio = self.temperature / self.positive_temperature
        pair = batch.positive, batch.negative
        return losses.bilateral_softmax(*pair, ratio, batch.present, batch.owner)


@settings
class DirectAU:
    """Pairs are to lie together, and all vectors apart from one another.

    Attributes:
        uniformity: What lying apart counts beside lying together.
    """

    uniformity: float = 1.0

    def __post_init__(self) -> None:
        at_least("DirectAU", 0, uniformity=self.uniformity)

    @property
    def drawn(self) -> None:
        """It needs no negatives."""

    @property
    def temperature(self) -> float:
        """Vectors have length 1."""
        return 1.0

    def loss(self, batch: Scored) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        return losses.alignment_and_uniformity(
            batch.source, batch.target, self.uniformity
        )


def _per_pair_negatives(negatives: int | Negatives) -> Negatives:
    return PerPair(negatives) if isinstance(negatives, int) else negatives


def _shared_negatives(negatives: int | Negatives) -> Negatives:
    return Shared(negatives) if isinstance(negatives, int) else negatives


def _check_pair_loss(
    given: BPR
    | BinaryCrossEntropy
    | GeneralisedBCE
    | SkipGram
    | TripletMargin
    | SampledSoftmax
    | InfoNCE
    | BSL,
) -> None:
    name = type(given).__name__
    if isinstance(given.negatives, int):
        at_least(name, 1, negatives=given.negatives)
    if given.temperature is not None:
        above(name, 0, temperature=given.temperature)
