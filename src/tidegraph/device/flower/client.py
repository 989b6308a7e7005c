"""The client of a node, whose devices learn from rows that stay there."""

from collections.abc import Callable, Sequence

# Flower is installed apart, so that no checker sees its types; see CONTRIBUTING.
# pyright: basic, reportMissingImports=false
import numpy as np

from tidegraph.device.fleet import losses, personalised, start_thetas
from tidegraph.device.flower.messages import (
    HOW,
    THETA,
    TOLD,
    head_of,
    local_of,
    numbers,
    theta_of,
)
from tidegraph.device.rows import FleetRows
from tidegraph.errors import DataError
from tidegraph.extras import needed

with needed("flwr", "flower", "a fleet of Flower's nodes"):
    from flwr.app import Context, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp
    from flwr.clientapp.typing import Mod

RowsOf = Callable[[Context], FleetRows]


def client_app(
    rows: RowsOf, judged: RowsOf | None = None, mods: Sequence[Mod] = ()
) -> ClientApp:
    """Return the app that runs on a node: a phone, or an organisation with many.

    It answers *train* with the theta of each of its devices and what their losses were,
    and *evaluate* with the losses alone. Rows never leave it.

    Args:
        rows: Gives what the devices of a node learn from, in the same order always.
        judged: Gives what they are judged on; by default what they learn from.
        mods: Flower's, which see every message and every answer.
    """
    app = ClientApp(mods=list(mods))

    @app.train()
    def train(message: Message, context: Context) -> Message:
        head, fleet = head_of(message), rows(context)
        begin = _theta_of_node(message, fleet)
        if message.content[HOW]["afresh"]:
            begin = start_thetas(head, begin, fleet)
        found = personalised(head, begin, fleet, local_of(message))
        took, weight = found.stepped, fleet.counts.astype(np.float64)
        told = {"devices": len(fleet), "stepped": int(took.sum())}
        told |= _weighted_means(
            {"before": found.before, "after": found.after}, took * weight
        )
        return _reply_message(message, told, found.theta)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        head, fleet = head_of(message), (judged or rows)(context)
        found = losses(head, _theta_of_node(message, fleet), fleet)
        told = {"devices": len(fleet)}
        told |= _weighted_means({"own": found.own, "model": found.model}, found.weight)
        return _reply_message(message, told)

    return app


def _theta_of_node(message: Message, fleet: FleetRows) -> np.ndarray:
    """Return what the cloud knows of the devices of a node; 0 where nothing."""
    how = message.content[HOW]
    if THETA not in message.content:
        return np.zeros((len(fleet), how["theta"]), np.float32)
    found = theta_of(message, how["theta"], how["radius"])
    if len(found) != len(fleet):
        raise DataError(
            f"the node has {len(fleet)} devices and was sent the numbers of "
            f"{len(found)}. Its rows must come in the same order always."
        )
    # Flower's arrays may be read only.
    return np.array(found)


def _weighted_means(
    values: dict[str, np.ndarray], weight: np.ndarray
) -> dict[str, float]:
    total = float(weight.sum())
    means = {
        name: float((value * weight).sum() / total) if total else 0.0
        for name, value in values.items()
    }
    return means | {"weight": total}


def _reply_message(
    message: Message, told: dict[str, float], theta: np.ndarray | None = None
) -> Message:
    content = RecordDict({TOLD: MetricRecord(told)})
    if theta is not None:
        content[THETA] = numbers(theta)
    return Message(content, reply_to=message)
