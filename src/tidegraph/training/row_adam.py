"""Adam that moves only the rows of a table that a batch touches."""

from collections.abc import Callable, Iterable
from typing import Any

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

_BETAS, _EPSILON = (0.9, 0.999), 1e-8


class RowAdam(torch.optim.Optimizer):
    """Adam whose running means of a row are as of the last step that touched it.

    Where every row is touched, as by a dense gradient, it is Adam. The correction for
    the first steps counts all steps.

    Source:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float) -> None:
        super().__init__(parameters, {"lr": rate})

    @torch.no_grad()
    def step(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, closure: Callable[[], float] | None = None
    ) -> None:
        """Take a step down the gradients; ``closure`` is not called."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move_rows(weight, weight.grad, group["lr"])

    def _move_rows(self, weight: nn.Parameter, gradient: Tensor, rate: float) -> None:
        state: dict[str, Any] = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        state["step"] += 1
        step = int(state["step"])
        early = [1 - beta**step for beta in _BETAS]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        if not gradient.is_sparse:
            mean.lerp_(gradient, 1 - _BETAS[0])
            square.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
            root = (square / early[1]).sqrt_().add_(_EPSILON)
            weight.addcdiv_(mean, root, value=-rate / early[0])
            return
        gradient = gradient.coalesce()
        rows, values = gradient.indices()[0], gradient.values()
        new = mean[rows].lerp_(values, 1 - _BETAS[0])
        spread = (
            square[rows].mul_(_BETAS[1]).addcmul_(values, values, value=1 - _BETAS[1])
        )
        mean[rows], square[rows] = new, spread
        root = (spread / early[1]).sqrt_().add_(_EPSILON)
        weight.index_add_(0, rows, new.div_(root), alpha=-rate / early[0])
