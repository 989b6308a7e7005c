"""A trained pipeline: answers requests, takes in new events, saves itself."""

import os
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Literal

import numpy as np
import polars as pl

from tidegraph.arguments import LEFT_OUT, checked
from tidegraph.artifact import sealed
from tidegraph.artifact.sealed import State
from tidegraph.data.ids.identity import series
from tidegraph.data.reading import Reading
from tidegraph.data.times.clocks import Clock
from tidegraph.errors import ArtifactError, DataError, RequestError
from tidegraph.graph.from_log import USER, context_columns
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.events import Events, events_log
from tidegraph.pipeline.explain import Sources
from tidegraph.pipeline.fallback import Fallback
from tidegraph.pipeline.filters import Filters, Items
from tidegraph.pipeline.requests import (
    list_length,
    one_request,
    request_clock,
    user_requests,
    users_in_turn,
    warn_of_unanswered,
    why_no_answer,
)
from tidegraph.pipeline.serving import Serving, Source
from tidegraph.pipeline.similar import Side, similar, vectors
from tidegraph.pipeline.stage_chain import StageChain
from tidegraph.retrieval.blended import FittedBlend
from tidegraph.stages import (
    Candidates,
    FittedRanker,
    FittedReranker,
    FittedRetriever,
    Requests,
    check_k,
    without,
)

_OPTIONAL = ("ranker", "reranker", "fallback")
_ERASING = Lock()  # Of two erasures at once none shall undo the other.


@dataclass(eq=False, repr=False)
class FittedPipeline:
    """What ``Pipeline.fit`` returns; it is itself a retriever of finished lists.

    Any number of threads may recommend and ``observe`` at once: an answer sees the
    events of one moment, all of a call or none, and every event taken in is kept.

    Attributes:
        live: The graph of all events, which ``observe`` adds to; nothing else changes.
        retriever: The blended channels.
        ranker: The ranker, or none.
        reranker: The re-ranker, or none.
        serving: What it was told about answering.
        fallback: Fills up short lists, or none.
    """

    live: Graph
    retriever: FittedBlend
    ranker: FittedRanker | None
    reranker: FittedReranker | None
    serving: Serving
    fallback: FittedRetriever | None = None

    def __repr__(self) -> str:
        return f"FittedPipeline({self.describe()})"

    @property
    def graph(self) -> Snapshot:
        """All events known now, which no later ones change."""
        return self.live.snapshot()

    @property
    def repeat(self) -> bool:
        """May a user be recommended items they already chose?"""
        return self.serving.repeat.allowed

    @property
    def trained_until(self) -> int:
        """Unix seconds of the last event that training saw."""
        return self.serving.trained_until

    @property
    def clock(self) -> Clock:
        """What the times of its log are."""
        return self.serving.clock

    @property
    def reading(self) -> Reading | None:
        """How the log of training was read, where it was."""
        return self.serving.reading

    def stages(self) -> "dict[str, FittedPipeline]":
        """Return the pipeline cut after each of its stages, to judge each alone."""
        cut: dict[str, FittedPipeline] = {}
        cut["retrieve"] = replace(self, ranker=None, reranker=None)
        if self.ranker is not None:
            cut["rank"] = replace(self, reranker=None)
        return cut if self.reranker is None else cut | {"rerank": self}

    def channels(self) -> dict[str, FittedRetriever]:
        """Return each retrieval channel by name, to judge each alone."""
        blend = self.retriever
        return dict(zip(blend.channels, blend.retrievers, strict=True))

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return finished lists of up to ``k`` items, one per request."""
        unfiltered = Filters(None, None, len(requests.graph.items))
        return self.steps.answer(requests, check_k(k), unfiltered)

    def retrieve_stages(self, requests: Requests, k: int) -> dict[str, Candidates]:
        """Return the finished lists after each stage, the last the whole."""
        return self.steps.each(requests, check_k(k)).stages

    @checked(RequestError)
    def recommend(
        self,
        user: object = None,
        *,
        history: object = None,
        k: int = 10,
        only: Items = LEFT_OUT,
        exclude: Items = None,
        at: object = None,
    ) -> pl.DataFrame:
        """Return one list, for a known user or for a history of items.

        Args:
            user: Raw id of the user.
            history: Raw ids of items, oldest first, in place of a user's own; ids the
                model does not know are passed over.
            k: How many items.
            only: Raw ids of the items to choose from, or a polars condition on their
                features, such as ``pl.col("price") < 10``; all if left out.
            exclude: Raw ids of items to leave out, or a condition as well.
            at: The time of the request: Unix seconds, a datetime or ISO 8601 text; by
                default just after the last event.

        Returns:
            Columns user, rank, item, score, channel, why, and behind item a column
            name if the pipeline was told which feature names an item. ``user`` is null
            for a history, ``score`` of the fallback; rows are fewer where items end.

        Raises:
            RequestError: ``k`` is not a possible length, neither or both of ``user``
                and ``history`` are given, or nothing can be recommended.
            LeakageError: ``at`` is not later than what training saw.
        """
        graph = self.graph
        k = list_length(k, len(graph.items))
        clock, known = request_clock(at, graph, self.serving), self.retriever.num_items
        who, label, requests = one_request(
            user, history, graph, clock, at, known, repeat=self.repeat
        )
        filters = Filters.read(only, exclude, who, graph.items)
        answer = self.steps.answer(requests, k, filters)
        if not bool(answer.present.any()):
            raise RequestError(why_no_answer(user, requests, at, self.serving, filters))
        return self._sources.frame(requests, answer, label)

    @checked(RequestError)
    def recommend_all(
        self,
        users: object = LEFT_OUT,
        *,
        k: int = 10,
        only: Items = LEFT_OUT,
        exclude: Items = None,
        at: object = None,
    ) -> pl.DataFrame:
        """Return a list for each of many users.

        Args:
            users: Raw ids, each answered once; if left out, of every user with an
                edge in the graph, and so none that only a later part of the log knows.
            k: How many items each.
            only: Raw ids of the items to choose from, or a condition as of
                ``recommend``, for everybody, all if left out; or for each user, as a
                mapping of users to lists or a frame with columns user and item: a user
                that it does not name may choose from none.
            exclude: What to leave out, for everybody or for each user, said likewise.
            at: The time of the requests; by default just after the last event.

        Returns:
            As ``recommend``, in the order of ``users``; a user for whom there is
            nothing has no row, and a warning says how many those are.

        Raises:
            RequestError: ``k`` is no possible length, or a list is none, such as None.
            LeakageError: ``at`` is not later than what training saw.
        """
        graph = self.graph
        k = list_length(k, len(graph.items))
        clock, known = request_clock(at, graph, self.serving), self.retriever.num_items
        wanted = users_in_turn(users, graph)
        requests = user_requests(wanted, graph, clock, at, known, repeat=self.repeat)
        filters = Filters.read(only, exclude, wanted, graph.items).of_users(wanted)
        answer = self.steps.answer(requests, k, filters)
        left = wanted.filter(answer.present.sum(axis=1) == 0)
        warn_of_unanswered(left, len(wanted), self.serving, filters)
        return self._sources.frame(requests, answer, wanted)

    @checked(RequestError)
    def similar(
        self, ids: object, k: int = 10, *, channel: str | None = None
    ) -> pl.DataFrame:
        """Return ``k`` items like each of some, as the first channel that can says.

        Args:
            ids: Raw ids of items, or one; a warning says which unknown have no row.
            k: How many similar items each.
            channel: Name of the channel that answers.

        Returns:
            Columns item, rank, similar, (name,) score, channel.

        Raises:
            RequestError: No channel, or not the one that is named, compares items.
        """
        graph = self.graph
        k = list_length(k, len(graph.items))
        return similar(self.channels(), graph, ids, k, channel, self.serving.names)

    @checked(RequestError)
    def vectors(self, of: Side = "item", *, channel: str | None = None) -> pl.DataFrame:
        """Return the vectors of an embedding, of all that training knew.

        Args:
            of: ``"item"``, as items are scored, or ``"user"``.
            channel: Name of the channel; by default the first that has vectors.

        Returns:
            Columns item or user, and vector: an array of 32-bit floats.

        Raises:
            RequestError: No channel, or not the one that is named, has such vectors.
        """
        return vectors(self.channels(), self.graph, of, channel)

    @checked(DataError)
    def observe(
        self, events: Events, *, missing: Literal["refuse", "keep"] = "refuse"
    ) -> None:
        """Take in new events; the next answer knows them, nothing is refitted.

        Args:
            events: Raw user id, raw item id and time of each, perhaps with a label and
                a weight, as tuples, mappings or a frame, whose columns are read as
                those of training were, label and weight only where they were. Of the
                latter two also the context that the log of training carried, null
                where an event has none. Times are Unix seconds or anything that names
                a moment, in any order; positions where training had these, and passed
                over where it had no times. A new user is answered by their history, a
                new item is recommended only after the next training.
            missing: Markers such as ``NULL`` are refused, or kept as ids.

        Raises:
            DataError: A time is none of the kind that training had or a day ahead, or
                an id is missing; nothing of the call was taken in then.
        """
        context = context_columns(self.graph.edges).columns
        if (log := events_log(events, self.serving, context, missing)) is not None:
            self.live.observe(log)

    def erase(self, users: object) -> None:
        """Forget users: their ids and events, in every index, answer and later file.

        What the events of many users add up to, such as weights between items, stays
        as it was learnt: train again to be rid of that. Save over what was saved.

        Args:
            users: Raw ids; an id that comes again is a new user.

        Raises:
            RequestError: A user is not known; nothing was erased.
        """
        with _ERASING:
            self.live.erase(USER, series(users, "users"))
            # Not by their ids: one may come, or come again, until it is erased.
            self._drop_users(self.graph.users.erased())

    @checked(DataError)
    def forget(self, events: Events) -> None:
        """Take events back: ``observe`` the other way, of events with their times.

        What channels keep of their users alone goes, too, until the next training.

        Raises:
            RequestError: An event is not in the graph; nothing was removed.
        """
        if (log := events_log(events, self.serving, (), "keep")) is not None:
            with _ERASING:
                self.live.forget(log)
                self._drop_users(np.unique(self.graph.arrived(log).user))

    def _drop_users(self, rows: np.ndarray) -> None:
        for name in ("retriever", *_OPTIONAL):
            setattr(self, name, without(getattr(self, name), rows))

    def remember(self, source: Source) -> None:
        """Keep what it was made from."""
        self.serving = replace(self.serving, source=source)

    def describe(self) -> str:
        """Return what the pipeline is made of, in one line."""
        return self.serving.described(self.steps, self.graph)

    @checked(ArtifactError)
    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model to a folder, all of it or nothing; see ``sealed.save``."""
        sealed.save(self, folder)

    def state(self) -> State:
        """Return what a file needs to hold."""
        names = ("graph", "retriever", *_OPTIONAL)
        with _ERASING:  # Parts of one moment: all before an erasure, or after it.
            held: dict[str, Any] = {name: getattr(self, name) for name in names}
        parts = {name: part.state() for name, part in held.items() if part is not None}
        return State(kind="FittedPipeline", settings=self.serving.table(), parts=parts)

    @classmethod
    def from_state(cls, state: State) -> "FittedPipeline":
        """Rebuild from what ``state`` returned."""
        held = {n: state.part(n, object) for n in _OPTIONAL if n in state.parts}
        rest: dict[str, Any] = dict.fromkeys(_OPTIONAL) | held
        live = Graph(state.part("graph", Snapshot), late_seconds=None)
        blend = state.part("retriever", FittedBlend)
        return cls(live, blend, serving=Serving.of(state.settings), **rest)

    @property
    def steps(self) -> StageChain:
        """The stages in their order."""
        last, name = self.fallback, self.serving.fallback or "fallback"
        spare = None if last is None else Fallback(name, last)
        stages = (self.retriever, self.ranker, self.reranker, spare)
        return StageChain(*stages, self.serving.candidates)

    @property
    def _sources(self) -> Sources:
        return Sources(self.retriever, self.steps.fallback, self.serving.names)
