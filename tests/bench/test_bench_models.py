from dataclasses import replace

import numpy as np
import pytest
import torch

from tidegraph.bench import CONTROL, contenders
from tidegraph.bench.models import GRIDS, MADE_OF_OTHERS
from tidegraph.catalog import RANKERS
from tidegraph.errors import RequestError
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.testing.logs import draw_log
from tidegraph.testing.rankers import split_examples
from tiers import chosen


def test_every_ranker_takes_part_and_has_equally_many_settings():
    found = contenders()

    assert found[0].name == CONTROL
    assert {one.name for one in found} == set(RANKERS) - set(MADE_OF_OTHERS)
    assert {len(one.tried) for one in found} == {4}
    assert all(len(set(one.tried)) == 4 for one in found)


def test_networks_that_live_on_the_same_inputs_differ_in_their_model_alone():
    networks = [one for one in contenders() if isinstance(one.tried[0], NeuralRanker)]
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


def test_fields_reach_every_network():
    for one in contenders(fields=("user.age",)):
        for ranker in one.tried:
            if isinstance(ranker, NeuralRanker):
                assert ranker.features.fields == ("user.age",)


def test_the_category_reaches_everyone():
    for one in contenders(category="kind"):
        for ranker in one.tried:
            about = getattr(ranker, "features", ranker)
            assert about.category == "kind"


def test_names_are_known_in_any_case_and_the_control_is_always_there():
    assert [one.name for one in contenders(["din", "DIN"])] == [CONTROL, "DIN"]


def test_an_unknown_name_is_refused_with_what_was_meant():
    with pytest.raises(RequestError, match=r"'DNI'.*Did you mean 'din'"):
        contenders(["DNI"])
