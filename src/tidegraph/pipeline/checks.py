"""What can be known to be wrong before anything is trained."""

import numpy as np

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.data.times.clocks import moment_text
from tidegraph.data.views.feature_column import feature_of_nodes
from tidegraph.errors import LeakageError


def check_order(train: Interactions, valid: Interactions) -> None:
    """Refuse a ``valid`` that begins before ``train`` ends.

    Raises:
        LeakageError: It does.
    """
    if len(train) and len(valid) and valid.time[0] <= train.time[-1]:
        begin = moment_text(int(valid.time[0]), valid.clock)
        end = moment_text(int(train.time[-1]), train.clock)
        raise LeakageError(
            f"valid begins at {begin}, but train ends at {end}: a moment in both would "
            "tell its own answers. Cut between two moments, as "
            "log.split(time=...) does; or, for parts of leave_last_out(), pass "
            "per_user=True."
        )


def check_order_per_user(train: Interactions, valid: Interactions) -> None:
    """Refuse a ``valid`` in which a user's event precedes one of theirs in ``train``.

    Raises:
        LeakageError: One does.
    """
    last = np.full(len(train.users), np.iinfo(np.int64).min)
    np.maximum.at(last, train.user, train.time)
    early = valid.time < last[valid.user]
    if early.any():
        row = int(early.argmax())
        when = moment_text(int(valid.time[row]), valid.clock)
        raise LeakageError(
            f"valid holds an event of user {train.users.ids[int(valid.user[row])]!r} "
            f"at {when}, and train a later one. Split as "
            "log.leave_last_out() does."
        )


def check_names(names: str | None, items: Vocabulary) -> None:
    """Refuse a column of names that is not there, or holds no names.

    Raises:
        DataError: It is not.
    """
    if names is not None:
        feature_of_nodes(items, names, "item", f"names={names!r}")
