"""What callers pass: frames, matrices, logs without times, and what is none of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tidegraph as tg
from evaluation.models import Fixed, popular, small
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError, DataError, LeakageError
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.evaluation.protocol import at_each_event, at_first_event


def scores(result) -> pl.DataFrame:
    return result.scores.sort("model", "user")


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame, dict], ids=repr)
def test_a_frame_with_user_item_and_time_is_a_test_log(kind):
    train, test = small()
    columns = {n: test.frame()[n].to_list() for n in ("user", "item", "time")}
    theirs = evaluate(popular(train), kind(columns), train=train, k=2)

    assert scores(theirs).equals(
        scores(evaluate(popular(train), test, train=train, k=2))
    )


def test_a_frame_without_times_is_refused_by_its_column():
    train, _ = small()

    with pytest.raises(DataError, match="no column of the test is called 'time'"):
        evaluate(
            popular(train), pl.DataFrame({"user": ["a"], "item": ["x"]}), train=train
        )


@pytest.mark.parametrize("kind", ["file", "frame"])
def test_rows_in_their_own_order_come_after_those_of_training(kind, tmp_path):
    train, test = (log.frame().select("user", "item") for log in small())
    model = tg.Pipeline(tg.Popular(half_life_days=None)).fit(
        tg.read(train, time=None, time_unit="order")
    )
    test.write_csv(tmp_path / "test.csv")

    theirs = evaluate(model, tmp_path / "test.csv" if kind == "file" else test, k=2)
    placed = test.with_columns(time=pl.int_range(100, 100 + len(test)))
    ours = evaluate(model, placed, k=2)

    assert scores(theirs).equals(scores(ours))
    assert len(theirs.scores) > 0


def test_a_test_log_that_was_read_apart_counts_by_its_ids():
    train, test = small()
    # Rows stand the other way round, so the vocabularies number ids differently.
    frame = test.frame().reverse()
    apart = interactions(frame["user"], frame["item"], np.arange(20, 25))

    ours = evaluate(popular(train), test, train=train, k=2)
    assert scores(evaluate(popular(train), apart, train=train, k=2)).equals(
        scores(ours)
    )


SHOWN = {
    "uid": ["a", "a", "b", "b", "a", "a", "b", "b"],
    "sku": ["x", "y", "x", "z", "z", "x", "y", "x"],
    "ts": [1, 2, 3, 4, 5, 6, 7, 8],
    "clicked": [1, 1, 1, 1, 0, 1, 1, 0],
}
SAID = {"user": "uid", "item": "sku", "time": "ts", "label": "clicked"}


@pytest.mark.parametrize("file", [False, True], ids=["frame", "file"])
@pytest.mark.parametrize("lists", [False, True], ids=["retriever", "lists"])
def test_a_test_table_is_read_as_train_was_where_the_model_knows_nothing(
    tmp_path, file, lists
):
    log = tg.read(SHOWN, **SAID)
    train, test = log.split(time=[5])
    model = tg.Popular(half_life_days=None).fit(train)
    if lists:
        model = pl.DataFrame({"user": ["a", "a", "b"], "item": ["x", "z", "y"]})
    table = pl.DataFrame(SHOWN)[4:]
    if file:
        table.write_csv(tmp_path / "test.csv")
        table = tmp_path / "test.csv"

    result = evaluate(model, table, train=train, k=1)
    assert scores(result).equals(scores(evaluate(model, test, train=train, k=1)))


def test_a_reader_of_arrow_is_a_test_log():
    train, test = small()
    table = test.frame().to_arrow()
    known = evaluate(popular(train), test, train=train, k=1)

    result = evaluate(popular(train), table.to_reader(), train=train, k=1)
    assert scores(result).equals(scores(known))


def test_the_frame_of_a_log_that_was_not_read_keeps_its_impressions():
    columns = (SHOWN[name] for name in ("uid", "sku", "ts", "clicked"))
    train, test = interactions(*columns).split(time=[5])

    known = evaluate(popular(train), test, train=train, k=1)
    result = evaluate(popular(train), test.frame(), train=train, k=1)
    assert scores(result).equals(scores(known))


def test_a_test_frame_leaves_out_rows_without_ids_as_training_did():
    train = tg.read({**SHOWN, "uid": [*"aabbaab", None]}, **SAID, missing="drop")
    model = tg.Pipeline(retrieve=tg.Popular(half_life_days=None)).fit(train)
    later = {"uid": ["a", None], "sku": ["z", "x"], "ts": [9, 9], "clicked": [1, 1]}

    assert evaluate(model, pl.DataFrame(later), k=1).setup.requests == 1


def matrices() -> tuple[Matrix, Matrix]:
    train, test = small()
    parts = [part.frame() for part in (train, test)]
    both = [Matrix.from_pairs(p["user"], p["item"]) for p in parts]
    return both[0], both[1]


def test_matrices_are_judged_as_the_logs_they_forget_the_times_of():
    train, test = small()
    before, after = matrices()
    model = popular(before.log())
    result = evaluate(model, after, train=before, k=2)

    assert "requests, no times" in str(result.setup)
    # Ids are numbered by user first in a matrix, and the first item is x in both.
    ours = evaluate(popular(train), test, train=train, k=2)
    assert scores(result)["ndcg@2"].equals(scores(ours)["ndcg@2"])


def untimed(log: Interactions) -> Interactions:
    frame = log.frame()
    return interactions(frame["user"], frame["item"])


def test_logs_without_times_follow_each_other_as_they_are_passed():
    train, test = (untimed(part) for part in small())
    result = evaluate(popular(train), test, train=train, k=2)

    assert train.time.max() == test.time.max() == 0
    assert "requests, no times" in str(result.setup)
    # All of training is history: ana had x and y, bo x, cy nothing.
    assert dict(result.scores.select("user", "history").iter_rows()) == {
        "ana": 2,
        "bo": 1,
        "cy": 0,
    }


def by_column() -> tuple[Interactions, ...]:
    frame = pl.DataFrame(
        {
            "user": ["a", "a", "b", "b", "a", "b"],
            "item": ["x", "y", "x", "z", "z", "y"],
            "split": ["train"] * 3 + ["valid"] + ["test"] * 2,
        }
    )
    return tg.read(frame, time=None, split="split").split(by="split")


@pytest.mark.parametrize("protocol", [None, at_first_event, at_each_event])
def test_the_parts_of_a_split_column_are_judged_without_times(protocol):
    train, valid, test = by_column()
    known = train.followed_by(valid)
    how = {} if protocol is None else {"protocol": protocol}
    result = evaluate(tg.ItemKNN().fit(known), test, train=known, k=1, **how)

    assert "requests, no times" in str(result.setup)
    assert result.scores["history"].to_list() == [2.0, 2.0]


def test_a_log_with_times_and_one_without_do_not_tell_which_is_later():
    train, test = small()

    with pytest.raises(DataError, match="so which is later cannot be told"):
        evaluate(popular(train), untimed(test), train=train)


def last_out() -> tuple[Interactions, Interactions, Interactions]:
    users, items = ["a"] * 4 + ["b"] * 4, list("xzyxzyxz")
    return interactions(users, items, np.arange(100, 108)).leave_last_out()


def test_leave_last_out_parts_need_requests_at_own_times_and_are_told_so():
    train, valid, test = last_out()
    known = train.followed_by(valid)
    with pytest.raises(
        LeakageError, match=r"pass protocol=tg\.at_first_event where each"
    ):
        evaluate(tg.ItemKNN().fit(train), valid, train=train)
    model = tg.ItemKNN().fit(known)
    result = evaluate(model, test, train=known, protocol=at_first_event, k=1)
    assert result.setup.requests == 2


@pytest.mark.parametrize("protocol", [at_first_event, at_each_event])
def test_at_own_times_a_model_may_know_what_train_holds_and_nothing_later(protocol):
    train, valid, test = last_out()
    leaking = tg.Popular().fit(train.followed_by(valid).followed_by(test))
    fair = tg.Popular().fit(train)

    assert (
        evaluate(fair, valid, train=train, protocol=protocol, k=1).setup.requests == 2
    )
    with pytest.raises(
        LeakageError, match="rival was trained until 1970-01-01 00:01:47"
    ):
        evaluate(
            fair,
            valid,
            train=train,
            protocol=protocol,
            k=1,
            against={"rival": leaking},
        )


@pytest.mark.parametrize("protocol", [at_first_event, at_each_event])
def test_a_rival_may_be_trained_past_the_first_request_but_not_past_train(protocol):
    train, valid, _ = last_out()
    first = int(valid.time[0])
    # b's train events are later than a's request; so is all that the rival saw of b.
    past_first = tg.Pipeline(retrieve=tg.ItemKNN()).fit(train)
    assert first < past_first.trained_until <= int(train.time[-1])
    into_test = tg.Pipeline(retrieve=tg.ItemKNN()).fit(train.followed_by(valid))
    assert into_test.trained_until > int(train.time[-1])
    how = {"train": train, "protocol": protocol, "k": 1}

    result = evaluate(popular(train), valid, against={"rival": past_first}, **how)
    assert result.models == ["model", "rival"]
    with pytest.raises(LeakageError, match=r"rival was trained until .* train= end at"):
        evaluate(popular(train), valid, against={"rival": into_test}, **how)


def test_a_rival_trained_on_a_later_part_without_times_is_refused_without_a_date():
    train, valid, test = by_column()
    rival = tg.Pipeline(retrieve=tg.Popular()).fit(train.followed_by(valid))

    with pytest.raises(LeakageError) as refused:
        evaluate(popular(train), test, train=train, k=1, against={"rival": rival})
    said = str(refused.value)
    assert said.startswith("rival was trained on events that come after those of train")
    assert "1970" not in said
    assert "no time" not in said


def test_a_bare_retriever_of_ours_that_was_fitted_on_the_test_period_is_refused():
    train, test = small()
    leaking = tg.Popular().fit(train.followed_by(test))

    with pytest.raises(
        LeakageError, match="model was trained until 1970-01-01 00:00:24"
    ):
        evaluate(leaking, test, train=train)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            tg.Popular(),
            "model is a Popular, and no recommender. It is a method and not",
        ),
        (None, "model is a NoneType, and no recommender. Pass what has retrieve"),
        (3, "model is an int, and no recommender"),
        (Fixed, "model is a type, and no recommender"),
        ({"user": ["a"]}, "the lists of model have no column 'item'"),
        ("no/such.csv", "there is no file"),
    ],
)
def test_what_is_no_recommender_is_named(model, message):
    train, test = small()

    with pytest.raises(DataError, match=message):
        evaluate(model, test, train=train)


@pytest.mark.parametrize("name", ["model", "after rank", 3, None])
def test_a_rival_cannot_take_the_name_of_the_model(name):
    train, test = small()

    with pytest.raises(DataError, match="Rename it"):
        evaluate(popular(train), test, train=train, against={name: popular(train)})


@pytest.mark.parametrize("against", [[popular(small()[0])], 3, {"a": 3}, {"a": None}])
def test_a_rival_that_is_no_recommender_is_named(against):
    train, test = small()

    with pytest.raises(DataError, match="and no recommender"):
        evaluate(popular(train), test, train=train, against=against)


@pytest.mark.parametrize("test", [None, 3, object(), [1, 2]])
def test_what_is_no_test_log_is_named(test):
    train, _ = small()

    with pytest.raises(DataError, match="Pass a log, a Matrix, or a frame"):
        evaluate(popular(train), test, train=train)


def test_what_is_no_training_log_is_named():
    train, test = small()

    with pytest.raises(ConfigError, match="train is a DataFrame; it must be an Inter"):
        evaluate(popular(train), test, train=train.frame())


@pytest.mark.parametrize("at", [2, [2], np.int64(2), np.array([2, 2]), pl.Series([2])])
def test_lengths_of_list_are_of_any_kind(at):
    train, test = small()

    assert evaluate(popular(train), test, train=train, k=at).cutoffs == [2]


@pytest.mark.parametrize(
    "at",
    [
        [1, [2, 3]],
        [[1], [2, 3]],
        ([1, 2], 3),
        np.array([[1, 2], [3, 4]]),
        {1: 2}.items(),
    ],
    ids=["list", "ragged", "tuple", "matrix", "pairs"],
)
def test_lengths_of_list_that_are_nested_are_one_sentence(at):
    train, test = small()

    with pytest.raises(
        ConfigError, match=r"^k(\[\d\])? is .*(whole number|lengths of list)"
    ):
        evaluate(popular(train), test, train=train, k=at)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("k", "10", "k is '10'; it must be a whole number or a list"),
        ("k", [2.5], r"k\[0\] is 2.5; it must be a whole number"),
        ("k", None, "k is None"),
        ("k", [], "give lengths of list of at least 1"),
        ("k", 0, "give lengths of list of at least 1"),
        ("repeat", "yes", "repeat is 'yes'; it must be true or false"),
        ("by", 3, "by is 3; it must be text"),
        ("rng", "a", "rng is 'a'; it must be a whole number"),
        ("rng", -1, "the seed is -1; it must be at least 0"),
        ("protocol", "own", "protocol is 'own'"),
    ],
)
def test_a_setting_that_cannot_be_is_named(name, value, message):
    train, test = small()

    with pytest.raises(ConfigError, match=message):
        evaluate(popular(train), test, train=train, **{name: value})


@dataclass(frozen=True, eq=False)
class Silent(Fixed):
    trained_until: int | None = None


def test_a_model_that_saw_no_times_is_judged():
    train, test = small()

    assert evaluate(Silent(np.ones(3)), test, train=train, k=1).models == ["model"]
