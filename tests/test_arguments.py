import fractions
import re
from collections.abc import Mapping, Sequence
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tidegraph as tg
from tidegraph import bench
from tidegraph.arguments import checked, number, settings, whole
from tidegraph.arguments.conversion import shown
from tidegraph.errors import ConfigError, DataError, RequestError, TidegraphError
from tidegraph.retrieval.from_log import FROM_LOG, FromLog
from tidegraph.retrieval.knn.similarity import Similarity
from tidegraph.stages import Retriever


@runtime_checkable
class Speaks(Protocol):
    def speak(self) -> str: ...


class Dog:
    def speak(self) -> str:
        return "wuff"


class Leash: ...


@settings
class Walk:
    """Settings of every kind.

    Attributes:
        steps: How many.
        pace: How fast.
        brisk: Is it?
        way: Where.
        stops: Where to rest.
        pair: Two.
        dog: Who comes along.
        leash: What on.
    """

    steps: int = 1
    pace: float | None = None
    brisk: bool = False
    way: Literal["there", "back"] = "there"
    stops: tuple[int, ...] = ()
    pair: tuple[int, float] = (1, 2.0)
    dog: Speaks | None = None
    leash: Leash | None = None

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ConfigError(f"steps is {self.steps}.")


@checked(DataError)
def plan(k: int, *names: str, sizes: Sequence[float] = (), **more: int) -> object:
    return k, names, sizes, more


@pytest.mark.parametrize(
    "three",
    [
        *(t(3) for t in (int, float, Decimal, np.int8, np.uint64, np.float32)),
        np.array(3),
        np.array(3.0),
        pd.Series([3])[0],
        pl.Series([3]).to_numpy()[0],
    ],
)
def test_a_whole_number_of_any_spelling_is_that_number(three):
    found = whole(three, "k")

    assert type(found) is int
    assert found == 3


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, "3", b"3", 3.5, float("nan"), float("inf"), 2**63, [3]),
        *(np.array([3]), Decimal("3.5"), np.bool_(True), np.datetime64(3, "s")),
        *(
            pd.NA,
            pd.NaT,
            fractions.Fraction(3, 2),
            pytest.param(object(), id="object"),
            pl.Series([3]),
        ),
    ],
    ids=repr,
)
def test_what_is_no_whole_number_is_one_sentence(value):
    with pytest.raises(RequestError, match=r"^k is .*; it must be a whole number"):
        whole(value, "k")


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), Decimal("1"), np.int64(1)])
def test_a_number_of_any_spelling_is_a_float(value):
    assert type(number(value, "pace")) is float


@pytest.mark.parametrize(
    "value", [None, True, "1", float("nan"), 1j, [1.0], Decimal("nan"), 10**400]
)
def test_what_is_no_number_is_one_sentence(value):
    with pytest.raises(RequestError, match=r"^pace is .*; it must be a number\.$"):
        number(value, "pace")


def test_settings_are_what_their_annotations_say():
    walk = Walk(
        np.int32(4),  # pyright: ignore[reportArgumentType]
        pace=np.float64(2),
        brisk=np.bool_(True),
        way=np.str_("back"),
        stops=np.array([1, 2]),
        pair=[3.0, 4],
        dog=Dog(),
    )

    assert (walk.steps, walk.pace, walk.brisk, walk.way) == (4, 2.0, True, "back")
    assert (walk.stops, walk.pair) == ((1, 2), (3, 4.0))
    assert [type(x) for x in (walk.steps, walk.brisk, walk.stops[0])] == [
        int,
        bool,
        int,
    ]
    assert replace(walk, steps=5).steps == 5
    with pytest.raises(FrozenInstanceError):
        walk.steps = 3


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"steps": 1.5}, "Walk steps is 1.5; it must be a whole number."),
        ({"pace": "x"}, "Walk pace is 'x'; it must be a number or None."),
        ({"brisk": 1}, "Walk brisk is 1; it must be true or false."),
        ({"way": "up"}, "Walk way is 'up'; it must be 'there' or 'back'."),
        ({"stops": "12"}, "Walk stops is '12'; it must be a list."),
        ({"stops": [1, "2"]}, r"Walk stops\[1\] is '2'; it must be a whole number."),
        ({"stops": {1: 2}}, "it must be a list."),
        ({"stops": pl.DataFrame({"a": [1]})}, "a DataFrame; it must be a list."),
        ({"pair": [1]}, "it must be a list of 2."),
        ({"dog": 3}, "Walk dog is 3; it must be a Speaks or None."),
        ({"dog": Dog}, r"it must be a value, like Dog\(\) or None."),
        ({"leash": "leash"}, r"it must be a value, like Leash\(\) or None."),
        ({"steps": -1}, "steps is -1."),
        (
            {"stops": [[1], "2"]},
            r"Walk stops\[0\] is \[1\]; it must be a whole number.",
        ),
    ],
)
def test_a_setting_of_another_type_is_one_sentence(wrong, says):
    with pytest.raises(ConfigError, match=says):
        Walk(**wrong)


@settings
class Channels:
    """Public parts of the library.

    Attributes:
        methods: What retrieves.
        alike: Which items are alike.
    """

    methods: Retriever | tuple[Retriever, ...] = ()
    alike: Similarity | FromLog = FROM_LOG


def test_a_class_that_was_not_called_is_shown_called_once():
    with pytest.raises(ConfigError) as found:
        tg.Pipeline(tg.ItemKNN(), rank=tg.DIN)  # pyright: ignore[reportArgumentType]

    assert str(found.value).endswith("it must be a value, like tg.DIN() or None.")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            {"methods": (tg.SASRec(),)},
            "Channels methods[0] is a SASRec; "
            "it must be a Retriever, like tg.sasrec().",
        ),
        ({"methods": tg.GRU4Rec()}, "a Retriever, like tg.gru4rec() or a list."),
        ({"methods": tg.sasrec}, "a Retriever, like tg.sasrec() or a list."),
        ({"methods": "item_knn"}, "a value, like tg.ItemKNN() or a list."),
        ({"alike": "cosine"}, "a value, like tg.Cosine() or FROM_LOG."),
    ],
)
def test_one_is_told_the_public_value_that_was_meant(wrong, says):
    with pytest.raises(ConfigError) as told:
        Channels(**wrong)

    assert says in str(told.value)


@settings
class Shares:
    """Settings by name.

    Attributes:
        of: How much of each, in order or by name.
    """

    of: tuple[float, ...] | Mapping[str, float] = ()


def test_a_mapping_is_copied_and_its_values_are_what_is_said():
    given = {"a": np.int64(1)}
    shares = Shares(given)
    given["b"] = 2

    assert shares.of == {"a": 1.0}
    assert type(shares.of["a"]) is float
    assert Shares([1, 2]).of == (1.0, 2.0)


@pytest.mark.parametrize("wrong", [7, "text"])
def test_what_is_no_mapping_is_one_sentence(wrong):
    with pytest.raises(ConfigError, match="must be a list or a mapping of names"):
        Shares(wrong)


@pytest.mark.parametrize(("wrong", "part"), [({"a": "b"}, "['a']"), ([1, "b"], "[1]")])
def test_a_wrong_part_of_a_mapping_or_a_list_is_named(wrong, part):
    says = re.escape(f"Shares of{part} is 'b'; it must be a number.")

    with pytest.raises(ConfigError, match=f"^{says}$"):
        Shares(wrong)


def test_arguments_of_a_function_are_what_their_annotations_say():
    given = plan(3.0, "a", np.str_("b"), sizes=np.array([1, 2]), extra=np.int8(1))

    assert given == (3, ("a", "b"), [1.0, 2.0], {"extra": 1})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plan("3"), "k is '3'"),
        (lambda: plan(3, 4), "names is 4; it must be text"),
        (lambda: plan(3, sizes="12"), "sizes is '12'; it must be a list"),
        (lambda: plan(3, sizes=np.zeros((2, 2))), "sizes is .*; it must be a list"),
        (lambda: plan(3, extra="x"), "extra is 'x'"),
    ],
)
def test_an_argument_of_another_type_is_one_sentence(call, says):
    with pytest.raises(DataError, match=says):
        call()


def test_a_call_that_python_itself_refuses_stays_that():
    with pytest.raises(TypeError, match="missing 1 required"):
        plan()


def test_a_moment_of_numpy_keeps_its_unit():
    @checked(DataError)
    def at(when: Sequence[np.datetime64]) -> object:
        return when

    moments = np.array(["2024-01-01"], "datetime64[ns]")

    assert at(moments) == [moments[0]]


def test_a_long_value_or_one_that_cannot_be_shown_is_named_by_its_type():
    class Broken:
        def __repr__(self) -> str:
            raise ValueError

    assert shown([1] * 100) == "a list"
    assert shown(Broken()) == "a Broken"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: tg.ItemKNN(neighbours=5),
            "ItemKNN has no setting 'neighbours'. Did you mean 'neighbors'? It knows: ",
        ),
        (
            lambda: tg.recipes.lightgcn(layer=2),
            "lightgcn() has no setting 'layer'. Did you mean 'layers'? It knows: ",
        ),
        (
            lambda: tg.read("log.csv", usr="uid"),
            "read() has no setting 'usr'. Did you mean 'user'? It knows: ",
        ),
        (
            lambda: replace(tg.Run(np.random.default_rng(0)), thread=2),
            "Run has no setting 'thread'. Did you mean 'threads'? It knows: ",
        ),
        (lambda: tg.identity(hops=2), "identity() has no setting 'hops'. It knows: no"),
    ],
)
def test_a_setting_that_nobody_knows_is_answered_with_the_nearest(call, said):
    with pytest.raises(TidegraphError, match=re.escape(said)):
        call()


def test_a_fitted_pipeline_says_which_setting_was_meant():
    log = tg.interactions(["a", "b"], ["x", "y"], [1, 2])
    model = tg.Pipeline(retrieve=tg.Popular()).fit(log)

    with pytest.raises(RequestError, match="Did you mean 'exclude'"):
        model.recommend("a", exclud=["x"])
    with pytest.raises(RequestError, match="Did you mean 'users'"):
        model.recommend_all(user=["a"])
    with pytest.raises(DataError, match="Did you mean 'missing'"):
        model.observe([("a", "y", 3)], missed="keep")


@pytest.mark.parametrize("home", [tg, tg.recipes, tg.encoders, tg.index, bench])
def test_every_door_names_the_settings_that_it_has(home):
    doors = [getattr(home, name) for name in dir(home) if name[0] != "_"]
    silent = [
        door.__name__
        for door in doors
        if callable(door) and door.__module__.startswith("tidegraph.")
        if door.__name__ not in NOT_MADE_BY_CALLERS
        if not (door.__name__.startswith("Fitted") or is_abstract(door))
        if not (isinstance(door, type) and issubclass(door, TidegraphError))
        if not refuses(door)
    ]

    assert not silent


def is_abstract(door):
    return getattr(door, "_is_protocol", False)


def refuses(door):
    try:
        door(no_setting_at_all=1)
    except TidegraphError as error:
        return "has no setting 'no_setting_at_all'" in str(error)
    except TypeError:
        return False
    return False


NOT_MADE_BY_CALLERS = {
    *("Interactions", "Matrix", "Bundle"),
    *("distribution", "proximity", "sampler"),
    *("ClickParts", "Comparison", "Scores", "Trained"),
    *("ItemSets", "NodeVectors", "Past", "Table"),
}
"""What other calls return, and decorators, which take a name alone."""
