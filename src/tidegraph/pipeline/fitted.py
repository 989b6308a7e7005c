"""A trained pipeline: answers requests, takes in new events, saves itself."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph import artifact
from tidegraph.artifact import State
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.vocabulary import UNKNOWN
from tidegraph.errors import DataError, LeakageError, RequestError
from tidegraph.graph.histories import Histories
from tidegraph.graph.snapshot import ACTION, Snapshot
from tidegraph.pipeline.explain import frame
from tidegraph.retrieval.blend import FittedBlend
from tidegraph.stages import (
    Candidates,
    Excluded,
    FittedRanker,
    FittedReranker,
    FittedRetriever,
    Requests,
    check_k,
)

BLOCK = 1024
SECONDS_END = 10**11
"""Larger times are not seconds but parts of them."""


@dataclass(frozen=True)
class Serving:
    """What a trained pipeline was told about answering.

    Attributes:
        repeat: May a user be recommended items they already met?
        candidates: How many items retrieval hands to the ranker.
        trained_until: Unix seconds of the last event that training saw.
        names: Item feature column that names an item in explanations.
        source: How the log was read and split, for logs read later.
    """

    repeat: bool
    candidates: int
    trained_until: int
    names: str | None = None
    source: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(eq=False)
class FittedPipeline:
    """What ``Pipeline.fit`` returns; it is itself a retriever of finished lists.

    ``observe`` replaces ``graph`` by one that holds the new events; everything else
    never changes.

    Attributes:
        graph: All events known now; answers read it strictly before their time.
        retriever: The blended channels.
        ranker: The ranker, or none.
        reranker: The re-ranker, or none.
        serving: What it was told about answering.
    """

    graph: Snapshot
    retriever: FittedBlend
    ranker: FittedRanker | None
    reranker: FittedReranker | None
    serving: Serving

    @property
    def repeat(self) -> bool:
        """May a user be recommended items they already met?"""
        return self.serving.repeat

    @property
    def trained_until(self) -> int:
        """Unix seconds of the last event that training saw."""
        return self.serving.trained_until

    @property
    def candidates(self) -> int:
        """How many items retrieval hands to the ranker."""
        return self.serving.candidates

    def stages(self) -> "dict[str, FittedPipeline]":
        """Return the pipeline cut after each of its stages, to judge each alone."""
        cut = {"retrieve": self._with(None, None)}
        if self.ranker is not None:
            cut["rank"] = self._with(self.ranker, None)
        if self.reranker is not None:
            cut["rerank"] = self
        return cut

    def channels(self) -> dict[str, FittedRetriever]:
        """Return each retrieval channel by name, to judge each alone."""
        blend = self.retriever
        return dict(zip(blend.channels, blend.retrievers, strict=True))

    def _with(
        self, ranker: FittedRanker | None, reranker: FittedReranker | None
    ) -> "FittedPipeline":
        return FittedPipeline(
            self.graph, self.retriever, ranker, reranker, self.serving
        )

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return finished lists of up to ``k`` items, one per request."""
        check_k(k)
        blocks = range(0, max(1, len(requests)), BLOCK)
        return Candidates.joined(
            [self._answer(requests.rows(a, a + BLOCK), k) for a in blocks]
        )

    def _answer(self, requests: Requests, k: int) -> Candidates:
        found = self.retriever.retrieve(requests, max(k, self.serving.candidates))
        if self.ranker is not None:
            found = found.ranked(self.ranker.score(requests, found))
        if self.reranker is not None:
            found = self.reranker.rerank(requests, found, k)
        return found.top(k)

    def recommend(
        self,
        user: object = None,
        *,
        history: Sequence[object] | None = None,
        k: int = 10,
        exclude: Sequence[object] = (),
        at: int | None = None,
    ) -> pl.DataFrame:
        """Return one list, for a known user or for a history of items.

        Args:
            user: Raw id of the user.
            history: Raw ids of items, oldest first, in place of a user's own; ids the
                model does not know are passed over.
            k: How many items.
            exclude: Raw ids of items to leave out.
            at: Unix seconds of the request; by default just after the last event.

        Returns:
            Columns user, rank, item, score, channel, why; fewer than ``k`` rows where
            there are no more items to recommend.

        Raises:
            RequestError: ``k`` is not a possible length, neither or both of ``user``
                and ``history`` are given, or nothing can be recommended to a stranger.
            LeakageError: ``at`` is not later than what training saw.
        """
        self._check_k(k)
        if (user is None) == (history is None):
            raise RequestError("give either a user or a history, and not both.")
        time = np.full(1, self._clock(at), np.int64)
        if history is None:
            row = np.array([self.graph.users.row(user)], np.int32)
            requests = self._of_users(row, time)
        else:
            requests = self._of_history(history, time)
        hidden = self.graph.items.encode(pl.Series(list(exclude))) if exclude else None
        if hidden is not None:
            requests = _also_excluding(requests, hidden)
        answer = self.retrieve(requests, k)
        if not bool(answer.present.any()):
            raise RequestError(self._nothing_for(user, requests))
        label = pl.Series("user", ["history" if user is None else user])
        return frame(self.retriever, requests, answer, label, self.serving.names)

    def recommend_all(
        self, users: pl.Series | None = None, *, k: int = 10, at: int | None = None
    ) -> pl.DataFrame:
        """Return a list for each of many users.

        Args:
            users: Raw ids; by default every user of the graph.
            k: How many items each.
            at: Unix seconds of the requests; by default just after the last event.

        Returns:
            As ``recommend``; a user for whom there is nothing has no row.
        """
        self._check_k(k)
        users = self.graph.users.ids if users is None else users
        rows = self.graph.users.encode(users)
        requests = self._of_users(rows, np.full(len(rows), self._clock(at), np.int64))
        answer = self.retrieve(requests, k)
        return frame(self.retriever, requests, answer, users, self.serving.names)

    def observe(self, events: Iterable[tuple[object, object, int]]) -> None:
        """Take in new actions; the next answer knows them, nothing is refitted.

        Args:
            events: Raw user id, raw item id and Unix seconds of each. New users and
                items are welcome: a new user is answered by their history, a new item
                is recommended only after the next training.

        Raises:
            DataError: A time is not Unix seconds, or an id is missing.
        """
        listed = list(events)
        if not listed:
            return
        user, item, time = zip(*listed, strict=True)
        for place, clock in enumerate(time):
            if not (isinstance(clock, (int, np.integer)) and 0 <= clock < SECONDS_END):
                raise DataError(
                    f"event {place} has the time {clock!r}, which is not Unix seconds. "
                    "Pass whole seconds since 1970; nothing was taken in."
                )
        self.observe_log(interactions(user, item, np.asarray(time, np.int64)))

    def observe_log(self, log: Interactions) -> None:
        """Take in the events of a log; see ``observe``."""
        self.graph = self.graph.observed(self.read_as_known(log))

    def read_as_known(self, log: Interactions) -> Interactions:
        """Return ``log`` with its users and items numbered as in the graph."""
        users = self.graph.users.extended(log.users.ids)
        items = self.graph.items.extended(log.items.ids)
        return Interactions(
            users.encode(log.users.ids)[log.user],
            items.encode(log.items.ids)[log.item],
            log.time,
            log.label,
            log.weight,
            users,
            items,
            log.context,
        )

    def remember(self, source: dict[str, Any]) -> None:
        """Keep how the log was read and split, as JSON can hold it."""
        self.serving = replace(self.serving, source=source)

    def describe(self) -> str:
        """Return what the pipeline is made of, in one line."""
        stages = [" + ".join(self.retriever.channels)]
        stages += [
            type(stage).__name__.removeprefix("Fitted")
            for stage in (self.ranker, self.reranker)
            if stage is not None
        ]
        seen = "may repeat" if self.serving.repeat else "new items only"
        return (
            f"{' > '.join(stages)}; {len(self.graph.users):,} users, "
            f"{len(self.graph.items):,} items; {seen}"
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model to a folder, all of it or nothing; see ``artifact.save``."""
        artifact.save(self, folder)

    def state(self) -> State:
        """Return what a file needs to hold."""
        parts = {"graph": self.graph.state(), "retriever": self.retriever.state()}
        if self.ranker is not None:
            parts["ranker"] = self.ranker.state()
        if self.reranker is not None:
            parts["reranker"] = self.reranker.state()
        return State(kind="FittedPipeline", settings=asdict(self.serving), parts=parts)

    @classmethod
    def from_state(cls, state: State) -> "FittedPipeline":
        """Rebuild from what ``state`` returned."""
        has = state.parts
        return cls(
            graph=state.part("graph", Snapshot),
            retriever=state.part("retriever", FittedBlend),
            ranker=cast(FittedRanker, state.part("ranker", object))
            if "ranker" in has
            else None,
            reranker=cast(FittedReranker, state.part("reranker", object))
            if "reranker" in has
            else None,
            serving=Serving(**state.settings),
        )

    def _clock(self, at: int | None) -> int:
        if at is None:
            return self.graph.latest + 1
        if at >= SECONDS_END:
            raise RequestError(f"at={at} is not Unix seconds, which have ten digits.")
        if at <= self.serving.trained_until:
            raise LeakageError(
                f"at={at} is not after {self.serving.trained_until}, the last event "
                "that training saw: the answer would know its own future. "
                "Train on the log before that time."
            )
        return at

    def _check_k(self, k: int) -> None:
        if check_k(k) > len(self.graph.items):
            raise RequestError(
                f"k is {k}, but the catalogue has {len(self.graph.items)} items. "
                "Ask for fewer."
            )

    def _of_users(self, user: Int32[np.ndarray, " b"], time: np.ndarray) -> Requests:
        return Requests.of_users(self.graph, user, time, repeat=self.serving.repeat)

    def _of_history(self, history: Sequence[object], time: np.ndarray) -> Requests:
        if not len(history):
            raise RequestError("the history is empty. Name at least one item.")
        rows = self.graph.items.encode(pl.Series(list(history)))
        known = rows[rows != UNKNOWN]
        if not len(known):
            raise RequestError(
                f"no item of the history is known, beginning with {history[0]!r}. "
                "Name items of the training log."
            )
        met = Histories(
            np.array([0, len(known)], np.int64),
            known,
            np.full(len(known), time[0] - 1, np.int64),
            np.ones(len(known), np.float32),
        )
        nobody = np.array([UNKNOWN], np.int32)
        asked = Requests(self.graph, nobody, time, met, Excluded.none(1))
        return asked if self.serving.repeat else asked.without_history()

    def _nothing_for(self, user: object, requests: Requests) -> str:
        if user is not None and not len(requests.history.node):
            known = len(self.graph[ACTION]) > int(requests.user[0]) >= 0
            what = "has no earlier action" if known else "is not known"
            return (
                f"user {user!r} {what} and no channel answers a stranger. "
                "Pass a history, or add Popular to the retrieval channels."
            )
        return "nothing is left to recommend: every candidate is excluded."


def _also_excluding(requests: Requests, items: Int32[np.ndarray, " n"]) -> Requests:
    """Return the one request, excluding also ``items``."""
    hidden = np.concatenate([requests.excluded.item, items])
    return Requests(
        requests.graph,
        requests.user,
        requests.time,
        requests.history,
        Excluded(np.array([0, len(hidden)], np.int64), hidden),
    )
