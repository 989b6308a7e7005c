"""Plans from their text: what ``str(plan)`` prints, read without running it."""

import ast
import inspect
import types
from collections.abc import Callable
from functools import partial
from typing import Any

from tidegraph.arguments import checked
from tidegraph.ego.cluster import LocalCluster, local_cluster
from tidegraph.ego.dedup import Unique, unique
from tidegraph.ego.hard_negative_plans import HardNegatives, hard
from tidegraph.ego.hops import Hop, Hops, hop
from tidegraph.ego.nearest import Near, near
from tidegraph.ego.negative_plans import (
    InBatchNegatives,
    RandomNegatives,
    WeightedNegatives,
    in_batch,
    negatives,
)
from tidegraph.ego.static import identity
from tidegraph.ego.walks import VisitCount, Walk, walk
from tidegraph.errors import ConfigError
from tidegraph.graph.negatives.distribution import DISTRIBUTIONS
from tidegraph.graph.proximity.proximities import PROXIMITIES
from tidegraph.graph.registry import Registry
from tidegraph.graph.sampling.protocol import SAMPLERS
from tidegraph.graph.sampling.seeds import Plan

AnyPlan = (
    *(Hops, Walk, VisitCount, Unique, LocalCluster, Near),
    *(RandomNegatives, WeightedNegatives, InBatchNegatives, HardNegatives),
)

_BEGIN: dict[str, Callable[..., Any]] = {
    "hop": hop,
    "walk": walk,
    "identity": identity,
    "negatives": negatives,
    "in_batch": in_batch,
    "hard": hard,
    "unique": unique,
    "local_cluster": local_cluster,
    "near": near,
}
_DOORS: dict[str, Registry[Any]] = {
    "distribution": DISTRIBUTIONS,
    "proximity": PROXIMITIES,
}
_WORDS: dict[type, tuple[str, ...]] = {
    Hop: (
        *("within", "all_time", "rewind", "recent", "all"),
        *("sample", "top", "importance", "using"),
    ),
    Hops: ("hop", "flip"),
    Walk: ("weighted", "restart", "biased", "respecting_time", "all_time", "top"),
}
_LONGEST = 10_000


@checked(ConfigError)
def parse(text: str) -> Plan:
    """Return the plan that a text says; ``parse(str(plan)) == plan``.

    Nothing is run but the words of plans with numbers, texts and truths.

    Args:
        text: Such as ``"hop('click').recent(20).hop('~click').recent(20)"``.

    Raises:
        ConfigError: The text is no plan.
    """
    if len(text) > _LONGEST:
        raise ConfigError(f"a plan of {len(text)} letters is longer than {_LONGEST}.")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        found = _parse_value(tree, text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{text!r} is no plan: {error}.") from error
    if not isinstance(found, AnyPlan):
        raise ConfigError(
            f"{text!r} is not a whole plan. Say which neighbours the last hop takes, "
            "such as .recent(20)."
        )
    return found


def _parse_value(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(
        node.value, (int, float, str, bool, type(None))
    ):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _parse_value(node.operand, text)
        if isinstance(value, (int, float)):
            return -value
    if isinstance(node, ast.Tuple):
        return tuple(_parse_value(part, text) for part in node.elts)
    if isinstance(node, ast.Call):
        return _parse_call(node, text)
    raise ConfigError(
        f"{text!r} is no plan: {ast.unparse(node)!r} is not a word, number or text "
        "of plans."
    )


def _parse_call(node: ast.Call, text: str) -> Any:
    positional = [_parse_value(part, text) for part in node.args]
    named: dict[str, Any] = {}
    for word in node.keywords:
        if word.arg is None:
            raise ConfigError(f"{text!r} is no plan: '**' is not allowed.")
        named[word.arg] = _parse_value(word.value, text)
    if isinstance(node.func, ast.Name) and node.func.id in _DOORS:
        return _registered_operator(_DOORS[node.func.id], positional, named, text)
    if isinstance(node.func, ast.Name):
        name, known = node.func.id, tuple(_BEGIN)
        target = _BEGIN.get(name)
    elif isinstance(node.func, ast.Attribute):
        name, held = node.func.attr, _parse_value(node.func.value, text)
        known = _WORDS.get(held.__class__, ())
        target = getattr(held, name) if name in known else None
        if name == "using" and isinstance(held, Hop) and target is not None:
            by = named.pop("by", None)
            return held.using(
                _registered_operator(SAMPLERS, positional, named, text), by=by
            )
    else:
        name, known, target = ast.unparse(node.func), tuple(_BEGIN), None
    if target is None:
        raise ConfigError(
            f"{text!r} is no plan: {name!r} does not stand there. "
            f"{('Possible: ' + ', '.join(known)) if known else 'The plan ends before'}."
        )
    try:
        _check_types(target, positional, named)
        return target(*positional, **named)
    except (TypeError, AttributeError, OverflowError, IndexError) as error:
        raise ConfigError(f"{text!r} is no plan: {name}(): {error}.") from error


def _check_types(
    target: Callable[..., Any], positional: list[Any], named: dict[str, Any]
) -> None:
    """Raise TypeError if a value is not of the type that its place is for."""
    wanted = inspect.signature(target)
    given = wanted.bind(*positional, **named).arguments
    for name, value in given.items():
        place = wanted.parameters[name]
        several = place.kind is inspect.Parameter.VAR_POSITIONAL
        for one in value if several else (value,):
            plain = place.annotation in (str, int) or isinstance(
                place.annotation, types.UnionType
            )
            if plain and (
                not isinstance(one, place.annotation)
                or (isinstance(one, bool) and place.annotation is int)
            ):
                raise TypeError(f"{name} cannot be {one!r}")


def _registered_operator(
    door: Registry[Any], positional: list[Any], named: dict[str, Any], text: str
) -> Any:
    if not positional or not isinstance(positional[0], str):
        raise ConfigError(f"{text!r} is no plan: say which one, such as 'recent'.")
    try:
        function = partial(door.function(positional[0]), *[None] * door.given)
        _check_types(function, positional[1:], named)
        return door.named(positional[0], *positional[1:], **named)
    except TypeError as error:
        raise ConfigError(f"{text!r} is no plan: {positional[0]}: {error}.") from error
