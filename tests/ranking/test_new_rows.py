"""Rows for users and items that came later: they answer alike until they learn."""

from dataclasses import replace

import numpy as np
import torch

from dccl.clouds import model
from tidegraph.features.columns import FeatureSet
from tidegraph.features.tables import Side
from tidegraph.ranking.new_rows import with_rows
from tidegraph.stages import Requests


def asked(users):
    graph = model().graph
    user = np.asarray(users, np.int32)
    time = np.full(len(user), graph.latest + 1, np.int64)
    requests = Requests.of_users(graph, user, time)
    return requests, model().retriever.retrieve(requests, 12)


def test_who_has_got_a_row_is_scored_as_the_unknown_one_was():
    ranker = model().ranker
    known = ranker.tables.user.known
    few = replace(
        ranker,
        tables=replace(
            ranker.tables,
            item=replace(
                ranker.tables.item, known=9, spare=ranker.tables.item.known - 9
            ),
            user=replace(ranker.tables.user, known=5, spare=known - 5),
        ),
    )
    more = with_rows(few, 30, known - 2)

    given = asked([1, 4, 5, known - 3, known - 1])
    np.testing.assert_array_equal(more.score(*given), few.score(*given))
    # Those that were known keep what they learnt; the others are no longer told apart.
    assert not np.array_equal(few.score(*given), ranker.score(*given))


def test_a_row_learns_for_itself():
    ranker = model().ranker
    known = ranker.tables.user.known
    more = with_rows(ranker, 0, known + 3)
    tables = [
        value
        for name, value in more.network.state_dict().items()
        if value.shape != ranker.network.state_dict()[name].shape
    ]
    with torch.no_grad():
        for table in tables:
            table[known + 2] += 1

    assert tables
    (row,) = more.tables.user.rows(np.array([known + 1], np.int32))[:, 0]
    assert row == known + 2
    for table in tables:
        assert bool((table[row] == table[0] + 1).all())
        assert torch.equal(table[row - 1], table[0])


def test_the_length_of_a_table_depends_on_how_many_are_known_and_not_on_the_way():
    side = Side(37)
    steps, once = side, side.reaching(900)
    for known in (37, 50, 51, 400, 300, 900):
        steps = steps.reaching(known)

    assert steps.counts == once.counts
    assert steps.known == once.known == 900
    assert side.reaching(20) is side
    lengths = {side.reaching(known).counts[0] for known in range(900, 1000)}
    assert len(lengths) <= 2
    assert all(900 <= length < 1250 for length in lengths)


def test_a_ranker_without_ids_gets_no_rows():
    ranker = model().ranker
    features = replace(ranker.settings.features, ids=False)
    tables = replace(
        ranker.tables,
        item=replace(ranker.tables.item, known=0),
        user=replace(ranker.tables.user, known=0),
    )
    settings = replace(ranker.settings, features=features)
    network = settings.network(ranker.features, tables)
    nobody = replace(ranker, settings=settings, tables=tables, network=network)

    assert isinstance(features, FeatureSet)
    assert with_rows(nobody, 50, 50).tables.item.known == 0


def test_a_ranker_whose_users_are_what_they_chose_gets_rows_of_items_alone():
    ranker = model().ranker
    features = replace(ranker.settings.features, ids="item")
    tables = replace(ranker.tables, user=replace(ranker.tables.user, known=0))
    settings = replace(ranker.settings, features=features)
    network = settings.network(ranker.features, tables)
    items_alone = replace(ranker, settings=settings, tables=tables, network=network)

    more = with_rows(items_alone, 50, 50).tables

    assert more.item.known == 50
    assert more.user.known == 0
