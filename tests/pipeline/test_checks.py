"""A column that a stage reads and a log lacks is said before anything is fitted."""

import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.bench.tried import Contender
from tidegraph.errors import ConfigError, DataError
from tidegraph.pipeline.past import Windows
from tidegraph.retrieval.blend import Blend

NETWORK = {
    "event": ("event.colour",),
    "item": ("item.colour",),
    "user": ("user.colour",),
}


@pytest.mark.parametrize(
    "stages",
    [
        {"rerank": tg.MMR(by="colour")},
        {"rerank": tg.DPP(by="colour")},
        {"rank": tg.RecencyLogit(category="colour")},
        {"rank": tg.BoostedTrees(category="colour")},
        {"rank": tg.NeuralRanker(tg.DIN(), tg.FeatureSet(category="colour"))},
        *(
            {"rank": tg.NeuralRanker(tg.DIN(), tg.FeatureSet(fields=fields))}
            for fields in NETWORK.values()
        ),
        {"rank": tg.Calibrated(tg.RecencyLogit(category="colour"))},
        {"rank": tg.RetrieverLogit(tg.eges(side=("colour",)))},
        {"retrieve": tg.ges(side=("colour",))},
        {"retrieve": tg.eges(side=("colour",))},
    ],
)
def test_a_column_that_is_not_there_is_said_before_the_work(stages, monkeypatch):
    def fitted(*_: object, **__: object) -> None:
        pytest.fail("something was fitted")

    monkeypatch.setattr(Blend, "fit", fitted)
    pipeline = tg.Pipeline(
        **{"retrieve": tg.ItemKNN(), "windows": Windows(days=4.0), **stages}
    )

    with pytest.raises(DataError, match="colour"):
        pipeline.fit(draw_log(events=400))


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ({"retrieve": (tg.MMR(),)}, "retrieval has MMR, which re-ranks."),
        (
            {"rank": tg.sasrec()},
            "pipeline rank has SASRec, which retrieves; "
            "the ranking method is tg.SASRec().",
        ),
        ({"rank": tg.Popular()}, "pipeline rank has Popular, which retrieves."),
        ({"rerank": tg.RecencyLogit()}, "rerank has RecencyLogit, which ranks."),
        ({"fallback": tg.MMR()}, "the pipeline's fallback has MMR, which re-ranks."),
    ],
)
def test_a_method_of_another_stage_is_told_as_the_pipeline_is_made(stages, says):
    with pytest.raises(ConfigError) as told:
        tg.Pipeline(**{"retrieve": tg.ItemKNN(), **stages})

    assert says in str(told.value)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            lambda: tg.RetrieverLogit(tg.RecencyLogit()),
            "RetrieverLogit has RecencyLogit, which ranks.",
        ),
        (lambda: tg.Calibrated(tg.Popular()), "Calibrated has Popular, which"),
        (
            lambda: tg.Calibrated(tg.sasrec()),
            "Calibrated has SASRec, which retrieves; "
            "the ranking method is tg.SASRec().",
        ),
        (lambda: Blend((tg.Popular(), tg.MMR())), "retrieval has MMR, which re-ranks."),
        (
            lambda: Contender("mine", (tg.Popular(),)),
            "the contender 'mine' has Popular, which retrieves.",
        ),
    ],
)
def test_a_method_of_another_stage_is_told_by_whatever_holds_it(made, says):
    with pytest.raises(ConfigError) as told:
        made()

    assert says in str(told.value)


def test_what_holds_a_ranker_takes_a_click_model_as_it_is():
    assert tg.Calibrated(tg.DIN()).name == "DIN, calibrated"
