"""A search tries different settings, and fits none twice."""

import pytest

from tidegraph.errors import ConfigError
from tidegraph.recipe_file.search.space import Between, OneOf, Search
from tidegraph.recipe_file.search.study import search

STAGES = {"retrieve": [{"model": "ItemKNN", "neighbors": 3}]}
PLACE = "retrieve.ItemKNN.neighbors"


class Counted:
    """Finds more the more neighbours there are, and counts how often it is asked."""

    def __init__(self, wrong=()):
        self.asked, self.wrong = [], wrong

    def __call__(self, stages):
        value = stages["retrieve"][0]["neighbors"]
        self.asked.append(value)
        if value in self.wrong:
            raise ConfigError(f"{value} cannot be.")
        return value / 10


def found(folder, values, trials, score):
    wanted = Search({PLACE: values}, trials)
    return search(wanted, folder, {"log": 1}, STAGES, score, 0)


def test_no_settings_are_fitted_twice_nor_those_of_the_recipe(tmp_path):
    score = Counted()

    result = found(tmp_path, OneOf((2, 3, 5)), 12, score)

    # The recipe itself, and 2 and 5; as 3 it says what it said before.
    assert sorted(score.asked) == [2, 3, 5]
    assert score.asked[0] == 3
    tried = {trial.settings[PLACE]: trial.score for trial in result.trials}
    assert tried == {2: 0.2, 3: 0.3, 5: 0.5}
    assert len(result.trials) == 3
    assert result.best.settings == {PLACE: 5}


def test_trials_are_as_many_different_settings_as_wanted(tmp_path):
    score = Counted()

    result = found(tmp_path, Between(1, 6), 5, score)

    assert len({trial.settings[PLACE] for trial in result.trials}) == 5
    assert len(result.trials) == 5
    assert len(score.asked) == len(set(score.asked))


def test_a_search_that_has_tried_all_is_over(tmp_path):
    first = found(tmp_path, OneOf((2, 3, 5)), 12, Counted())
    score = Counted()

    assert found(tmp_path, OneOf((2, 3, 5)), 20, score) == first
    assert score.asked == []


def test_settings_that_cannot_be_are_tried_once(tmp_path):
    score = Counted(wrong=(2,))

    result = found(tmp_path, OneOf((2, 5)), 9, score)

    assert sorted(score.asked) == [2, 3, 5]
    assert len(result.trials) == 2
    with pytest.raises(ConfigError, match="none of 2 trials could be fitted"):
        found(tmp_path / "none", OneOf((2, 5)), 9, Counted(wrong=(2, 5)))
