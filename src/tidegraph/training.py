"""The one training loop: mini-batches, early stopping, the best weights kept."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from tidegraph.errors import ConfigError
from tidegraph.progress import track


@dataclass(frozen=True)
class Training:
    """How long and how fast to learn.

    Attributes:
        epochs: Most passes over the examples.
        batch_size: Examples per step.
        learning_rate: Step size of Adam.
        weight_decay: Decoupled weight decay.
        patience: Passes without a better validation loss before stopping.
    """

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    patience: int = 3

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "patience"):
            if getattr(self, name) <= 0:
                raise ConfigError(
                    f"training {name} is {getattr(self, name)}; it must be above 0."
                )


def train(
    module: nn.Module,
    loss: Callable[[Int64[np.ndarray, " batch"]], Tensor],
    examples: int,
    validate: Callable[[], float],
    settings: Training,
    *,
    rng: np.random.Generator,
) -> list[float]:
    """Fit a module in place and leave it with its best weights, in evaluation mode.

    Args:
        module: What learns.
        loss: The loss of a batch of example numbers, to be made small.
        examples: How many examples there are.
        validate: The loss on examples held out; called after each pass.
        settings: How long and how fast.
        rng: Shuffles the examples.

    Returns:
        The validation loss after each pass.
    """
    optimizer = torch.optim.AdamW(
        module.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    best, best_weights, since = math.inf, _copied(module), 0
    losses: list[float] = []
    steps = -(-examples // settings.batch_size)
    for epoch in range(settings.epochs):
        module.train()
        order = rng.permutation(examples)
        for step in track(range(steps), f"epoch {epoch + 1}"):
            batch = order[step * settings.batch_size : (step + 1) * settings.batch_size]
            optimizer.zero_grad()
            loss(batch).backward()  # pyright: ignore[reportUnknownMemberType]
            optimizer.step()  # pyright: ignore[reportUnknownMemberType]
        module.eval()
        with torch.inference_mode():
            losses.append(validate())
        since += 1
        if losses[-1] < best:
            best, best_weights, since = losses[-1], _copied(module), 0
        if since >= settings.patience:
            break
    module.load_state_dict(best_weights)
    module.eval()
    return losses


def initialise(
    module: nn.Module, rng: np.random.Generator, scale: float = 0.05
) -> None:
    """Draw every weight anew from ``rng``, so that no global seed matters.

    Matrices are uniform after Glorot & Bengio (2010), embeddings normal with deviation
    ``scale``, biases 0; other vectors keep their values.
    """
    source = torch.Generator().manual_seed(int(rng.integers(2**62)))
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight, generator=source)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=scale, generator=source)


def weights(module: nn.Module) -> dict[str, np.ndarray]:
    """Return every weight and buffer of a module as an array."""
    return {name: value.numpy() for name, value in module.state_dict().items()}


def restore(module: nn.Module, arrays: dict[str, np.ndarray]) -> None:
    """Give a module the weights that ``weights`` returned, in evaluation mode."""
    module.load_state_dict({n: torch.from_numpy(a.copy()) for n, a in arrays.items()})
    module.eval()


def _copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}
