"""The weights of a module: drawn, as arrays, and put back."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import numpy as np
from jaxtyping import Int64

from tidegraph.extras import needed
from tidegraph.nn.deviation import DEVIATION
from tidegraph.rng import fresh_seed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


def shuffled_batches(
    rows: int, batch_size: int, rng: np.random.Generator
) -> Iterator[Int64[np.ndarray, " batch"]]:
    """Yield every row once, in batches of a random order."""
    order = rng.permutation(rows)
    for start in range(0, rows, batch_size):
        yield order[start : start + batch_size]


def batches_in_order(
    order: Int64[np.ndarray, " rows"], batch_size: int, rng: np.random.Generator
) -> Iterator[Int64[np.ndarray, " batch"]]:
    """Yield every row once, in batches of neighbours in an order.

    Where the first batch begins is drawn, and so is the order of the batches.
    """
    order = np.roll(order, -int(rng.integers(max(len(order), 1))))
    for start in rng.permutation(np.arange(0, len(order), batch_size)):
        yield order[start : start + batch_size]


def torch_generator(rng: np.random.Generator) -> torch.Generator:
    """Return a generator for torch that continues ``rng``."""
    return torch.Generator().manual_seed(fresh_seed(rng))


def initialised(build: Callable[[], M], rng: np.random.Generator) -> M:
    """Return a module whose first weights come from ``rng`` and nothing else.

    Matrices are drawn as Glorot and Bengio (2010) do, embeddings from a normal
    distribution of deviation 0.05; biases are 0; other vectors stay as built.
    """
    # Building draws from torch's global state, which is the caller's.
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        module = build()
    random = torch_generator(rng)
    for part in module.modules():
        for name, weights in part.named_parameters(recurse=False):
            if isinstance(part, nn.Embedding):
                nn.init.normal_(weights, std=DEVIATION, generator=random)
            elif weights.ndim > 1:
                nn.init.xavier_uniform_(weights, generator=random)
            elif "bias" in name:
                nn.init.zeros_(weights)
    return module


def tensor(array: np.ndarray) -> Tensor:
    """Return an array as a tensor that shares its memory."""
    return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]


def weights_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Return every weight and buffer of a module as an array."""
    return {name: value.cpu().numpy() for name, value in module.state_dict().items()}


def restore_weights(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Give a module the weights that ``weights_of`` returned, in evaluation mode.

    They are taken as they lie, so those of a mapped file stay there.
    """
    weights = {name: tensor(array) for name, array in arrays.items()}
    module.load_state_dict(weights, assign=True)
    module.eval()
