"""Examples of a log that knows what was shown."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError, DataError
from tidegraph.fitting.shown import from_log, with_shown_negatives
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.past import Past
from tidegraph.retrieval.blend import Blend
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples, Fold, ItemSets, Requests


def shown_log():
    return interactions(
        ["a", "a", "b", "a", "a", "a"],
        ["p", "q", "p", "r", "q", "r"],
        [10, 10, 11, 20, 20, 21],
        label=[0, 1, 1, 0, 0, 1],
        context=pl.DataFrame({"visit": [1, 1, 1, 2, 2, 2]}),
    )


def test_a_second_of_a_user_is_a_request_without_a_session_column():
    log = shown_log()
    found = from_log(log, Snapshot.of(log))

    assert found.requests.time.tolist() == [10, 11, 20, 21]
    shown = [log.items.decode(row).to_list() for row in found.candidates.item]
    assert shown == [["p", "q"], ["p", None], ["r", "q"], ["r", None]]
    assert found.label.tolist() == [[0, 1], [1, 0], [0, 0], [1, 0]]


def test_a_session_is_a_request_at_its_first_row_and_shows_each_item_once():
    log = shown_log()
    found = from_log(log, Snapshot.of(log), session="visit")

    assert found.requests.time.tolist() == [10, 11, 20]
    shown = [log.items.decode(row).to_list() for row in found.candidates.item]
    assert shown == [["p", "q"], ["p", None], ["r", "q"]]
    assert found.label.tolist() == [[0, 1], [1, 0], [1, 0]]
    # The click on r at 21 belongs to the session that began at 20.
    assert found.requests.history.rows(2, 3).time.tolist() == [10]


def test_a_return_is_no_row_of_a_session():
    # In the session of a, q was taken, and r, of another day, was sent back.
    log = interactions(
        ["a", "a", "a"], ["p", "q", "r"], [5] * 3, label=[0, 1, 1], weight=[1, 1, -1]
    )
    found = from_log(log)

    shown = [log.items.decode(row).to_list() for row in found.candidates.item]
    assert shown == [["p", "q"]]
    assert found.label.tolist() == [[0, 1]]


def test_rows_that_say_no_session_are_those_of_a_user_at_a_second():
    log = shown_log()
    whole, graph = from_log(log, Snapshot.of(log)), Snapshot.of(log)
    unsaid = replace(log, context=log.context.with_columns(visit=None))
    half = replace(
        log, context=pl.DataFrame({"visit": ["x", "x", None, None, None, None]})
    )

    for one in (unsaid, half):
        found = from_log(one, graph, session="visit")
        for part in ("user", "time"):
            np.testing.assert_array_equal(
                getattr(found.requests, part), getattr(whole.requests, part)
            )
        np.testing.assert_array_equal(found.candidates.item, whole.candidates.item)
        np.testing.assert_array_equal(found.until, whole.until)


def test_a_log_of_actions_only_has_no_impressions():
    log = draw_log(events=50)

    with pytest.raises(DataError, match="label 0"):
        from_log(log, Snapshot.of(log))


def test_an_unknown_session_column_is_named():
    log = shown_log()

    with pytest.raises(DataError, match=r"'basket'.*visit"):
        from_log(log, Snapshot.of(log), session="basket")


def priced(chance):
    log = shown_log()
    context = log.context.with_columns(chance=pl.Series(chance))
    return replace(log, context=context)


def test_what_was_rarely_shown_counts_as_much_more():
    log = priced([0.5, 0.25, 1.0, 0.1, 0.5, 0.001])
    graph = Snapshot.of(log)

    found = from_log(log, graph, propensity="chance", most=100.0)

    np.testing.assert_allclose(
        found.weight, [[2, 4], [1, 1], [10, 2], [100, 1]], rtol=1e-6
    )
    there = found.candidates.present
    assert found.weights[there].mean() == pytest.approx(1)
    assert from_log(log, graph).weight is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (0.0, "row 2 of the log has chance=0.0"),
        (1.5, "row 2 of the log has chance=1.5"),
        (math.nan, "row 2 of the log has chance=nan"),
        (None, "row 2 of the log has chance=nan"),
    ],
)
def test_a_chance_that_is_none_is_named_with_its_row(wrong, said):
    log = priced([0.5, 0.5, wrong, 0.5, 0.5, 0.5])

    with pytest.raises(DataError, match=said):
        from_log(log, Snapshot.of(log), propensity="chance")


def test_propensities_are_a_column_of_numbers_and_their_limit_is_one():
    log = priced(["a"] * 6)

    with pytest.raises(DataError, match=r"column 'chance' are String"):
        from_log(log, Snapshot.of(log), propensity="chance")
    with pytest.raises(ConfigError, match="most"):
        from_log(log, Snapshot.of(log), most=0.5)


def sets(*rows):
    row = [n for n, items in enumerate(rows) for _ in items]
    items = [i for part in rows for i in part]
    return ItemSets.of_pairs(np.array(row), np.array(items, np.int32), len(rows))


def test_negatives_are_the_candidates_that_were_shown_where_any_was():
    log = draw_log(events=100)
    requests = Requests.of_users(
        Snapshot.of(log), np.arange(3, dtype=np.int32), log.time[[-1, -1, -1]]
    )
    item = np.array([[1, 2, 3, 4], [5, 6, 7, -1], [8, 9, 1, 2]], np.int32)
    score = np.array([[4, 3, 2, 1]] * 3, np.float32)
    label = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], np.float32)
    votes = item[:, :, None].astype(np.float32)
    weight = 10 * item.astype(np.float32)
    candidates = Candidates(item, score, ("own",), votes)

    found = with_shown_negatives(
        Examples(requests, candidates, label, weight),
        sets([2], [5], [2]),
        sets([4, 2, 30], [], [1]),
    )

    # The second request, of which nothing was shown in vain, keeps its negatives.
    assert found.candidates.item.tolist() == [[2, 4, -1], [5, 6, 7], [1, 2, -1]]
    assert found.label.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
    there = found.candidates.present
    assert found.weight is not None
    np.testing.assert_array_equal(
        found.weight[there], 10 * found.candidates.item[there]
    )
    np.testing.assert_array_equal(
        found.candidates.votes[there][:, 0], found.candidates.item[there]
    )
    assert np.isneginf(found.candidates.score[~there]).all()


def test_a_pipeline_learns_from_what_was_shown_in_vain():
    """Half of the items are never clicked where they are shown; the rest is unknown."""
    log = draw_log(events=3000, users=60, items=40)
    cut = int(log.time[2000])
    shown = log.since(cut)
    vain = shown.take(shown.item % 2 == 0)
    vain = replace(vain, label=np.zeros(len(vain), np.int8))
    window = shown.take(shown.item % 2 == 1).followed_by(vain)
    past = Past(
        Blend((tg.Popular(),)),
        tg.Windows(),
        Snapshot.of(log.before(cut)),
        30,
        True,
        Run(np.random.default_rng(0)),
    )

    found = past.examples(past.fit(Fold(log.before(cut)), cut), window, cut)

    there = found.candidates.present
    label, item = found.label[there], found.candidates.item[there]
    told = (there & (found.label == 0)).sum(axis=1) > 0
    assert told.mean() > 0.9
    assert (item[label == 1] % 2 == 1).all()
    pairs = set(zip(vain.user.tolist(), vain.item.tolist(), strict=True))
    for row, place in np.argwhere(there & (found.label == 0)):
        user, negative = found.requests.user[row], found.candidates.item[row, place]
        any_shown = {i for u, i in pairs if u == user} & set(
            found.candidates.item[row].tolist()
        )
        assert not any_shown or (user, negative) in pairs


def test_the_graph_of_examples_is_that_of_the_log_where_none_is_given():
    log = tg.interactions([0, 0, 0], [0, 1, 2], [1, 5, 5], label=[1, 0, 1])

    found, said = from_log(log), from_log(log, Snapshot.of(log))

    np.testing.assert_array_equal(found.candidates.item, said.candidates.item)
    np.testing.assert_array_equal(
        found.requests.history.node, said.requests.history.node
    )


def test_an_item_shown_twice_counts_as_the_row_that_was_acted_on():
    # Of visit 2, r was shown in vain at 20 and acted on at 21; q was shown in vain.
    log = priced([0.5, 0.5, 0.5, 0.25, 0.5, 0.1])

    found = from_log(log, Snapshot.of(log), session="visit", propensity="chance")

    assert found.label[2].tolist() == [1, 0]
    np.testing.assert_allclose(found.weight[2], [10, 2], rtol=1e-6)


def test_a_return_needs_no_chance_and_is_counted_among_the_rows():
    log = replace(
        priced([0.5, None, 0.5, 0.5, 0.5, 1.5]),
        weight=np.array([1, -1, 1, 1, 1, 1], np.float32),
    )

    with pytest.raises(DataError, match=r"row 5 of the log has chance=1\.5"):
        from_log(log, propensity="chance")
    with pytest.raises(DataError, match=r"carries no column 'chances'.*context="):
        from_log(log, propensity="chances")


def test_what_was_not_shown_is_left_out_where_the_shown_is_weighed():
    log = draw_log(events=100)
    requests = Requests.of_users(
        Snapshot.of(log), np.arange(2, dtype=np.int32), log.time[[-1, -1]]
    )
    item = np.array([[1, 2, 3], [5, 6, 7]], np.int32)
    label = np.array([[0, 1, 0], [1, 0, 0]], np.float32)
    weight = np.array([[4, 2, 0], [8, 0, 0]], np.float32)

    found = with_shown_negatives(
        Examples(requests, Candidates(item, np.ones((2, 3), np.float32)), label),
        sets([2], [5]),
        sets([1], []),
        weight,
    )

    assert found.candidates.item.tolist() == [[1, 2], [5, -1]]
    assert found.label.tolist() == [[0, 1], [1, 0]]
    assert found.weight is not None
    assert found.weight.tolist() == [[4, 2], [8, 0]]
