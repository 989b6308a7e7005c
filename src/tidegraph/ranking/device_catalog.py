"""The items that a device ranks by itself, as the model sees them at one moment."""

import json
from typing import Any

import numpy as np
from jaxtyping import Int32

from tidegraph.errors import ConfigError
from tidegraph.features.context import EVENT
from tidegraph.features.groups import OF_ITEMS, called_group
from tidegraph.nn.click import ReadsGraph
from tidegraph.ranking.neural import FittedNeuralRanker, NeuralRanker
from tidegraph.stages import Candidates, Requests


def beyond_devices(ranker: NeuralRanker) -> str:
    """Return why no device can rank items by such a ranker itself, and the mend.

    Blank if one can, from what it knows of its own events and of items.
    """
    about = ranker.features
    groups = [called_group(g) for g in about.groups if g not in OF_ITEMS]
    events = [name for name in about.fields if name.startswith(f"{EVENT}.")]
    mends: list[str] = []
    if groups:
        told = ", ".join(f'"{name}"' for name in OF_ITEMS)
        mends.append(f"give [rank] features = {{groups = [{told}]}}")
    if events:
        mends.append("leave the fields of events out")
    if isinstance(ranker.model, ReadsGraph):
        mends.append("take a model that does not read the graph, such as DIN")
    if not mends:
        return ""
    has = [*groups, *events]
    what = f"has the inputs {', '.join(map(repr, has))}" if has else "reads the graph"
    return (
        f"the model {ranker.name} {what}, which no device has: {' and '.join(mends)}, "
        "and train it anew"
    )


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
    if lacking := beyond_devices(ranker.settings):
        raise ConfigError(
            f"{lacking}, or leave the items out and let the cloud send x and offset "
            "with the candidates."
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
