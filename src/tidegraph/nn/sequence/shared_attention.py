"""Attention to sequences that many queries share, on the processor.

No vector of a sequence is repeated for the queries that ask it, nor is a place without
an event looked at. Heads stand side by side.
"""

import math
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int64

from tidegraph.extras import needed
from tidegraph.kernels.jit import compiled
from tidegraph.nn.recurrent import is_fused

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


class Sequences(NamedTuple):
    """Sequences of places, the real ones first.

    Attributes:
        key: What queries are compared with, place by place.
        value: What is summed up.
        real: Where there is a place.
    """

    key: Float[Tensor, "n h size"]
    value: Float[Tensor, "n h size"]
    real: Bool[Tensor, "n h"]


class Queries(NamedTuple):
    """What asks sequences.

    Attributes:
        seat: The sequence that each asks.
        query: What each asks with.
        bias: How much more it asks for each place, if anything.
        more: What it finds at each place beside its value, if anything.
    """

    seat: Int[Tensor, " q"]
    query: Float[Tensor, "q size"]
    bias: Float[Tensor, "q h heads"] | None = None
    more: Float[Tensor, "q h size"] | None = None


def attends_fused(query: Tensor) -> bool:
    """Can ``attend_to_shared`` be called: neither exported, vmapped nor elsewhere?"""
    return is_fused() and query.device.type == "cpu" and query.dtype == torch.float32


def attend_to_shared(
    sequences: Sequences, queries: Queries, heads: int
) -> Float[Tensor, "q size"]:
    """Return softmax(Q K^T / sqrt(part)) V of each query, head by head.

    A query of a sequence without a real place finds 0. Numbers are those of plain
    operations but for rounding; gradients of a sequence are added up in the order of
    the queries, by one thread.
    """
    key, value, real = sequences
    seat, query, bias, more = queries
    apply = cast(Any, _Attended.apply)
    return apply(key, value, query, bias, more, real.sum(dim=1), seat, heads)


class _Attended(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        *tensors, heads = given
        arrays = _arrays_of(tensors)
        out = np.zeros_like(arrays.query)
        weight = np.zeros((len(out), heads, arrays.key.shape[1]), np.float32)
        scale = np.float32(1 / math.sqrt(out.shape[1] // heads))
        _attend(arrays, scale, out, weight)
        ctx.save_for_backward(*tensors, _tensor_of(weight))
        ctx.scale = scale
        return _tensor_of(out)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, weight = ctx.saved_tensors
        arrays = _arrays_of(tensors)
        found = _Gradients(*(np.zeros_like(part) for part in arrays[:5]))
        grad = grads[0].contiguous().numpy()
        _spread(arrays, ctx.scale, weight.numpy(), grad, found)
        wanted = zip(found, tensors, strict=False)
        of = [None if given is None else _tensor_of(one) for one, given in wanted]
        return (*of, None, None, None)


class _Arrays(NamedTuple):
    key: Float32[np.ndarray, "n h size"]
    value: Float32[np.ndarray, "n h size"]
    query: Float32[np.ndarray, "q size"]
    bias: Float32[np.ndarray, "q h heads"]
    more: Float32[np.ndarray, "q h size"]
    length: Int64[np.ndarray, " n"]
    seat: Int64[np.ndarray, " q"]


class _Gradients(NamedTuple):
    key: Float32[np.ndarray, "n h size"]
    value: Float32[np.ndarray, "n h size"]
    query: Float32[np.ndarray, "q size"]
    bias: Float32[np.ndarray, "q h heads"]
    more: Float32[np.ndarray, "q h size"]


def _arrays_of(tensors: list[Tensor | None]) -> _Arrays:
    """Return arrays; where nothing was given, one of size 0."""
    nothing = np.zeros((0, 0, 0), np.float32)
    return _Arrays(
        *(
            nothing if one is None else one.detach().contiguous().numpy()
            for one in tensors
        )
    )


def _tensor_of(array: Any) -> Tensor:
    return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]


@compiled
def _attend(
    arrays: _Arrays, scale: np.float32, out: np.ndarray, weight: np.ndarray
) -> None:
    key, value, query, bias, more, length, seat = arrays
    heads = weight.shape[1]
    part = query.shape[1] // heads
    for q in range(query.shape[0]):
        s = seat[q]
        for head in range(heads):
            begin, end = head * part, (head + 1) * part
            w, most = weight[q, head], np.float32(-np.inf)
            for j in range(length[s]):
                score = np.float32(0)
                for p in range(begin, end):
                    score += key[s, j, p] * query[q, p]
                score *= scale
                if bias.size:
                    score += bias[q, j, head]
                w[j] = score
                most = max(most, score)
            total = np.float32(0)
            for j in range(length[s]):
                w[j] = np.exp(w[j] - most)
                total += w[j]
            for j in range(length[s]):
                w[j] /= total
                for p in range(begin, end):
                    out[q, p] += w[j] * value[s, j, p]
                if more.size:
                    for p in range(begin, end):
                        out[q, p] += w[j] * more[q, j, p]


@compiled
def _spread(
    arrays: _Arrays,
    scale: np.float32,
    weight: np.ndarray,
    grad: np.ndarray,
    out: _Gradients,
) -> None:
    key, value, query, _, more, length, seat = arrays
    of_key, of_value, of_query, of_bias, of_more = out
    heads = weight.shape[1]
    part = query.shape[1] // heads
    by = np.empty(weight.shape[2], np.float32)
    for q in range(query.shape[0]):
        s = seat[q]
        for head in range(heads):
            begin, end = head * part, (head + 1) * part
            w, mean = weight[q, head], np.float32(0)
            for j in range(length[s]):
                found = np.float32(0)
                for p in range(begin, end):
                    found += grad[q, p] * value[s, j, p]
                if more.size:
                    for p in range(begin, end):
                        found += grad[q, p] * more[q, j, p]
                        of_more[q, j, p] = w[j] * grad[q, p]
                by[j] = found
                mean += w[j] * found
            for j in range(length[s]):
                change = w[j] * (by[j] - mean)
                if of_bias.size:
                    of_bias[q, j, head] = change
                change *= scale
                for p in range(begin, end):
                    of_value[s, j, p] += w[j] * grad[q, p]
                    of_query[q, p] += change * key[s, j, p]
                    of_key[s, j, p] += change * query[q, p]
