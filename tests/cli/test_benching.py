import json

import polars as pl
import pytest

from cli.test_bad_input import refused
from tidegraph.cli import run

READ = ["--user", "uid", "--item", "sku", "--time", "ts"]


def ctr(folder, *options):
    return ["bench", "ctr", "--data", folder / "events.csv", *READ, *options]


def done(arguments) -> None:
    assert run([str(argument) for argument in arguments]) == 0


def test_it_says_which_ranker_is_worth_having_and_writes_a_report(shop, capsys):
    items = ["--items", shop / "items.csv", "--category", "category"]
    few = ["--models", "boostedtrees", "--seeds", "1"]
    done(ctr(shop, *items, *few, "-o", shop / "out"))
    said = capsys.readouterr().out

    assert said.startswith("requests: train")
    assert "BoostedTrees" in said
    assert "RecencyLogit" in said
    assert "surely better" in said
    assert (shop / "out" / "report.html").is_file()
    held = (shop / "out" / "trainings.jsonl").read_text().splitlines()
    # Two rankers of four settings each.
    assert len(held) == 8


@pytest.mark.parametrize("models", [[], ["--models", "MF"]])
def test_a_log_without_times_is_refused_before_any_ranker_is_made(
    shop, capsys, monkeypatch, models
):
    monkeypatch.setattr("tidegraph.bench.contenders", lambda *_: pytest.fail("made"))
    asked = ["bench", "ctr", "--data", str(shop / "events.csv"), "--time", "none"]

    assert run([*asked, "--user", "uid", "--item", "sku", *models]) == 2
    assert "the log has no times, so nothing says what" in capsys.readouterr().err


def test_a_log_of_habits_is_told_so_and_judged_with_them(shop, capsys):
    few = ["--models", "RecencyLogit", "--seeds", "1"]
    done(ctr(shop, *few))
    without = capsys.readouterr().out
    done(ctr(shop, *few, "--repeat"))
    habits = capsys.readouterr().out

    assert "Most events were of items that the user had before" in without
    assert "Most events" not in habits
    assert "compared with no other model" in habits
    assert "More events" not in habits
    assert without.split(",")[0] != habits.split(",")[0]


def test_a_recipe_takes_part_by_what_ranks_in_it(shop, capsys):
    (shop / "mine.toml").write_text('[rank]\nmodel = "RecencyLogit"\nl2 = 0.5\n')
    few = ["--models", shop / "mine.toml", "--seeds", "1"]
    done(ctr(shop, *few, "-o", shop / "out"))

    assert "mine" in capsys.readouterr().out
    held = (shop / "out" / "trainings.jsonl").read_text().splitlines()
    named = [json.loads(line)["model"] for line in held]
    assert named == ["RecencyLogit"] * 4 + ["mine"]


def test_a_control_reads_fields_of_a_log_and_says_who_does_not(shop, capsys):
    items = ["--items", shop / "items.csv", "--fields", "item.category"]
    (shop / "plain.toml").write_text('[rank]\nmodel = "RecencyLogit"\n')
    few = ["--models", shop / "plain.toml", "--seeds", "1"]
    done(ctr(shop, *items, *few))

    said = capsys.readouterr().out
    assert "Features that not all read: plain: not item.category." in said


def test_propensities_are_a_column_that_is_read_because_it_is_named(shop, capsys):
    events = pl.read_csv(shop / "events.csv").with_row_index()
    shown = events.with_columns(
        clicked=pl.col("index") % 2, chance=(pl.col("index") % 9 + 1) / 10
    )
    shown.write_csv(shop / "events.csv")
    few = ["--label", "clicked", "--models", "RecencyLogit", "--seeds", "1", "--json"]
    auc = []
    for further in ([], ["--propensity", "chance"]):
        done(ctr(shop, *few, *further))
        auc.append(json.loads(capsys.readouterr().out)["auc"])

    assert auc[0] != auc[1]
    said = refused(ctr(shop, *few, "--propensity", "index"), capsys, shop)
    assert "row 0 of the log has index=0.0" in said


def test_it_prints_json_and_leaves_nothing_without_a_folder(shop, capsys):
    before = sorted(shop.iterdir())
    done(ctr(shop, "--models", "RecencyLogit", "--seeds", "1", "--json"))
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [row["model"] for row in rows] == ["RecencyLogit"]
    assert 0 < rows[0]["auc"] < 1
    assert sorted(shop.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--models", "DSLG"], "Did you mean 'DSGL'"),
        (["--models", "DSGL, with structure"], "Did you mean 'DSGL, with structure'"),
        (["--models", "RetrieverLogit"], "made of another method"),
        (["--models", "none.toml"], "there is no file none.toml"),
        (["--models", "empty.toml"], "empty.toml has no table [rank]"),
        (["--models", "broken.toml"], "[broken.toml:rank.MLP] has no setting 'wide'"),
        (["--seeds", "0"], "seeds is 0"),
        (["--category", "category"], "--items"),
        (["--fields", "item.category"], "--items"),
        (["--fields", "user.age"], "--users"),
        (["--fields", "age"], "Say whose feature it is"),
        (["--label", "clicked"], "clicked"),
    ],
)
def test_what_cannot_be_is_said_before_the_work(
    options, says, shop, capsys, monkeypatch
):
    (shop / "empty.toml").touch()
    (shop / "broken.toml").write_text('[rank]\nmodel = "MLP"\nwide = 3\n')
    monkeypatch.chdir(shop)
    assert says in refused(ctr(shop, *options), capsys, shop)


def test_a_category_that_items_lack_is_named(shop, capsys):
    options = ["--items", shop / "items.csv", "--category", "kind"]

    assert "'kind'" in refused(ctr(shop, *options), capsys, shop)


def test_a_field_that_items_lack_is_named(shop, capsys):
    options = ["--items", shop / "items.csv", "--fields", "item.kind"]

    assert "kind" in refused(ctr(shop, *options), capsys, shop)


def test_a_log_with_too_few_events_is_refused(shop, capsys):
    (shop / "events.csv").write_text("uid,sku,ts\na,x,1700000000\nb,y,1700000001\n")

    said = refused(ctr(shop, "--models", "RecencyLogit"), capsys, shop)

    assert "part has no request" in said
