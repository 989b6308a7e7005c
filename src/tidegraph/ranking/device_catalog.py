"""The items that a device ranks by itself, as the model sees them at one moment."""

import json
from typing import Any

import numpy as np
from jaxtyping import Int32

from tidegraph.errors import ConfigError
from tidegraph.features.groups import OF_ITEMS, called_group
from tidegraph.ranking.neural import FittedNeuralRanker
from tidegraph.stages import Candidates, Requests


def device_catalog(
    ranker: FittedNeuralRanker,
    requests: Requests,
    item: Int32[np.ndarray, " n"],
    name: str | None = None,
) -> bytes:
    """Return some items as JSON: what the trunk of the model gets of each.

    A device knows its own events and these items, so that it needs nobody to rank them;
    what is said of an item stays as it was until the next catalogue.

    Args:
        ranker: The model.
        requests: One request, of nobody, whose time is that of the catalogue.
        item: Rows of the items.
        name: Item feature that names an item; its id if left out.

    Raises:
        ConfigError: The model has inputs of a user and an item together, which are in
            the graph alone, or reads the graph itself.
    """
    settings = ranker.settings.features
    others = [called_group(g) for g in settings.groups if g not in OF_ITEMS]
    others += [f"event.{column}" for column in ranker.tables.event.columns]
    if ranker.batches.reads is not None or others:
        what = "reads the graph" if not others else f"has the inputs {others[0]!r}"
        raise ConfigError(
            f"the model {what}, which no device has. Train one whose features are of "
            f"the groups {', '.join(OF_ITEMS)}, such as DIN, or let the cloud send x "
            "and offset with the candidates."
        )
    candidates = Candidates(item[None], np.zeros((1, len(item)), np.float32))
    numbers = ranker.features.of(requests, candidates)[0]
    # As many digits as change nothing, and no more.
    known = [[round(float(one), 6) for one in row] for row in numbers]
    rows = ranker.tables.item.rows(item)
    items = requests.graph.items
    ids = [str(one) for one in items.decode(item).to_list()]
    names = (
        ids if name is None else _texts_or_ids(items.features[name].gather(item), ids)
    )
    category: list[str | None] = [None] * len(item)
    if settings.category is not None:
        category = items.features[settings.category].gather(item).cast(str).to_list()
    described: list[dict[str, Any]] = [
        {"id": one, "name": called, "category": kind, "rows": row, "numbers": seen}
        for one, called, kind, row, seen in zip(
            ids, names, category, rows.tolist(), known, strict=True
        )
    ]
    body = {
        "history": settings.history,
        "user_fields": len(ranker.tables.user.counts),
        "items": described,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _texts_or_ids(values: Any, otherwise: list[str]) -> list[str]:
    """Return names as texts; where there is none, the id."""
    found: list[str | None] = values.cast(str).to_list()
    return [
        one if text is None else text
        for text, one in zip(found, otherwise, strict=True)
    ]
