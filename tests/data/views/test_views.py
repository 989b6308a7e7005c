import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix, as_log, as_matrix, as_seconds_log
from tidegraph.data.views.sequences import Sequences
from tidegraph.errors import DataError

events = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 4), st.integers(0, 9), st.integers(0, 1)
    ),
    min_size=1,
    max_size=40,
)


def log_of(rows):
    user, item, time, label = zip(*rows, strict=True)
    return interactions(user, item, time, label, weight=[2.0] * len(rows))


@given(events)
def test_a_matrix_adds_up_the_weights_of_actions(rows):
    log = log_of(rows)
    expected = np.zeros((len(log.users), len(log.items)))
    for user, item, _, label in rows:
        expected[log.users.row(user), log.items.row(item)] += 2.0 * label

    matrix = Matrix.of(log)

    np.testing.assert_array_equal(matrix.csr().toarray(), expected)
    assert matrix.shape == expected.shape
    assert (np.diff(matrix.ptr) == (expected > 0).sum(1)).all()


@given(events)
def test_a_sequence_is_a_users_actions_in_time_order(rows):
    log = log_of(rows)

    sequences = Sequences.of(log)

    ordered = sorted(rows, key=lambda row: row[2])
    for code, user in enumerate(log.users.ids.to_list()):
        span = slice(sequences.ptr[code], sequences.ptr[code + 1])
        mine = [(i, t) for u, i, t, label in ordered if u == user and label]
        assert log.items.decode(sequences.item[span]).to_list() == [i for i, _ in mine]
        assert sequences.time[span].tolist() == [t for _, t in mine]


def test_pairs_without_time_make_a_matrix():
    matrix = Matrix.from_pairs(["b", "a", "b"], ["x", "x", "x"], [1.0, 2.0, 3.0])

    assert matrix.users.ids.to_list() == ["b", "a"]
    assert matrix.csr().toarray().tolist() == [[4.0], [2.0]]


def test_pairs_weigh_one_unless_told():
    assert Matrix.from_pairs(["a"], ["x"]).weight.tolist() == [1.0]


def test_a_method_takes_a_log_or_a_matrix_but_nothing_else():
    log = log_of([(0, 1, 5, 1)])

    assert as_matrix(log, "m").weight.tolist() == [2.0]
    assert as_log(log, "m") is log
    with pytest.raises(DataError, match="m learns from Interactions or a Matrix, not"):
        as_matrix([1], "m")
    with pytest.raises(DataError, match="m learns from Interactions or a Matrix, not"):
        as_log([1], "m")


def test_a_log_without_an_action_teaches_nothing():
    shown = log_of([(0, 1, 5, 0)])

    with pytest.raises(DataError, match="m has nothing to learn from"):
        as_matrix(shown, "m")
    with pytest.raises(DataError, match="m has nothing to learn from"):
        as_log(shown, "m")


def test_a_matrix_is_a_log_without_times():
    log = log_of([(0, 1, 5, 1), (1, 2, 3, 1), (0, 1, 9, 1), (1, 0, 4, 0)])
    matrix = Matrix.of(log)

    lifted = as_log(matrix, "m")

    assert (lifted.clock, lifted.time.tolist()) == ("none", [0, 0])
    again = Matrix.of(lifted).csr()
    assert (again.todense() == matrix.csr().todense()).all()
    assert lifted.users is matrix.users
    assert matrix.log(part=1).time.tolist() == [1, 1]


@pytest.mark.parametrize("clock", ["order", "none"])
def test_what_counts_in_days_wants_seconds(clock):
    log = interactions(list("ab"), list("xy"), None, clock=clock)

    with pytest.raises(DataError, match="m counts in days, and this log has"):
        as_seconds_log(log, "m")
    with pytest.raises(DataError, match="m counts in days, and this log has no times"):
        as_seconds_log(Matrix.of(log), "m")
    seconds = interactions(list("ab"), list("xy"), [1, 2])
    assert as_seconds_log(seconds, "m") is seconds
