"""``tidegraph train --checkpoints``: what was stopped goes on to the same model."""

import pytest

import tidegraph as tg
from killed import epochs_in, killed_after
from tidegraph.cli import run

RECIPE = """
[data]
path = "events.csv"
user = "uid"
item = "sku"
time = "ts"

[[retrieve]]
model = "lightgcn"
embedding_size = 8
training = { epochs = EPOCHS, batch_size = 256 }
"""


def written(shop, epochs, more=""):
    """Write the recipe, and return the words of the command but for the model."""
    path = shop / "recipe.toml"
    path.write_text(RECIPE.replace("EPOCHS", str(epochs)) + more)
    return ["train", str(path), "--checkpoints", str(shop / "ck"), "-o"]


def lists(folder):
    return tg.load(folder).recommend_all(k=5)


def test_a_training_that_was_killed_ends_with_the_model_of_one_that_was_not(
    shop, capsys
):
    words, channel = written(shop, 120), shop / "ck" / "known" / "LightGCN"
    killed_after(["tidegraph", *words, str(shop / "killed")], channel, 3)
    assert not (shop / "killed").exists()
    assert 3 <= max(epochs_in(channel)) < 120

    assert run([*words, str(shop / "killed")]) == 0
    said = capsys.readouterr().out
    recipe = words[1]
    assert run(["train", recipe, "-o", str(shop / "whole")]) == 0

    assert lists(shop / "killed").equals(lists(shop / "whole"))
    # The scores on valid are of a retrieval of its own, with its own checkpoints.
    scores = [line for line in said.splitlines() if "@" in line]
    assert scores
    assert scores == [
        line for line in capsys.readouterr().out.splitlines() if "@" in line
    ]
    assert epochs_in(shop / "ck" / "valid" / "known" / "LightGCN") == [120]


def test_every_window_has_checkpoints_of_its_own(shop):
    split = "\n[split]\nrolling = { window_days = 2, folds = 2 }\n"
    words = written(shop, 2, split)
    assert run([*words, str(shop / "one"), "--quiet"]) == 0
    assert run([*words, str(shop / "two"), "--quiet"]) == 0

    assert lists(shop / "one").equals(lists(shop / "two"))
    for window in ("window-1", "window-2"):
        assert epochs_in(shop / "ck" / window / "known" / "LightGCN") == [2]


@pytest.mark.parametrize("place", ["events.csv", "events.csv/ck"])
def test_a_place_that_cannot_be_a_folder_is_refused(shop, place, capsys):
    words = written(shop, 1)
    words[3] = str(shop / place)

    assert run([*words, str(shop / "model")]) == 2

    assert "events.csv" in capsys.readouterr().err
    assert not (shop / "model").exists()
