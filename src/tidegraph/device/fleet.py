"""A fleet: many devices learn at once, each from its own rows and nothing else."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from tidegraph.device.patch import Patched
from tidegraph.device.personalise import (
    LocalSteps,
    learnable,
    loss_of,
    profile_of,
    steps,
)
from tidegraph.device.rows import FleetRows, Rows
from tidegraph.errors import DataError
from tidegraph.extras import needed
from tidegraph.training.loop import threads
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
    work = partial(_learn, head, local)
    return Learnt(*_over(fleet, work, (theta,), processes))


def _learn(
    head: Patched, local: LocalSteps, theta: Tensor, rows: Rows
) -> tuple[Tensor, ...]:
    now, before, after = steps(head, theta, rows, local)
    return now, before, after, learnable(rows).to(now.dtype)


def profiles(fleet: FleetRows) -> Float32[np.ndarray, "d width"]:
    """Return what is known of the user of each device; see ``profile_of``."""
    return _over(fleet, _profile)[0]


def _profile(rows: Rows) -> tuple[Tensor, ...]:
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
    return Losses(*_over(fleet, partial(_judge, head), (theta,)))


def _judge(head: Patched, theta: Tensor, rows: Rows) -> tuple[Tensor, ...]:
    own, plain = head(rows.x, rows.offset, theta), head.plain(rows.x, rows.offset)
    return loss_of(own, rows), loss_of(plain, rows), rows.weight.sum()


def _over(
    fleet: FleetRows,
    run: Callable[..., tuple[Tensor, ...]],
    given: tuple[np.ndarray, ...] = (),
    processes: int = 1,
) -> list[np.ndarray]:
    """Run a function of single devices over all of them, block by block.

    The blocks are those of the fleet, whoever works on them: a product of matrices
    may round a row otherwise in another place.
    """
    if not len(fleet):
        raise DataError("the fleet has no devices. Give it a log with users.")
    devices, work = list[np.ndarray](), list[tuple[Any, ...]]()
    for block in fleet.blocks():
        devices.append(block.devices)
        work.append((*(part[block.devices] for part in given), block.rows))
    job = partial(_run, run)
    if processes == 1:
        parts = [job(some) for some in work]
    else:
        # A fork would copy the locks of threads that do not run in it.
        spawned = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, spawned) as workers:
            parts = list(workers.map(job, work))
    order = np.argsort(np.concatenate(devices), kind="stable")
    return [np.concatenate(one)[order] for one in zip(*parts, strict=True)]


def _run(
    run: Callable[..., tuple[Tensor, ...]], given: tuple[Any, ...]
) -> list[np.ndarray]:
    """Run a function of single devices over a block."""
    *arrays, rows = given
    with threads(1), torch.no_grad():
        found = vmap(run)(*(tensor(part) for part in arrays), rows)
    return [part.numpy() for part in found]


def started(
    head: Patched,
    before: Float32[np.ndarray, "d theta"],
    fleet: FleetRows,
) -> Float32[np.ndarray, "d theta"]:
    """Return where each device begins, from its last theta and its rows."""
    with threads(1), torch.no_grad():
        return head.start(tensor(before), tensor(profiles(fleet))).numpy()
