"""The strategy of the cloud: every device learns theta, and nothing is averaged."""

import logging
import time
from collections.abc import Iterable

# Flower is installed apart, so that no checker sees its types; see CONTRIBUTING.
# pyright: basic, reportMissingImports=false
import numpy as np

from tidegraph.device.flower.messages import (
    HEAD,
    HOW,
    JUDGED,
    THETA,
    TRAINED,
    Says,
    counts_and_losses_of,
    described,
    numbers,
    theta_of,
    weights,
)
from tidegraph.device.patch import Patched
from tidegraph.device.personalise import LocalSteps
from tidegraph.device.versions import before
from tidegraph.errors import DataError
from tidegraph.extras import needed
from tidegraph.ranges import at_least

with needed("flwr", "flower", "a fleet of Flower's nodes"):
    from flwr.app import (
        ArrayRecord,
        ConfigRecord,
        Message,
        MessageType,
        MetricRecord,
        RecordDict,
    )
    from flwr.serverapp import Grid
    from flwr.serverapp.strategy import Strategy

LOG = logging.getLogger(__name__)


class Personalisation(Strategy):
    """Let the devices of all nodes learn their thetas, each from its own rows.

    A round sends the head and what the cloud has of a node's devices, and takes back
    their new thetas. One that is learnt under a head goes on from where it was while
    that head stays; under the next it is where ``U`` begins from; under any later one
    it counts as none.

    Args:
        head: The tower and its metapatches.
        local: How devices learn.
        nodes: A round waits until there are so many.

    Attributes:
        head: What is published now.
        version: How often another one was.
        thetas: The numbers of the devices of each node, by its id.
        learnt: The version under which these were learnt.
        refused: Why an answer was not taken, by node, in the last round.

    Source:
        Chu et al., "Graph Neural Networks in Modern Recommender Systems", algorithm 3.
    """

    def __init__(
        self, head: Patched, local: LocalSteps | None = None, nodes: int = 1
    ) -> None:
        at_least("Personalisation", 1, nodes=nodes)
        self.head, self.version, self.nodes = head, 0, nodes
        self.local = LocalSteps() if local is None else local
        self.thetas: dict[int, np.ndarray] = {}
        self.learnt: dict[int, int] = {}
        self.refused: dict[int, str] = {}

    def publish(self, head: Patched) -> None:
        """Let later rounds be under another head, of the same shape."""
        self.head, self.version = head, self.version + 1

    def arrays(self) -> ArrayRecord:
        """Return what ``start`` takes as the first arrays: the weights of the head."""
        return weights(self.head)

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return a message to every node: learn."""
        for node in self._wait_for_nodes(grid):
            learnt = self.learnt.get(node)
            known = learnt in (self.version, before(self.version))
            content = self._message_content(
                learnt != self.version, node if known else None
            )
            yield Message(content, dst_node_id=node, message_type=MessageType.TRAIN)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Take in the thetas of all nodes that sent some; an answer is not averaged."""
        taken, self.refused = list[dict[str, float]](), {}
        for reply in replies:
            node = reply.metadata.src_node_id
            try:
                if reply.has_error():
                    raise DataError(f"it failed: {reply.error.reason}")
                # All of it is read before any of it is kept.
                said = counts_and_losses_of(reply, TRAINED)
                found = theta_of(reply, self.head.theta, self.head.radius)
                self._check_as_many(node, found)
            except DataError as error:
                self.refused[node] = str(error)
                LOG.warning("node %s: %s", node, error)
                continue
            self.thetas[node], self.learnt[node] = np.array(found), self.version
            taken.append(said)
        return None, _sum_answers(taken, TRAINED)

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return a message to every node with current thetas: how good are they?"""
        for node in grid.get_node_ids():
            if self.learnt.get(node) == self.version:
                yield Message(
                    self._message_content(False, node),
                    dst_node_id=node,
                    message_type=MessageType.EVALUATE,
                )

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Return the mean losses under devices' own models and under that of all."""
        told = list[dict[str, float]]()
        for reply in replies:
            try:
                if not reply.has_error():
                    told.append(counts_and_losses_of(reply, JUDGED))
            except DataError as error:
                node = reply.metadata.src_node_id
                self.refused[node] = str(error)
                LOG.warning("node %s: %s", node, error)
        return _sum_answers(told, JUDGED)

    def summary(self) -> None:
        """Log what there is."""
        LOG.info(
            "theta of %d numbers, %d nodes so far", self.head.theta, len(self.thetas)
        )

    def _wait_for_nodes(self, grid: Grid) -> list[int]:
        """Return the nodes, once there are enough."""
        while len(found := sorted(grid.get_node_ids())) < self.nodes:
            time.sleep(0.1)
        return found

    def _message_content(self, afresh: bool, node: int | None) -> RecordDict:
        how = described(self.head, self.local)
        how["afresh"], how["version"] = afresh, self.version
        content = RecordDict({HEAD: weights(self.head), HOW: how})
        if node is not None:
            content[THETA] = numbers(self.thetas[node])
        return content

    def _check_as_many(self, node: int, found: np.ndarray) -> None:
        known = self.thetas.get(node, found)
        if len(found) != len(known):
            raise DataError(
                f"a node of {len(known)} devices sent the numbers of {len(found)}; "
                "none is taken."
            )


def _sum_answers(told: list[dict[str, float]], says: Says) -> MetricRecord | None:
    """Return sums and means over what nodes told; none where no node told anything."""
    if not told:
        return None
    weight = np.array([one["weight"] for one in told])
    total = max(float(weight.sum()), 1e-9)
    found = {name: sum(int(one[name]) for one in told) for name in says.counts}
    found |= {
        name: float((weight * [one[name] for one in told]).sum() / total)
        for name in says.means
    }
    return MetricRecord({**found, "weight": float(weight.sum())})
