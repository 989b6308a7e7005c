import polars as pl
import pytest

from conftest import draw_log
from evaluation.models import popular, unpopular
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.evaluation.report.summary import (
    align_rows,
    digits_of_interval,
    summary_table,
    wrap_parts,
)


def table(half: float, name: str = "rival") -> pl.DataFrame:
    """Two models whose means differ by a hundredth, with intervals of that width."""
    rows = [
        {
            "model": model,
            "metric": metric,
            "mean": mean,
            "low": mean - half,
            "high": mean + half,
            "gain": gain,
            "gain_low": None if gain is None else gain - half,
            "gain_high": None if gain is None else gain + half,
            "p_holm": None if gain is None else 1e-4,
            "p_holm_is_bound": None if gain is None else True,
        }
        for model, mean, gain in (("model", 0.123456, None), (name, 0.113456, 0.01))
        for metric in ("recall@10", "ndcg@10")
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


@pytest.mark.parametrize(
    ("half", "digits"),
    [(0.2, 3), (0.012, 3), (0.0045, 4), (0.00031, 5), (1e-12, 7), (None, 4)],
)
def test_two_digits_of_half_an_interval_are_shown(half, digits):
    assert digits_of_interval(half) == digits


def test_a_narrow_interval_brings_its_digits_to_means_and_gains():
    heads, rival, model = summary_table(table(0.00031), ["model", "rival"], 10)

    assert heads == ["", "recall@10", "ndcg@10", "gain", "p"]
    assert model == ["model", *["0.12346 ±0.00031"] * 2, "", ""]
    assert rival == ["rival", *["0.11346 ±0.00031"] * 2, "+0.01000 ±0.00031", "<0.0001"]


def test_a_name_that_leaves_no_room_stands_whole_on_a_line_of_its_own():
    name = "/a/very/long/folder" * 4 + "/best"
    rows = summary_table(table(0.00031, name), ["model", name], 10)
    lines = align_rows(rows, 80)

    assert name in lines
    assert max(map(len, lines)) == len(name) < 82
    assert len(lines) == 5
    assert align_rows(rows, 200)[1].startswith(f"{name}  0.11346")


def test_a_model_alone_has_no_columns_of_gains():
    alone = table(0.01).filter(model="model")

    assert summary_table(alone, ["model"], 10)[0] == ["", "recall@10", "ndcg@10"]


def test_parts_are_joined_as_far_as_a_line_goes():
    assert wrap_parts(["a" * 60, "b" * 37, "c", "d " * 70]) == [
        f"{'a' * 60} | {'b' * 37}",
        "c",
        *[("d " * 50).strip(), ("d " * 20).strip()],
    ]


def test_every_cut_that_was_given_is_printed_within_100_columns():
    log = draw_log()
    train, test = log.before(int(log.time[400])), log.since(int(log.time[400]))
    models = {"a rival with quite a long name": unpopular(train)}
    result = evaluate(
        popular(train), test, train=train, against=models, k=[3, 5, 12], by="category"
    )

    text = result.text()
    for k in (3, 5, 12):
        for metric in ("recall", "ndcg", "diversity"):
            assert f"{metric}@{k}" in text
    assert "ndcg@5" not in result.text(3)
    assert max(map(len, text.splitlines())) <= 100
    narrow = result.text(width=80)
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.split() == text.split()
