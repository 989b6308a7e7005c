"""Every metric of several recommenders on one task, for every user."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Int32, Int64
from scipy import sparse

from tidegraph.arguments import checked
from tidegraph.errors import ConfigError
from tidegraph.evaluation.answers import HasStages, Lists, lists_of_model, stage_lists
from tidegraph.evaluation.comparable import check_comparable
from tidegraph.evaluation.given_lists import GivenLists
from tidegraph.evaluation.metrics.catalogue import (
    coverage,
    exposure,
    feature_vectors,
    gini,
    intra_list_diversity,
    mean_popularity,
    novelty,
    popularity_lift,
)
from tidegraph.evaluation.metrics.ranking import (
    ItemSets,
    check_cutoffs,
    hits,
    list_metrics,
)
from tidegraph.evaluation.metrics.serendipity import popular_places, serendipity
from tidegraph.evaluation.protocol import Judged, Task
from tidegraph.evaluation.results import Evaluation, Setup
from tidegraph.evaluation.sampled import sampled_hits, with_scores
from tidegraph.evaluation.slices import activity_groups, tail_items
from tidegraph.rng import Seed, fresh_seed, generator
from tidegraph.stages import Scores

CUTOFFS = (10, 20, 50)
NO_TRAINING = "no training log: popularity and histories are unknown"
"""What is said where lists are judged by the test log alone."""

UserScores = dict[str, Float64[np.ndarray, " b"]]


def judge(
    models: Mapping[str, Judged],
    task: Task,
    *,
    k: int | Sequence[int] = CUTOFFS,
    by: str | None = None,
    rng: Seed = 0,
) -> Evaluation:
    """Return how well models rank the whole catalogue on one task.

    Args:
        models: Recommenders, or lists made elsewhere, by name; the subject first, of
            which each stage is judged if it has any.
        task: The requests they answer.
        k: Lengths of list to judge.
        by: Item feature that measures the diversity of lists.
        rng: Seed of intervals and tests.
    """
    cuts = check_cutoffs(k)
    made: Lists = {}
    notes: list[str] = []
    for name, model in models.items():
        if isinstance(model, HasStages) and not made:
            made = stage_lists(model, task, cuts[-1], name)
            continue
        found, said = _lists_of(name, model, task, cuts[-1])
        made |= found
        notes += said
    return judge_lists(made, task, k=cuts, by=by, rng=rng, notes=notes)


def judge_lists(
    made: Lists,
    task: Task,
    *,
    k: int | Sequence[int] = CUTOFFS,
    by: str | None = None,
    rng: Seed = 0,
    notes: Sequence[str] = (),
) -> Evaluation:
    """Return how well lists rank the whole catalogue on one task.

    Args:
        made: The list of every request by who made it, the subject first, as long as
            the largest of ``k``.
        task: The requests they answered.
        k: Lengths of list to judge.
        by: Item feature that measures the diversity of lists.
        rng: Seed of intervals and tests.
        notes: What is to be said of the lists.
    """
    cuts = check_cutoffs(k)
    vectors = _item_vectors(task, by) if by else None
    in_tail = task.relevant.where(_is_in_tail(task)[task.relevant.item])
    scores: list[pl.DataFrame] = []
    tails: list[pl.DataFrame] = []
    whole: list[pl.DataFrame] = []
    exposed: dict[str, Int64[np.ndarray, " seen"]] = {}
    notes = [*([] if task.popularity.any() else [NO_TRAINING]), *notes]
    for name, item in made.items():
        hit = hits(item, task.relevant)
        found = list_metrics(hit, task.relevant.count, cuts)
        found |= _serendipity(item, hit, task, cuts)
        found |= _beyond_accuracy(item, task, vectors, cuts)
        scores.append(_by_user(name, task, found))
        tails.append(_tail_frame(name, task, item, in_tail, cuts))
        whole.append(_catalogue_metrics(name, task, item, cuts))
        if (seen := task.popularity > 0).any():
            exposed[name] = exposure(item, len(seen), cuts[-1])[seen]
    return Evaluation(
        _setup_of(task, "full ranking", rng, notes),
        pl.concat(scores),
        pl.concat(tails),
        pl.concat(whole),
        exposed,
    )


def _item_vectors(task: Task, by: str) -> sparse.csr_array:
    """Return a row per item; blank for those of the test log of which nothing is known.

    Raises:
        DataError: Items have no such feature.
    """
    known = task.requests.graph.items
    items = task.items if by in task.items.features.columns else known
    vectors = feature_vectors(items, by)
    blank = np.full(len(task.popularity) - len(items), vectors.indptr[-1])
    shape = len(task.popularity), vectors.shape[1]
    ptr = np.concatenate([vectors.indptr, blank])
    return sparse.csr_array((vectors.data, vectors.indices, ptr), shape=shape)


@checked(ConfigError)
def judge_sampled(
    models: Mapping[str, Scores | Judged],
    task: Task,
    *,
    negatives: int = 100,
    k: int | Sequence[int] = CUTOFFS,
    rng: Seed = 0,
) -> Evaluation:
    """Return how well models rank each relevant item among a few drawn ones.

    For comparison with papers only; see ``sampled``. All models get the same sample.

    Args:
        models: Retrievers by name, the subject first; a pipeline lists items and has no
            scores of all, its channels have.
        task: The requests they answer.
        negatives: How many items to draw for each relevant one.
        k: Lengths of list to judge.
        rng: Seed of draws, intervals and tests.

    Raises:
        LeakageError: A model was trained on what it is to find.
        DataError: A model numbers items in another way.
        ConfigError: A model has no scores of all items.
    """
    cuts = check_cutoffs(k)
    able = {name: with_scores(name, model) for name, model in models.items()}
    for name, model in able.items():
        check_comparable(name, model, task)
    seed = fresh_seed(generator(rng))
    tail = _is_in_tail(task)[task.relevant.item]
    some_tail = np.bincount(task.relevant.row, tail, minlength=len(task)) > 0
    scores: list[pl.DataFrame] = []
    tails: list[pl.DataFrame] = []
    for name, model in able.items():
        draws = np.random.default_rng(seed)
        found = sampled_hits(model, task, cuts[-1], negatives=negatives, rng=draws)
        scores.append(_by_user(name, task, _by_pair(found, task, cuts, tail | True)))
        in_tail = _by_user(name, task, _by_pair(found, task, cuts, tail), some_tail)
        tails.append(in_tail)
    return Evaluation(
        _setup_of(task, f"sampled {negatives}", seed),
        pl.concat(scores),
        pl.concat(tails),
        pl.DataFrame(schema={"model": pl.String, "metric": pl.String, "value": float}),
        {},
    )


def _is_in_tail(task: Task) -> Bool[np.ndarray, " items"]:
    """Return which items are in the tail: none where no popularity is known."""
    return tail_items(task.popularity) & bool(task.popularity.any())


def _lists_of(name: str, model: Judged, task: Task, k: int) -> tuple[Lists, list[str]]:
    """Return a model's list for every request, and what is to be said of them."""
    if isinstance(model, GivenLists):
        item, said = model.lists(task.user, task.items, k)
        return {name: item}, said
    return {name: lists_of_model(model, task, k, name)}, []


def _setup_of(task: Task, protocol: str, rng: Seed, notes: Sequence[str] = ()) -> Setup:
    source = generator(rng)
    return Setup(
        protocol,
        task.repeat,
        task.when,
        len(task),
        task.dropped,
        None if NO_TRAINING in notes else task.unseen,
        rng if isinstance(rng, int) else fresh_seed(source),
        tuple(notes),
    )


def _by_user(
    name: str,
    task: Task,
    scores: UserScores,
    keep: Bool[np.ndarray, " b"] | None = None,
) -> pl.DataFrame:
    """Return one row per user, the mean over the user's requests.

    Who a user was is told by the first of them: later ones know events of the test.
    """
    history = np.diff(task.requests.history.ptr).astype(np.int64)
    rows = pl.DataFrame({"user": task.user, "history": history} | scores)
    rows = rows.with_columns(pl.col("history").min().over("user"))
    rows = rows if keep is None else rows.filter(pl.Series(keep))
    users = rows.fill_nan(None).group_by("user", maintain_order=True).mean()
    groups = activity_groups(users["history"].to_numpy())
    known = task.popularity.any()
    group = pl.Series("group", groups if known else [None] * len(users), pl.String)
    return users.select(pl.lit(name).alias("model"), "user", group, pl.exclude("user"))


def _tail_frame(
    name: str,
    task: Task,
    item: Int32[np.ndarray, "b k"],
    in_tail: ItemSets,
    cuts: tuple[int, ...],
) -> pl.DataFrame:
    found = list_metrics(hits(item, in_tail), in_tail.count, cuts)
    return _by_user(name, task, found, in_tail.count > 0)


def _serendipity(
    item: Int32[np.ndarray, "b k"],
    hit: Bool[np.ndarray, "b k"],
    task: Task,
    cuts: tuple[int, ...],
) -> UserScores:
    """Return per request what popularity would not have found."""
    if not task.popularity.any():
        return {}
    place = popular_places(item, hit, task.popularity, task.requests.excluded)
    return {f"serendipity@{k}": serendipity(hit, place, k) for k in cuts}


def _beyond_accuracy(
    item: Int32[np.ndarray, "b k"],
    task: Task,
    vectors: sparse.csr_array | None,
    cuts: tuple[int, ...],
) -> UserScores:
    """Return per request what is not accuracy: novelty, popularity, diversity."""
    scores: UserScores = {}
    for k in cuts:
        if task.popularity.any():
            scores[f"novelty@{k}"] = novelty(item, task.popularity, k)
            scores[f"popularity@{k}"] = mean_popularity(item, task.popularity, k)
        if vectors is not None:
            scores[f"diversity@{k}"] = intra_list_diversity(item, vectors, k)
    return scores


def _catalogue_metrics(
    name: str, task: Task, item: Int32[np.ndarray, "b k"], cuts: tuple[int, ...]
) -> pl.DataFrame:
    """Return what concerns the lists as a whole: coverage, Gini, popularity lift."""
    history = task.requests.history
    total = np.concatenate([[0.0], np.cumsum(task.popularity[history.node])])
    length = np.diff(history.ptr)
    blank = np.full(len(length), np.nan)
    own = np.divide(np.diff(total[history.ptr]), length, out=blank, where=length > 0)
    known = task.popularity > 0
    values: dict[str, float] = {}
    for k in cuts:
        exposed = exposure(item, len(known), k)
        recommended = mean_popularity(item, task.popularity, k)
        values[f"coverage@{k}"] = coverage(exposed, task.popularity)
        values[f"gini@{k}"] = gini(exposed[known])
        of_users = _means_of_users(task.user, recommended, own)
        values[f"popularity_lift@{k}"] = popularity_lift(*of_users)
    return pl.DataFrame(
        {
            "model": [name] * len(values),
            "metric": list(values),
            "value": list(values.values()),
        }
    ).fill_nan(None)


def _means_of_users(
    user: pl.Series, *values: Float64[np.ndarray, " b"]
) -> list[Float64[np.ndarray, " users"]]:
    """Return the means over the requests of each user that have all values."""
    rows = pl.DataFrame({"user": user, **{str(n): v for n, v in enumerate(values)}})
    whole = rows.fill_nan(None).drop_nulls()
    means = whole.group_by("user", maintain_order=True).mean()
    return [means[str(n)].to_numpy() for n in range(len(values))]


def _by_pair(
    found: Bool[np.ndarray, "pairs k"],
    task: Task,
    cuts: tuple[int, ...],
    keep: Bool[np.ndarray, " pairs"],
) -> UserScores:
    """Return per request the mean over its relevant items, each the only one."""
    alone = list_metrics(found, np.ones(len(found), np.int64), cuts)
    row = task.relevant.row
    size = np.bincount(row, keep, minlength=len(task))

    def mean(value: Float64[np.ndarray, " pairs"]) -> Float64[np.ndarray, " b"]:
        total = np.bincount(row, value * keep, minlength=len(task))
        blank = np.full(len(task), np.nan)
        return np.divide(total, size, out=blank, where=size > 0)

    return {name: mean(value) for name, value in alone.items()}
