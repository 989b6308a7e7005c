import json

import polars as pl
import pytest

from cli.shops import with_brands
from tidegraph.catalog import load
from tidegraph.cli import run
from tidegraph.retrieval.popular import Popular

PLAIN = """
[data]
path = "events.csv"
user = "uid"
item = "sku"
time = "ts"

[[retrieve]]
model = "ItemKNN"

[[retrieve]]
model = "Popular"
"""


@pytest.fixture
def plain(shop):
    (shop / "recipe.toml").write_text(PLAIN)
    return shop


def trained(folder, *words) -> int:
    recipe, model = folder / "recipe.toml", folder / "model"
    return run(["train", str(recipe), "-o", str(model), *map(str, words)])


def table(text) -> dict[str, str]:
    """Lines by their first word or words."""
    return {line.split("  ")[0]: line for line in text.splitlines() if line}


def test_training_says_sizes_scores_and_times(shop, capsys):
    assert trained(shop) == 0

    said = table(capsys.readouterr().out)
    assert said["train"].split()[1:3] == ["1,200", "events"]
    assert {"valid", "test", "after retrieve", "model", "channel ItemKNN"} <= set(said)
    (pool,) = [line for line in said.values() if line.startswith("recall@20 of what")]
    assert "Popular 0." in pool
    assert "channel ItemKNN 0." in pool
    (times,) = [line for line in said.values() if line.startswith("time: ")]
    for stage in ("reading the log", "training RecencyLogit", "fitting ItemKNN"):
        assert stage in times


def test_training_says_what_channels_chose_on_the_log(plain, capsys):
    assert trained(plain) == 0

    said = capsys.readouterr().out
    chosen = load(plain / "model").channels()["ItemKNN"].chosen
    assert set(chosen) == {"similarity", "shrinkage", "half_life_days"}
    assert f"ItemKNN chose on the log: similarity={chosen['similarity']}," in said
    assert "Popular chose on the log: half_life_days=" in said
    assert "weights of the channels: ItemKNN " in said


def test_a_saved_graph_lies_beside_the_log(plain, capsys):
    skus = pl.Series(["s0", "s1"])
    graph = with_brands(plain)

    assert trained(plain) == 0
    alone = capsys.readouterr().out
    assert trained(plain, "--graph", graph) == 0

    said, known = capsys.readouterr().out, load(plain / "model").graph
    scores = [line for line in said.splitlines() if "@" in line]
    assert scores == [line for line in alone.splitlines() if "@" in line]
    assert known.V("item", skus).out("made_by").ids().to_list() == ["b0", "b1"]
    assert trained(plain, "--graph", plain / "none") == 2
    assert "is not a saved graph" in capsys.readouterr().err


BY_BRAND = """
[[retrieve]]
model = "MetaPath"
path = ["made_by", "~made_by"]
"""


BY_WALKS = """
[[retrieve]]
model = "metapath2vec"
path = ["action", "made_by", "~made_by", "~action"]
embedding_size = 4
"""


@pytest.mark.parametrize("channel", [BY_BRAND, BY_WALKS], ids=["votes", "walks"])
@pytest.mark.parametrize("named", ["option", "recipe"])
def test_a_channel_along_edges_of_a_graph_is_trained_with_it(
    shop, named, channel, capsys
):
    graph, text = with_brands(shop), (shop / "recipe.toml").read_text()
    if named == "recipe":
        text = text.replace("[pipeline]", 'graph = "g"\n\n[pipeline]', 1)
    (shop / "recipe.toml").write_text(text + channel)
    words = ("--graph", graph) if named == "option" else ()

    assert trained(shop, *words) == 0

    name = "MetaPath" if channel is BY_BRAND else "metapath2vec"
    assert f"channel {name}" in capsys.readouterr().out


def test_a_channel_along_edges_that_only_a_graph_has_names_the_option(shop, capsys):
    recipe = shop / "recipe.toml"
    recipe.write_text(recipe.read_text() + BY_BRAND)

    assert trained(shop) == 2

    assert capsys.readouterr().err == (
        "tidegraph: the graph has no edge 'made_by'. It has: action, ~action. Edges "
        "beside those of the log are given by --graph.\n"
    )


def test_quiet_says_nothing(plain, capsys):
    assert trained(plain, "--quiet") == 0

    assert capsys.readouterr().out == ""


def test_what_is_printed_of_valid_is_what_evaluate_finds(plain, capsys):
    assert trained(plain) == 0
    printed = table(capsys.readouterr().out)["model"].split()
    words = ["evaluate", str(plain / "model"), str(plain / "events.csv")]
    assert run([*words, "--part", "valid", "-k", "10", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    (recall,) = [m["mean"] for m in found["metrics"] if m["metric"] == "recall@10"]
    assert float(printed[1]) == pytest.approx(recall, abs=6e-4)


def test_options_take_the_place_of_the_recipe(plain, capsys):
    events = pl.read_csv(plain / "events.csv")
    other = events.rename({"uid": "who"}).head(800)
    (plain / "sub").mkdir()
    other.write_csv(plain / "sub" / "other.tsv", separator="\t")
    words = ["--log", plain / "sub" / "other.tsv", "--user", "who"]
    assert trained(plain, *words, "--split-valid", 0, "--split-test", 0.25) == 0

    said = table(capsys.readouterr().out)
    assert said["train"].split()[1] == "600"
    assert said["valid"].split() == ["valid", "none"]
    log = plain / "sub" / "other.tsv"
    see = f"no valid part to judge on; on test: tidegraph evaluate {plain / 'model'}"
    assert any(line == f"{see} {log}" for line in said)
    assert said["test"].split()[1] == "200"
    assert load(plain / "model").serving.reading.columns.user == "who"


def test_where_no_part_was_left_out_later_events_are_what_to_judge_on(plain, capsys):
    assert trained(plain, "--split-valid", 0, "--split-test", 0) == 0
    said = capsys.readouterr().out
    assert f"tidegraph evaluate {plain / 'model'} LOG --part all" in said
    later = pl.DataFrame({"uid": ["u1"], "sku": ["s1"], "ts": [1_800_000_000]})
    later.write_csv(plain / "later.csv")
    words = ["evaluate", str(plain / "model"), str(plain / "later.csv")]

    assert run([*words, "--part", "all", "-k", "5"]) == 0


def test_a_model_that_was_told_of_the_test_part_is_not_judged_by_it(plain, capsys):
    assert trained(plain, "--quiet") == 0
    model = load(plain / "model")
    model.observe([("u1", "s1", "2024-06-01")])
    model.save(plain / "model")

    assert run(["evaluate", str(plain / "model"), str(plain / "events.csv")]) == 2

    said = capsys.readouterr().err
    assert "the model knows events until 2024-06-01T00:00:00Z, and the test" in said
    assert "later events with --part all" in said


def test_leave_last_out_trains_and_says_that_it_leaks(plain, capsys):
    assert trained(plain, "--split-leave-last", 1) == 0
    said = capsys.readouterr().out
    assert "train knows the future" in said
    assert "test   40 events of 40 users" in said
    words = ["evaluate", str(plain / "model"), str(plain / "events.csv"), "-k", "5"]
    assert run(words) == 0

    assert "40 requests" in capsys.readouterr().out


def test_rolling_windows_print_each_window_and_the_spread(plain, capsys):
    words = ["--split-rolling-window-days", 7, "--split-rolling-folds", 2]
    assert trained(plain, *words) == 0

    lines = capsys.readouterr().out.splitlines()
    rows = [line.split()[:2] for line in lines]
    starts = [row for row in rows if row and row[0] in ("1", "2", "all")]
    names = [["1", "model"], ["1", "Popular"], ["2", "model"], ["2", "Popular"]]
    assert starts == [*names, ["all", "model"], ["all", "Popular"]]
    events = pl.read_csv(plain / "events.csv")
    last = load(plain / "model").trained_until
    assert last < events["ts"].max() - 6 * 86_400


def test_against_a_method_needs_no_folder(plain, capsys):
    assert trained(plain) == 0
    model = load(plain / "model")
    capsys.readouterr()
    words = ["evaluate", str(plain / "model"), str(plain / "events.csv"), "--json"]
    assert run([*words, "--against", "popular", "-k", "10"]) == 0

    found = json.loads(capsys.readouterr().out)["metrics"]
    gain = {m["model"]: m["mean"] for m in found if m["metric"] == "ndcg@10"}
    assert set(gain) == {"model", "Popular"}
    # The same baseline, fitted by hand on what training saw.
    events = pl.read_csv(plain / "events.csv").filter(
        pl.col("ts") <= model.trained_until
    )
    counts = events.group_by("sku").len().sort("len", descending=True)
    fitted = Popular().fit(_log(events))
    assert counts["len"][0] == counts["len"].max()
    assert gain["Popular"] == pytest.approx(_ndcg(model, fitted, plain), abs=1e-9)


def _log(events):
    from tidegraph.data.interactions import interactions  # noqa: PLC0415

    return interactions(events["uid"], events["sku"], events["ts"])


def _ndcg(model, fitted, folder) -> float:
    from tidegraph.data.sources import read  # noqa: PLC0415
    from tidegraph.evaluation.evaluate import evaluate  # noqa: PLC0415

    log = read(folder / "events.csv", user="uid", item="sku", time="ts")
    test = model.graph.numbered(log).since(model.trained_until + 1)
    result = evaluate(fitted, test, train=model.graph, k=(10,))
    return result.table().filter(metric="ndcg@10")["mean"][0]


def test_an_unknown_baseline_is_said_before_the_log_is_read(plain, capsys):
    assert trained(plain, "--quiet") == 0
    words = ["evaluate", str(plain / "model"), str(plain / "none.csv")]
    assert run([*words, "--against", "poplar"]) == 2

    assert "Did you mean 'Popular'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("ges", "[--against.ges] lacks the setting 'side'"),
        ("eges", "[--against.eges] lacks the setting 'side'"),
        ("metapath", "[--against.MetaPath] lacks the setting 'path'"),
        ("Concatenated", "[--against.Concatenated] lacks the setting 'name'"),
    ],
)
def test_a_baseline_that_needs_settings_is_refused_by_what_it_lacks(
    shop, model, capsys, name, lacks
):
    words = ["evaluate", str(model), str(shop / "none.csv"), "--against", name]
    assert run(words) == 2

    said = capsys.readouterr().err
    assert said.startswith(f"tidegraph: {lacks}. Train a recipe that says it")


def test_baselines_that_are_listed_need_no_settings(shop, model, capsys):
    words = ["evaluate", str(model), str(shop / "none.csv"), "--against", "what"]
    assert run(words) == 2

    listed = capsys.readouterr().err.partition("There are: ")[2].strip(" .\n")
    assert {"Popular", "ItemKNN", "bpr_mf"} <= set(listed.split(", "))
    assert not {"ges", "eges", "MetaPath", "Concatenated"} & set(listed.split(", "))


def test_a_split_at_random_without_a_test_part_is_judged_on_what_came_later(
    plain, capsys
):
    words = ["--split-random", 1, "--split-valid", 0.2, "--split-test", 0.0]
    assert trained(plain, *words) == 0
    later = plain / "later.csv"
    events = pl.read_csv(plain / "events.csv")
    end = load(plain / "model").trained_until
    events.with_columns(pl.col("ts") - events["ts"].min() + end + 1).write_csv(later)
    words = ["evaluate", str(plain / "model"), "-k", "5"]
    assert run([*words, str(later)]) == 0
    capsys.readouterr()

    assert run([*words, str(plain / "events.csv")]) == 2
    assert "has no event after" in capsys.readouterr().err


def test_a_model_remembers_how_its_log_is_read(plain, capsys):
    events = pl.read_csv(plain / "events.csv")
    events.write_csv(plain / "events.csv", separator=";", include_header=False)
    recipe = PLAIN.replace('user = "uid"', 'names = ["uid", "sku", "ts"]\nsep = ";"')
    recipe = recipe.replace(
        'item = "sku"', 'user = "uid"\nitem = "sku"\nheader = false'
    )
    (plain / "recipe.toml").write_text(recipe)
    assert trained(plain) == 0
    assert run(["evaluate", str(plain / "model"), str(plain / "events.csv")]) == 0

    assert "ndcg@10" in capsys.readouterr().out


def test_data_without_times_go_from_recipe_to_evaluation(plain, capsys):
    events = pl.read_csv(plain / "events.csv").drop("ts")
    part = ["train", "test", "train", "valid", "train"] * 300
    events.with_columns(fold=pl.Series(part)).write_csv(plain / "events.csv")
    recipe = PLAIN.replace('time = "ts"', 'time = "none"\nsplit = "fold"')
    (plain / "recipe.toml").write_text(recipe)
    assert trained(plain) == 0
    assert "train  900 events" in capsys.readouterr().out
    words = ["evaluate", str(plain / "model"), str(plain / "events.csv"), "-k", "5"]
    assert run([*words, "--against", "item_knn"]) == 0

    assert "ItemKNN" in capsys.readouterr().out


def test_events_whose_clock_is_far_from_the_rest_are_named(plain, capsys):
    events = pl.read_csv(plain / "events.csv")
    wrong = events.head(1).with_columns(ts=pl.lit(4_070_908_800, events["ts"].dtype))
    pl.concat([events, wrong]).write_csv(plain / "events.csv")

    assert trained(plain, "--quiet") == 0

    assert "1 event is far from the rest" in capsys.readouterr().err
