"""Whether a device is answered by its own model, or by that of all."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from tidegraph.device.fleet import Losses


@dataclass(frozen=True, eq=False)
class Trust:
    """How much better each device's own model has told what was still to come.

    Attributes:
        saved: Loss that the own model saved, summed over rows that it had not seen.
        weight: What these rows weigh.
    """

    saved: Float32[np.ndarray, " d"]
    weight: Float32[np.ndarray, " d"]

    @classmethod
    def none(cls, devices: int) -> "Trust":
        """Return the trust in devices of which nothing is known."""
        return cls(np.zeros(devices, np.float32), np.zeros(devices, np.float32))

    def after(self, judged: Losses, kept: float = 0.8) -> "Trust":
        """Return the trust once more rows are judged.

        Args:
            judged: Losses of rows that no theta was learnt from.
            kept: What earlier rows still count.
        """
        # A loss that is no number says nothing, of this device and of all.
        gain = judged.model - judged.own
        saved = np.where(np.isfinite(gain), gain, 0) * judged.weight
        return Trust(
            (kept * self.saved + saved).astype(np.float32),
            (kept * self.weight + judged.weight).astype(np.float32),
        )

    @property
    def mean(self) -> float:
        """What a row saves on average over all devices; 0 before any is judged."""
        return float(self.saved.sum() / max(float(self.weight.sum()), 1e-9))

    def own(self, rows: float = 200.0) -> Bool[np.ndarray, " d"]:
        """Return which devices shall be answered by their own model.

        Those that are expected to save something, where so many rows that save what
        all do on average stand beside a device's own.

        Args:
            rows: How many.
        """
        expected = (self.saved + rows * self.mean) / (self.weight + rows)
        return expected > 0
