"""``tidegraph tune`` searches what a recipe names, goes on, and refuses mistakes."""

import json
import shutil
import tomllib

import polars as pl
import pytest

import tidegraph as tg
from cli.shops import with_brands
from tidegraph.cli import run
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.recipe_file.search.space import MEASURES, Between
from tidegraph.retrieval.popular import Popular

PLAIN = """
[data]
path = "events.csv"
user = "uid"
item = "sku"
time = "ts"

[[retrieve]]
model = "RP3beta"

[[retrieve]]
model = "ItemKNN"
name = "near"
"""
SEARCH = """
[tune]
trials = 4
metric = "ndcg@5"

[tune.settings]
"retrieve.RP3beta.alpha" = { low = 0.2, high = 1.0 }
"retrieve.near.neighbors" = { low = 2, high = 20, log = true }
"retrieve.near.similarity" = { choices = ["Cosine", { type = "BM25", k1 = 1.0 }] }
"blend.smoothing" = { low = 1.0, high = 100.0 }
"""


def tuned(folder, text, *words) -> int:
    recipe = folder / "recipe.toml"
    recipe.write_text(text)
    return run(["tune", str(recipe), "-o", str(folder / "search"), *words])


def trials(folder):
    """The values of the trials that ended, from the file of the search."""
    lines = (folder / "search" / "study.jsonl").read_text().splitlines()
    ended = [json.loads(line) for line in lines]
    return [line["values"] for line in ended if line.get("op_code") == 6]


def test_the_best_recipe_is_one_that_trains_and_scores_what_was_said(shop, capsys):
    assert tuned(shop, PLAIN + SEARCH) == 0

    said = capsys.readouterr().out
    best = tomllib.loads((shop / "search" / "best.toml").read_text())
    assert "tune" not in best
    assert len(trials(shop)) == 4
    scores = [value for (value,) in trials(shop)]
    better = "none of 4 trials" not in said
    recipe = float(said.split("; ")[1].split()[0]) if better else None
    if recipe is not None and max(scores) > recipe:
        assert f"{max(scores):.4f}" in said
        assert 2 <= best["retrieve"][1]["neighbors"] <= 20
        assert 0.2 <= best["retrieve"][0]["alpha"] <= 1.0
    page = (shop / "search" / "report.html").read_text()
    assert "How the search went" in page
    assert "retrieve.near.neighbors, as a power of ten" in page
    model = shop / "model"
    path = shop / "search" / "best.toml"
    assert run(["train", str(path), "-o", str(model)]) == 0


BY_BRAND = """
[[retrieve]]
model = "MetaPath"
path = ["made_by", "~made_by"]

[tune]
trials = 1

[tune.settings]
"retrieve.RP3beta.alpha" = { low = 0.2, high = 1.0 }
"""


def test_a_graph_lies_beside_the_log_that_is_searched(shop, capsys):
    graph = str(with_brands(shop))

    assert tuned(shop, PLAIN + BY_BRAND) == 2
    assert "are given by --graph" in capsys.readouterr().err
    assert tuned(shop, PLAIN + BY_BRAND, "--graph", graph) == 0

    best = shop / "search" / "best.toml"
    assert tomllib.loads(best.read_text())["data"]["graph"] == graph
    assert run(["train", str(best), "-o", str(shop / "model")]) == 0
    capsys.readouterr()
    tg.Graph().nodes("item", {"item": ["s1"]}, key="item").save(graph)
    assert tuned(shop, PLAIN + BY_BRAND, "--graph", graph) == 2
    assert "of another log or graph" in capsys.readouterr().err


def drawn_settings(folder):
    """What each trial tried, from the file of the search."""
    lines = (folder / "search" / "study.jsonl").read_text().splitlines()
    told = [json.loads(line).get("user_attr", {}) for line in lines]
    return [attrs["settings"] for attrs in told if "settings" in attrs]


def test_a_search_that_stopped_tries_what_it_would_have_tried(shop):
    once, twice = shop / "once", shop / "twice"
    for folder, counts in ((once, ["6"]), (twice, ["2", "6"])):
        folder.mkdir()
        shutil.copy(shop / "events.csv", folder)
        for count in counts:
            assert tuned(folder, PLAIN + SEARCH, "--trials", count) == 0

    tried = drawn_settings(once)
    assert drawn_settings(twice) == tried
    assert len({str(values) for values in tried}) == 6


def test_numbers_with_a_point_at_both_ends_make_numbers_between():
    between = Between(1.0, 100.0)

    assert [type(end) for end in between.ends] == [float, float]
    assert [type(end) for end in Between(1, 100).ends] == [int, int]


def test_a_search_goes_on_where_it_stopped(shop):
    assert tuned(shop, PLAIN + SEARCH, "--trials", "2") == 0
    first = trials(shop)

    assert tuned(shop, PLAIN + SEARCH, "--trials", "3") == 0

    assert trials(shop)[:2] == first
    assert len(trials(shop)) == 3
    assert tuned(shop, PLAIN + SEARCH, "--trials", "3") == 0
    assert len(trials(shop)) == 3


def test_a_folder_of_another_search_is_refused(shop, capsys):
    assert tuned(shop, PLAIN + SEARCH, "--trials", "1") == 0

    other = SEARCH.replace("low = 0.2", "low = 0.3")
    assert tuned(shop, PLAIN + other, "--trials", "1") == 2

    assert "another recipe, of other settings or of" in capsys.readouterr().err


ROLLING = """
[split.rolling]
window_days = 5
folds = 2
"""


def rewritten(folder, days: float) -> None:
    """Move the items of the last days of the log round among its events."""
    path = folder / "events.csv"
    log = pl.read_csv(path)
    late = pl.col("ts") > log["ts"].max() - days * 86_400
    rest, moved = log.filter(~late), log.filter(late)
    moved = moved.with_columns(pl.col("sku").shift(7).fill_null("s0"))
    pl.concat([rest, moved]).write_csv(path)


def test_a_search_does_not_go_on_with_a_log_of_as_many_other_events(shop, capsys):
    assert tuned(shop, PLAIN + SEARCH, "--trials", "1") == 0
    rewritten(shop, days=9)

    assert tuned(shop, PLAIN + SEARCH, "--trials", "2") == 2

    assert "or of another log" in capsys.readouterr().err
    assert len(trials(shop)) == 1


def test_the_last_rolling_window_is_the_test_part_and_moves_no_trial(shop):
    assert tuned(shop, PLAIN + ROLLING + SEARCH, "--trials", "2") == 0
    found = trials(shop)
    shutil.rmtree(shop / "search")
    rewritten(shop, days=4)

    assert tuned(shop, PLAIN + ROLLING + SEARCH, "--trials", "2") == 0
    assert trials(shop) == found


def test_one_rolling_window_leaves_nothing_to_choose_by(shop, capsys):
    (shop / "events.csv").unlink()
    one = ROLLING.replace("folds = 2", "folds = 1")

    assert tuned(shop, PLAIN + one + SEARCH) == 2
    assert "Give [split.rolling] folds of at least 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (SEARCH, "", "has no table [tune]"),
        ("retrieve.near.neighbors", "retrieve.nera.neighbors", "Did you mean 'near'"),
        ("retrieve.RP3beta.alpha", "alpha", "stands in no table"),
        ("RP3beta.alpha", "RP3beta.alhpa", "alhpa"),
        ("low = 2, high = 20", "low = 20, high = 2", "has no room"),
        ("low = 0.2", "low = -3.0", "alpha"),
        ("ndcg@5", "ndcg", 'such as "ndcg@10"'),
        ("ndcg@5", "ndgc@5", "Did you mean 'ndcg'"),
        ("ndcg@5", "gini@5", "'gini@5', of which more is not better"),
        ("trials = 4", "trials = 0", "trials is 0"),
        ('"Cosine", {', '"Kosine", {', "Kosine"),
        ('["Cosine", { type = "BM25", k1 = 1.0 }]', '["Cosine"]', "fewer than two"),
    ],
)
def test_a_mistake_is_said_before_the_log_is_read(shop, capsys, old, new, sentence):
    (shop / "events.csv").unlink()

    assert tuned(shop, (PLAIN + SEARCH).replace(old, new)) == 2

    assert sentence in capsys.readouterr().err
    assert not (shop / "search").exists()


def test_lists_longer_than_the_catalogue_are_refused_before_a_trial(shop, capsys):
    assert tuned(shop, PLAIN + SEARCH.replace("ndcg@5", "recall@5000")) == 2

    said = " ".join(capsys.readouterr().err.split())
    assert "metric is 'recall@5000', but the catalogue has" in said
    assert not (shop / "search" / "study.jsonl").exists()


def test_a_record_whose_writing_was_cut_is_tried_again(shop):
    assert tuned(shop, PLAIN + SEARCH) == 0
    found, study = trials(shop), shop / "search" / "study.jsonl"
    study.write_bytes(study.read_bytes()[:-25])

    assert tuned(shop, PLAIN + SEARCH) == 0

    assert trials(shop)[: len(found) - 1] == found[:-1]
    assert len(trials(shop)) >= len(found)


def test_a_damaged_record_is_one_sentence(shop, capsys):
    assert tuned(shop, PLAIN + SEARCH, "--trials", "1") == 0
    study = shop / "search" / "study.jsonl"
    first, rest = study.read_bytes().split(b"\n", 1)
    study.write_bytes(first[:-9] + b"\n" + rest)

    assert tuned(shop, PLAIN + SEARCH, "--trials", "1") == 2
    assert "study.jsonl is damaged in line 1." in capsys.readouterr().err


def test_every_measure_is_one_that_is_taken(log):
    part = log.split(fractions=(0.8, 0.1))
    model = Popular().fit(part[0])
    taken = evaluate(model, part[1], train=part[0], k=5).table()["metric"]

    assert {f"{name}@5" for name in MEASURES} <= set(taken)
