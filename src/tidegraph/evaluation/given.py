"""What callers pass to ``evaluate``, as what it works with."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from tidegraph.data.interactions import Interactions
from tidegraph.data.read_alike import read_alike
from tidegraph.data.reading import Columns, LogFormat, Reading
from tidegraph.data.sources import read_as
from tidegraph.data.times.clocks import Clock
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import DataError, type_of
from tidegraph.evaluation.given_lists import GivenLists, are_lists
from tidegraph.evaluation.protocol import Judged, Recommender
from tidegraph.graph.snapshot import Snapshot


def recommender_or_lists(value: object, name: str) -> Judged:
    """Return a recommender as it is, and a table as lists.

    Raises:
        DataError: The value is neither.
    """
    if isinstance(value, GivenLists):
        return value
    if isinstance(value, Recommender) and not isinstance(value, type):
        return value
    if are_lists(value) or isinstance(value, Mapping):
        return GivenLists.of(cast(object, value), name)
    mend = "It is a method and not yet fitted: call fit(train) first."
    if not hasattr(value, "fit"):
        mend = "Pass what has retrieve(), or a frame of lists with user and item."
    raise DataError(f"{name} is {type_of(value)}, and no recommender. {mend}")


def rivals_by_name(against: object) -> dict[str, Judged]:
    """Return the models to compare with, by name.

    Raises:
        DataError: One of them is no recommender, or a name is taken.
    """
    if against is None:
        return {}
    if not isinstance(against, Mapping) or are_lists(cast(object, against)):
        return {"baseline": recommender_or_lists(cast(object, against), "baseline")}
    found: dict[str, Judged] = {}
    for name, value in cast(Mapping[object, object], against).items():
        if not isinstance(name, str) or name == "model" or name.startswith("after "):
            raise DataError(
                f"against has the name {name!r}, and a name is text other than 'model' "
                "and 'after ...', which are those of the first model. Rename it."
            )
        found[name] = recommender_or_lists(value, name)
    return found


def test_log(
    test: object,
    known: Interactions | Snapshot | None,
    clock: Clock | None,
    reading: Reading | None,
) -> Interactions:
    """Return the test log, numbered as what is known and, without times, after it.

    Args:
        test: A log, a matrix, or a frame with columns user, item and time.
        known: What happened before, if that is known.
        clock: What the times of training are, if that is known.
        reading: How the log of training was read, where that is known.

    Raises:
        DataError: It is none of these, or its times are of another kind.
    """
    if isinstance(test, Matrix):
        test = test.log(part=1)
    log = (
        test if isinstance(test, Interactions) else _read_test_log(test, clock, reading)
    )
    if known is None:
        return log
    if clock is not None and clock != log.clock:
        raise DataError(
            f"the clock of training is {clock!r} and that of the test log "
            f"{log.clock!r}, so which is later cannot be told. Read both alike."
        )
    users, items = known.users, known.items
    if not (users.numbers_as(log.users) and items.numbers_as(log.items)):
        log = log.numbered(users, items)
    latest = known.latest if isinstance(known, Snapshot) else known.time.max(initial=0)
    follows = max(int(latest), 0) + 1
    if log.clock == "none":
        return replace(log, time=np.full(len(log), follows, np.int64))
    if log is not test and log.reading is not None and not log.reading.timed:
        # Its rows are counted from 0 anew, and come behind all that is known.
        return replace(log, time=log.time + follows)
    return log


# pytest would collect it where a test module imports it.
test_log.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


def _read_test_log(
    test: object, clock: Clock | None, reading: Reading | None
) -> Interactions:
    if not are_lists(test) and not isinstance(test, Mapping):
        raise DataError(
            f"test is {type_of(test)}. Pass a log, a Matrix, or a frame with "
            "the columns user, item and time."
        )
    if isinstance(test, str | os.PathLike):
        return read_as(cast(object, test), _reading_of_file(clock, reading))
    # Of a log that was not read, a column of this name is what its frame() writes.
    said = reading or Reading(Columns(label="label"))
    log = read_alike(
        test,
        reading,
        clock or "seconds",
        what="the test",
        roles=said.roles,
        missing=said.missing,
        placed=True,
    )
    if log is None:
        raise DataError("the test has no row. Pass what happened after training.")
    return log


def _reading_of_file(clock: Clock | None, reading: Reading | None) -> Reading:
    """Return how a file is read as the log of training was."""
    if reading is not None:
        return reading.of_events()
    return Reading(
        Columns(time=None if clock == "none" else "time"),
        LogFormat(time_unit="order" if clock == "order" else None),
    )
