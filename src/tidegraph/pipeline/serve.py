"""Lists straight from a fitted retriever, without a pipeline around it."""

from typing import cast

import polars as pl

from tidegraph.arguments import checked
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.matrix import Matrix, as_log
from tidegraph.errors import RequestError
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.filters import Items
from tidegraph.pipeline.fitted import FittedPipeline
from tidegraph.pipeline.serving import Serving
from tidegraph.retrieval.blended import FittedBlend
from tidegraph.stages import FittedRetriever, Ids, called, ids_of


@checked(RequestError)
def recommend(
    retriever: FittedRetriever,
    log: Interactions | Matrix,
    users: object = None,
    *,
    k: int = 10,
    only: Items = None,
    exclude: Items = None,
    repeat: bool = True,
) -> pl.DataFrame:
    """Return lists of a fitted retriever, such as ``ItemKNN().fit(log)``.

    Args:
        retriever: What ``fit`` returned.
        log: The log that it was fitted on, or one that goes on from it.
        users: Raw ids of the users; all of the log if left out.
        k: How many items each.
        only: Items to choose from; see ``FittedPipeline.recommend_all``.
        exclude: Items to leave out.
        repeat: May a user be recommended items they already chose?

    Returns:
        Columns user, rank, item, score, channel, why.

    Raises:
        RequestError: ``retriever`` is not fitted, or on another log, or a list is not
            one.
    """
    if not isinstance(cast(object, retriever), FittedRetriever):
        raise RequestError(
            f"a {type(retriever).__name__} is not fitted. Pass what its fit() returned."
        )
    learnt_from = ids_of(retriever)
    other = learnt_from and learnt_from.differing(Ids(log.users, log.items))
    if other is not None:
        raise RequestError(
            f"{_retriever_name(retriever)} was fitted on another log: its {other} "
            "rows are not those of this one. Pass the log that was learnt from, or one "
            "that goes on from it."
        )
    return around(retriever, log, repeat=repeat).recommend_all(
        users, k=k, only=only, exclude=exclude
    )


def around(
    retriever: FittedRetriever, log: Interactions | Matrix, *, repeat: bool = True
) -> FittedPipeline:
    """Return a pipeline of one fitted retriever; nothing is fitted again."""
    known = as_log(log, "recommend")
    graph = Snapshot.of(known)
    blend = FittedBlend(
        (_retriever_name(retriever),), (retriever,), (1.0,), 0.5, 60.0, len(known.items)
    )
    serving = Serving(repeat, 200, graph.latest, clock=known.clock)
    return FittedPipeline(Graph(graph, late_seconds=None), blend, None, None, serving)


def _retriever_name(retriever: FittedRetriever) -> str:
    return called(retriever).removeprefix("Fitted")
