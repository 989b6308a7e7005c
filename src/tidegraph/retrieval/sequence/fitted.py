"""What a sequence model answers with: a history encoded, and the largest products."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Float32, Int32

from tidegraph.artifact.sealed import State
from tidegraph.config import build, to_table
from tidegraph.extras import needed
from tidegraph.graph.storage.histories import Histories
from tidegraph.retrieval.index import FittedIndex, Index
from tidegraph.retrieval.index.items import (
    Held,
    ItemVectors,
    Side,
    check_products,
    unit_vectors,
)
from tidegraph.retrieval.scoring.describe import describe_retriever
from tidegraph.retrieval.sequence.network import Design, HistoryNetwork
from tidegraph.retrieval.sequence.pieces import latest_first
from tidegraph.run import Curve
from tidegraph.stages import NO_ITEM, Candidates, Requests
from tidegraph.stages.evidence import events_where
from tidegraph.training.threads import threads
from tidegraph.training.weights import restore_weights, tensor, weights_of

with needed("torch", "neural", "a neural network"):
    import torch

PLACES = 1 << 13
"""How many places of histories are encoded at a time."""
_TRIED = 64
"""Items that are encoded to see whether the network finds numbers."""


@dataclass(frozen=True, eq=False, repr=False)
class FittedNextItem:
    """Scores an item by the product of its vector and the encoded history.

    The answer is of the history in the request alone, its latest events that training
    knew the items of: it is the same for a known user, an unknown one and nobody, and
    knows what was just observed. Without such an event it is empty.

    Attributes:
        name: The channel.
        design: What the network is made of.
        network: Vectors of items, and what encodes histories.
        item_known: Which items training had events of; others are not answered.
        cosines: Are scores cosines rather than products?
        trained_until: Time of the last training event.
        curve: How training went.
        index: Where the largest products are looked for; exact if left out.
    """

    name: str
    design: Design
    network: HistoryNetwork
    item_known: Bool[np.ndarray, " items"]
    cosines: bool = False
    trained_until: int | None = None
    curve: Curve = field(default_factory=Curve)
    index: FittedIndex | None = None

    def __repr__(self) -> str:
        parts = f"{self.item_known.sum():,} items", f"{self.design.size} numbers"
        return describe_retriever(self.name, self.trained_until, *parts)

    @property
    def reason(self) -> str:
        """Why it recommends."""
        return "follows {item}"

    def vectors(self, requests: Requests) -> Float32[np.ndarray, "b d"]:
        """Return the encoded history of each request; nan where nothing is known."""
        history = self._known(requests)
        masked = self.design.masked is not None
        stop = history.ptr[1:]
        size = np.minimum(np.diff(history.ptr), self.design.length - masked)
        out = np.full((len(requests), self.design.size), np.nan, np.float32)
        order = np.argsort(size, kind="stable")
        order = order[size[order] > 0]
        block = np.cumsum(size[order] + masked) // PLACES
        parts = np.split(order, np.flatnonzero(np.diff(block)) + 1)
        with threads(1), torch.inference_mode():
            for some in parts if len(order) else ():
                rows, there = latest_first(
                    history.node, stop[some] - size[some], stop[some]
                )
                out[some] = self._encoded(rows, there, masked=masked)
        return unit_vectors(out) if self.cosines else out

    def _encoded(
        self, rows: np.ndarray, there: np.ndarray, *, masked: bool
    ) -> Float32[np.ndarray, "b d"]:
        hidden = None
        if masked:
            # A token asks what comes now, after the latest.
            rows, there = (np.pad(x, ((0, 0), (1, 0))) for x in (rows, there))
            there[:, 0] = True
            hidden = np.zeros_like(there)
            hidden[:, 0] = True
        device = self.network.items.weight.device
        given = tensor(rows).to(device), tensor(there).to(device)
        token = None if hidden is None else tensor(hidden).to(device)
        return self.network.latest(*given, token).cpu().numpy()

    def check_states(self) -> None:
        """Refuse a network that finds no numbers for histories of one event.

        Raises:
            DataError: It does.
        """
        rows = np.flatnonzero(self.item_known)[:_TRIED, None]
        masked = self.design.masked is not None
        with torch.inference_mode():
            states = self._encoded(rows, np.ones_like(rows, np.bool_), masked=masked)
        check_products(self.name, states)

    def _known(self, requests: Requests) -> Histories:
        """Return the events of each history whose items training knew."""
        history = requests.positive.history
        inside = (history.node >= 0) & (history.node < len(self.item_known))
        known = inside & self.item_known[np.where(inside, history.node, 0)]
        return history if bool(known.all()) else events_where(history, known)

    @cached_property
    def _items(self) -> ItemVectors:
        vectors = self.network.items.weight.detach().cpu().numpy()
        vectors = unit_vectors(vectors) if self.cosines else vectors
        return ItemVectors(self.name, vectors, self.item_known, self.index)

    def held(self, of: Side) -> Held:
        """Return the vectors of items and whose are known; users have none."""
        rows = slice(None if of == "item" else 0)
        return self._items.vectors[rows], self.item_known[rows]

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of every item; ``-inf`` where training never had it."""
        return self._items.scores(self.vectors(requests))

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the ``k`` items with the highest scores."""
        return self._items.retrieve(self.vectors(requests), requests, k)

    def similar(self, rows: Int32[np.ndarray, " b"], k: int) -> Candidates:
        """Return the ``k`` other items whose vectors have the highest cosine."""
        return self._items.similar(rows, k)

    def indexed(self, index: Index) -> "FittedNextItem":
        """Return the same with its items in an index."""
        return replace(self, index=self._items.indexed(index).index)

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the latest known item of each history, -1 for none."""
        history = self._known(requests)
        some = np.diff(history.ptr) > 0
        latest = np.full(len(requests), NO_ITEM, np.int32)
        latest[some] = history.node[history.ptr[1:][some] - 1]
        return np.repeat(latest[:, None], item.shape[1], axis=1)

    def state(self) -> State:
        """Return what a file needs to hold.

        Raises:
            ArtifactError: Its index is one that has no state.
        """
        return State(
            kind="FittedNextItem",
            settings={
                "name": self.name,
                "design": to_table(self.design),
                "cosines": self.cosines,
                "trained_until": self.trained_until,
                "curve": self.curve.table(),
            },
            arrays=weights_of(self.network) | {"item_known": self.item_known},
            parts=self._items.parts(),
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedNextItem":
        """Rebuild from what ``state`` returned."""
        kept, arrays = state.settings, dict(state.arrays)
        known, table = arrays.pop("item_known"), cast(dict[str, Any], kept["design"])
        design = build(Design, table, "a saved retriever", own=state.kinds)
        # Without memory for weights, which are those of the file.
        with torch.device("meta"):
            network = HistoryNetwork(design, len(known))
        restore_weights(network, arrays)
        return cls(
            cast(str, kept["name"]),
            design,
            network,
            known,
            cast(bool, kept["cosines"]),
            cast(int | None, kept["trained_until"]),
            Curve.from_table(kept["curve"]),
            state.part("index", FittedIndex) if "index" in state.parts else None,
        )
