"""Bad input is answered with one sentence, status 2, and nothing written."""

import gzip
import json
import re

import polars as pl
import pytest

from tidegraph.cli import run

HEADER = "uid,sku,ts\n"


def refused(arguments, capsys, folder) -> str:
    """Run a command that must fail; return what it said."""
    before = sorted(str(path) for path in folder.rglob("*"))
    status = run([str(argument) for argument in arguments])
    said = capsys.readouterr()

    assert status == 2
    assert said.out == ""
    assert said.err.startswith("tidegraph: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    assert sorted(str(path) for path in folder.rglob("*")) == before
    return said.err


def columns(path):
    return ["check", path, "--user", "uid", "--item", "sku", "--time", "ts"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        (HEADER, "no row"),
        ("user,sku,ts\na,x,1\n", "'uid'"),
        (HEADER + "a,x,1700000000\nb,y,yesterday-ish\n", "yesterday-ish"),
        (HEADER + "a,x,1700000000\nb,y,-5\n", "-5"),
        (HEADER + "a,x,1700000000.5\nb,y,NaN\n", "(?i)nan"),
        (HEADER + "a,x,1700000000.5\nb,y,inf\n", "(?i)inf"),
        (HEADER + "a,x,1700000000\n,y,1700000001\n", "uid"),
        (HEADER + "a,x,1700000000\nb,,1700000001\n", "sku"),
    ],
)
def test_a_bad_log_is_refused(content, says, tmp_path, capsys):
    (tmp_path / "log.csv").write_text(content)

    said = refused(columns(tmp_path / "log.csv"), capsys, tmp_path)

    assert re.search(says, said), said


def test_a_label_other_than_0_and_1_is_named(tmp_path, capsys):
    (tmp_path / "log.csv").write_text(
        "uid,sku,ts,y\na,x,1700000000,1\nb,x,1700000001,3\n"
    )

    said = refused([*columns(tmp_path / "log.csv"), "--label", "y"], capsys, tmp_path)

    assert "3" in said


def test_binary_garbage_is_refused(tmp_path, capsys):
    (tmp_path / "log.csv").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "log.parquet").write_bytes(b"PAR1" + bytes(range(256)) * 4)

    refused(columns(tmp_path / "log.csv"), capsys, tmp_path)
    refused(columns(tmp_path / "log.parquet"), capsys, tmp_path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path, capsys):
    assert "none.csv" in refused(columns(tmp_path / "none.csv"), capsys, tmp_path)
    refused(columns(tmp_path), capsys, tmp_path)


def test_a_file_that_unpacks_to_an_absurd_size_is_refused(tmp_path, capsys):
    with gzip.open(tmp_path / "log.csv.gz", "wb", compresslevel=9) as out:
        out.write(HEADER.encode())
        for _ in range(300):
            out.write(b"0" * (1 << 20))

    refused(columns(tmp_path / "log.csv.gz"), capsys, tmp_path)


def test_duplicate_rows_are_kept_and_counted(tmp_path, capsys):
    rows = "a,x,1700000000\n" * 3 + "b,y,1700000009\n"
    (tmp_path / "log.csv").write_text(HEADER + rows)

    assert run([str(word) for word in columns(tmp_path / "log.csv")]) == 0
    said = capsys.readouterr().out
    assert "duplicate" in said.lower()


@pytest.mark.parametrize("k", ["0", "-1", "5000"])
def test_an_impossible_length_is_refused(model, k, shop, capsys):
    capsys.readouterr()
    said = refused(["recommend", model, "--user", "u1", "-k", k], capsys, shop)

    assert f"k is {k}" in said


def test_an_unknown_user_without_a_fallback_is_refused(shop, capsys):
    recipe = (shop / "recipe.toml").read_text()
    lonely = recipe.replace('[[retrieve]]\nmodel = "Popular"\n', "")
    (shop / "recipe.toml").write_text(lonely)
    assert run(["train", str(shop / "recipe.toml"), "-o", str(shop / "model")]) == 0
    capsys.readouterr()

    status = run(["recommend", str(shop / "model"), "--user", "nobody"])

    unknown, said = capsys.readouterr().err.splitlines()
    assert status == 2
    assert "user 'nobody' is not in the model" in unknown
    assert "nothing for user 'nobody', who is not known" in said
    assert "Popular" in said


def test_an_unknown_setting_is_answered_with_the_right_one(shop, capsys):
    recipe = (shop / "recipe.toml").read_text()
    (shop / "recipe.toml").write_text(recipe.replace("neighbors", "neighbours"))

    said = refused(["train", shop / "recipe.toml", "-o", shop / "model"], capsys, shop)

    assert "recipe.toml:retrieve" in said
    assert "Did you mean 'neighbors'?" in said


def test_a_model_that_does_not_exist_is_named(shop, capsys):
    recipe = (shop / "recipe.toml").read_text()
    (shop / "recipe.toml").write_text(recipe.replace('"ItemKNN"', '"ItemKMN"'))

    said = refused(["train", shop / "recipe.toml", "-o", shop / "model"], capsys, shop)

    assert "Did you mean 'ItemKNN'?" in said


def test_a_model_of_another_version_is_refused(model, shop, capsys):
    manifest = json.loads((model / "manifest.json").read_text())
    (model / "manifest.json").write_text(json.dumps(manifest | {"format": 7}))
    capsys.readouterr()

    assert "format 7" in refused(["recommend", model, "--user", "u1"], capsys, shop)


def test_a_tampered_model_is_refused(model, shop, capsys):
    arrays = model / "arrays.safetensors"
    arrays.write_bytes(arrays.read_bytes()[:-1])
    capsys.readouterr()

    said = refused(["recommend", model, "--user", "u1"], capsys, shop)
    assert "arrays.safetensors" in said


def test_a_place_that_cannot_be_written_is_refused(shop, monkeypatch, capsys):
    def readonly(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tidegraph.artifact.writing.written_aside", readonly)
    words = ["train", shop / "recipe.toml", "-o", shop / "out", "--quiet"]
    said = refused(words, capsys, shop)

    assert "Permission denied" in said


def test_a_full_disk_is_answered_and_leaves_nothing(shop, monkeypatch, capsys):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tidegraph.artifact.sealed.write_arrays", full)
    words = ["train", shop / "recipe.toml", "-o", shop / "out", "--quiet"]
    said = refused(words, capsys, shop)

    assert "the disk is full" in said


def test_an_unknown_option_is_one_sentence(shop, capsys):
    refused(["check", shop / "events.csv", "--usr", "uid"], capsys, shop)


def test_evaluating_on_the_training_log_alone_is_refused(model, shop, capsys):
    log = pl.read_csv(shop / "events.csv").head(100)
    log.write_csv(shop / "early.csv")
    capsys.readouterr()

    said = refused(["evaluate", model, shop / "early.csv"], capsys, shop)

    assert "no event of the test part, which begins at 2024-01-08" in said
    said = refused(
        ["evaluate", model, shop / "early.csv", "--part", "all"], capsys, shop
    )
    assert "no event after" in said


def test_one_row_can_be_checked_and_cannot_be_trained_on(shop, capsys):
    (shop / "events.csv").write_text(HEADER + "u1,s1,1700000000\n")
    log = str(shop / "events.csv")
    assert run(["check", log, "--user", "uid", "--item", "sku", "--time", "ts"]) == 0
    assert "1 events" in capsys.readouterr().out

    refused(["train", shop / "recipe.toml", "-o", shop / "model"], capsys, shop)
