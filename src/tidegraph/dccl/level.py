"""How much more or less often rows were acted on than a model expects."""

from tidegraph.device.patch import Patched
from tidegraph.device.rows import FleetRows
from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch


def calibrating_shift(head: Patched, rows: FleetRows) -> float:
    """Return what must be added to all logits for rows to be as likely as they came.

    The shift at which the mean probability of all rows is the share of those that were
    acted on; 0 where all or none were.
    """
    label, weight = rows.rows.label.double(), rows.rows.weight.double()
    share = float((label * weight).sum() / weight.sum().clamp(min=1e-9))
    if not 0 < share < 1:
        return 0.0
    with torch.no_grad():
        logit = head.plain(rows.rows.x, rows.rows.offset).double()
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        likely = (torch.sigmoid(logit + middle) * weight).sum() / weight.sum()
        low, high = (middle, high) if float(likely) < share else (low, middle)
    return (low + high) / 2
