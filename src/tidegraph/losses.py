"""Learning objectives: the script L of section 19.1.1.

Every loss takes logits, never probabilities, and returns a mean in nats (or in units of
the logit, for the margin) as a scalar tensor. ``present`` says which entries count; a
batch in which none does has loss 0.
"""

import math
from typing import Any, cast

from jaxtyping import Bool, Float, Int

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor

AT_ONCE = 1 << 21
"""Products that ``softmax_over_all`` holds at a time: 8 MiB, which a cache may hold."""

LOWEST = -1e30
"""The logit of a negative that is missing, which costs nothing.

Not infinite: a row without any has no gradient, rather than nan.
"""


def binary_cross_entropy(
    logit: Float[Tensor, "*shape"],
    label: Float[Tensor, "*shape"],
    present: Bool[Tensor, "*shape"] | None = None,
    weight: Float[Tensor, "*shape"] | None = None,
) -> Float[Tensor, ""]:
    """Mean log loss of independent yes-or-no answers.

    Args:
        logit: Log odds that the answer is yes.
        label: 1 for yes, 0 for no.
        present: Where there is a question; everywhere if left out.
        weight: How much each counts, 1 on average; all alike if left out.

    Source:
        Equation 19.13 for ranking; computed from logits, so it cannot overflow.
    """
    if present is not None:
        # What is absent may hold any number, even one that is not finite.
        logit, label = (side.masked_fill(~present, 0.0) for side in (logit, label))
        weight = None if weight is None else weight.masked_fill(~present, 0.0)
    each = F.binary_cross_entropy_with_logits(
        logit, label, weight=weight, reduction="none"
    )
    return _masked_mean(each, present)


def bpr(
    positive: Float[Tensor, " batch"],
    negative: Float[Tensor, "batch k"],
    present: Bool[Tensor, "batch k"] | None = None,
) -> Float[Tensor, ""]:
    """Mean of ``-log sigmoid(positive - negative)``: how often pairs are misordered.

    Args:
        positive: Logit of the observed item.
        negative: Logits of ``k`` items that were not observed.
        present: Which of the ``k`` are there; all if left out.

    Source:
        Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback",
        UAI 2009, section 4. The prior is the optimizer's weight decay.
    """
    negative = _mask_absent(negative, present)
    return _masked_mean(F.softplus(negative - positive[:, None]), present)


def skip_gram(
    positive: Float[Tensor, " batch"],
    negative: Float[Tensor, "batch k"],
    present: Bool[Tensor, "batch k"] | None = None,
) -> Float[Tensor, ""]:
    """Log loss of one true pair against ``k`` noise pairs, summed per true pair.

    Args:
        positive: Logit of the true pair.
        negative: Logits of the noise pairs.
        present: Which of the ``k`` are there; all if left out.

    Source:
        Mikolov et al., "Distributed Representations of Words and Phrases", NeurIPS
        2013, equation 4: negative sampling, a simplified noise contrastive estimate.
    """
    return generalised_binary_cross_entropy(positive, negative, 1.0, present)


def triplet_margin(
    positive: Float[Tensor, " batch"],
    negative: Float[Tensor, "batch k"],
    margin: float,
    present: Bool[Tensor, "batch k"] | None = None,
) -> Float[Tensor, ""]:
    """Mean shortfall of ``positive - negative`` below ``margin``; 0 once it is met.

    Args:
        positive: Similarity to the observed item.
        negative: Similarities to ``k`` other items.
        margin: By how much the observed item must win.
        present: Which of the ``k`` are there; all if left out.

    Source:
        Ying et al., "Graph Convolutional Neural Networks for Web-Scale Recommender
        Systems" (PinSage), KDD 2018, equation 1.
    """
    negative = _mask_absent(negative, present)
    return _masked_mean(F.relu(negative - positive[:, None] + margin), present)


def sampled_softmax(
    positive: Float[Tensor, " batch"],
    negative: Float[Tensor, "batch k"],
    log_q: Float[Tensor, "#batch #k"],
    present: Bool[Tensor, "batch k"] | None = None,
) -> Float[Tensor, ""]:
    """Negative log-likelihood of the positive among itself and ``k`` sampled items.

    Subtracting ``log_q`` makes the sampled denominator an unbiased estimate of the full
    one, for any proposal that reaches every item but the positive: the optimum is that
    of the full softmax, log p(item | user).

    Args:
        positive: Logit of the observed item.
        negative: Logits of ``k`` items drawn from the proposal.
        log_q: Natural log of each drawn item's expected count under the proposal;
            -inf of what the proposal never draws, which is no negative.
        present: Which of the ``k`` are there; all if left out.

    Source:
        Bengio & Senecal (2008); recommended for retrieval in section 19.1.3.
    """
    never = log_q.isneginf()
    if bool(never.any()):
        negative = negative.masked_fill(never, LOWEST)
        log_q = log_q.masked_fill(never, 0.0)
    if log_q.numel() == 1:
        # It need not be taken off each of them.
        return _softmax_of_first(positive + log_q.reshape(()), negative, present)
    return _softmax_of_first(positive, negative - log_q, present)


def softmax_over_all(
    source: Float[Tensor, "batch d"],
    vectors: Float[Tensor, "items d"],
    target: Int[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Negative log-likelihood of each target among all items, by products of vectors.

    As ``cross_entropy`` of ``source @ vectors.T``, whose gradient it works out with the
    loss: a part of the batch at a time, so that of the products of all of the batch
    with all items only ``AT_ONCE`` are ever held, and each is computed once.

    Args:
        source: Vectors that are to find their targets.
        vectors: Those of all items.
        target: Row of each target in ``vectors``.
    """
    return cast(Any, _SoftmaxOverAll).apply(source, vectors, target)


class _SoftmaxOverAll(torch.autograd.Function):
    """The loss, and its gradient while the products are at hand."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, vectors: Tensor, target: Tensor) -> Tensor:
        lost, count = source.new_zeros(()), max(len(source), 1)
        by_source, by_vectors = torch.empty_like(source), torch.zeros_like(vectors)
        rows = max(1, AT_ONCE // len(vectors))
        for start in range(0, len(source), rows):
            some = slice(start, start + rows)
            right = target[some, None]
            logit = source[some] @ vectors.T
            logit -= logit.amax(dim=1, keepdim=True)
            lost -= logit.gather(1, right).sum()
            share = logit.exp_()
            total = share.sum(dim=1, keepdim=True)
            lost += total.log().sum()
            share /= total * count
            share.scatter_add_(1, right, share.new_full(right.shape, -1 / count))
            torch.mm(share, vectors, out=by_source[some])
            by_vectors.addmm_(share.T, source[some])
        ctx.save_for_backward(by_source, by_vectors)
        return lost / count

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, None]:
        by_source, by_vectors = ctx.saved_tensors
        return by_source * gradients[0], by_vectors * gradients[0], None


def generalised_binary_cross_entropy(
    positive: Float[Tensor, " batch"],
    negative: Float[Tensor, "batch k"],
    power: float,
    present: Bool[Tensor, "batch k"] | None = None,
) -> Float[Tensor, ""]:
    """Log loss of a yes, its probability to a power, and of ``k`` times no, summed.

    The more items are never drawn, the surer a model is that what is drawn is wrong. A
    power of ``1 - t * (1 - rate)``, of the share of all items that is drawn, undoes it
    at t = 1, and at t = 0 is 1, that of binary cross-entropy.

    Args:
        positive: Logit of the observed item.
        negative: Logits of ``k`` items that were drawn, each as likely.
        power: Of the probability of the observed item.
        present: Which of the ``k`` are there; all if left out.

    Source:
        Petrov and Macdonald, "gSASRec: Reducing Overconfidence in Sequential
        Recommendation Trained with Negative Sampling", RecSys 2023, section 5. Departs:
        not over ``1 + k``, so that a penalty weighs beside it as beside other losses.
    """
    no = F.softplus(_mask_absent(negative, present)).sum(dim=1)
    return (power * F.softplus(-positive) + no).mean()


def info_nce(
    positive: Float[Tensor, " batch"],
    negative: Float[Tensor, "batch k"],
    temperature: float = 1.0,
    present: Bool[Tensor, "batch k"] | None = None,
) -> Float[Tensor, ""]:
    """Negative log-likelihood of the positive, without correction for the proposal.

    With negatives drawn by popularity the optimum is log p(item | user) - log q(item):
    popular items are discounted, which is the point where exposure bias is to be undone
    and a mistake where the likelihood itself is wanted (then ``sampled_softmax``).

    Args:
        positive: Similarity to the observed item.
        negative: Similarities to ``k`` sampled items.
        temperature: Divides every similarity; smaller is sharper.
        present: Which of the ``k`` are there; all if left out.

    Source:
        van den Oord et al., "Representation Learning with Contrastive Predictive
        Coding", 2018, equation 4; its debiasing in Zhou et al., "Contrastive Learning
        for Debiased Candidate Generation in Large-Scale Recommender Systems", KDD 2021.
    """
    return _softmax_of_first(positive / temperature, negative / temperature, present)


def bilateral_softmax(
    positive: Float[Tensor, " batch"],
    negative: Float[Tensor, "batch k"],
    ratio: float = 1.0,
    present: Bool[Tensor, "batch k"] | None = None,
    source: Int[Tensor, " batch"] | None = None,
) -> Float[Tensor, ""]:
    """Mean of ``log sum exp(negative)`` less what a source makes of its positives.

    That is ``log mean exp(ratio * positive) / ratio`` over all pairs of the source, in
    which one unlike the others, perhaps noise, hardly counts where ``ratio`` is large.

    Args:
        positive: Similarity to the observed item over the temperature of negatives.
        negative: Similarities to ``k`` sampled items over their temperature.
        ratio: Their temperature over that of the observed items.
        present: Which of the ``k`` are there; all if left out.
        source: The source of each pair; each its own if left out.

    Source:
        Wu et al., "BSL: Understanding and Improving Softmax Loss for Recommendation",
        ICDE 2024, equation 14, the temperatures t1 of positives, t2 of negatives.

    Departs:
        All over t2; users count by their pairs of a batch, as in the authors' program.
    """
    if source is not None:
        positive = _log_mean_exp_of_groups(ratio * positive, source) / ratio
    there = torch.ones_like(negative, dtype=torch.bool) if present is None else present
    each = _log_sum_exp(negative, there) - positive
    return _masked_mean(each, there.any(dim=1))


def _log_mean_exp_of_groups(logit: Tensor, owner: Tensor) -> Tensor:
    unique = cast(Any, owner).unique(return_inverse=True, return_counts=True)
    _, group, count = cast(tuple[Tensor, Tensor, Tensor], unique)
    top = torch.full_like(count, -math.inf, dtype=logit.dtype)
    top = top.scatter_reduce(0, group, logit.detach(), "amax")
    total = torch.zeros_like(top).index_add(0, group, (logit - top[group]).exp())
    return (top + (total / count).log())[group]


def alignment_and_uniformity(
    source: Float[Tensor, "batch d"],
    target: Float[Tensor, "batch d"],
    weight: float = 1.0,
) -> Float[Tensor, ""]:
    """Mean squared distance of pairs, and how near all vectors lie to one another.

    The second is the log of the mean of ``exp(-2 * squared distance)`` of all pairs of
    rows, averaged over sources and targets; a batch of one has none.

    Args:
        source: Vectors of length 1.
        target: Vectors of length 1.
        weight: What the second counts beside the first.

    Source:
        Wang et al., "Towards Representation Alignment and Uniformity in Collaborative
        Filtering" (DirectAU), KDD 2022, equations 3 to 5.
    """
    aligned = (source - target).square().sum(dim=1).mean()
    if len(source) < 2:
        return aligned
    spread = [_uniformity(side) for side in (source, target)]
    return aligned + weight * (spread[0] + spread[1]) / 2


def _uniformity(vector: Tensor) -> Tensor:
    # Of vectors of length 1 the squared distance is 2 - 2 * product.
    product = vector @ vector.T
    rows, columns = torch.triu_indices(len(vector), len(vector), 1).to(vector.device)
    near = 4 * (product[rows, columns] - 1)
    return torch.logsumexp(near, 0) - math.log(len(near))


def _softmax_of_first(
    positive: Tensor, negative: Tensor, present: Tensor | None
) -> Tensor:
    return F.softplus(_log_sum_exp(negative, present) - positive).mean()


def _log_sum_exp(negative: Tensor, present: Tensor | None) -> Tensor:
    return torch.logsumexp(_mask_absent(negative, present), dim=1)


def _mask_absent(negative: Tensor, present: Tensor | None) -> Tensor:
    """Return logits of which those that are absent cost nothing, whatever they hold."""
    return negative if present is None else negative.masked_fill(~present, LOWEST)


def _masked_mean(each: Tensor, present: Tensor | None) -> Tensor:
    if present is None:
        return each.mean() if each.numel() else each.sum()
    return each.masked_fill(~present, 0.0).sum() / present.sum().clamp(min=1)
