import threading

import pytest

from tidegraph.training.prefetch import iterate_ahead


def test_everything_comes_in_order():
    assert list(iterate_ahead(range(50))) == list(range(50))
    assert list(iterate_ahead([])) == []


def test_the_next_is_made_while_this_one_is_used():
    made = [threading.Event() for _ in range(3)]

    def making():
        for event in made:
            event.set()
            yield event

    for n, _ in enumerate(iterate_ahead(making())):
        # Nobody has asked for it yet.
        assert made[min(n + 1, 2)].wait(10)


def test_an_error_comes_where_the_item_would_have():
    def failing():
        yield 1
        raise KeyError("two")

    items = iterate_ahead(failing())

    assert next(items) == 1
    with pytest.raises(KeyError, match="two"):
        next(items)


def test_who_stops_early_leaves_no_thread():
    before = threading.active_count()
    items = iterate_ahead(iter(range(10**9)))

    assert next(items) == 0
    items.close()
    assert threading.active_count() == before
