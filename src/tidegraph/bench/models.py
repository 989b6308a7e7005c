"""Who is compared: every ranker, and the rows that a ranker's own settings are not.

``DSGL, with structure`` is what ``docs/benchmarks.md`` found the best; beside it stand
DSGL as the chapter has it, others with the same loss, and graph networks that do not
move with time.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from tidegraph.arguments import checked
from tidegraph.bench.tried import CONTROLS, Contender, network
from tidegraph.catalog import RANKERS, model
from tidegraph.errors import ConfigError, MissingExtraError, RequestError, did_you_mean
from tidegraph.features.columns import FeatureSet
from tidegraph.lazy import letters_of
from tidegraph.nn.click import DSGL, TIEN, ClickModel, GRU4Rec, NextEvent, ReadsGraph
from tidegraph.nn.click.dsgl_layer import SequenceLayer
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.ranking.retrieved import RetrieverLogit
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.recipes.gnn import lightgcn, ngcf
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training

CONTROL = "RecencyLogit"
"""The ranker that another must beat to be worth having."""
MADE_OF_OTHERS = ("Calibrated", "NextEvent", "RetrieverLogit")
"""Rankers that are another method and more, which somebody has to name."""

BEST = DSGL(products=True, layer=SequenceLayer(residual=True))
WHOLE = "DSGL, with structure"
CHAPTER = "DSGL of the chapter"

TRIED = ((2, 1e-4), (3, 1e-4), (2, 1e-3))
"""Layers and penalty that are tried of a static graph network."""
STEADY = Training(epochs=100, batch_size=2048, optimizer=Adam(1e-2), patience=10)

Made = Callable[[str, FeatureSet], Contender]


def _with_every_input(click_model: ClickModel | ReadsGraph) -> Made:
    return lambda name, about: network(name, click_model, about)


def _with_graph_alone(click_model: ClickModel | ReadsGraph) -> Made:
    return lambda name, about: network(
        name, click_model, replace(about, groups=("votes",))
    )


def _learnt_once(recipe: Callable[..., Embedding]) -> Made:
    """Return what makes a graph network that is learnt once, and given nothing else."""
    tried = tuple(
        RetrieverLogit(recipe(layers, 32, l2=l2, training=STEADY))
        for layers, l2 in TRIED
    )
    return lambda name, about: Contender(name, tried)


NAMED: Mapping[str, Made] = {
    WHOLE: _with_every_input(NextEvent(BEST)),
    CHAPTER: _with_graph_alone(DSGL()),
    "TIEN, next event": _with_every_input(NextEvent(TIEN())),
    "GRU4Rec, next event": _with_every_input(NextEvent(GRU4Rec())),
    "LightGCN, static": _learnt_once(lightgcn),
    "NGCF, static": _learnt_once(ngcf),
}
"""Rows that are more than a ranker by its name.

DSGL with every input of the house and the loss of the next event, which DIEN has as it
was published; DSGL with none but its graph; others with the same loss; and graph
networks as they were published, learnt once and given nothing but the graph.
"""


@checked(ConfigError)
def contenders(
    names: Iterable[str] | None = None,
    category: str | None = None,
    fields: tuple[str, ...] = (),
) -> list[Contender]:
    """Return rankers with what is tried of them, the control first.

    Args:
        names: Which, of ``NAMED`` or of rankers; capitals, spaces and punctuation do
            not matter. Every one that can be had if left out.
        category: Item feature column that groups items, for all of them.
        fields: Further features, such as ``user.age``, for all of them.

    Raises:
        ConfigError: A field says not whose it is.
        RequestError: There is no such ranker.
        MissingExtraError: One that is named needs a package that is not installed.
    """
    about = FeatureSet(category=category, fields=fields)
    if names is not None:
        wanted = [CONTROL, *map(_written_name, names)]
        return [_contender_named(name, about) for name in dict.fromkeys(wanted)]
    found = [_contender_named(CONTROL, about)]
    for name in _compared_names():
        if name == CONTROL:
            continue
        try:
            found.append(_contender_named(name, about))
        except MissingExtraError:
            # Of what nobody asked for, what is there is compared.
            continue
    return found


def _contender_named(name: str, about: FeatureSet) -> Contender:
    if name in NAMED:
        return NAMED[name](name, about)
    made: Any = model({"model": name}, "bench", "rank")
    if isinstance(made, NeuralRanker):
        return network(name, made.model, about)
    known = {"category": about.category, "fields": about.fields}
    grid = CONTROLS.get(type(cast(object, made)), ({},))
    return Contender(
        name, tuple(replace(made, **known, **settings) for settings in grid)
    )


def _compared_names() -> list[str]:
    """Return the names of all that can be compared."""
    return [*(name for name in RANKERS if name not in MADE_OF_OTHERS), *NAMED]


def _written_name(name: str) -> str:
    """Return a contender's name as it is written.

    Raises:
        RequestError: There is none of that name.
    """
    known = _compared_names()
    written = {letters_of(one): one for one in known}
    if letters_of(name) in written:
        return written[letters_of(name)]
    # As a line of CSV has them, so that they can be copied.
    there = ", ".join(f'"{one}"' if "," in one else one for one in known)
    of_others = {letters_of(one): one for one in MADE_OF_OTHERS}
    if letters_of(name) in of_others:
        raise RequestError(
            f"{of_others[letters_of(name)]} is made of another method, which its name "
            f"does not say. Take one of: {there}."
        )
    raise RequestError(
        f"there is no ranker {name!r}.{did_you_mean(name, known)} There are: {there}."
    )
