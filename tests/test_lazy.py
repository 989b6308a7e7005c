"""What a program does not use is not imported, and need not be installed."""

import gc
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.catalog import STAGES
from tidegraph.data.interactions import interactions
from tidegraph.lazy import Homes
from tidegraph.ranking.network import is_network

SOURCES = Path(tg.__file__).parents[1]
ENGINES = ("torch", "numba", "scipy", "polars", "numpy", "pandas", "pyarrow")
HEAVY = (
    *("torch", "pandas", "pyarrow", "duckdb", "networkx", "matplotlib", "IPython"),
    *("scipy.sparse", "scipy.linalg", "rich.progress"),
    # What numba compiles with; a kernel that was compiled before needs none of it.
    *("numba.np.linalg", "numba.np.arraymath"),
)
ANSWER = "import sys, tidegraph as tg\ntg.load(sys.argv[1]).recommend('u3', k=3)"
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None\n"
TRAINED = (tg.Embedding, tg.NextItem, tg.Concatenated)
"""What a retriever is that trains a network; all others need none."""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process that finds this library and no test tools."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={"PYTHONPATH": str(SOURCES), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def loaded(code: str, *arguments: object) -> set[str]:
    """The modules that a fresh process has imported once it has run the code."""
    told = "\nimport json, sys\nsys.stderr.write(json.dumps(list(sys.modules)))"
    done = run(code + told, *arguments)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A saved pipeline of classical methods."""
    rng = np.random.default_rng(0)
    log = interactions(
        [f"u{u}" for u in rng.integers(0, 20, 400)],
        [f"i{i}" for i in rng.integers(0, 30, 400)],
        np.arange(400) * 3600 + 1_700_000_000,
    )
    folder = tmp_path_factory.mktemp("saved") / "model"
    tg.Pipeline(tg.ItemKNN(), fallback=tg.Popular()).fit(log).save(folder)
    # Whose kernels are compiled by now, which takes more than to answer.
    tg.load(folder).recommend("u3", k=3)
    return folder


def test_the_help_of_the_command_line_imports_no_engine():
    """Nor does importing the library, which it does."""
    code = "import sys\nfrom tidegraph.cli import run\nassert run(['--help']) == 0"

    assert loaded(code) & set(ENGINES) == set()


def test_a_saved_classical_model_answers_without_what_it_does_not_use(model):
    assert loaded(ANSWER, model) & set(HEAVY) == set()


def _processor_seconds(code: str, *arguments: object) -> float:
    """Seconds of the processor that a fresh process takes."""
    # These are tools of developers alone, which numba loads where it finds them.
    plain = "import sys\nsys.modules['coverage'] = sys.modules['yaml'] = None\n"
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run(plain + code, *arguments)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime


def test_a_cold_answer_takes_about_twice_what_its_engines_do(model):
    """Of a saved classical model, in seconds of the processor, the best of three."""
    engines, answer = zip(
        *(
            (
                _processor_seconds("import numpy, polars, numba"),
                _processor_seconds(ANSWER, model),
            )
            for _ in range(3)
        ),
        strict=True,
    )

    assert min(answer) < 2.2 * min(engines)


def test_the_command_that_recommends_imports_no_evaluation_and_no_training(model):
    code = (
        "import sys\nfrom tidegraph.cli import run\n"
        "assert run(['recommend', sys.argv[1], '--user', 'u3', '--json']) == 0"
    )
    held = loaded(code, model)

    assert held & set(HEAVY) == set()
    assert held.isdisjoint(
        {"tidegraph.evaluation.evaluate", "tidegraph.demo", "tidegraph.cli.training"}
    )


def test_a_command_collects_garbage_but_not_what_it_imported(model):
    code = (
        "import gc, sys\nfrom tidegraph.cli import main\n"
        "sys.argv = ['tidegraph', 'recommend', sys.argv[1], '--user', 'u3']\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        "print(gc.isenabled(), gc.get_freeze_count() > 100_000)"
    )

    assert run(code, model).stdout.splitlines()[-1] == "True True"


def test_without_torch_the_library_answers_and_a_network_is_one_sentence(model):
    code = WITHOUT_TORCH + (
        "import tidegraph as tg\n"
        "assert tg.load(sys.argv[1]).recommend('u3', k=3).height == 3\n"
        "try:\n    tg.DIN()\n"
        "except tg_errors.MissingExtraError as error:\n    print(error)\n"
    ).replace("tg_errors", "__import__('tidegraph.errors').errors")
    done = run(code, model)

    assert done.stdout.strip() == (
        "a neural network needs the package 'torch', which is not installed. "
        "Run: pip install 'tidegraph[neural]'"
    ), done.stderr


def test_without_torch_a_recipe_with_a_network_is_refused_before_the_log_is_read(
    tmp_path,
):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[data]\npath = "absent.csv"\n[[retrieve]]\nmodel = "Popular"\n'
        '[rank]\nmodel = "DIN"\n'
    )
    code = WITHOUT_TORCH + (
        "from tidegraph.cli import run\n"
        "sys.exit(run(['train', sys.argv[1], '-o', sys.argv[2]]))"
    )
    done = run(code, recipe, tmp_path / "model")

    assert done.returncode == 2
    assert done.stderr.strip() == (
        "tidegraph: a neural network needs the package 'torch', which is not "
        "installed. Run: pip install 'tidegraph[neural]'"
    )


def _needs_torch(method: Any) -> bool:
    """Is a method a network, or does a recipe return what trains one?"""
    if isinstance(method, type):
        return is_network(method) or issubclass(method, TRAINED)
    made = get_type_hints(method)["return"]
    return any(issubclass(kind, TRAINED) for kind in get_args(made) or (made,))


@pytest.fixture(scope="module")
def without_torch() -> dict[str, Any]:
    """What a program without torch can do; see ``without_torch.py``."""
    done = run((Path(__file__).parent / "without_torch.py").read_text())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("stage", STAGES)
def test_without_torch_every_method_that_trains_no_network_works(stage, without_torch):
    told = without_torch["answered"][stage]
    refused = {name for name, fault in told.items() if "'torch'" in fault}

    assert {name: told[name] for name in told.keys() - refused if told[name]} == {}
    assert refused == {n for n in STAGES[stage] if _needs_torch(STAGES[stage][n])}


def test_without_torch_only_names_of_networks_are_missing(without_torch):
    neural = ("nn", "dccl", "device", "training", "ranking.neural", "ranking.tasks")
    trained = ("embedding", "objective", "sequence", "recipes", "recipes.concatenated")
    names = Homes.of("tidegraph")
    for room in (*neural, *(f"retrieval.{room}" for room in trained)):
        names = names.outside(f"tidegraph.{room}")

    assert len(names) > 90
    assert set(names) & set(without_torch["missing"]) == set()


def test_every_public_name_is_where_its_home_says():
    for name in tg.__all__:
        found = getattr(tg, name)
        called = getattr(found, "__name__", repr(found))
        assert called.split(".")[-1] == name


def test_a_name_that_no_module_has_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = tg.Nothing


def test_names_are_known_without_their_modules():
    homes = Homes({"Missing": "tidegraph.nowhere", "generator": "tidegraph.rng"})

    assert list(homes) == ["Missing", "generator"]
    assert "Missing" in homes
    assert homes["generator"] is not None
    with pytest.raises(ModuleNotFoundError):
        _ = homes["Missing"]


def test_a_room_lists_its_names_once_and_the_library_lifts_them():
    room = set(Homes.of("tidegraph.retrieval"))

    assert {"ItemKNN", "FittedItemModel", "lightgcn"} <= room
    assert room <= set(Homes.of("tidegraph"))
    assert {name for name in room if "Fitted" not in name} <= set(tg.__all__)
    assert tg.retrieval.ItemKNN is tg.ItemKNN
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = tg.retrieval.Nothing
    with pytest.raises(AttributeError, match=r"'itemknn'\. Did you mean 'ItemKNN'"):
        _ = tg.itemknn
    with pytest.raises(AttributeError, match=r"'lightgcm'\. Did you mean 'lightgcn'"):
        _ = tg.recipes.lightgcm


def test_recipes_are_a_room_of_their_own_too():
    recipes = set(Homes.of("tidegraph.retrieval.recipes"))

    assert {"lightgcn", "deepwalk", "netmf", "gf_cf", "sasrec"} <= recipes
    assert recipes <= set(Homes.of("tidegraph.retrieval"))
    assert recipes == set(dir(tg.recipes))
    assert tg.recipes.lightgcn is tg.lightgcn


def test_no_public_name_of_a_room_is_hidden_by_a_module_of_that_name():
    for stub in SOURCES.rglob("__init__.pyi"):
        room = stub.parent
        modules = {path.stem for path in room.iterdir()}
        assert modules.isdisjoint(Homes.of(".".join(room.relative_to(SOURCES).parts)))


def test_no_public_name_has_two_homes():
    stub = (SOURCES / "tidegraph" / "__init__.pyi").read_text().splitlines()
    rooms = [line.split()[1] for line in stub if line.endswith("import *")]
    homes = [set(Homes.of(room)) for room in rooms]
    twice = {
        name
        for place, room in enumerate(homes)
        for other in homes[place + 1 :]
        for name in room & other
    }

    assert len(rooms) >= 5
    assert twice == set()


@pytest.mark.parametrize("on", [True, False])
def test_a_first_use_leaves_the_collector_of_garbage_as_it_was(
    on, tmp_path, monkeypatch
):
    (tmp_path / "used_first.py").write_text("import gc\nduring = gc.isenabled()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "used_first", raising=False)
    was = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        assert Homes({"during": "used_first"})["during"] is False
        with pytest.raises(ModuleNotFoundError):
            _ = Homes({"x": "tidegraph.nowhere"})["x"]

        assert gc.isenabled() == on
    finally:
        (gc.enable if was else gc.disable)()
