"""Who answers where the channels have too few items."""

from dataclasses import dataclass

import numpy as np

from tidegraph.kernels.ragged import starts
from tidegraph.stages import Candidates, FittedRetriever, ItemSets, Requests


@dataclass(frozen=True, eq=False)
class Fallback:
    """Fills up the end of short lists.

    Attributes:
        channel: What the answer calls it.
        retriever: Who answers.
    """

    channel: str
    retriever: FittedRetriever

    def fill(self, requests: Requests, found: Candidates, k: int) -> Candidates:
        """Return ``found`` with rows shorter than ``k`` filled up, its order kept.

        The channel is among those of the answer even where it adds nothing, so that
        answers to several blocks of requests can be concatenated.
        """
        extra = self._fill_up(requests, found, k)
        channels = found.votes.shape[2] if found.votes.size else len(found.channels)
        votes = np.zeros((*found.item.shape, channels + 1), np.float32)
        if found.votes.size:
            votes[:, :, :-1] = found.votes
        more = np.zeros((*extra.item.shape, channels + 1), np.float32)
        rank = np.arange(1, extra.item.shape[1] + 1, dtype=np.float32)
        more[:, :, -1] = np.where(extra.present, 1 / rank, 0)
        both = Candidates(
            np.concatenate([found.item, extra.item], axis=1),
            np.concatenate([found.score, extra.score], axis=1),
            (*found.channels, self.channel),
            np.concatenate([votes, more], axis=1),
        )
        order = np.argsort(~both.present, axis=1, kind="stable")[:, :k]
        return both.reordered(order, both.score)

    def _fill_up(self, requests: Requests, found: Candidates, k: int) -> Candidates:
        """Return what it answers besides what is found, nothing if that is enough."""
        count = found.present.sum(axis=1)
        if bool((count >= k).all()):
            return found.top(0)
        listed = ItemSets(starts(count), found.item[found.present])
        return self.retriever.retrieve(requests.excluding(listed), k)
