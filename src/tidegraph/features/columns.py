"""The inputs that every ranker shares: what was known of user and item at the time.

Popularity, recency, habit, category and co-occurrence, each read strictly before the
time of the request. A ranker that lacks them loses to a logistic regression that has
them, so they are one layer below all rankers and the same for each.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

import numpy as np
from jaxtyping import Bool, Float32, Int32

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.config import build, to_table
from tidegraph.errors import DataError
from tidegraph.features.fields import (
    FieldColumns,
    fields_of,
    fields_of_table,
    read_fields,
    table_of_fields,
)
from tidegraph.features.groups import (
    ALL,
    Group,
    check_feature_groups,
    columns_of_groups,
    values_of_groups,
)
from tidegraph.features.neighbors import LATEST
from tidegraph.features.reading import PastView
from tidegraph.features.tables import check_fields
from tidegraph.features.values import (
    are_constant,
    blocks_of,
    category_codes,
    means_and_deviations,
)
from tidegraph.graph.from_log import ACTION
from tidegraph.kernels.ragged import latest_places
from tidegraph.ranges import at_least
from tidegraph.rng import Seed, generator
from tidegraph.stages import NO_ITEM, Candidates, Examples, Requests

SOME_EVENTS = 20_000
"""How many events of histories say what is usual of an event."""
LAST_RANK = 1000.0
"""The rank ascribed to an item that a channel did not propose."""


@settings
class FeatureSet:
    """What a ranker is to know.

    Attributes:
        groups: Groups of inputs, of ``GROUPS``, and features of one's own; one left
            out is off.
        category: Item feature column that groups items, if any.
        history: How many of the latest events are looked at one by one; a model that
            reads the graph says that itself.
        ids: Are users and items told apart by who they are, or by what is known alone?
            With ``"item"`` items are, and a user is what they chose.
        fields: Further features, such as ``item.color`` or ``user.age``, and
            ``event.device`` for a column of the log's context: columns for every model,
            and vectors in networks that have some, numbers with a fraction as ranges.
    """

    groups: tuple[Group, ...] = ALL
    category: str | None = None
    history: int = 30
    ids: bool | Literal["item"] = True
    fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_feature_groups(self.groups)
        check_fields(self.embedded)
        at_least("features", 1, history=self.history)

    @property
    def embedded(self) -> tuple[str, ...]:
        """Fields that networks have vectors of, that of the category first."""
        category = () if self.category is None else (f"item.{self.category}",)
        return (*category, *self.fields)


@dataclass(frozen=True, eq=False)
class Features:
    """Standardised inputs of a ranker, with two more columns per retrieval channel.

    Attributes:
        groups: Groups of inputs that are on.
        channels: Channels whose votes are inputs, fixed when fitted.
        category: Category of each item, -1 where it has none.
        mean: Mean of each column over the training examples.
        scale: Its standard deviation, 1 where it is constant.
        of_event: Mean and deviation of each column over events of their histories.
        fields: Fields that have columns, the last ones.
    """

    groups: tuple[Group, ...]
    channels: tuple[str, ...]
    category: Int32[np.ndarray, " items"]
    mean: Float32[np.ndarray, " f"]
    scale: Float32[np.ndarray, " f"]
    of_event: Float32[np.ndarray, "2 m"]
    fields: tuple[FieldColumns, ...] = ()

    @classmethod
    def fit(
        cls,
        examples: Examples,
        category: str | None = None,
        groups: tuple[Group, ...] = ALL,
        fields: tuple[str, ...] = (),
        *,
        rng: Seed = 0,
    ) -> "Features":
        """Learn means and deviations from training examples.

        Args:
            examples: Past requests and their candidates.
            category: Item feature column that groups items, if any.
            groups: Groups of inputs that are on.
            fields: Further features, such as ``item.color``, ``user.age``.
            rng: Draws the events that say what is usual of one.

        Raises:
            DataError: The log has no such column, or there is no candidate at all.
        """
        return cls.fit_and_read(examples, category, groups, fields, rng=rng)[0]

    @classmethod
    def fit_and_read(
        cls,
        examples: Examples,
        category: str | None = None,
        groups: tuple[Group, ...] = ALL,
        fields: tuple[str, ...] = (),
        *,
        rng: Seed = 0,
    ) -> "tuple[Features, Float32[np.ndarray, 'b k f']]":
        """Return what ``fit`` does, and what ``of`` then answers for the examples.

        They are read once, and of what takes most memory there is one copy.
        """
        codes = category_codes(examples.requests.graph.items, category)
        channels = examples.candidates.channels if "votes" in groups else ()
        said = fields_of(examples.requests, fields, groups)
        raw = _unstandardised_inputs(
            examples.requests, examples.candidates, channels, codes, groups, said
        )
        present = examples.candidates.present
        if not bool(present.any()):
            raise DataError(_why_no_examples(examples))
        of_event = np.zeros((2, 0), np.float32)
        if "events" in groups:
            of_event = means_and_deviations(
                *_inputs_of_sampled_events(
                    examples.requests, codes, groups, generator(rng)
                )
            )
        mean, scale = means_and_deviations(raw, present)
        told = len(scale) - sum(len(one.names) for one in said)
        # What no example tells apart, such as a value that none has, stays 0.
        scale[told:][are_constant(raw[:, :, told:], present)] = np.inf
        made = cls(groups, channels, codes, mean, scale, of_event, said)
        if twice := [name for name in made.names if made.names.count(name) > 1]:
            raise DataError(
                f"two inputs are called {twice[0]!r}, a feature of your own and what a "
                "channel says. Give the feature another name."
            )
        return made, made._standardised(raw, present)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of each column."""
        votes = [f"{c} {what}" for c in self.channels for what in ("voted", "rank")]
        said = [name for one in self.fields for name in one.names]
        return (*columns_of_groups(self.groups), *votes, *said)

    @cached_property
    def event_names(self) -> tuple[str, ...]:
        """Name of each column of an event of a history; none if they are off."""
        return columns_of_groups(self.groups) if "events" in self.groups else ()

    def of_events(self, past: PastView) -> Float32[np.ndarray, "n m"]:
        """Return the standardised inputs of events, without votes.

        Args:
            past: What was read just before each, as of a request of one item.
        """
        mean, scale = self.of_event
        return (values_of_groups(past, self.groups)[:, 0] - mean) / scale

    def of(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k f"]:
        """Return the standardised inputs of each candidate; 0 where no item."""
        raw = _unstandardised_inputs(
            requests,
            candidates,
            self.channels,
            self.category,
            self.groups,
            self.fields,
        )
        return self._standardised(raw, candidates.present)

    def _standardised(
        self, raw: Float32[np.ndarray, "b k f"], present: Bool[np.ndarray, "b k"]
    ) -> Float32[np.ndarray, "b k f"]:
        """Standardise inputs in place, and return them."""
        raw -= self.mean
        raw /= self.scale
        raw[~present] = 0
        return raw

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="Features",
            settings={
                "groups": to_table(FeatureSet(self.groups))["groups"],
                "channels": list(self.channels),
                "fields": table_of_fields(self.fields),
            },
            arrays={
                "category": self.category,
                "mean": self.mean,
                "scale": self.scale,
                "of_event": self.of_event,
            },
        )

    @classmethod
    def from_state(cls, state: State) -> "Features":
        """Rebuild from what ``state`` returned."""
        table = {"groups": state.settings["groups"]}
        return cls(
            build(FeatureSet, table, "saved features", own=state.kinds).groups,
            tuple(cast(list[str], state.settings["channels"])),
            state.arrays["category"],
            state.arrays["mean"],
            state.arrays["scale"],
            state.arrays["of_event"],
            # Models that were saved before have none.
            fields_of_table(state.settings.get("fields", [])),
        )


def _why_no_examples(examples: Examples) -> str:
    """Return why there is no example, as far as the log of the past tells."""
    actions, requests = len(examples.requests.graph[ACTION].node), len(examples.label)
    what = (
        f"none of the {requests:,} past requests has a candidate"
        if requests
        else "no past request can be made"
    )
    return (
        f"{what}, so there is no example: training holds {actions:,} actions (label "
        "1), and a past request is of a user who acted before a window and within it. "
        "Give a log of more actions, fewer or longer windows, or retrieve more "
        "candidates."
    )


def _inputs_of_sampled_events(
    requests: Requests,
    category: Int32[np.ndarray, " items"],
    groups: tuple[Group, ...],
    rng: np.random.Generator,
) -> tuple[Float32[np.ndarray, "n 1 m"], Bool[np.ndarray, "n 1"]]:
    """Return the inputs of some of the events before requests, each as likely.

    With them that all are present.
    """
    nobody = np.full((len(requests), 0), NO_ITEM, np.int32)
    past = PastView.of(requests, nobody, category)
    event = latest_places(past.history.start, past.history.stop, LATEST)
    row, column = np.nonzero(event >= 0)
    if len(row) > SOME_EVENTS:
        # Not every n-th one, which would be of one kind where a log has a rhythm.
        some = np.sort(rng.choice(len(row), SOME_EVENTS, replace=False, shuffle=False))
        row, column = row[some], column[some]
    found = values_of_groups(past.at_events(row, event[row, column]), groups)
    return found, np.ones(found.shape[:2], np.bool_)


def _unstandardised_inputs(
    requests: Requests,
    candidates: Candidates,
    channels: tuple[str, ...],
    category: Int32[np.ndarray, " items"],
    groups: tuple[Group, ...] = ALL,
    fields: tuple[FieldColumns, ...] = (),
) -> Float32[np.ndarray, "b k f"]:
    """Return the inputs before they are standardised."""
    past = PastView.of(requests, candidates.item, category)
    width = len(columns_of_groups(groups)), 2 * len(channels)
    said = sum(len(one.names) for one in fields)
    out = np.zeros((*candidates.item.shape, sum(width) + said), np.float32)
    # Beside what comes out there is a block at a time.
    for start, stop in blocks_of(*candidates.item.shape):
        some, into = past.some(start, stop), out[start:stop]
        into[:, :, : width[0]] = values_of_groups(some, groups)
        if fields:
            into[:, :, sum(width) :] = read_fields(fields, some)
    _write_votes(candidates, channels, out[:, :, width[0] : sum(width)])
    return out


def _write_votes(
    candidates: Candidates,
    channels: tuple[str, ...],
    out: Float32[np.ndarray, "b k v"],
) -> None:
    """Write per channel whether it proposed a candidate, and the log of its vote."""
    for c, name in enumerate(channels):
        if name in candidates.channels and candidates.votes.size:
            vote = candidates.votes[:, :, candidates.channels.index(name)]
        else:
            vote = np.zeros(candidates.item.shape, np.float32)
        out[:, :, 2 * c] = vote > 0
        out[:, :, 2 * c + 1] = np.log(np.maximum(vote, 1 / LAST_RANK))
