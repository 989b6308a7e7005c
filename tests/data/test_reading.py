"""How a log is read is one value, which a table of text can hold."""

import pytest

import tidegraph as tg
from tidegraph.data.reading import Columns, Reading
from tidegraph.data.sources import read_as
from tidegraph.errors import ConfigError

SAID = {
    "user": "who",
    "time": "none",
    "split": "fold",
    "context": ("price",),
    "names": ("who", "item", "fold", "price"),
    "missing": "drop",
}


def test_a_table_without_defaults_says_a_reading_again():
    reading = Reading.of(SAID)

    assert reading.columns == Columns(
        "who", time=None, split="fold", context=("price",)
    )
    assert not reading.timed
    assert reading.table() == SAID | {"item": "item"}
    assert Reading.of(reading.table()) == reading


def test_features_are_not_needed_by_what_is_read_later():
    reading = Reading.of(SAID | {"item_features": ["brand"]})

    assert reading.needed == ["who", "item", "fold", "price", "brand"]
    assert reading.of_events().needed == ["who", "item"]
    assert "item_features" not in reading.table()


def test_a_log_is_read_as_it_says_it_was():
    frame = {1: ["a", "b"], 2: ["x", "y"], "when": [5, 9]}
    log = tg.read(frame, user=1, item=2, time="when", time_unit="order")
    again = read_as(frame, Reading.of(log.reading.table()))

    assert log.reading.table() == {
        "user": 1,
        "item": 2,
        "time": "when",
        "time_unit": "order",
        "missing": "refuse",
    }
    assert again.frame().equals(log.frame())


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"usr": "who"}, r"\[log\] has no setting 'usr'. Did you mean 'user'"),
        ({"missing": "keeps"}, "missing"),
        ({"time_format": "%q"}, "has %q"),
        ({"context": "price"}, "must be a list"),
    ],
)
def test_what_says_no_reading_is_refused(said, says):
    with pytest.raises(ConfigError, match=says):
        Reading.of(said, "log")
