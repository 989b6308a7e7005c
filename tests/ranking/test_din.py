from dataclasses import replace

import numpy as np
import pytest
import torch

from conftest import draw_log
from laws.rankers import RankerLaws, lessons
from tidegraph.errors import ConfigError, DataError
from tidegraph.nn.click.din import Dice, InterestNetwork
from tidegraph.ranking.din import DIN, _Lesson
from tidegraph.training.loop import Training, initialised

SHORT = DIN(embedding_size=4, history=6, hidden=(8,), training=Training(epochs=2))


class TestDIN(RankerLaws):
    ranker = SHORT


class TestDINWithCategory(RankerLaws):
    ranker = replace(SHORT, category="category")


def network(num_features: int = 3) -> InterestNetwork:
    return initialised(
        lambda: InterestNetwork(5, 2, num_features, 2, (4,), 0.0),
        np.random.default_rng(0),
    ).eval()


def test_interest_is_the_sum_of_events_each_by_its_own_activation():
    """Zhou et al. (2018), equation 3: no softmax over the history."""
    net = network()
    seen: list[torch.Tensor] = []
    net.deep.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    target = torch.tensor([[[3, 1]]])
    history = torch.tensor([[[1, 1, 0], [2, 2, 5], [0, 0, -1]]])
    with torch.no_grad():
        net(target, history, torch.zeros(1, 1, 3), torch.ones(1, 1, dtype=torch.bool))

        candidate = torch.cat([net.item.weight[3], net.category.weight[1]])
        interest = torch.zeros(4)
        for item, category, bucket in [(1, 1, 0), (2, 2, 5)]:
            event = torch.cat([net.item.weight[item], net.category.weight[category]])
            pair = [event, candidate, event - candidate, event * candidate]
            unit = net.activation
            hidden = unit.first(torch.cat([*pair, net.gap.weight[bucket]]))
            interest += unit.second(unit.bend(hidden)) * event

    torch.testing.assert_close(seen[0][0, :4], interest)


def test_padding_of_the_history_says_nothing():
    net = network()
    target, inputs = torch.tensor([[[3, 1]]]), torch.ones(1, 1, 3)
    there = torch.ones(1, 1, dtype=torch.bool)
    short = torch.tensor([[[1, 1, 0]]])
    long = torch.tensor([[[1, 1, 0], [4, 2, -1], [0, 0, -1]]])

    with torch.no_grad():
        torch.testing.assert_close(
            net(target, short, inputs, there), net(target, long, inputs, there)
        )


def test_dice_of_standardised_input_is_between_identity_and_slope():
    """Zhou et al. (2018), equation 5, with mean 0 and variance 1 as learnt so far."""
    dice = Dice(1).eval()
    with torch.no_grad():
        dice.slope.fill_(0.25)
        out = dice(torch.tensor([[2.0], [0.0], [-2.0]]))

    gate = 1 / (1 + np.exp(-2.0 / np.sqrt(1 + 1e-5)))
    expected = [gate * 2 + (1 - gate) * 0.5, 0.0, -(1 - gate) * 2 - gate * 0.5]
    np.testing.assert_allclose(out[:, 0], expected, rtol=1e-5)


def test_a_sample_has_both_labels_and_what_it_leaves_out_is_accounted_for():
    learn, stop, _ = lessons(draw_log(events=1500))
    fitted = replace(SHORT, sampled=8).fit(learn, stop, rng=np.random.default_rng(0))
    lesson = _Lesson(fitted, learn, stop)
    rows = np.arange(len(learn.label))

    place, kept, log_odds = lesson.sample(rows, np.random.default_rng(1))

    chosen = np.zeros(learn.label.shape, bool)
    chosen[np.broadcast_to(rows[:, None], kept.shape)[kept], place[kept]] = True
    for r in rows:
        present = learn.candidates.present[r]
        right, wrong = present & (learn.label[r] > 0), present & (learn.label[r] == 0)
        positives, negatives = (int((chosen[r] & of).sum()) for of in (right, wrong))
        assert positives + negatives == min(8, present.sum())
        assert positives >= min(4, right.sum())
        assert negatives >= min(4, wrong.sum())
        if positives and negatives:
            # The sample's odds are the true ones times what log_odds says.
            odds = right.sum() / wrong.sum() * np.exp(log_odds[r])
            np.testing.assert_allclose(positives / negatives, odds, rtol=1e-5)
    assert (learn.label.sum(axis=1) > 4).any()


def test_what_depends_on_user_and_item_together_is_learnt():
    """After an even item an even one: no count of user or item alone tells it."""
    log = draw_log(events=6000, users=400, items=20)
    learn, stop, judge = lessons(log)
    for part in (learn, stop, judge):
        history = part.requests.history
        latest = history.node[np.maximum(history.ptr[1:] - 1, 0)]
        alike = part.candidates.item % 2 == latest[:, None] % 2
        part.label[:] = alike & part.candidates.present

    model = replace(
        SHORT,
        embedding_size=8,
        history=1,
        id_dropout=0.0,
        training=Training(epochs=25, learning_rate=0.01, patience=25),
    ).fit(learn, stop, rng=np.random.default_rng(1))
    there = judge.candidates.present
    score = model.score(judge.requests, judge.candidates)[there]
    label = judge.label[there] == 1

    better = (score[label][:, None] > score[~label][None, :]).mean()
    assert better > 0.9


def test_a_past_without_a_right_candidate_is_refused():
    learn, stop, _ = lessons(draw_log(events=1500))
    learn.label[:] = 0

    with pytest.raises(DataError, match="nothing to learn"):
        SHORT.fit(learn, stop, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "settings", [{"history": 0}, {"id_dropout": 1.0}, {"embedding_size": 0}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        DIN(**settings)
