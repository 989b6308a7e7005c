from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import draw_log
from tidegraph.artifact.sealed import State, load, save
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation.metrics.channels import hit_ratio_by_channel
from tidegraph.evaluation.metrics.ranking import hits, ndcg
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.blended import FittedBlend
from tidegraph.retrieval.ease import EASE
from tidegraph.retrieval.heuristics.proximity import (
    AdamicAdar,
    CommonNeighbors,
    PersonalizedPageRank,
)
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.item_model import FittedItemModel
from tidegraph.retrieval.popular import FittedPopular, Popular
from tidegraph.retrieval.recipes.gnn import lightgcn
from tidegraph.retrieval.recipes.mf import bpr_mf
from tidegraph.retrieval.repeat import Repeat
from tidegraph.retrieval.scoring.trial import at_the_end
from tidegraph.stages import NO_ITEM, Candidates, Fold, Ids, Requests, ids_of
from tidegraph.testing.retrievers import RetrieverLaws, requests_at, same
from tidegraph.training.settings import Training


@dataclass(frozen=True)
class Says:
    """A channel that gives every request the same list."""

    list: tuple[int, ...]
    named: int = NO_ITEM
    reason: str = "said so"

    def fit(self, train) -> "Says":
        return self

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        said = np.array(self.list[:k], np.int32)
        item = np.tile(said, (len(requests), 1))
        return Candidates.of_channel(item, -item.astype(np.float32), "Says")

    def because(self, requests: Requests, item):
        return np.where(item == NO_ITEM, NO_ITEM, self.named).astype(np.int32)

    def state(self) -> State:
        return State("Says", {"list": list(self.list)})


def blend(*lists, k, **settings) -> Candidates:
    log = draw_log()
    said = {f"said {n}": Says(list) for n, list in enumerate(lists, 1)}
    fitted = Blend(said, **settings).fit(log)
    return fitted.retrieve(requests_at(log).rows(0, 2), k)


class TestBlend(RetrieverLaws):
    unmoved = 0.9
    retriever = Blend()

    def test_answers_are_the_best_scores_in_order(self):
        log = draw_log()
        requests = requests_at(log, repeat=False)
        answer = Blend().fit(log).retrieve(requests, 10)

        for row in range(len(requests)):
            seen = requests.excluded.rows(row, row + 1).item
            found = answer.score[row][answer.present[row]]
            items = answer.item[row][answer.present[row]]
            assert (np.diff(found) <= 0).all()
            assert not np.isin(items, seen).any()
            assert len(set(items)) == len(items)

    def test_a_saved_model_answers_bit_for_bit_the_same(self, tmp_path):
        log = draw_log()
        fitted = Blend().fit(log)
        save(fitted, tmp_path / "model")

        kinds = (FittedBlend, FittedItemModel)
        back = load(tmp_path / "model", {kind.__name__: kind for kind in kinds})

        same(fitted, back, requests_at(log))
        assert back.channels == ("AdamicAdar", "PersonalizedPageRank")


def test_fusion_adds_one_over_sixty_plus_rank():
    answer = blend((1, 2), (2, 3), k=3, at_least=0.0)

    # In units of 1/61 and half a vote per channel: 2 is second and first.
    scores = [0.5 * (61 / 62 + 1), 0.5, 0.5 * 61 / 62]
    np.testing.assert_array_equal(answer.item[0], [2, 1, 3])
    np.testing.assert_allclose(answer.score[0], scores, rtol=1e-6)


def test_an_item_comes_once_with_the_votes_of_all_its_sources():
    answer = blend((1, 2), (2, 3), k=3)

    assert answer.channels == ("said 1", "said 2")
    np.testing.assert_array_equal(answer.item[0], [2, 1, 3])
    np.testing.assert_array_equal(answer.votes[0], [[0.5, 1], [1, 0], [0, 0.5]])


def test_quotas_weigh_the_channels():
    answer = blend((1,), (2,), k=2, quotas=(1.0, 3.0), at_least=0.0)

    np.testing.assert_array_equal(answer.item[0], [2, 1])
    np.testing.assert_allclose(answer.score[0], [0.75, 0.25])


def test_a_channel_keeps_its_places_however_the_others_agree():
    crowd = tuple(range(10, 20))
    lonely = (1, 2, 3)

    pushed_out = blend(crowd, crowd, lonely, k=6, at_least=0.0)
    kept = blend(crowd, crowd, lonely, k=6, at_least=1.0)

    assert not np.isin(lonely, pushed_out.item[0]).any()
    # A third of six places is two: the first two of its list.
    assert set(kept.item[0]) == {10, 11, 12, 13, 1, 2}


rankings = st.lists(st.integers(0, 29), min_size=0, max_size=20, unique=True).map(tuple)


@given(
    lists=st.lists(rankings, min_size=2, max_size=4),
    weights=st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
    at_least=st.floats(0, 1),
    k=st.integers(1, 25),
)
def test_every_channel_has_its_quota_or_all_it_had(lists, weights, at_least, k):
    quotas = tuple(weights[: len(lists)])
    answer = blend(*lists, k=k, quotas=quotas, at_least=at_least)

    listed = answer.item[0][answer.present[0]]
    sources = (answer.votes[0] > 0).sum(axis=0)
    for said, quota, places in zip(lists, quotas, sources, strict=True):
        promised = int(at_least * quota / sum(quotas) * k + 1e-9)
        assert places >= min(promised, len(said[:k]))
    union = set().union(*lists)
    assert len(set(listed)) == len(listed) == min(k, len(union))
    assert set(listed) <= union
    assert (np.diff(answer.score[0][: len(listed)]) <= 0).all()


@given(lists=st.lists(rankings, min_size=2, max_size=4), k=st.integers(1, 25))
def test_without_quotas_the_list_is_plain_reciprocal_rank_fusion(lists, k):
    answer = blend(*lists, k=k, at_least=0.0)

    scores: dict[int, float] = {}
    for said in lists:
        for rank, i in enumerate(said, 1):
            scores[i] = scores.get(i, 0) + 61 / (60 + rank) / len(lists)
    best = sorted(scores, key=lambda i: (-np.float32(scores[i]), i))[:k]
    found = answer.score[0][answer.present[0]]
    np.testing.assert_allclose(found, [scores[i] for i in best], rtol=1e-6)
    listed = answer.item[0][answer.present[0]]
    np.testing.assert_allclose(found, [scores[i] for i in listed], rtol=1e-6)


def test_more_promises_than_places_are_cut_from_the_largest():
    answer = blend((1, 2), (3, 4), (5, 6), k=2, at_least=1.0)

    # Each is promised a place of two; the first gives up its own.
    assert set(answer.item[0]) == {3, 5}


def test_the_strongest_channel_gives_the_reason():
    log = draw_log()
    channels = {"a": Says((1, 2, 4), named=7), "b": Says((2, 3), named=9)}
    fitted = Blend(channels).fit(log)
    requests = requests_at(log).rows(0, 1)
    answer = fitted.retrieve(requests, 4)

    np.testing.assert_array_equal(answer.item[0], [2, 1, 3, 4])
    expected = [[9, 7, 9, 7]]
    np.testing.assert_array_equal(fitted.because_of(requests, answer), expected)
    np.testing.assert_array_equal(fitted.because(requests, answer.item), expected)


def test_both_ways_to_a_reason_agree_on_real_channels():
    log = draw_log()
    fitted = Blend((CommonNeighbors(), PersonalizedPageRank(), AdamicAdar())).fit(log)
    requests = requests_at(log, repeat=False)
    answer = fitted.retrieve(requests, 10)

    np.testing.assert_array_equal(
        fitted.because_of(requests, answer), fitted.because(requests, answer.item)
    )


def test_a_channel_may_answer_less_than_k():
    answer = blend((), (5,), k=3)

    np.testing.assert_array_equal(answer.item[0], [5, NO_ITEM, NO_ITEM])
    np.testing.assert_array_equal(answer.votes[0, 0], [0, 1])
    assert np.isneginf(answer.score[0, 1:]).all()


def test_a_channel_is_called_by_its_name_if_it_has_one():
    train = draw_log()
    short = Training(1, 64, patience=None)
    blend = Blend((lightgcn(1, 4, training=short), bpr_mf(4, training=short)))

    assert blend.fit(train).channels == ("LightGCN", "BPR-MF")


def test_one_method_may_be_there_twice_by_two_names():
    log = draw_log()
    requests = requests_at(log)
    fitted = Blend({"near": ItemKNN(2), "far": ItemKNN(90)}).fit(log)
    answer = fitted.retrieve(requests, 9)

    assert fitted.channels == answer.channels == ("near", "far")
    for c, neighbors in enumerate((2, 90)):
        alone = ItemKNN(neighbors).fit(log).retrieve(requests, 100)
        proposed = np.where(answer.votes[:, :, c] > 0, answer.item, NO_ITEM)
        for row, items in enumerate(proposed):
            assert set(items[items != NO_ITEM]) <= set(alone.item[row])


def test_weights_may_be_given_by_name_in_any_order():
    named = blend((1,), (2,), k=2, quotas={"said 2": 3.0, "said 1": 1}, at_least=0.0)
    placed = blend((1,), (2,), k=2, quotas=(1.0, 3.0), at_least=0.0)

    np.testing.assert_array_equal(named.score, placed.score)
    np.testing.assert_array_equal(named.votes, placed.votes)


def test_what_is_done_to_a_mapping_later_changes_no_blend():
    given = {"near": ItemKNN(2)}
    blend = Blend(given)
    given["far"] = ItemKNN(90)

    assert list(blend.methods) == ["near"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"channels": ()}, "no channels"),
        ({"quotas": (1.0,)}, "1 quotas for 2 channels"),
        ({"quotas": (1.0, -1.0)}, "negative"),
        ({"quotas": (0.0, 0.0)}, "above 0"),
        ({"at_least": 1.5}, "at_least is 1.5"),
        ({"smoothing": -1.0}, "smoothing is -1.0"),
        ({"channels": (ItemKNN(2), ItemKNN(9))}, "two channels called 'ItemKNN'. Name"),
        ({"channels": (bpr_mf(2), bpr_mf(4))}, "two channels called 'BPR-MF'"),
        ({"channels": {"a+b": ItemKNN()}}, r"a channel called 'a\+b'. A name is text"),
        ({"channels": {"../a": ItemKNN()}}, "a channel called '../a'"),
        ({"channels": {"..": ItemKNN()}}, r"a channel called '\.\.'"),
        ({"channels": {"": ItemKNN()}}, "a channel called ''"),
        ({"channels": {" a": ItemKNN()}}, "a channel called ' a'"),
        ({"channels": {"a\n": ItemKNN()}}, "a channel called 'a.n'"),
        ({"channels": {}}, "no channels"),
        ({"quotas": {"Katz": 1.0}}, "a quota for 'Katz', and there is no such channel"),
        ({"quotas": {"AdamicAdar": 1.0}}, "no quota for 'PersonalizedPageRank'"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, says):
    with pytest.raises(ConfigError, match=says):
        Blend(**settings)


def test_hits_are_told_apart_by_channel():
    # Two requests get 2 1 3: channel one proposed 1 and 2, channel two 2 and 3.
    answer = blend((1, 2), (2, 3), k=3)
    ptr = np.array([0, 2, 3], np.int64)
    relevant = np.array([1, 2, 3], np.int32)

    table = hit_ratio_by_channel(answer, ptr, relevant)

    # Hits: 1 (one alone) and 2 (both) for the first request, 3 (two alone).
    assert table["channel"].to_list() == ["said 1", "said 2"]
    assert table["items"].to_list() == [2.0, 2.0]
    assert table["hit_ratio"].to_list() == [0.5, 1.0]
    np.testing.assert_allclose(table["hits"], [2 / 3, 2 / 3])
    np.testing.assert_allclose(table["unique_hits"], [1 / 3, 1 / 3])


def test_a_request_without_relevant_items_is_not_counted():
    answer = blend((1, 2), (2, 3), k=3)
    ptr = np.array([0, 0, 1], np.int64)

    table = hit_ratio_by_channel(answer, ptr, np.array([3], np.int32))
    nothing = hit_ratio_by_channel(answer, np.zeros(3, np.int64), np.zeros(0, np.int32))

    assert table["hit_ratio"].to_list() == [0.0, 1.0]
    assert nothing["items"].to_list() == nothing["hits"].to_list() == [0.0, 0.0]


def test_a_single_channel_keeps_its_own_scores_and_order():
    log = draw_log()
    requests = requests_at(log)
    alone = ItemKNN().fit(log).retrieve(requests, 9)

    blended = Blend(channels=(ItemKNN(),)).fit(log).retrieve(requests, 9)

    np.testing.assert_array_equal(blended.item, alone.item)
    np.testing.assert_array_equal(blended.score, alone.score)
    assert blended.channels == ("ItemKNN",)


def habit_and_noise():
    """Users return to three items of their own; popularity knows nothing of them."""
    rng = np.random.default_rng(0)
    user = np.tile(np.arange(60), 40)
    item = user * 3 + rng.integers(0, 3, len(user))
    frame = {"user": user, "item": item, "time": np.arange(len(user)) * 60}
    return interactions(*(pl.Series(column) for column in frame.values()))


@pytest.mark.parametrize("by", ["ranks", "scores"])
def test_weights_that_are_left_to_the_log_are_those_of_what_users_did(by):
    log = habit_and_noise()
    blend = Blend((Popular(half_life_days=None), Repeat()), by=by)

    learnt = blend.fit(log)
    alike = replace(blend, quotas=()).fit(log)

    assert learnt.quotas[1] > 0.8
    assert sum(learnt.quotas) == pytest.approx(1)
    assert alike.quotas == (0.5, 0.5)
    requests = requests_at(log)
    own = log.users.decode(requests.user).to_numpy()

    def right(fitted):
        first = log.items.decode(fitted.retrieve(requests, 100).item[:, :3].ravel())
        return (first.to_numpy().reshape(-1, 3) // 3 == own[:, None]).mean()

    assert right(learnt) > 0.99 > right(alike)


def test_weights_know_nothing_of_what_comes_later():
    log = habit_and_noise()
    cut = int(log.time[1500])
    blend = Blend((Popular(half_life_days=None), Repeat()))

    assert (
        blend.fit(log.before(cut)).quotas
        == blend.fit(log.before(cut).followed_by(log.since(cut)).before(cut)).quotas
    )
    taken = blend.fit(log, like=replace(blend, quotas=(0.25, 0.75)).fit(log))
    assert taken.quotas == (0.25, 0.75)


def test_weights_for_new_items_are_learnt_from_new_items():
    log = habit_and_noise()
    blend = Blend((Popular(half_life_days=None), Repeat()))

    # Everybody has had all their items, so that nothing is left to learn from.
    assert blend.fit(log, repeat=False).quotas == (0.5, 0.5)
    assert blend.fit(log, repeat=True).quotas == blend.fit(log).quotas


def test_a_log_too_small_to_tell_weighs_channels_alike():
    fitted = Blend((Popular(half_life_days=None), Repeat())).fit(draw_log(events=50))

    assert fitted.quotas == (0.5, 0.5)


def bursts():
    """Each user has a day, and in it a taste; nobody comes back after it."""
    rng = np.random.default_rng(0)
    user, step = np.divmod(np.arange(300 * 12), 12)
    taste = rng.permutation(np.arange(300) % 10)[user]
    # A third of the actions are on what all take.
    own = 6 + taste * 12 + rng.integers(0, 12, len(user))
    item = np.where(rng.random(len(user)) < 1 / 3, rng.integers(0, 6, len(user)), own)
    return interactions(user, item, user * 86400 + step * 3600)


def test_newest_events_of_new_users_do_not_silence_what_knows_the_others():
    blend = Blend((Popular(half_life_days=None), ItemKNN(half_life_days=None)))
    train, test = bursts().leave_last(1)

    # Of the newest tenth a part is of nobody who was there before.
    by_time = blend.fit(*train.split(fractions=(0.9,)), repeat=False)
    learnt = blend.fit(train, repeat=False)

    asked, relevant = at_the_end(Fold(train), test, 300, repeat=False)

    def found(fitted):
        hit = hits(fitted.retrieve(asked, 20).item, relevant)
        return ndcg(hit, relevant.count, 20).mean()

    popular, near = (found(Blend((one,)).fit(train)) for one in blend.methods.values())
    assert by_time.quotas[0] >= 0.5
    assert learnt.quotas[1] > 0.6
    assert found(learnt) >= near > 1.9 * popular
    assert found(learnt) > found(by_time)


def test_unknown_users_are_answered_by_a_channel_of_no_weight():
    log = bursts()
    popular = Popular(half_life_days=None)
    fitted = Blend((popular, ItemKNN()), quotas=(0.0, 1.0)).fit(log)
    nobody = np.array([-1, -1], np.int32)
    asked = Requests.of_users(Fold(log).graph, nobody, log.time[-1:].repeat(2) + 1)

    np.testing.assert_array_equal(
        fitted.retrieve(asked, 10).item, popular.fit(log).retrieve(asked, 10).item
    )


def test_what_is_new_to_all_counts_more_than_the_last_events_of_who_left():
    # Most users leave before the others turn from items 1 to 3 to items 4 to 6.
    rng = np.random.default_rng(0)
    user, time = rng.integers(0, 400, 9000), np.arange(9000) * 600
    new = time > time[-1500]
    user = np.where(new, user % 100, user)
    item = rng.integers(1, 4, len(user)) + 3 * new
    log = interactions(user, np.concatenate([[0], item[1:]]), time)
    said = {"old": (1, 2, 3), "new": (4, 5, 6)}
    rows = log.items.ids.to_list()
    blend = Blend({n: Says(tuple(map(rows.index, x))) for n, x in said.items()})

    by_last_events = blend.fit(*log.leave_last(1), repeat=True)
    learnt = blend.fit(log, repeat=True)

    assert by_last_events.quotas[0] > 0.6
    assert learnt.quotas[1] > 0.6


def later_on(log, item):
    """A part after a log in which all its users choose one item."""
    user = np.repeat(np.unique(log.user), 5)
    rows = log.take(slice(0, 1))
    many = np.full(len(user), item, np.int32)
    time = log.time[-1] + 1 + np.arange(len(user))
    ones = np.ones(len(user))
    return replace(
        rows,
        user=user.astype(np.int32),
        item=many,
        time=time,
        label=ones.astype(rows.label.dtype),
        weight=ones.astype(rows.weight.dtype),
        origin=None,
    )


@pytest.mark.parametrize("channel", [0, 1])
def test_weights_are_those_of_the_valid_part_if_there_is_one(channel):
    log = draw_log()
    blend = Blend({"a": Says((1, 2, 3)), "b": Says((4, 5, 6))})
    valid = later_on(log, 3 * channel + 1)

    fitted = blend.fit(log, valid)
    of_a_fold = blend.fit(Fold(log, valid=Fold(valid)))

    assert fitted.quotas[channel] > 0.8
    assert of_a_fold.quotas == fitted.quotas
    # And all channels know the log alone.
    assert fitted.retrievers == tuple(blend.methods.values())


def test_a_valid_part_may_have_met_users_and_items_since():
    log = draw_log()
    blend = Blend({"a": Says((1, 2, 3)), "b": Says((4, 5, 6))})
    valid = later_on(log, 1)
    grown = replace(
        valid.numbered(log.users, log.items.with_rows(pl.Series(["new"]))[0]),
        item=np.where(np.arange(len(valid)) % 9 == 0, len(log.items), valid.item),
    )
    kept = valid.take(np.arange(len(valid)) % 9 > 0)

    assert blend.fit(log, grown).quotas == blend.fit(log, kept).quotas


def test_a_valid_part_of_another_log_is_refused():
    with pytest.raises(DataError, match="valid has other users or items"):
        Blend().fit(draw_log(), draw_log(events=50))


def test_ranks_or_scores_are_taken_as_they_rank_the_valid_part():
    train, valid = bursts().leave_last(2)
    channels = {"near": ItemKNN(2, half_life_days=None), "pop": Popular(None)}
    found = {}
    for by in ("ranks", "scores"):
        fitted = Blend(channels, at_least=0.0, by=by).fit(train, valid, repeat=True)
        requests, relevant = at_the_end(Fold(train), valid, 2000, repeat=True)
        hit = hits(fitted.retrieve(requests, 20).item, relevant)
        found[by] = ndcg(hit, relevant.count, 20).mean()

    chosen = Blend(channels, at_least=0.0).fit(train, valid, repeat=True)

    assert found["ranks"] != found["scores"]
    assert chosen.by == max(found, key=lambda by: found[by])


def test_a_channel_of_no_weight_fills_up_in_its_order():
    answer = blend((1, 2), (9, 2, 8, 7), k=5, quotas=(1.0, 0.0))

    np.testing.assert_array_equal(answer.item[0], [1, 2, 9, 8, 7])


@pytest.mark.parametrize("by", ["ranks", "scores"])
def test_a_shorter_list_is_the_start_of_a_longer_one(by):
    log = draw_log()
    channels = (Popular(half_life_days=None), ItemKNN(half_life_days=None))
    fitted = Blend(channels, (1.0, 1.0), at_least=0.0, by=by).fit(log)
    requests = requests_at(log)

    short, long = (fitted.retrieve(requests, k) for k in (3, 30))

    np.testing.assert_array_equal(short.item, long.item[:, :3])


def test_by_scores_an_item_is_as_far_above_the_last_as_its_channel_has_it():
    log = draw_log()
    channels = (Popular(half_life_days=None), ItemKNN(half_life_days=None))
    fitted = Blend(channels, quotas=(3.0, 1.0), at_least=0.0, by="scores").fit(log)
    requests = requests_at(log)
    want = np.zeros((len(requests), len(log.items)))
    for share, channel in zip((0.75, 0.25), fitted.retrievers, strict=True):
        found = channel.retrieve(requests, 100)
        for row in range(len(requests)):
            score = found.score[row][found.present[row]].astype(float)
            above = (score - score.min()) / score.std()
            want[row, found.item[row][found.present[row]]] += share * above

    answer = fitted.retrieve(requests, 10)

    for row in range(len(requests)):
        np.testing.assert_allclose(
            answer.score[row], np.sort(want[row])[::-1][:10], rtol=1e-4, atol=1e-6
        )


def test_a_channel_that_counts_nothing_gives_no_reason():
    log = draw_log()
    channels = {"a": Says((1, 2, 4), named=7), "b": Says((2, 3), named=9)}
    fitted = Blend(channels, quotas=(0.0, 1.0), at_least=0.0).fit(log)
    requests = requests_at(log).rows(0, 1)
    answer = fitted.retrieve(requests, 4)

    # Only a has 1 and 4, which fill up.
    assert answer.item[0].tolist() == [2, 3, 1, 4]
    assert fitted.because_of(requests, answer).tolist() == [[9, 9, 7, 7]]


def test_the_reason_is_of_the_channel_that_added_most():
    log = draw_log()
    channels = {"a": Says((1, 2, 3), named=7), "b": Says((3, 2, 1), named=9)}
    fitted = Blend(channels, quotas=(0.4, 0.6), smoothing=60.0).fit(log)
    requests = requests_at(log).rows(0, 1)

    # By hand, .4 * 61 / 61 < .6 * 61 / 63: b adds more even to what is its last.
    why = fitted.because(requests, np.array([[1, 2, 3]], np.int32))
    assert why.tolist() == [[9, 9, 9]]


def test_a_blend_says_before_any_work_what_a_channel_would_fail_in():
    log = draw_log()
    blend = Blend({"e": EASE(memory_limit_gb=1e-9), "p": Popular()})

    with pytest.raises(ConfigError, match="memory_limit_gb"):
        blend.check(Fold(log))


def test_a_blend_knows_until_when_it_was_trained_and_by_which_rows(tmp_path):
    log = draw_log()
    fitted = Blend((Popular(),)).fit(log)
    save(fitted, tmp_path / "blend")

    kinds = (FittedBlend, FittedPopular)
    back = load(tmp_path / "blend", {kind.__name__: kind for kind in kinds})
    assert fitted.trained_until == back.trained_until == int(log.time[-1])
    ids = ids_of(fitted)
    assert ids is not None
    assert ids.differing(Ids(log.users, log.items)) is None
