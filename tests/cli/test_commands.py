import json
import time

import polars as pl
import pytest

from tidegraph.catalog import load
from tidegraph.cli import run


def columns(shop):
    return [str(shop / "events.csv"), "--user", "uid", "--item", "sku", "--time", "ts"]


def test_check_counts_what_the_log_holds(shop, capsys):
    assert run(["check", *columns(shop)]) == 0

    said = capsys.readouterr().out
    assert "1,500" in said
    assert "leave-last-out" in said


def test_a_recipe_becomes_a_model_that_recommends(model, capsys):
    assert run(["recommend", str(model), "--user", "u3", "-k", "5", "--json"]) == 0

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()[-5:]]
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert {row["user"] for row in rows} == {"u3"}
    assert set(rows[0]) == {"user", "rank", "item", "name", "score"}


def test_an_explanation_names_channel_and_reason(model, capsys):
    words = ["recommend", str(model), "--history", "s1,s2", "--explain", "--json"]
    assert run(words) == 0

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()[-10:]]
    assert all(row["channel"] and row["why"] for row in rows)


def test_excluded_items_stay_out(model, capsys):
    assert run(["recommend", str(model), "--user", "u3", "--json"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-10])["item"]
    words = ["recommend", str(model), "--user", "u3", "--exclude", first, "--json"]
    assert run(words) == 0

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert first not in {row["item"] for row in rows}


def test_only_the_items_to_choose_from_are_in(shop, model, capsys):
    (shop / "who.csv").write_text("u1\nu2\n")
    for who in (["--user", "u3"], ["--users-file", str(shop / "who.csv")]):
        capsys.readouterr()
        words = ["--only", "s1,s2,s3", "--exclude", "s2", "-k", "3", "--json"]
        assert run(["recommend", str(model), *who, *words]) == 0

        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {row["item"] for row in rows} == {"s1", "s3"}


def test_items_to_choose_from_are_said_by_their_features(model, capsys):
    words = ["recommend", str(model), "--user", "u3", "--json"]
    assert run([*words, "--where", "category = 'c1' AND title <> 'Item 5'"]) == 0

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    wanted = {f"s{i}" for i in range(30) if i % 4 == 1 and i != 5}
    assert {row["item"] for row in rows} == wanted


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (["colour = 'red'"], "only asks for 'colour', which no item has"),
        (["category ="], "--where 'category =' is no condition"),
        (["category = 'c1'", "--only", "s1"], "Give one"),
    ],
)
def test_a_condition_that_is_none_is_one_sentence(model, capsys, where, says):
    words = ["recommend", str(model), "--user", "u3", "--where", *where]
    assert run(words) != 0

    assert says in " ".join(capsys.readouterr().err.split())


def test_a_fallback_of_the_recipe_answers_unknown_users(shop, capsys):
    recipe = (shop / "recipe.toml").read_text()
    recipe = recipe.replace('[[retrieve]]\nmodel = "Popular"\n', "", 1)
    fallback = (
        'windows = { count = 1 }\nfallback = { model = "Popular", half_life_days = 9 }'
    )
    (shop / "recipe.toml").write_text(
        recipe.replace("windows = { count = 1 }", fallback)
    )
    assert run(["train", str(shop / "recipe.toml"), "-o", str(shop / "model")]) == 0
    capsys.readouterr()
    words = ["--user", "nobody", "-k", "3", "--explain", "--json"]
    assert run(["recommend", str(shop / "model"), *words]) == 0

    said = capsys.readouterr()
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert {row["channel"] for row in rows} == {"Popular (fallback)"}
    assert "nobody" in said.err


def test_a_file_of_users_becomes_a_file_of_lists(shop, model):
    pl.DataFrame({"user": ["u1", "u2", "nobody"]}).write_csv(shop / "who.csv")
    out = shop / "lists.parquet"
    words = ["recommend", str(model), "--users-file", str(shop / "who.csv")]
    assert run([*words, "-k", "3", "-o", str(out)]) == 0

    lists = pl.read_parquet(out)
    assert lists.filter(pl.col("user") == "u1").height == 3


def test_a_model_is_judged_on_what_came_after_it(shop, model, capsys):
    report = shop / "report.html"
    words = ["evaluate", str(model), str(shop / "events.csv"), "--against", str(model)]
    assert run([*words, "--html", str(report), "-k", "5"]) == 0

    assert "ndcg" in capsys.readouterr().out.lower()
    assert report.read_text().startswith("<!")
    assert ">What it was judged on</h2>" in report.read_text()


def test_a_report_that_cannot_be_written_is_said_in_one_sentence(shop, model, capsys):
    report = shop / "events.csv" / "report.html"
    words = ["evaluate", str(model), str(shop / "events.csv"), "-k", "5"]
    assert run([*words, "--html", str(report)]) == 2

    said = capsys.readouterr().err
    assert said.startswith(f"tidegraph: cannot write {report}: ")


def test_a_file_of_users_keeps_ids_as_they_are_written(shop, model, capsys):
    (shop / "who.csv").write_text("user\n007\n")
    words = ["recommend", str(model), "--users-file", str(shop / "who.csv"), "--json"]
    assert run(words) == 0

    assert json.loads(capsys.readouterr().out.splitlines()[0])["user"] == "007"


def test_a_place_that_cannot_be_written_is_found_before_the_work(shop, model, capsys):
    for words in (
        ["train", str(shop / "recipe.toml"), "-o", str(shop / "events.csv" / "m")],
        ["simulate", "-o", "/proc/none/log.csv"],
        ["demo", "--output", str(shop / "events.csv" / "m")],
    ):
        started = time.perf_counter()
        assert run(words) == 2
        assert time.perf_counter() - started < 1
        assert "Choose another place" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--user", "u1", "--at", "9" * 20], ["--history", '"i,2"," i5 "']]
)
def test_what_no_model_can_answer_is_said_in_one_sentence(model, words, capsys):
    assert run(["recommend", str(model), *words]) == 2

    said = capsys.readouterr().err
    assert said.startswith("tidegraph: ")
    assert said.count("\n") == 1


def test_lists_longer_than_the_catalogue_are_refused(shop, model, capsys):
    words = ["evaluate", str(model), str(shop / "events.csv"), "-k", "999999999"]
    assert run(words) == 2

    assert "the catalogue has" in capsys.readouterr().err


def test_a_simulated_log_can_be_read_back(tmp_path, capsys):
    out = tmp_path / "log.parquet"
    sizes = ["--users", "50", "--items", "40", "--days", "5", "--visits", "40"]
    assert run(["simulate", "-o", str(out), *sizes]) == 0
    assert run(["check", str(out), "--label", "label"]) == 0

    assert pl.read_parquet(out).height > 0


def test_an_interrupted_training_leaves_nothing(shop, monkeypatch, capsys):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tidegraph.pipeline.Pipeline.fit", interrupted)
    before = sorted(path.name for path in shop.iterdir())
    status = run(["train", str(shop / "recipe.toml"), "-o", str(shop / "model")])

    assert status == 130
    assert capsys.readouterr().err == "tidegraph: stopped; nothing is half-written.\n"
    assert sorted(path.name for path in shop.iterdir()) == before


@pytest.mark.parametrize("command", ["check", "train", "evaluate", "recommend"])
def test_help_is_there(command, capsys):
    assert run([command, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_an_option_for_one_value_is_not_given_two(model, capsys):
    assert run(["recommend", str(model), "--user", "u1", "--user", "u2"]) == 2
    said = "tidegraph: --user is given twice, and takes one value. Leave one out.\n"
    assert capsys.readouterr().err == said
    # Options that take several values still do.
    assert run(["similar", str(model), "--item", "s1", "--item", "s2", "-k", "1"]) == 0


def test_events_of_a_file_are_forgotten_by_the_saved_model(shop, model, capsys):
    log = pl.read_csv(shop / "events.csv")
    log[[0, 5, 7]].write_csv(shop / "wrong.csv")
    users = log["uid"][[0, 5, 7]].n_unique()
    before = load(model).graph.edges["action"]
    capsys.readouterr()
    assert run(["forget", str(model), str(shop / "wrong.csv")]) == 0

    said = capsys.readouterr().out
    assert f": 3 events of {users} users taken out." in " ".join(said.split())
    assert len(load(model).graph.edges["action"]) == len(before) - 3


def test_nothing_is_forgotten_where_a_row_is_no_event(shop, model, capsys):
    log = pl.read_csv(shop / "events.csv")
    held = load(model).graph.edges["action"]
    wrong = log[:2].with_columns(pl.col("ts") + pl.Series([0, 1]))
    wrong.write_csv(shop / "wrong.csv")
    capsys.readouterr()
    assert run(["forget", str(model), str(shop / "wrong.csv")]) == 2

    assert "row 1 of the edges to remove is no edge 'action'" in capsys.readouterr().err
    assert len(load(model).graph.edges["action"]) == len(held)
