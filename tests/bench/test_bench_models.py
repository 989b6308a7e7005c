import pytest

from tidegraph.bench import CONTROL, contenders
from tidegraph.bench.models import MADE_OF_OTHERS
from tidegraph.catalog import RANKERS
from tidegraph.errors import RequestError
from tidegraph.ranking.neural import NeuralRanker


def test_every_ranker_takes_part_and_has_equally_many_settings():
    found = contenders()

    assert found[0].name == CONTROL
    assert {one.name for one in found} == set(RANKERS) - set(MADE_OF_OTHERS)
    assert {len(one.tried) for one in found} == {4}
    assert all(len(set(one.tried)) == 4 for one in found)


def test_networks_differ_in_their_model_alone():
    networks = [one for one in contenders() if isinstance(one.tried[0], NeuralRanker)]

    assert len(networks) > 3
    for one in networks:
        for ours, theirs in zip(one.tried, networks[0].tried, strict=True):
            assert ours.training == theirs.training
            assert ours.sampling == theirs.sampling
            assert ours.features == theirs.features
            assert ours.dropout == theirs.dropout


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
