"""Sequence models: what comes next after a history, whoever it is of."""

from tidegraph.arguments import checked
from tidegraph.errors import ConfigError
from tidegraph.nn.sequence.encoders import (
    Convolutions,
    GatedUnits,
    LatestEvent,
    SessionGraphs,
    Transformer,
)
from tidegraph.retrieval.index import Index
from tidegraph.retrieval.index.exact import EXACT
from tidegraph.retrieval.objective.losses import PairLoss
from tidegraph.retrieval.sequence.next_item import (
    CROSS_ENTROPY,
    UNTIL_BEST,
    NextItem,
)
from tidegraph.training.settings import Training


@checked(ConfigError)
def sasrec(
    blocks: int = 2,
    heads: int = 2,
    embedding_size: int = 64,
    length: int = 50,
    dropout: float = 0.2,
    loss: PairLoss = CROSS_ENTROPY,
    training: Training = UNTIL_BEST,
    seed: int | None = None,
    index: Index = EXACT,
) -> NextItem:
    """Return SASRec.

    Args:
        blocks: How many blocks of attention there are.
        heads: Parts of a vector that are attended to apart.
        embedding_size: Numbers in a vector.
        length: Most events that are read, the latest of a history.
        dropout: Share of what is passed on that training leaves out.
        loss: What it costs if the next item is not found. The paper's is
            ``BinaryCrossEntropy()``, gSASRec's ``GeneralisedBCE()``.
        training, seed, index: As of ``NextItem``.

    Source:
        Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018. Departs
        as ``Transformer`` does, and a layer joins the heads of an attention.
    """
    learn = loss, embedding_size, length, training, seed, index
    return NextItem("SASRec", Transformer(blocks, heads, dropout=dropout), *learn)


@checked(ConfigError)
def bert4rec(
    blocks: int = 2,
    heads: int = 2,
    embedding_size: int = 64,
    length: int = 50,
    masked: float = 0.2,
    dropout: float = 0.2,
    training: Training = UNTIL_BEST,
    seed: int | None = None,
    index: Index = EXACT,
) -> NextItem:
    """Return BERT4Rec.

    Args:
        blocks: How many blocks of attention there are.
        heads: Parts of a vector that are attended to apart.
        embedding_size: Numbers in a vector.
        length: Most events that are read, a token for what comes next among them.
        masked: Share of events that are hidden and found; the latest always is.
        dropout: Share of what is passed on that training leaves out.
        training, seed, index: As of ``NextItem``.

    Source:
        Sun et al., "BERT4Rec", CIKM 2019. Departs: no layer stands between states and
        products, which no bias of an item is added to, no item replaces a token, and as
        ``Transformer`` does.
    """
    encoder = Transformer(blocks, heads, 4, "gelu", False, masked, dropout)
    learn = CROSS_ENTROPY, embedding_size, length, training, seed, index
    return NextItem("BERT4Rec", encoder, *learn)


@checked(ConfigError)
def gru4rec(
    layers: int = 1,
    embedding_size: int = 64,
    length: int = 50,
    dropout: float = 0.2,
    loss: PairLoss = CROSS_ENTROPY,
    training: Training = UNTIL_BEST,
    seed: int | None = None,
    index: Index = EXACT,
) -> NextItem:
    """Return GRU4Rec.

    Args:
        layers: How many layers of units there are.
        embedding_size: Numbers in a vector.
        length: Most events that are read, the latest of a history.
        dropout: Share of what is passed on that training leaves out.
        loss: What it costs if the next item is not found.
        training, seed, index: As of ``NextItem``.

    Source:
        Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks",
        ICLR 2016; the softmax over all items of Hidasi and Karatzoglou, CIKM 2018, for
        which TOP1 and BPR-max stood in. Departs: an item has one vector, and sequences
        start anew in each batch.
    """
    learn = loss, embedding_size, length, training, seed, index
    return NextItem("GRU4Rec", GatedUnits(layers, dropout), *learn)


@checked(ConfigError)
def srgnn(
    steps: int = 1,
    embedding_size: int = 64,
    length: int = 20,
    dropout: float = 0.2,
    loss: PairLoss = CROSS_ENTROPY,
    training: Training = UNTIL_BEST,
    seed: int | None = None,
    index: Index = EXACT,
) -> NextItem:
    """Return SR-GNN.

    Args:
        steps: How often items hear from those beside them.
        embedding_size: Numbers in a vector.
        length: Most events that are read, the latest of a history; work grows with the
            square of it for each event that is learnt from.
        dropout: Share of what is said of a session that training leaves out.
        loss: What it costs if the next item is not found.
        training, seed, index: As of ``NextItem``.

    Source:
        Wu et al., "Session-based Recommendation with Graph Neural Networks", AAAI 2019.
        Departs: a history is one session, of which the latest events are read; dropout.
    """
    learn = loss, embedding_size, length, training, seed, index
    return NextItem("SR-GNN", SessionGraphs(steps, dropout), *learn)


@checked(ConfigError)
def caser(
    window: int = 5,
    horizontal: int = 16,
    vertical: int = 4,
    embedding_size: int = 64,
    length: int = 50,
    dropout: float = 0.2,
    training: Training = UNTIL_BEST,
    seed: int | None = None,
    index: Index = EXACT,
) -> NextItem:
    """Return Caser.

    Args:
        window: How many of the latest events filters look at.
        horizontal: Filters over each number of events in a row.
        vertical: Filters over all of these events, number by number.
        embedding_size: Numbers in a vector.
        length: Most events of a piece of a history that training takes.
        dropout: Share of what filters found that training leaves out.
        training, seed, index: As of ``NextItem``.

    Source:
        Tang and Wang, "Personalized Top-N Sequential Recommendation via Convolutional
        Sequence Embedding", WSDM 2018. Departs: only the next item is to be found, told
        from all rather than a few drawn ones, and as ``Convolutions`` does.
    """
    filters = Convolutions(window, horizontal, vertical, dropout)
    learn = CROSS_ENTROPY, embedding_size, length, training, seed, index
    return NextItem("Caser", filters, *learn)


@checked(ConfigError)
def markov_chain(
    embedding_size: int = 64,
    length: int = 50,
    dropout: float = 0.2,
    loss: PairLoss = CROSS_ENTROPY,
    training: Training = UNTIL_BEST,
    seed: int | None = None,
    index: Index = EXACT,
) -> NextItem:
    """Return a Markov chain of the first order whose transitions are factorised.

    Args:
        embedding_size: Numbers in a vector.
        length: Most events of a piece of a history that training takes.
        dropout: Share of the events' vectors that training leaves out.
        loss: What it costs if the next item is not found.
        training, seed, index: As of ``NextItem``.

    Source:
        Rendle et al., "Factorizing Personalized Markov Chains for Next-Basket
        Recommendation", WWW 2010. Departs: no part is of the user, so that who is not
        known is answered; the softmax over all items, and as ``LatestEvent`` does.
    """
    learn = loss, embedding_size, length, training, seed, index
    return NextItem("MarkovChain", LatestEvent(dropout), *learn)
