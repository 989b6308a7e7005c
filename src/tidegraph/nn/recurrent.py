"""Recurrent layers in plain operations, so that many sets of weights run at once.

``torch.func.vmap`` has no rule for the fused ones of torch; these give their numbers.
"""

from jaxtyping import Float

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


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

    def forward(self, x: Float[Tensor, "n h width"]) -> Float[Tensor, "n h size"]:
        """Return the state after each step."""
        given = self.input(x)
        hidden = cell = x.new_zeros(x.shape[0], self.state.in_features)
        found: list[Tensor] = []
        for step in range(x.shape[1]):
            gates = given[:, step] + self.state(hidden)
            let, forget, new, out = gates.chunk(4, dim=1)
            kept = torch.sigmoid(forget) * cell
            cell = kept + torch.sigmoid(let) * torch.tanh(new)
            hidden = torch.sigmoid(out) * torch.tanh(cell)
            found.append(hidden)
        return torch.stack(found, dim=1)


class GRU(nn.Module):
    """Gated recurrent units over sequences, from a state of zeros.

    Source:
        Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014;
        as ``torch.nn.GRU`` computes it. With attention, the units of Zhou et al., "Deep
        Interest Evolution Network", AAAI 2019, equations 7 and 8.
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
        given = self.input(x)
        hidden = x.new_zeros(*x.shape[:-2], self.state.in_features)
        found: list[Tensor] = []
        for step in range(x.shape[-2]):
            reset, update, new = given[..., step, :].chunk(3, dim=-1)
            reset_by, update_by, new_by = self.state(hidden).chunk(3, dim=-1)
            fresh = torch.tanh(new + torch.sigmoid(reset + reset_by) * new_by)
            gate = 1 - torch.sigmoid(update + update_by)
            if attention is not None:
                gate = gate * attention[..., step, None]
            hidden = hidden + gate * (fresh - hidden)
            found.append(hidden)
        return torch.stack(found, dim=-2)
