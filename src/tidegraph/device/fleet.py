"""A fleet: many devices learn at once, each from its own rows and nothing else."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64

from tidegraph.device.patch import Patched
from tidegraph.device.personalise import (
    LocalSteps,
    learnable,
    local_steps,
    loss_of,
    profile_of,
)
from tidegraph.device.rows import Block, FleetRows, Rows
from tidegraph.errors import ConfigError, DataError
from tidegraph.extras import needed
from tidegraph.training.threads import threads
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor
    from torch.func import vmap


class Learnt(NamedTuple):
    """What the devices of a fleet have learnt.

    Attributes:
        theta: The numbers of each.
        before: The loss of each one's rows where it began.
        after: That where it ended.
        stepped: 1 for a device that took steps, 0 for one that had nothing to learn.
    """

    theta: Float32[np.ndarray, "d theta"]
    before: Float32[np.ndarray, " d"]
    after: Float32[np.ndarray, " d"]
    stepped: Float32[np.ndarray, " d"]

    @property
    def counts(self) -> Bool[np.ndarray, " d"]:
        """Which devices took steps, and ended at numbers."""
        return (self.stepped > 0) & np.isfinite(self.theta).all(axis=1)


def personalised(
    head: Patched,
    theta: Float32[np.ndarray, "d theta"],
    fleet: FleetRows,
    local: LocalSteps | None = None,
    *,
    processes: int = 1,
) -> Learnt:
    """Return what every device of a fleet learns from its rows.

    The bits are the same however many processes share the work. On its own, a device
    learns the same but for rounding.

    Args:
        head: The tower and its metapatches.
        theta: Where each device begins.
        fleet: What each keeps.
        local: How they learn.
        processes: How many share the work, each on one thread.
    """
    local = LocalSteps() if local is None else local
    work = partial(_learn_one_device, head, local)
    return Learnt(*_map_devices(fleet, work, (theta,), processes))


def _learn_one_device(
    head: Patched, local: LocalSteps, theta: Tensor, rows: Rows
) -> tuple[Tensor, ...]:
    now, before, after = local_steps(head, theta, rows, local)
    return now, before, after, learnable(rows).to(now.dtype)


def profiles(fleet: FleetRows) -> Float32[np.ndarray, "d width"]:
    """Return what is known of the user of each device; see ``profile_of``."""
    return _map_devices(fleet, _profile_one_device)[0]


def _profile_one_device(rows: Rows) -> tuple[Tensor, ...]:
    return (profile_of(rows),)


class Losses(NamedTuple):
    """How well devices are answered.

    Attributes:
        own: Mean loss of each device's rows under its own theta; 0 without rows.
        model: That under the model without patches.
        weight: What the rows of each weigh together.
    """

    own: Float32[np.ndarray, " d"]
    model: Float32[np.ndarray, " d"]
    weight: Float32[np.ndarray, " d"]


def losses(
    head: Patched, theta: Float32[np.ndarray, "d theta"], fleet: FleetRows
) -> Losses:
    """Return how well each device's own model, and that of all, tell its rows."""
    return Losses(*_map_devices(fleet, partial(_judge_one_device, head), (theta,)))


def _judge_one_device(head: Patched, theta: Tensor, rows: Rows) -> tuple[Tensor, ...]:
    own, plain = head(rows.x, rows.offset, theta), head.plain(rows.x, rows.offset)
    return loss_of(own, rows), loss_of(plain, rows), rows.weight.sum()


def _map_devices(
    fleet: FleetRows,
    run: Callable[..., tuple[Tensor, ...]],
    given: tuple[np.ndarray, ...] = (),
    processes: int = 1,
) -> list[np.ndarray]:
    """Return what a function of single devices returns for each of all."""
    if not len(fleet):
        raise DataError("the fleet has no devices. Give it a log with users.")
    found = list(over(fleet, run, given, processes))
    order = np.argsort(np.concatenate([one.devices for one in found]), kind="stable")
    parts = zip(*(one.parts for one in found), strict=True)
    return [np.concatenate(part)[order] for part in parts]


class Found(NamedTuple):
    """What a function returned for the devices of a block.

    Attributes:
        devices: Which.
        parts: Each array that it returned, of all of them.
    """

    devices: Int64[np.ndarray, " e"]
    parts: list[np.ndarray]


def over(
    fleet: FleetRows,
    run: Callable[..., tuple[Tensor, ...]],
    given: tuple[np.ndarray, ...] = (),
    processes: int = 1,
) -> Iterator[Found]:
    """Run a function of single devices over all of them, block by block.

    The blocks are those of the fleet, whoever works on them: a product of matrices
    may round a row otherwise in another place.

    Args:
        fleet: What each keeps.
        run: Takes what is given of a device, and its rows.
        given: Arrays of what is given, device by device.
        processes: How many share the work, each on one thread.

    Raises:
        ConfigError: One of several processes has ended.
    """
    job = partial(_run_block, run, given)
    if processes == 1:
        yield from map(job, fleet.blocks())
        return
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # A script is read anew as a process of ours starts, for which another waits
        # that will say so.
        raise SystemExit(1)
    # A fork would copy the locks of threads that do not run in it.
    spawned = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(processes, spawned) as workers:
            yield from workers.map(job, fleet.blocks())
    except BrokenProcessPool:
        raise ConfigError(
            "a process that was to learn for devices has ended. In a script, what fits "
            'stands under if __name__ == "__main__":, since each process reads the '
            "script anew. Where memory is short, take fewer processes."
        ) from None


def _run_block(
    run: Callable[..., tuple[Tensor, ...]], given: tuple[np.ndarray, ...], block: Block
) -> Found:
    with threads(1), torch.no_grad():
        some = (tensor(part[block.devices]) for part in given)
        found = vmap(run)(*some, block.rows)
    return Found(block.devices, [part.numpy() for part in found])


def start_thetas(
    head: Patched,
    before: Float32[np.ndarray, "d theta"],
    fleet: FleetRows,
) -> Float32[np.ndarray, "d theta"]:
    """Return where each device begins, from its last theta and its rows."""
    with threads(1), torch.no_grad():
        return head.start(tensor(before), tensor(profiles(fleet))).numpy()
