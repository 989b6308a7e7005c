"""A recipe writes a plan as Python prints it, wherever a setting is one."""

import tomllib
import typing
from typing import Any, cast

import pytest

import tidegraph as tg
from cli.shops import opened
from tidegraph.catalog import WRITTEN, load, model
from tidegraph.cli import run
from tidegraph.config import build, to_table
from tidegraph.ego.parse import AnyPlan, parse
from tidegraph.ego.walks import Walk
from tidegraph.errors import ConfigError
from tidegraph.graph.sampling.seeds import Plan
from tidegraph.lazy import Homes
from tidegraph.recipe_file.recipe import pipeline_of
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import BPR
from tidegraph.retrieval.objective.negatives import Planned
from tidegraph.retrieval.objective.pairs import WalkEnds, WalkWindows

PAST = tg.hop("action").recent(5).hop("~action").recent(3)
FORTH = tg.walk("action", "~action", times=2, length=3).all_time()
BACK = tg.walk("~action", "action", times=2, length=3).restart(0.2).all_time()
ALIVE = tg.negatives("item", 3, avoid="action")
PAIRS, LOSS = "objective.pairs", "objective.loss"
TABLES = {
    f'ego = "{PAST}"': tg.Embedding(ego=PAST),
    'ego = "none"': tg.Embedding(),
    f'{PAIRS} = {{ type = "WalkWindows", walks = ["{FORTH}", "{BACK}"] }}': (
        tg.Embedding(objective=Objective(WalkWindows((FORTH, BACK))))
    ),
    f'{PAIRS} = {{ type = "WalkEnds", walks = ["{FORTH}"] }}': (
        tg.Embedding(objective=Objective(WalkEnds((FORTH,))))
    ),
    f'{LOSS}.type = "BPR"\n{LOSS}.negatives.type = "Planned"\n'
    f'{LOSS}.negatives.plan = "{ALIVE}"': (
        tg.Embedding(objective=Objective(loss=BPR(Planned(ALIVE))))
    ),
}


def _read(text: str) -> object:
    return model({"model": "Embedding", **tomllib.loads(text)}, "r.toml", "retrieve")


@pytest.mark.parametrize("text", TABLES)
def test_the_text_of_a_plan_is_the_plan(text):
    assert _read(text) == TABLES[text]


@pytest.mark.parametrize("text", TABLES)
def test_settings_with_plans_survive_the_way_out_and_back(text):
    made = TABLES[text]

    assert build(tg.Embedding, to_table(made), "x", written=WRITTEN) == made


def _kinds(hint: Any) -> set[type]:
    found = {kind for inner in typing.get_args(hint) for kind in _kinds(inner)}
    return found | ({hint} if hint is Plan or hint in AnyPlan else set())


def test_wherever_a_setting_of_a_recipe_is_a_plan_it_is_read_from_text():
    named = [one for one in Homes.of("tidegraph").values() if isinstance(one, type)]
    settings = [one for one in named if one.__module__.startswith("tidegraph.retr")]
    hints = [h for one in settings for h in typing.get_type_hints(one).values()]

    found = {kind for hint in hints for kind in _kinds(hint)}
    assert found == {Plan, Walk}
    for kind in found:
        example = WRITTEN[kind.__name__].example.strip('"')
        assert isinstance(parse(example), kind)


LIKE_A_PLAN = "\"hop\\('action'\\).recent\\(20\\)\"\\."
LIKE_A_WALK = "\"walk\\('action', '~action', length=20\\).all_time\\(\\)\"\\."


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"ego": "hop('action')"}, f"not a whole plan.*An example: {LIKE_A_PLAN}"),
        ({"ego": "hopp('action').recent(2)"}, f"'hopp' does not .*: {LIKE_A_PLAN}"),
        ({"ego": 5}, f"ego. is 5; it must be a Plan, such as {LIKE_A_PLAN}"),
        ({"ego": {"type": "Hops"}}, f"must be a Plan, such as {LIKE_A_PLAN}"),
        ({"ego": [str(PAST)]}, f"must be a Plan, such as {LIKE_A_PLAN}"),
        (
            {"objective": {"pairs": {"type": "WalkEnds", "walks": [str(PAST)]}}},
            f'walks. is "hop.*; it must be a Walk, such as {LIKE_A_WALK}',
        ),
        (
            {"objective": {"pairs": {"type": "WalkEnds", "walks": [7]}}},
            f"walks. is 7; it must be a Walk, such as {LIKE_A_WALK}",
        ),
    ],
)
def test_what_is_no_plan_is_answered_with_one(table, says):
    with pytest.raises(ConfigError, match=says):
        model({"model": "Embedding", **table}, "r.toml", "retrieve")


RECIPE = f"""
[data]
path = "events.csv"
user = "uid"
item = "sku"
time = "ts"

[[retrieve]]
model = "Embedding"
encoder = {{ type = "GraphSAGE", layers = 1 }}
ego = "hop('action').recent(5)"
embedding_size = 4
training = {{ epochs = 1 }}

[retrieve.objective.loss]
type = "BPR"
negatives = {{ type = "Planned", plan = "{ALIVE}" }}

[tune]
trials = 2
metric = "ndcg@5"

[tune.settings."retrieve.Embedding.ego"]
choices = ["hop('action').recent(5)", "hop('action').recent(2)"]
"""


def test_a_recipe_with_plans_is_tuned_trained_and_fitted_again(tmp_path, capsys):
    recipe = opened(tmp_path) / "recipe.toml"
    recipe.write_text(RECIPE)

    assert run(["tune", str(recipe), "-o", str(tmp_path / "search")]) == 0
    best = tmp_path / "search" / "best.toml"
    assert run(["train", str(best), "-o", str(tmp_path / "model")]) == 0

    (table,) = tomllib.loads(best.read_text())["retrieve"]
    saved = load(tmp_path / "model")
    source = saved.serving.source
    assert source is not None
    assert source.recipe["retrieve"] == [table]
    (made,) = pipeline_of(source.recipe, "saved").blend.methods.values()
    assert cast(tg.Embedding, made).ego == parse(table["ego"])
    again = tg.read_recipe(best).fit().model
    users = ["u1", "u2", "u3"]
    assert again.recommend_all(users).equals(saved.recommend_all(users))
