"""What a device keeps of its own events."""

from typing import NamedTuple

from jaxtyping import Float

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


class Rows(NamedTuple):
    """Candidates that a user was shown or could have been, and what was acted on.

    Of many devices at once, each field has their number as its first axis, and rows
    that a device does not have weigh 0.

    Attributes:
        x: What enters the tower, from the trunk of the model.
        offset: What the trunk adds to the tower's number to make the logit.
        label: 1 where there was an action, 0 where not.
        weight: How much each row counts; 0 for one that is not there.
    """

    x: Float[Tensor, "*d n width"]
    offset: Float[Tensor, "*d n"]
    label: Float[Tensor, "*d n"]
    weight: Float[Tensor, "*d n"]

    def padded(self, count: int) -> "Rows":
        """Return ``count`` rows of one device, those behind the last weighing 0."""
        short = count - self.label.shape[-1]
        pad = torch.nn.functional.pad
        flat = (pad(part, (0, short)) for part in self[1:])
        return Rows(pad(self.x, (0, 0, 0, short)), *flat)
