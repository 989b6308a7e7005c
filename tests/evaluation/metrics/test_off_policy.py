import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tidegraph as tg
from evaluation.models import popular
from tidegraph.data.ids.vocabulary import UNKNOWN
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError, DataError, LeakageError
from tidegraph.evaluation.metrics.off_policy import (
    ips,
    logged_lists,
    propensities,
    shown_at_place,
    shown_by_list,
    snips,
)
from tidegraph.stages import NO_ITEM, Candidates, Requests

# The log of docs/evaluation.md: four impressions, the policy lists items 0 and 1.
SHOWN = np.array([0, 1, 2, 0], np.int32)
REWARD = np.array([1, 0, 1, 1])
PROPENSITY = np.array([0.5, 0.25, 0.25, 0.1])
LISTS = np.tile(np.array([[0, 1]], np.int32), (4, 1))


def test_a_list_shows_each_of_its_items_with_equal_chance():
    assert shown_by_list(LISTS, SHOWN).tolist() == [0.5, 0.5, 0.0, 0.5]


def test_a_shorter_list_divides_by_its_length_and_an_empty_one_shows_nothing():
    lists = np.array([[0, NO_ITEM], [NO_ITEM, NO_ITEM]], np.int32)

    assert shown_by_list(lists, np.array([0, 0], np.int32)).tolist() == [1.0, 0.0]


def test_a_place_must_hold_the_same_item():
    place = np.array([0, 0, 1, 7])

    assert shown_at_place(LISTS, SHOWN, place).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_ips_is_the_mean_of_weighted_rewards():
    # Weights .5/.5, .5/.25, 0, .5/.1 = 1, 2, 0, 5; rewards 1, 0, 1, 1.
    value = ips(REWARD, PROPENSITY, shown_by_list(LISTS, SHOWN))

    assert value.value == (1 + 0 + 0 + 5) / 4
    # Weighted rewards 1, 0, 0, 5 have the variance 17/3.
    assert value.standard_error == pytest.approx(math.sqrt(17 / 3 / 4))
    assert value.effective_rows == 8**2 / 30
    assert value.clipped == 0


def test_clipping_cuts_large_weights_and_says_how_many():
    value = ips(REWARD, PROPENSITY, shown_by_list(LISTS, SHOWN), clip=2.0)

    assert value.value == (1 + 2) / 4
    assert value.clipped == 1 / 4


def test_snips_divides_by_the_sum_of_weights():
    value = snips(REWARD, PROPENSITY, shown_by_list(LISTS, SHOWN))

    assert value.value == 6 / 8
    # sqrt((1 x .25)^2 + (2 x .75)^2 + (5 x .25)^2) / 8
    assert value.standard_error == pytest.approx(math.sqrt(0.0625 + 2.25 + 1.5625) / 8)


def test_a_policy_never_shown_has_no_self_normalised_value():
    value = snips(REWARD, PROPENSITY, np.zeros(4))

    assert math.isnan(value.value)
    assert value.effective_rows == 0


def test_the_value_of_the_logging_policy_is_the_mean_reward():
    assert ips(REWARD, PROPENSITY, PROPENSITY).value == 3 / 4
    assert snips(REWARD, PROPENSITY, PROPENSITY).value == 3 / 4


def test_ips_finds_what_another_policy_earns(rng):
    # Item a earns 1 with chance (.1 .3 .6)[a]; the log shows by (.6 .3 .1).
    logged, other = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.2, 0.7])
    pays = np.array([0.1, 0.3, 0.6])
    shown = rng.choice(3, 20_000, p=logged)
    reward = (rng.random(20_000) < pays[shown]).astype(np.int64)
    truth = other @ pays

    for estimate in (ips, snips):
        found = estimate(reward, logged[shown], other[shown])
        assert abs(found.value - truth) < 4 * found.standard_error
        assert 0.003 < found.standard_error < 0.03


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.5, np.nan])
def test_a_propensity_that_is_none_is_named(wrong):
    with pytest.raises(DataError, match="propensity of row 1 is"):
        ips(np.ones(2), np.array([0.5, wrong]), np.ones(2))


KINDS = {
    "list": list,
    "polars": pl.Series,
    "pandas": pd.Series,
    "arrow": pa.array,
    "chunked": lambda values: pa.chunked_array([values[:1], values[1:]]),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("estimate", [ips, snips])
def test_columns_of_every_kind_give_the_number_of_arrays(estimate, kind):
    target = shown_by_list(LISTS, SHOWN)
    columns = [kind(column.tolist()) for column in (REWARD, PROPENSITY, target)]

    assert estimate(*columns) == estimate(REWARD, PROPENSITY, target)
    assert shown_by_list(LISTS, kind(SHOWN.tolist())).tolist() == target.tolist()


@pytest.mark.parametrize("estimate", [ips, snips])
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reward": REWARD[:, None]}, r"reward is of shape \(4, 1\)"),
        ({"target": np.ones((1, 4))}, r"target is of shape \(1, 4\)"),
        ({"reward": np.ones(1)}, "reward has 1, propensity has 4"),
        ({"target": [0.5]}, "target has 1"),
        ({"reward": [1, 0, math.nan, 1]}, "reward of row 2 is nan; .* a number"),
        ({"reward": [1, None, 0, 1]}, "reward of row 1 is None; .* a number"),
        ({"reward": [1, 0, 0, math.inf]}, "reward of row 3 is inf; .* finite"),
        ({"target": [0, 0, 0, 1.5]}, "target of row 3 is 1.5; .* from 0 to 1"),
        ({"target": [0, -0.1, 0, 1]}, "target of row 1 is -0.1; .* from 0 to 1"),
        ({"propensity": ["a"] * 4}, "propensity is of <U1; .* number for each row"),
        ({"propensity": 0.5}, r"propensity is of shape \(\)"),
        ({"reward": np.ma.array([1, 0, 1, 1], mask=[0, 1, 0, 0])}, "reward of row 1"),
        ({"reward": [[1], [1, 2]]}, "reward is .* one number for each row"),
    ],
)
def test_a_column_that_is_not_one_number_for_each_row_is_named(estimate, changed, said):
    columns = {"reward": REWARD, "propensity": PROPENSITY, "target": np.ones(4)}

    with pytest.raises(DataError, match=said):
        estimate(**columns | changed)


@pytest.mark.parametrize("estimate", [ips, snips])
@pytest.mark.parametrize("clip", [0, -1.0, math.nan, "2", None])
def test_weights_are_cut_at_a_number_above_0(estimate, clip):
    with pytest.raises(ConfigError, match="clip is"):
        estimate(REWARD, PROPENSITY, np.ones(4), clip=clip)


def test_a_place_before_the_first_and_half_a_place_are_refused():
    for wrong in (-1, 0.5, math.inf):
        with pytest.raises(DataError, match="place of row 2 is"):
            shown_at_place(LISTS, SHOWN, [0, 1, wrong, 0])


def test_there_is_one_shown_item_and_place_for_each_list():
    with pytest.raises(DataError, match="item has 4, shown has 3"):
        shown_by_list(LISTS, SHOWN[:3])
    with pytest.raises(DataError, match="place has 1"):
        shown_at_place(LISTS, SHOWN, [0])
    with pytest.raises(DataError, match=r"lists are of shape \(4,\)"):
        shown_by_list(SHOWN, SHOWN)


def test_an_empty_log_is_refused():
    with pytest.raises(DataError, match="no row"):
        snips(np.ones(0), np.ones(0), np.ones(0))


def test_lists_of_a_log_that_numbers_ids_otherwise_are_refused():
    train = interactions(["a", "b", "c"], ["x", "z", "x"], [1, 2, 3])
    shown = interactions(["b", "c"], ["z", "x"], [10, 11])

    with pytest.raises(DataError, match="number their items differently"):
        logged_lists(popular(train), shown, train, 1)


def test_a_logged_user_whom_training_lacks_is_an_unknown_user():
    train = interactions(["a"], ["x"], [1])
    shown = interactions(["a", "b"], ["x", "x"], [10, 11])
    asked: list[int] = []

    @dataclass(frozen=True)
    class Heard:
        def retrieve(self, requests: Requests, k: int) -> Candidates:
            asked.extend(requests.user.tolist())
            return popular(train).retrieve(requests, k)

    assert logged_lists(Heard(), shown, train, 1).tolist() == [[0], [0]]
    assert asked == [0, UNKNOWN]


def test_a_log_makes_a_request_at_each_impression():
    log = interactions(
        ["ana", "bo", "ana"],
        ["x", "y", "y"],
        [1, 2, 3],
        label=[1, 1, 0],
        context=pl.DataFrame({"propensity": [0.5, 0.5, 0.25]}),
    )
    train, later = log.before(3), log.since(3)

    assert logged_lists(popular(train), later, train, 3).tolist() == [[0, 1, NO_ITEM]]
    assert logged_lists(popular(train), log.before(0), train, 3).shape == (0, 3)
    assert propensities(later).tolist() == [0.25]
    with pytest.raises(DataError, match=r"'chance'.*propensity"):
        propensities(later, "chance")


def test_a_model_that_was_trained_on_the_impressions_is_refused():
    log = interactions(
        ["ana", "bo", "ana", "bo"],
        ["x", "y", "y", "x"],
        [1, 2, 3, 4],
        label=[1, 1, 0, 1],
    )
    train, later = log.before(3), log.since(3)

    with pytest.raises(LeakageError, match="trained until 1970-01-01 00:00:04 UTC"):
        logged_lists(tg.Popular().fit(log), later, train, 2)
    assert logged_lists(tg.Popular().fit(train), later, train, 2).shape == (2, 2)
