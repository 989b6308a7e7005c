"""Recurrent layers in plain operations, so that many sets of weights run at once.

``torch.func.vmap`` has no rule for the fused ones of torch; these give their numbers,
and are these within ``fused()``, which is for networks that are called as they are.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

from jaxtyping import Float, Int

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

_FUSED: ContextVar[bool] = ContextVar("fused", default=False)
_BLOCK = 1024
"""How many sequences go through a layer at once: as many as stay in the caches."""


@contextmanager
def fused() -> Generator[None]:
    """Let recurrent layers on a processor be those of torch, which take half the time.

    They are neither exported nor vmapped; their numbers differ by rounding.
    """
    before = _FUSED.set(True)
    try:
        yield
    finally:
        _FUSED.reset(before)


def is_fused() -> bool:
    """Is a network called as it is, neither exported nor vmapped?"""
    return _FUSED.get()


def _runs_fused(x: Tensor) -> bool:
    return is_fused() and x.ndim == 3 and x.device.type == "cpu" and x.numel() > 0


def _in_blocks(
    layer: Callable[[Tensor], Tensor],
    x: Float[Tensor, "n h width"],
    length: Int[Tensor, " n"],
) -> Float[Tensor, "n h size"]:
    """Return the states of a fused layer, of sequences of like length at once.

    A block of sequences ends with the longest of it; behind that are zeros.

    Args:
        layer: What makes states of sequences.
        x: The steps of each in their order.
        length: How many places of each are steps.
    """
    if len(x) <= _BLOCK:
        return layer(x)
    longest, order = length.sort(descending=True, stable=True)
    blocks = torch.split(x.index_select(0, order), _BLOCK)
    found: list[Tensor] = []
    for block, steps in zip(blocks, longest[::_BLOCK], strict=True):
        states = layer(block[:, : max(int(steps), 1)])
        beyond = x.shape[1] - states.shape[1]
        found.append(nn.functional.pad(states, (0, 0, 0, beyond)))
    return torch.cat(found).index_select(0, order.argsort())


class LSTM(nn.Module):
    """Long short-term memory over sequences, from a state of zeros.

    Source:
        Hochreiter and Schmidhuber, "Long short-term memory", 1997, with the forget gate
        of Gers et al., 2000; as ``torch.nn.LSTM`` computes it.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.input = nn.Linear(width, 4 * size)
        self.state = nn.Linear(size, 4 * size, bias=False)

    def forward(
        self, x: Float[Tensor, "n h width"], length: Int[Tensor, " n"] | None = None
    ) -> Float[Tensor, "n h size"]:
        """Return the state after each step.

        Args:
            x: The steps in their order.
            length: How many places of each sequence are steps, all if left out; the
                states of those behind them are any finite numbers.
        """
        if _runs_fused(x):
            if length is None:
                return self._fused(x)
            return _in_blocks(self._fused, x, length)
        given = self.input(x)
        hidden = cell = x.new_zeros(x.shape[0], self.state.in_features)
        found: list[Tensor] = []
        for step in range(x.shape[1]):
            hidden, cell = self.step(given[:, step], hidden, cell)
            found.append(hidden)
        return torch.stack(found, dim=1)

    def step(
        self,
        given: Float[Tensor, "... gates"],
        hidden: Float[Tensor, "... size"],
        cell: Float[Tensor, "... size"],
    ) -> tuple[Float[Tensor, "... size"], Float[Tensor, "... size"]]:
        """Return hidden and cell state after a step, from what ``input`` made of it."""
        let, forget, new, out = (given + self.state(hidden)).chunk(4, dim=-1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(let) * torch.tanh(new)
        return torch.sigmoid(out) * torch.tanh(cell), cell

    def _fused(self, x: Float[Tensor, "n h width"]) -> Float[Tensor, "n h size"]:
        start = x.new_zeros(1, x.shape[0], self.state.in_features)
        none = torch.zeros_like(self.input.bias)
        weights = [self.input.weight, self.state.weight, self.input.bias, none]
        learns = torch.is_grad_enabled()
        return torch.lstm(
            x, [start, start], weights, True, 1, 0.0, learns, False, True
        )[0]


class TimeLSTM(nn.Module):
    """Long short-term memory with a gate of the time from each step to the next.

    Of its source's three variants the first, Time-LSTM 1, with one gate of time T:

        T = sigmoid(W_xt x + sigmoid(d w_tt) + b_t)
        i, f = sigmoid(W x + U h + w * c + b), each with its own
        c' = f * c + i * T * tanh(W_xc x + U_c h + b_c)
        o = sigmoid(W_xo x + d w_to + U_o h + w_co * c' + b_o)
        h' = o * tanh(c')

    Source:
        Zhu et al., "What to Do Next: Modeling User Behaviors by Time-LSTM", IJCAI 2017,
        section 4.1.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.input = nn.Linear(width, 5 * size)
        self.state = nn.Linear(size, 4 * size, bias=False)
        self.gap = nn.Linear(1, 2 * size, bias=False)
        self.cell = nn.Embedding(3, size)

    def forward(
        self, x: Float[Tensor, "n h width"], gap: Float[Tensor, "n h"]
    ) -> Float[Tensor, "n h size"]:
        """Return the state after each step.

        Args:
            x: The steps in their order.
            gap: The time d from each to the next.
        """
        size = self.state.in_features
        given, later = self.input(x), self.gap(gap[..., None])
        time = torch.sigmoid(given[..., 4 * size :] + torch.sigmoid(later[..., :size]))
        to_let, to_forget, to_out = self.cell.weight
        hidden = cell = x.new_zeros(x.shape[0], size)
        found: list[Tensor] = []
        for n in range(x.shape[1]):
            gates = given[:, n, : 4 * size] + self.state(hidden)
            let, forget, new, out = gates.chunk(4, dim=-1)
            let = torch.sigmoid(let + to_let * cell) * time[:, n]
            forget = torch.sigmoid(forget + to_forget * cell)
            cell = forget * cell + let * torch.tanh(new)
            out = torch.sigmoid(out + later[:, n, size:] + to_out * cell)
            hidden = out * torch.tanh(cell)
            found.append(hidden)
        return torch.stack(found, dim=1)


class GRU(nn.Module):
    """Gated recurrent units over sequences, from a state of zeros.

    Source:
        Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014;
        as ``torch.nn.GRU`` computes it. With attention, the AUGRU of Zhou et al., "Deep
        Interest Evolution Network", AAAI 2019.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.input = nn.Linear(width, 3 * size)
        self.state = nn.Linear(size, 3 * size)

    def forward(
        self,
        x: Float[Tensor, "... h width"],
        attention: Float[Tensor, "... h"] | None = None,
    ) -> Float[Tensor, "... h size"]:
        """Return the state after each step.

        Args:
            x: The steps in their order; axes of 1 are repeated.
            attention: The share of its update that each step makes, all of it if left
                out. After a share of 0 the state is what it was, so that a mask of
                steps is one.
        """
        if attention is None and _runs_fused(x):
            return self._fused(x)
        given = self.input(x)
        hidden = x.new_zeros(*x.shape[:-2], self.state.in_features)
        found: list[Tensor] = []
        for step in range(x.shape[-2]):
            share = None if attention is None else attention[..., step]
            hidden = self.step(given[..., step, :], hidden, share)
            found.append(hidden)
        return torch.stack(found, dim=-2)

    def masked(
        self, x: Float[Tensor, "n h width"], real: Float[Tensor, "n h"]
    ) -> Float[Tensor, "n h size"]:
        """Return the state after each step, which places without one leave as it was.

        Args:
            x: The steps in their order.
            real: 1 where there is a step, and 0 elsewhere.
        """
        if not _runs_fused(x):
            return self(x, real)
        # Real steps to the front; after each place stands the state of so many.
        order = real.argsort(dim=1, descending=True, stable=True)
        steps = x.gather(1, order[:, :, None].expand_as(x))
        found = _in_blocks(self._fused, steps, real.sum(dim=1).long())
        start = torch.zeros_like(found[:, :1])
        count = real.cumsum(dim=1).long()[:, :, None].expand_as(found)
        return torch.cat([start, found], dim=1).gather(1, count)

    def _fused(self, x: Float[Tensor, "n h width"]) -> Float[Tensor, "n h size"]:
        start = x.new_zeros(1, x.shape[0], self.state.in_features)
        weights = [
            self.input.weight,
            self.state.weight,
            self.input.bias,
            self.state.bias,
        ]
        learns = torch.is_grad_enabled()
        return torch.gru(x, start, weights, True, 1, 0.0, learns, False, True)[0]

    def step(
        self,
        given: Float[Tensor, "... gates"],
        hidden: Float[Tensor, "... size"],
        share: Float[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "... size"]:
        """Return the state after a step, from what ``input`` made of it."""
        reset, update, new = given.chunk(3, dim=-1)
        reset_by, update_by, new_by = self.state(hidden).chunk(3, dim=-1)
        fresh = torch.tanh(new + torch.sigmoid(reset + reset_by) * new_by)
        gate = 1 - torch.sigmoid(update + update_by)
        if share is not None:
            gate = gate * share[..., None]
        return hidden + gate * (fresh - hidden)
