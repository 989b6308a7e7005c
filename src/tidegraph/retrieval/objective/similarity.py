"""How alike sources, targets and negatives are: what a loss of pairs works on."""

from jaxtyping import Float, Int

from tidegraph.extras import needed
from tidegraph.retrieval.objective.losses import LOWEST, Scored

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor


def scored(
    source: Float[Tensor, "b d"],
    rest: Float[Tensor, "all d"],
    shared: int,
    log_q: Float[Tensor, "#b #n"],
    missing: tuple[Int[Tensor, " m"], Int[Tensor, " m"]] | None,
    temperature: float | None,
) -> Scored:
    """Return similarities of sources to their targets and negatives.

    Args:
        source: Vector of each source.
        rest: Vectors of the targets, of the negatives that all pairs share, and then of
            those of each pair.
        shared: How many negatives all pairs share.
        log_q: Natural log of how often each negative is drawn on average.
        missing: Row and column of those that are no negatives.
        temperature: Similarities are cosines over this; products if none.
    """
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
        return Scored(source, target, positive, negative, log_q)
    present = torch.ones_like(negative, dtype=torch.bool)
    present[missing] = False
    negative = negative.masked_fill(~present, LOWEST)
    return Scored(source, target, positive, negative, log_q, present)
