"""Whether a click model reads what it is given, and anything of a candidate."""

from dataclasses import replace

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.features.columns import FeatureSet
from tidegraph.features.context import EVENT
from tidegraph.features.fields import check_fields_are_read
from tidegraph.features.groups import OF_ITEMS, OF_STEPS, called_group
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.nn.around import reads_of
from tidegraph.nn.click import ClickModel, ReadsGraph
from tidegraph.nn.inputs import InputSpec
from tidegraph.stages import called

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import nn

ONE_OF_EACH = InputSpec((1,), (1,), 1, 1, 1, 1)
"""Widths of a network that is given something of everything."""
TWO_OF_ONE = {
    "item": replace(ONE_OF_EACH, item=(2,)),
    "user": replace(ONE_OF_EACH, user=(2,)),
    "numbers": replace(ONE_OF_EACH, numbers=2),
    "event": replace(ONE_OF_EACH, event=2),
    "cross": replace(ONE_OF_EACH, cross=2),
}


def network_without_weights(
    model: ClickModel | ReadsGraph, spec: InputSpec = ONE_OF_EACH
) -> nn.Module:
    """Return the network of a click model for some widths, without weights."""
    with torch.device("meta"):
        return model.build(spec)


def check_candidate_inputs(
    model: ClickModel | ReadsGraph, features: FeatureSet
) -> None:
    """Refuse inputs by which all candidates are one to a click model.

    The line over numbers that stands beside each of them does not make it read one.

    Raises:
        ConfigError: All that it reads of a candidate is off.
    """
    groups = {called_group(group) for group in features.groups}
    vectors = features.ids is not False or any(
        name.startswith(f"{ITEM}.") for name in features.embedded
    )
    numbers = not groups <= {*OF_STEPS}
    if vectors and numbers:
        return
    # Which events a candidate had, and when, is read whatever is known of each.
    events = reads_of(model) is not None
    given = {"item": vectors, "numbers": numbers, "cross": "cross" in groups}
    given["event"] = events
    if any(there and _reads(model, name) for name, there in given.items()):
        return
    vectors, numbers = _reads(model, "item"), _reads(model, "numbers")
    known = ["vectors"] * vectors + ["numbers"] * numbers
    mends = ["turn ids on, or give a category or a field of items"] * vectors
    mends += [f"take groups of inputs, such as {OF_ITEMS[0]!r}"] * numbers
    mend = ", or ".join(mends)
    raise ConfigError(
        f"{called(model)} knows a candidate by its {' and '.join(known)} alone, and "
        f"its features hold none. {mend[:1].upper()}{mend[1:]}."
    )


def check_fields_of_model(model: ClickModel | ReadsGraph, features: FeatureSet) -> None:
    """Refuse a field of which a click model would read neither vectors nor columns.

    Raises:
        ConfigError: There is one.
    """
    if not features.fields:
        return
    reads = {kind: _reads(model, kind) for kind in (ITEM, USER, EVENT)}
    without_vectors = [
        name for name in features.fields if not reads[name.partition(".")[0]]
    ]
    check_fields_are_read(called(model), without_vectors, features.groups)


def _reads(model: ClickModel | ReadsGraph, name: str) -> bool:
    """Is the network wider when there is more of an input?"""
    shapes = (
        [weight.shape for weight in network_without_weights(model, spec).parameters()]
        for spec in (ONE_OF_EACH, TWO_OF_ONE[name])
    )
    return next(shapes) != next(shapes)
