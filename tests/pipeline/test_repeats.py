"""Whether lists hold what a user had is the log's to say, unless it is written."""

from dataclasses import replace

import numpy as np
import pytest

from tidegraph.catalog import load
from tidegraph.data.views.matrix import Matrix
from tidegraph.data.views.repeats import MayRepeat
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.pipeline import Pipeline
from tidegraph.pipeline.serve import recommend
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.testing.logs import draw_log


def once(log):
    """Return a log without the events that repeat one."""
    _, first = np.unique(log.user * len(log.items) + log.item, return_index=True)
    return log.take(np.sort(first))


def had(log, frame):
    """Return whether a list has an item that its user had."""
    pairs = set(zip(log.user.tolist(), log.item.tolist(), strict=True))
    user, item = (
        part.encode(frame[name]).tolist()
        for name, part in (("user", log.users), ("item", log.items))
    )
    return any(pair in pairs for pair in zip(user, item, strict=True))


@pytest.fixture(name="log")
def _log():
    return draw_log(events=1200)


def test_a_pipeline_that_is_not_told_does_as_the_log_does(log):
    again, new = (Pipeline(ItemKNN()).fit(some) for some in (log, once(log)))

    assert again.repeat
    assert not new.repeat
    assert "new items only, as 0.0% of its events are repeats" in new.describe()
    assert "may repeat, as " in again.describe()
    assert had(log, again.recommend_all(k=5))
    assert not had(log, new.recommend_all(k=5))


@pytest.mark.parametrize("told", [True, False])
def test_what_is_written_stands(log, told):
    for some in (log, once(log)):
        model = Pipeline(Popular(), repeat=told).fit(some)

        assert model.repeat is told
        assert " as " not in model.describe()


def test_the_choice_is_made_on_train_saved_and_taken_over(log, tmp_path):
    train, valid = once(log).split(fractions=(0.6,))
    twice = valid.take(np.sort(np.tile(np.arange(len(valid)), 3)))
    model = Pipeline((Popular(), ItemKNN())).fit(train, twice)
    model.save(tmp_path / "model")

    assert not model.repeat
    assert load(tmp_path / "model").describe() == model.describe()
    after = Pipeline(Popular()).refitted(model, train.followed_by(twice))
    assert not after.repeat


def test_a_bare_retriever_is_asked_and_judged_alike(log):
    for some, allowed in ((log, True), (once(log), False)):
        train, test = some.split(fractions=(0.7,))
        fitted = ItemKNN().fit(train)

        assert had(train, recommend(fitted, train, k=5)) is allowed
        assert had(train, recommend(fitted, train, k=5, repeat=True))
        assert evaluate(fitted, test, train=train).setup.repeat is allowed
        assert evaluate(Pipeline(ItemKNN()).fit(train), test).setup.repeat is allowed


def test_what_a_few_events_do_says_nothing():
    few = once(draw_log(events=99))

    assert MayRepeat.of(None, few).allowed


def test_a_matrix_has_each_item_of_a_user_once(log):
    assert not Pipeline(Popular()).fit(Matrix.of(log)).repeat


def test_what_was_sent_back_is_no_repeat(log):
    kept = once(log)
    back = replace(kept, weight=-kept.weight, time=kept.time + 10**9)

    assert not MayRepeat.of(None, kept.followed_by(back.take(back.user < 9))).allowed
