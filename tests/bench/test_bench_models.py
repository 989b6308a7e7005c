import re
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import tidegraph as tg
from tidegraph.bench import CONTROL, NAMED, contenders
from tidegraph.bench.models import BEST, CHAPTER, MADE_OF_OTHERS, WHOLE
from tidegraph.bench.tried import GRIDS
from tidegraph.catalog import RANKERS, model
from tidegraph.errors import RequestError
from tidegraph.features.columns import FeatureSet
from tidegraph.nn.click import DSGL, NextEvent
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.stages import features_read_by
from tidegraph.testing.logs import draw_log
from tidegraph.testing.rankers import split_examples
from tiers import chosen

STATIC = {"LightGCN, static", "NGCF, static"}
"""Rows of three settings, which have nothing but the graph."""


def test_every_ranker_takes_part_and_has_equally_many_settings():
    found = contenders()

    assert found[0].name == CONTROL
    assert {one.name for one in found} == {*RANKERS, *NAMED} - {*MADE_OF_OTHERS}
    assert {len(one.tried) for one in found if one.name not in STATIC} == {4}
    assert all(len(set(one.tried)) == len(one.tried) for one in found)


def test_networks_that_live_on_the_same_inputs_differ_in_their_model_alone():
    found = [one for one in contenders() if one.name != CHAPTER]
    networks = [one for one in found if isinstance(one.tried[0], NeuralRanker)]
    alike = [one for one in networks if type(one.tried[0].model) not in GRIDS]

    assert len(alike) > 3
    for one in alike:
        for ours, theirs in zip(one.tried, alike[0].tried, strict=True):
            assert ours == replace(theirs, model=ours.model)
    for one in networks:
        # The first is every network's.
        first = alike[0].tried[0]
        assert one.tried[0] == replace(first, model=one.tried[0].model)


@pytest.mark.parametrize(
    "name", chosen(["MF", "SVDpp", "LightGCN", "NGCF", "FM", "SRGNN"], "NGCF", "FM")
)
def test_every_setting_of_a_network_is_another_network(name):
    """Not a constant beside the line over the shared inputs, which others have, too."""
    learn, stop, judge = split_examples(draw_log(events=1500))
    (contender,) = [one for one in contenders([name]) if one.name == name]
    found = []
    for ranker in contender.tried:
        ranker = replace(ranker, training=replace(ranker.training, epochs=2))
        fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(0)))
        numbers = fitted.features.of(judge.requests, judge.candidates)
        read = fitted.batches.blocks(judge.requests, judge.candidates.item, numbers)
        with torch.no_grad():
            deep = [
                fitted.network.deep(*block[1 : 2 + (block.around is not None)])
                for block in read
            ]
        found.append(torch.cat(deep).numpy()[judge.candidates.present])

    assert all(np.ptp(one) > 0 for one in found)
    assert len({one.tobytes() for one in found}) == len(contender.tried)


def test_fields_reach_everyone_but_those_who_have_the_graph_alone():
    found = contenders(fields=("user.age",))
    for one in (one for one in found if one.name not in STATIC):
        for ranker in one.tried:
            assert getattr(ranker, "features", ranker).fields == ("user.age",)


def test_what_a_ranker_reads_is_known_of_one_within_another():
    ranker = tg.RecencyLogit(category="kind", fields=("user.age",))

    assert features_read_by(tg.Calibrated(ranker)) == {"item.kind", "user.age"}
    assert features_read_by(tg.NeuralRanker()) == set()


def test_the_category_reaches_everyone_but_those_who_have_the_graph_alone():
    found = contenders(category="kind")
    for one in (one for one in found if one.name not in STATIC):
        for ranker in one.tried:
            about = getattr(ranker, "features", ranker)
            assert about.category == "kind"


def test_names_are_known_in_any_case_and_the_control_is_always_there():
    assert [one.name for one in contenders(["din", "DIN"])] == [CONTROL, "DIN"]


def test_names_are_known_as_papers_have_them():
    found = contenders(["SVD++", "SR-GNN"])
    assert [one.name for one in found] == [CONTROL, "SVDpp", "SRGNN"]


@pytest.mark.parametrize("word", [WHOLE, "dsgl with structure", "DSGL-With_Structure"])
def test_rows_of_the_table_are_known_by_their_letters(word):
    (_, whole) = contenders([word], category="kind")

    assert whole.name == WHOLE
    assert len(whole.tried) == 4
    assert {ranker.model for ranker in whole.tried} == {NextEvent(BEST)}
    assert {ranker.features.groups for ranker in whole.tried} == {FeatureSet().groups}


def test_the_row_of_the_chapter_has_nothing_but_its_graph():
    (_, chapter) = contenders([CHAPTER], category="kind")

    assert {ranker.model for ranker in chapter.tried} == {DSGL()}
    assert {ranker.features.groups for ranker in chapter.tried} == {("votes",)}


def test_an_unknown_name_is_refused_with_what_was_meant():
    with pytest.raises(RequestError, match=r"'DNI'.*Did you mean 'DIN'") as said:
        contenders(["DNI"])

    assert f'"{WHOLE}"' in str(said.value)
    assert not any(name in str(said.value) for name in MADE_OF_OTHERS)


@pytest.mark.parametrize("name", MADE_OF_OTHERS)
def test_what_is_made_of_another_method_is_refused_by_its_name_alone(name):
    with pytest.raises(RequestError, match=f"{name} is made of another method"):
        contenders([name.lower()])


def test_the_recipe_of_the_best_row_on_the_page_is_one_that_is_tried():
    page = (Path(__file__).parents[2] / "docs" / "ranking.md").read_text()
    section = page.split("### The best of our tables")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, flags=re.S)
    (recipe,) = re.findall(r"```toml\n(.*?)```", section, flags=re.S)
    names = {"tg": tg}
    exec(code, names)
    (_, whole) = contenders([WHOLE], category="category")

    assert names["rank"] in whole.tried
    assert model(tomllib.loads(recipe)["rank"], "page", "rank") == names["rank"]
