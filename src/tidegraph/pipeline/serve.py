"""Lists straight from a fitted retriever, without a pipeline around it."""

from typing import cast

import polars as pl

from tidegraph.arguments import LEFT_OUT, checked
from tidegraph.data.interactions import Interactions
from tidegraph.data.times.clocks import moment_text
from tidegraph.data.views.matrix import Matrix, as_log
from tidegraph.data.views.repeats import MayRepeat
from tidegraph.errors import LeakageError, RequestError, type_of
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.filters import Items
from tidegraph.pipeline.fitted import FittedPipeline
from tidegraph.pipeline.serving import Serving
from tidegraph.retrieval.blended import FittedBlend
from tidegraph.stages import FittedRetriever, Ids, Trained, called, ids_of


@checked(RequestError)
def recommend(
    retriever: FittedRetriever,
    log: Interactions | Matrix,
    users: object = LEFT_OUT,
    *,
    k: int = 10,
    only: Items = LEFT_OUT,
    exclude: Items = None,
    repeat: bool | None = None,
) -> pl.DataFrame:
    """Return lists of a fitted retriever, such as ``ItemKNN().fit(log)``.

    Args:
        retriever: What ``fit`` returned.
        log: The log that it was fitted on, or one that goes on from it.
        users: Raw ids of the users; all of the log if left out.
        k: How many items each.
        only: Items to choose from; see ``FittedPipeline.recommend_all``.
        exclude: Items to leave out.
        repeat: May a user be recommended items they already chose? What users of the
            log do if left out; see ``Pipeline``.

    Returns:
        Columns user, rank, item, score, channel, why.

    Raises:
        RequestError: ``retriever`` is not fitted, or on another log, or a list is not
            one.
        LeakageError: The log ends before what ``retriever`` was trained until.
    """
    if not isinstance(cast(object, retriever), FittedRetriever):
        raise RequestError(
            f"{type_of(retriever)} is not fitted. Pass what its fit() returned."
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
    retriever: FittedRetriever,
    log: Interactions | Matrix,
    *,
    repeat: bool | None = None,
) -> FittedPipeline:
    """Return a pipeline of one fitted retriever; nothing is fitted again.

    Raises:
        LeakageError: The log ends before what ``retriever`` was trained until.
    """
    known = as_log(log, "recommend")
    graph = Snapshot.of(known)
    until = _trained_until(retriever, known)
    blend = FittedBlend(
        (_retriever_name(retriever),), (retriever,), (1.0,), 0.5, 60.0, len(known.items)
    )
    serving = Serving(MayRepeat.of(repeat, known), 200, until, clock=known.clock)
    return FittedPipeline(Graph(graph, late_seconds=None), blend, None, None, serving)


def _trained_until(retriever: FittedRetriever, log: Interactions) -> int:
    """Return the last time that a retriever saw, which no log may end before."""
    latest = int(log.time[-1]) if len(log) else 0
    until = retriever.trained_until if isinstance(retriever, Trained) else None
    if until is None or log.clock == "none":  # Without times there is no past.
        return latest
    if until > latest:
        raise LeakageError(
            f"{_retriever_name(retriever)} was trained until "
            f"{moment_text(until, log.clock)}, but the log ends at "
            f"{moment_text(latest, log.clock)}: the answer would know its own future. "
            "Pass the log that was learnt from, or fit on this one."
        )
    return until


def _retriever_name(retriever: FittedRetriever) -> str:
    return called(retriever).removeprefix("Fitted")
