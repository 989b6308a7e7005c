"""Sums over the edges of each target, with their gradients."""

from typing import Any, cast

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.kernels.sparse_products import entry_products, spread_sums, weighted_sums
from tidegraph.nn.links import Links

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


def sum_over_edges(
    links: Links,
    vectors: Float[Tensor, "sources d"],
    weight: Float[Tensor, " edges"] | None = None,
) -> Float[Tensor, "targets d"]:
    """Return for each target the weighted sum of the vectors it gets; 0 of none.

    Args:
        links: The edges.
        vectors: One for each source.
        weight: What each edge counts for, if that is learnt; its own if left out.
    """
    apply = cast(Any, _Summed.apply)
    return apply(vectors, weight, links)


def largest_over_edges(
    links: Links, vectors: Float[Tensor, "sources d"]
) -> Float[Tensor, "targets d"]:
    """Return the largest number at each place of the vectors that a target gets.

    A target that gets none has zeros.

    Args:
        links: The edges.
        vectors: One for each source.
    """
    place = links.row[:, None].expand(-1, vectors.shape[1])
    out = vectors.new_zeros(links.targets, vectors.shape[1])
    taken = vectors[links.column]
    return out.scatter_reduce(0, place, taken, "amax", include_self=False)


class _Summed(torch.autograd.Function):
    """The product with the matrix of the edges."""

    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, weight: Tensor | None, links: Links
    ) -> Tensor:
        ctx.links = links
        ctx.save_for_backward(*(() if weight is None else (vectors, weight)))
        return _sparse_product(
            links, links.weight if weight is None else weight, vectors
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        links, grad = cast(Links, ctx.links), grads[0].contiguous()
        of_vectors = of_weight = weight = None
        if ctx.saved_tensors:
            vectors, weight = ctx.saved_tensors
            if ctx.needs_input_grad[1]:
                of_weight = _entry_products(links, grad, vectors)
        if ctx.needs_input_grad[0]:
            of_vectors = _transposed_product(links, weight, grad)
        return of_vectors, of_weight, None


def _sparse_product(links: Links, weight: Tensor, vectors: Tensor) -> Tensor:
    if vectors.device.type == "cpu":
        arrays = (t.detach().contiguous().numpy() for t in (weight, vectors))
        return _tensor_of(
            weighted_sums(links.ptr.numpy(), links.column.numpy(), *arrays)
        )
    shape = links.targets, links.sources
    ptr, column = links.ptr.to(torch.int32), links.column
    matrix: Any = cast(Any, torch).sparse_csr_tensor(ptr, column, weight, shape)
    return matrix @ vectors


def _transposed_product(links: Links, weight: Tensor | None, grad: Tensor) -> Tensor:
    if grad.device.type != "cpu" or links.lasting:
        turned, order = links.turned
        return _sparse_product(
            turned, turned.weight if weight is None else weight[order], grad
        )
    weight = links.weight if weight is None else weight
    ptr, column = links.ptr.numpy(), links.column.numpy()
    arrays = weight.detach().numpy(), grad.detach().numpy()
    return _tensor_of(spread_sums(ptr, column, *arrays, links.sources))


def _entry_products(links: Links, grad: Tensor, vectors: Tensor) -> Tensor:
    if grad.device.type != "cpu":
        return (grad[links.row] * vectors[links.column]).sum(dim=1)
    tensors = links.ptr, links.column, grad, vectors.contiguous()
    return _tensor_of(entry_products(*(t.detach().numpy() for t in tensors)))


def _tensor_of(array: Any) -> Tensor:
    return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]
