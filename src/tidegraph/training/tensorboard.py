"""The curves of a training as an event log of TensorBoard."""

import importlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from tidegraph.arguments import settings
from tidegraph.extras import needed


@settings
class TensorBoard:
    """Writes loss and validation of each epoch, every part in a folder of its own.

    Pass it as the ``monitor`` of a ``Run``, and look at it with
    ``tensorboard --logdir folder``.

    Attributes:
        folder: Where the event logs go.
    """

    folder: Path

    def __post_init__(self) -> None:
        with needed("tensorboardX", "tensorboard", "an event log of TensorBoard"):
            importlib.import_module("tensorboardX")

    def child(self, name: str) -> "TensorBoard":
        """Return what writes for a part."""
        return replace(self, folder=self.folder / name)

    def epoch(self, number: int, loss: float, metric: float) -> None:
        """Write an epoch, counted from 1; ``metric`` may be nan."""
        library = cast(Any, importlib.import_module("tensorboardX"))
        # A file an epoch: only closing one is sure to have written it.
        suffix = f".{number}"
        with library.SummaryWriter(str(self.folder), filename_suffix=suffix) as writer:
            writer.add_scalar("loss", loss, number)
            if not math.isnan(metric):
                writer.add_scalar("validation", metric, number)
