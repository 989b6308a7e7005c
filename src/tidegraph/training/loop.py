"""The one loop that trains every module, whatever its objective."""

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from jaxtyping import Int64

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.progress import track
from tidegraph.rng import fresh_seed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Training:
    """How long and how fast to learn.

    Attributes:
        epochs: Most passes over the examples.
        batch_size: Examples per step.
        learning_rate: Step length of AdamW.
        weight_decay: How strongly AdamW pulls weights to 0.
        patience: Stop after so many epochs without a better validation.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    patience: int = 3

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "patience"):
            if getattr(self, name) <= 0:
                raise ConfigError(
                    f"training {name} is {getattr(self, name)}; it must be above 0."
                )


@dataclass(frozen=True)
class Curve:
    """How a training went, epoch by epoch.

    Attributes:
        loss: Mean training loss of each epoch.
        metric: What validation found after each epoch; higher is better.
    """

    loss: tuple[float, ...]
    metric: tuple[float, ...]

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 0, whose weights were kept."""
        return int(np.argmax(self.metric))


@dataclass(eq=False)
class _Best:
    """The weights of the best epoch so far."""

    metric: float = -math.inf
    weights: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    def offer(self, module: nn.Module, metric: float) -> bool:
        if self.weights and not metric > self.metric:
            return False
        self.metric = metric
        kept = module.state_dict()
        self.weights = {name: value.detach().clone() for name, value in kept.items()}
        return True


def train(
    module: nn.Module,
    losses: Callable[[np.random.Generator], Iterable[Tensor]],
    validate: Callable[[], float],
    settings: Training,
    *,
    rng: np.random.Generator,
) -> Curve:
    """Fit a module in place and return how it went; the best epoch's weights are kept.

    Whatever ends the training, an interruption included, the weights of the best
    finished epoch are put back.

    Args:
        module: What learns.
        losses: Yields the loss of each batch of one epoch, computed when it is asked
            for, so that it sees the weights as they then are.
        validate: Returns a number that should grow.
        settings: How long and how fast.
        rng: Shuffles, samples and drops out; handed to ``losses``.

    Raises:
        ConfigError: The loss is not a number any more.
    """
    optimizer = torch.optim.AdamW(
        module.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    best, loss, metric = _Best(), list[float](), list[float]()
    try:
        for epoch in track(range(settings.epochs), "training"):
            with one_thread():
                loss.append(_epoch(module, losses(rng), optimizer, epoch))
            module.eval()
            with torch.inference_mode(), one_thread():
                metric.append(validate())
            best.offer(module, metric[-1])
            if epoch - int(np.argmax(metric)) >= settings.patience:
                break
    finally:
        if best.weights:
            module.load_state_dict(best.weights)
        module.eval()
    return Curve(tuple(loss), tuple(metric))


def _epoch(
    module: nn.Module,
    losses: Iterable[Tensor],
    optimizer: torch.optim.Optimizer,
    epoch: int,
) -> float:
    """Take one step per batch and return the mean loss."""
    module.train()
    seen: list[float] = []
    for loss in losses:
        optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        optimizer.step()
        seen.append(loss.item())
        if not math.isfinite(seen[-1]):
            raise ConfigError(
                f"the training loss is {seen[-1]} in epoch {epoch + 1}, batch "
                f"{len(seen)}. Lower learning_rate, or look for huge features."
            )
    return float(np.mean(seen)) if seen else 0.0


@contextmanager
def one_thread() -> Generator[None, None, None]:
    """Keep torch on one thread: the same bits on any machine, no stalling barriers.

    Torch's threads meet at a barrier after every small product; beside any other work
    on the machine they wait there for most of the time.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def shuffled(
    rows: int, batch_size: int, rng: np.random.Generator
) -> Iterator[Int64[np.ndarray, " batch"]]:
    """Yield every row once, in batches of a random order."""
    order = rng.permutation(rows)
    for start in range(0, rows, batch_size):
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
                nn.init.normal_(weights, std=0.05, generator=random)
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
    return {name: value.numpy() for name, value in module.state_dict().items()}


def restore(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Give a module the weights that ``weights_of`` returned, in evaluation mode.

    They are taken as they lie, so those of a mapped file stay there.
    """
    weights = {name: tensor(array) for name, array in arrays.items()}
    module.load_state_dict(weights, assign=True)
    module.eval()
