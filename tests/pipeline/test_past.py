"""Requests of the past: who makes them, and how several windows are laid end to end."""

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.durations import DAY
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline import Pipeline, Windows
from tidegraph.pipeline.past import Past
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.popular import Popular
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples, Fold, Requests


def test_rows_of_windows_with_fewer_candidates_end_with_none():
    log = draw_log(events=100)
    graph, rng = Snapshot.of(log), np.random.default_rng(0)
    parts = list[Examples]()
    for width in (2, 4):
        users = np.arange(3, dtype=np.int32)
        item = rng.integers(0, len(log.items), (3, width)).astype(np.int32)
        requests = Requests.of_users(graph, users, log.time[[-1, -1, -1]])
        candidates = Candidates(item, np.ones((3, width), np.float32))
        label = rng.integers(0, 2, (3, width)).astype(np.float32)
        weight = 1 + rng.random((3, width)).astype(np.float32)
        parts.append(Examples(requests, candidates, label, weight))

    whole = Examples.concatenated(parts)

    there = whole.candidates.present
    assert there.sum(axis=1).tolist() == [2, 2, 2, 4, 4, 4]
    assert not whole.label[~there].any()
    for rows, part in zip((slice(0, 3), slice(3, 6)), parts, strict=True):
        width = part.label.shape[1]
        np.testing.assert_array_equal(whole.label[rows, :width], part.label)
        np.testing.assert_array_equal(
            whole.candidates.item[rows, :width], part.candidates.item
        )
        assert whole.weight is not None
        np.testing.assert_array_equal(whole.weight[rows, :width], part.weight)


def test_a_return_is_no_answer_to_a_request_of_the_past():
    # In the window u buys b and sends a back; v sends b back and does nothing else.
    log = interactions(
        ["u", "u", "v", "u", "u", "v"],
        ["a", "a", "b", "b", "a", "b"],
        [1, 2, 3, 10, 11, 12],
        weight=[1, 1, 2, 1, -1, -1],
    )
    fold = Fold(log)
    blend = Blend((Popular(half_life_days=None),))
    past = Past(blend, Windows(), fold.graph, 2, True, Run(np.random.default_rng(0)))

    found = past.examples(past.fit(fold.before(10), 10), log.since(10), 10)

    assert found.requests.user.tolist() == [0]
    right = found.candidates.item[found.label > 0]
    assert log.items.decode(right).to_list() == ["b"]


def shown_to_two_groups(users: int = 120, items: int = 20, days: int = 24):
    """Each day two items are shown to each user; the second half acts on day 0 alone.

    The first half acts on three in ten.
    """
    rng = np.random.default_rng(0)
    day, user = (part.ravel() for part in np.mgrid[:days, : 2 * users])
    user = user // 2
    acts = rng.random(len(day)) < np.where(user < users // 2, 0.3, 0.0)
    return interactions(
        user,
        rng.integers(0, items, len(day)),
        day * DAY + rng.integers(0, DAY, len(day)),
        label=(acts | (day == 0)).astype(np.int8),
    )


@pytest.mark.parametrize("candidates", [20, 3])
def test_who_acts_on_nothing_they_are_shown_is_less_likely_to_act(candidates):
    log = shown_to_two_groups()
    cut = 20 * DAY
    pipe = Pipeline(
        Popular(),
        rank=RecencyLogit(),
        candidates=candidates,
        windows=Windows(count=2, days=4.0),
    )

    model = pipe.fit(log.before(cut), log.since(cut))

    said = model.recommend_all(k=candidates)
    acts = said["user"].to_numpy() < 60
    score = said["score"].to_numpy()
    assert (len(np.unique(said["user"])), acts.mean()) == (120, 0.5)
    assert score[~acts].mean() < 0.25 * score[acts].mean()


def test_users_who_were_shown_something_in_vain_make_requests():
    # In the window u acts and is shown b in vain, v is only shown, w sends back.
    log = interactions(
        ["u", "v", "w", "u", "u", "v", "w"],
        ["a", "b", "c", "a", "b", "c", "c"],
        [1, 2, 3, 10, 11, 12, 13],
        label=[1, 1, 1, 1, 0, 0, 1],
        weight=[1, 1, 1, 1, 1, 1, -1],
    )
    fold = Fold(log)
    past = Past(
        Blend((Popular(),)),
        Windows(),
        fold.graph,
        3,
        True,
        Run(np.random.default_rng(0)),
    )

    found = past.examples(past.fit(fold.before(10), 10), log.since(10), 10)

    shown = [
        dict(zip(log.items.decode(item).to_list(), label.tolist(), strict=True))
        for item, label in zip(found.candidates.item, found.label, strict=True)
    ]
    assert log.users.decode(found.requests.user).to_list() == ["u", "v"]
    assert [{i: y for i, y in row.items() if i} for row in shown] == [
        {"a": 1, "b": 0},
        {"c": 0},
    ]
