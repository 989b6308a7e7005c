"""What devices keep of their own events."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64

from tidegraph.extras import needed
from tidegraph.kernels.ragged import starts, starts_where
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor

FEWEST = 4
"""Places for rows come in multiples of so many."""
AT_ONCE = 1 << 12
"""Rows of a block, where one device does not have more."""


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


@dataclass(frozen=True, eq=False)
class FleetRows:
    """The rows of many devices end to end, those of each by time.

    Attributes:
        ptr: Those of device d are ``ptr[d]`` to ``ptr[d + 1]``.
        rows: All of them.
        time: When each happened, in Unix seconds.
    """

    ptr: Int64[np.ndarray, " starts"]
    rows: Rows
    time: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.ptr) - 1

    @property
    def counts(self) -> Int64[np.ndarray, " d"]:
        """How many rows each device has."""
        return np.diff(self.ptr)

    def of(self, device: int) -> Rows:
        """Return the rows of one device."""
        some = slice(int(self.ptr[device]), int(self.ptr[device + 1]))
        return Rows(*(part[some] for part in self.rows))

    def where(self, kept: Bool[np.ndarray, " n"]) -> "FleetRows":
        """Return the same devices with some of their rows."""
        at = tensor(np.flatnonzero(kept))
        rows = Rows(*(part[at] for part in self.rows))
        return FleetRows(starts_where(self.ptr, kept), rows, self.time[kept])

    def before(self, clock: int) -> "FleetRows":
        """Return what happened strictly before a moment."""
        return self.where(self.time < clock)

    def since(self, clock: int) -> "FleetRows":
        """Return what happened at a moment or later."""
        return self.where(self.time >= clock)

    def raised(self, level: float) -> "FleetRows":
        """Return the same rows with so much added to each offset."""
        rows = self.rows._replace(offset=self.rows.offset + level)
        return FleetRows(self.ptr, rows, self.time)

    def latest(self, count: int) -> "FleetRows":
        """Return the last ``count`` rows of each device."""
        behind = np.repeat(self.ptr[1:], self.counts) - np.arange(len(self.time))
        return self.where(behind <= count)

    def at(self, devices: Int64[np.ndarray, " e"]) -> "FleetRows":
        """Return some of the devices, in this order."""
        counts = self.counts[devices]
        ptr = starts(counts)
        place = np.repeat(self.ptr[:-1][devices] - ptr[:-1], counts)
        place += np.arange(len(place))
        at = tensor(place)
        return FleetRows(ptr, Rows(*(part[at] for part in self.rows)), self.time[place])

    def parted(self, share: float = 1 / 3) -> "tuple[FleetRows, FleetRows]":
        """Return the earlier rows of each device, and about so many of its latest.

        See ``late``.
        """
        late = self.late(share)
        return self.where(~late), self.where(late)

    def late(self, share: float = 1 / 3) -> Bool[np.ndarray, " n"]:
        """Return which rows are the latest of their device, about so many.

        Rows of one moment stay together, and those of a device's only moment are late.
        As a device has further rows, those that were not late never are again.
        """
        counts = self.counts
        first = self.ptr[1:] - np.maximum(1, np.round(counts * share)).astype(np.int64)
        cut = np.zeros(len(self), np.int64)
        some = counts > 0
        cut[some] = self.time[first[some]]
        return self.time >= np.repeat(cut, counts)

    def side_by_side(self, devices: Int64[np.ndarray, " e"]) -> Rows:
        """Return the rows of some devices, padded to one length."""
        most = int(self.counts[devices].max(initial=1))
        return self._block(devices, max(most, 1)).rows

    def blocks(self) -> "Iterator[Block]":
        """Yield all devices in blocks of one shape each, those with few rows first."""
        counts = np.maximum(self.counts, 1)
        # A shape for few numbers of rows, of which a quarter at most are of nobody.
        grain = np.maximum(FEWEST, 1 << (np.log2(counts).astype(np.int64)) >> 2)
        sizes = -(-counts // grain) * grain
        for size in np.unique(sizes):
            devices = np.flatnonzero(sizes == size)
            many = max(1, AT_ONCE // int(size))
            for start in range(0, len(devices), many):
                yield self._block(devices[start : start + many], int(size))

    def _block(self, devices: Int64[np.ndarray, " e"], size: int) -> "Block":
        place = self.ptr[:-1][devices][:, None] + np.arange(size)
        there = place < self.ptr[1:][devices][:, None]
        if not len(self.time):
            none = torch.zeros(there.shape)
            x = torch.zeros(*there.shape, self.rows.x.shape[-1])
            return Block(devices, Rows(x, none, none, none))
        # Row 0 stands in for those that are not there, and weighs nothing.
        at, real = tensor(np.where(there, place, 0)), tensor(there)
        x, *flat = (part[at] for part in self.rows)
        return Block(
            devices, Rows(x * real[..., None], *(part * real for part in flat))
        )


class Block(NamedTuple):
    """Some devices, and their rows side by side.

    Attributes:
        devices: Which devices.
        rows: Those of each, padded to one length.
    """

    devices: Int64[np.ndarray, " e"]
    rows: Rows
