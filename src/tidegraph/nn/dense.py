"""Layers over candidates of which some are absent."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from jaxtyping import Bool, Float

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.recurrent import is_fused
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

MOMENTUM = 0.1
"""Share of the newest batch in the running mean and variance."""
TINY = 1e-5


class MaskedNorm(nn.Module):
    """Standardises each unit by mean and variance over what is present.

    In training those of the batch, afterwards their running means, as batch
    normalisation without scale and shift does over rows that are all present.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(
        self, x: Float[Tensor, "*b width"], present: Bool[Tensor, "*b"]
    ) -> Float[Tensor, "*b width"]:
        """Return the standardised units; absent ones hold any finite number."""
        if not self.training:
            return (x - self.mean) * torch.rsqrt(self.variance + TINY)
        # What is exported, vmapped or elsewhere does not look at values.
        known = is_fused() and x.device.type == "cpu"
        if known and present.numel() > 1 and present.all():
            return self._of_all(x)
        return self._of_present(x, present)

    def _of_all(self, x: Float[Tensor, "*b width"]) -> Float[Tensor, "*b width"]:
        """Return the same in one pass, where all are present."""
        found = nn.functional.batch_norm(
            x.flatten(0, -2),
            self.mean,
            self.variance,
            training=True,
            momentum=MOMENTUM,
            eps=TINY,
        )
        return found.view(x.shape)

    def _of_present(
        self, x: Float[Tensor, "*b width"], present: Bool[Tensor, "*b"]
    ) -> Float[Tensor, "*b width"]:
        there = present.flatten().to(x.dtype)
        count = there.sum().clamp(min=1)
        share = there / count
        mean = share @ x.flatten(0, -2)
        apart = x - mean
        variance = share @ apart.square().flatten(0, -2)
        with torch.no_grad():
            sure = variance * (count / (count - 1).clamp(min=1))
            self.mean.lerp_(mean, MOMENTUM)
            self.variance.lerp_(sure, MOMENTUM)
        return apart * torch.rsqrt(variance + TINY)


class Dice(nn.Module):
    """A PReLU whose bend follows the distribution of its input, per unit.

    Source:
        Zhou et al. (2018), "Deep interest network", equation 5.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.standard = MaskedNorm(width)
        self.slope = nn.Parameter(torch.zeros(width))

    def forward(
        self, x: Float[Tensor, "*b width"], present: Bool[Tensor, "*b"]
    ) -> Float[Tensor, "*b width"]:
        """Return p x + (1 - p) slope x, p the sigmoid of the standardised input."""
        gate = torch.sigmoid(self.standard(x, present))
        return x * torch.addcmul(self.slope, gate, 1 - self.slope)


Patch = Callable[[Tensor], Tensor]
"""What changes the output of a hidden layer, (..., width) to as many of as wide."""

NO_PATCHES: Mapping[str, Patch] = {}
ENTRY = "input"
"""The place before the first layer, where a patch may change what enters."""


class Tower(nn.Module):
    """Layers with Dice, then one number.

    Behind each hidden layer is a place, ``hidden0``, ``hidden1`` and so on, where a
    patch may change what goes on to the next; so is one before the first, ``input``.

    Attributes:
        dropout: Share of what enters ``forward`` that training leaves out.
        junctions: The places behind hidden layers, with how many units each has.
        places: All places, in this order; none where there is no hidden layer.
    """

    dropout: float = 0.0

    def __init__(self, width: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        widths = (width, *hidden)
        pairs = zip(widths[:-1], hidden, strict=True)
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in pairs])
        self.bends = nn.ModuleList([Dice(wide) for wide in hidden])
        self.last = nn.Linear(widths[-1], 1)
        self.width = width
        self.junctions = {f"hidden{n}": wide for n, wide in enumerate(hidden)}
        self.places = {ENTRY: width, **self.junctions} if hidden else {}

    def forward(
        self,
        x: Float[Tensor, "*b width"],
        present: Bool[Tensor, "*b"],
        patches: Mapping[str, Patch] = NO_PATCHES,
    ) -> Float[Tensor, "*b"]:
        """Return one number per candidate.

        Args:
            x: What is known of each.
            present: Where there is a candidate.
            patches: Those that stand at some of ``places``, by their names.
        """
        if self.training and self.dropout:
            x = nn.functional.dropout(x, self.dropout)
        return self.above(x, present, 0, patches)

    def below(
        self, x: Float[Tensor, "*b width"], present: Bool[Tensor, "*b"], layers: int
    ) -> Float[Tensor, "*b _"]:
        """Return the output of the first ``layers`` hidden layers, without patches."""
        for layer, bend in zip(self.layers[:layers], self.bends[:layers], strict=True):
            x = bend(layer(x), present)
        return x

    def above(
        self,
        x: Float[Tensor, "*b _"],
        present: Bool[Tensor, "*b"],
        layers: int,
        patches: Mapping[str, Patch] = NO_PATCHES,
    ) -> Float[Tensor, "*b"]:
        """Return one number per candidate from what ``below`` returned.

        Args:
            x: Output of the first ``layers`` hidden layers, the last not patched yet.
            present: Where there is a candidate.
            layers: How many layers that were.
            patches: As of ``forward``; those before the last of these layers are not
                looked at.
        """
        entry = None if layers else patches.get(ENTRY)
        if entry is not None:
            x = entry(x)
        for n in range(max(layers - 1, 0), len(self.layers)):
            if n >= layers:
                x = self.bends[n](self.layers[n](x), present)
            patch = patches.get(f"hidden{n}")
            if patch is not None:
                x = patch(x)
        return self.last(x)[..., 0]


def towers(network: nn.Module) -> list[Tower]:
    """Return the towers of layers of a network."""
    return [part for part in network.modules() if isinstance(part, Tower)]


def only_tower(network: nn.Module, why: str) -> Tower:
    """Return the one tower of a network.

    Args:
        network: The network.
        why: What there must be one for, such as ``"a patch stands in"``.

    Raises:
        ConfigError: It has none, or several.
    """
    found = towers(network)
    if len(found) != 1:
        raise ConfigError(
            f"the model has {len(found) or 'no'} tower{'s' * (len(found) > 1)} of "
            f"layers, and {why} exactly one. Take a click model with hidden layers, "
            "such as DIN, DSGL or MLP."
        )
    return found[0]


_RECORDED: ContextVar[list[Tensor] | None] = ContextVar("recorded", default=None)
"""Of each thread its own, so that any number may run one network at once."""


@contextmanager
def recording() -> Generator[list[Tensor]]:
    """Give a list of what this thread records until the end, in its order."""
    found: list[Tensor] = []
    before = _RECORDED.set(found)
    try:
        yield found
    finally:
        _RECORDED.reset(before)


def record(x: Tensor) -> None:
    """Note what enters a layer, where somebody asks."""
    if (found := _RECORDED.get()) is not None:
        found.append(x)


def check_widths(
    model: str,
    embedding_size: int | None = None,
    hidden: tuple[int, ...] = (),
    heads: int = 1,
    **counts: int,
) -> None:
    """Refuse a vector or a layer without units, and none of what there is at least one.

    Args:
        model: What it is about.
        embedding_size: Width of the vector of a field.
        hidden: Widths of layers.
        heads: Parts of a vector that are attended to apart.
        counts: What else there is at least one of.

    Raises:
        ConfigError: There is none of one, or the heads cannot share the vector.
    """
    at_least(model, 1, embedding_size=embedding_size, heads=heads, **counts)
    at_least(model, 1, **{f"hidden[{n}]": width for n, width in enumerate(hidden)})
    if embedding_size is not None and embedding_size % heads:
        raise ConfigError(
            f"{model} has embedding_size={embedding_size}, which its {heads} heads "
            "cannot share. Take a multiple of the heads."
        )
