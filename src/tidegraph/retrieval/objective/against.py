"""What sources are told from, and how alike they are: what a loss of pairs works on."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from tidegraph.extras import needed
from tidegraph.losses import LOWEST
from tidegraph.retrieval.objective.negatives.drawn import Drawn
from tidegraph.retrieval.objective.scored import Scored
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor


class Against(NamedTuple):
    """The negatives of a batch.

    Attributes:
        node: Those that all pairs share, and then those of each pair.
        shared: How many all pairs share.
        log_q: Natural log of how often each is drawn on average.
        missing: Row and column of those that are no negatives.
    """

    node: Int[Tensor, " n"]
    shared: int
    log_q: Float[Tensor, "_ _"]
    missing: tuple[Int[Tensor, " m"], Int[Tensor, " m"]] | None

    @classmethod
    def of(
        cls, drawn: Drawn, device: str, first: int = 0, *, apart: bool = False
    ) -> "Against":
        """Return what was drawn, where it is computed with.

        Args:
            drawn: The negatives.
            device: Where.
            first: The node that is 0.
            apart: Has each pair its own copy of those that others share, if there are
                any but shared ones?
        """
        node, shared = np.atleast_2d(drawn.node) - first, 0 if apart else drawn.common
        if drawn.node.ndim == 1:
            shared = len(drawn.node)
        flat = np.concatenate([node[0, :shared], node[:, shared:].ravel()])
        log_q = np.atleast_2d(drawn.log_q).astype(np.float32)
        missing = drawn.missing
        if missing is not None:
            row, column = (tensor(part).to(device) for part in missing)
            missing = row, column
        return cls(tensor(flat).to(device), shared, tensor(log_q).to(device), missing)


def score_pairs(
    source: Float[Tensor, "b d"],
    rest: Float[Tensor, "all d"],
    against: Against,
    temperature: float | None,
    owner: Int[Tensor, " b"] | None = None,
) -> Scored:
    """Return similarities of sources to their targets and negatives.

    Args:
        source: Vector of each source.
        rest: Vectors of the targets, and then of the negatives.
        against: The negatives.
        temperature: Similarities are cosines over this; products if none.
        owner: Number of each source, if pairs may share one.
    """
    _, shared, log_q, missing = against
    b, scale = len(source), 1.0
    if temperature is not None:
        source, rest = F.normalize(source, dim=1), F.normalize(rest, dim=1)
        scale = 1 / temperature
    target, common, own = rest.tensor_split((b, b + shared))
    scaled = source * scale
    positive = (scaled * target).sum(dim=1)
    negative = scaled @ common.T
    if len(own):
        each = torch.einsum("bd,bnd->bn", scaled, own.unflatten(0, (b, -1)))
        negative = torch.cat([negative, each], dim=1) if shared else each
    if missing is None or not len(missing[0]):
        return Scored(source, target, positive, negative, log_q, owner=owner)
    present = torch.ones_like(negative, dtype=torch.bool)
    present[missing] = False
    negative = negative.masked_fill(~present, LOWEST)
    return Scored(source, target, positive, negative, log_q, present, owner)


def penalised(
    squares: Float[Tensor, " m"], b: int, against: Against, *, of_triples: bool
) -> Float[Tensor, ""]:
    """Return what a penalty on the vectors of a batch is of: a sum over each pair's.

    Args:
        squares: Squared length of each, those of the negatives last.
        b: How many pairs.
        against: The negatives.
        of_triples: Is it a mean over triples of a source, a target and a negative? A
            draw that is no negative is in none.

    Source:
        Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI
        2009, figure 4: a step on a triple makes each of its three smaller once.
    """
    node, shared, _, missing = against
    if not of_triples or not len(node):
        return squares.sum() / b
    times = squares.new_ones(len(node))
    times[:shared] = b
    if missing is not None and len(missing[0]):
        row, column = missing
        each = (len(node) - shared) // b
        place = torch.where(column < shared, column, row * each + column)
        times = times.index_add(0, place, -times.new_ones(len(place)))
    pairs, negatives = squares.tensor_split((len(squares) - len(node),))
    triples = times.sum().clamp(min=1)
    return pairs.sum() / b + (times * negatives).sum() / triples
