import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from conftest import draw_log
from tidegraph.artifact.sealed import load, save
from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ArtifactError
from tidegraph.retrieval.knn.similarity import BM25, Cosine, Jaccard, Profiles
from tidegraph.retrieval.user_knn import FittedUserKNN, UserKNN
from tidegraph.testing.retrievers import RetrieverLaws, requests_at, same


class TestUserKNN(RetrieverLaws):
    retriever = UserKNN()


class TestUserKNNByJaccard(RetrieverLaws):
    variant_of = "TestUserKNN"
    unmoved = 0.9
    retriever = UserKNN(neighbors=4, similarity=Jaccard(), shrinkage=1.0)


class TestUserKNNByBM25(RetrieverLaws):
    variant_of = "TestUserKNN"
    retriever = UserKNN(neighbors=4, similarity=BM25(k1=2.0, b=0.5))


def test_scores_are_the_similarities_of_the_nearest_users_who_met_the_item():
    log = draw_log()
    dense = Matrix.of(log).csr().toarray()
    near = cosine_similarity(dense)
    np.fill_diagonal(near, 0)
    kept = np.argsort(-near, axis=1, kind="stable")[:, :4]
    model = np.zeros_like(near)
    np.put_along_axis(model, kept, np.take_along_axis(near, kept, 1), 1)
    expected = model @ (dense > 0)

    scores = (
        UserKNN(neighbors=4, similarity=Cosine(), shrinkage=0.0)
        .fit(log)
        .scores(requests_at(log))
    )

    np.testing.assert_allclose(np.maximum(scores, 0), expected, rtol=1e-4, atol=1e-6)


def test_a_user_is_not_their_own_neighbour_but_an_unknown_user_of_the_same_taste_is():
    log = interactions(["a", "a", "b", "b"], ["x", "y", "x", "z"], [1, 2, 3, 4])
    fitted = UserKNN(similarity=Cosine(), shrinkage=0.0).fit(log)
    requests = requests_at(log)
    unknown = replace(requests, user=np.array([-1, -1], np.int32))

    # a shares x with b: cosine 1/2, which votes for x and z only.
    np.testing.assert_allclose(fitted.scores(requests)[0], [0.5, -np.inf, 0.5])
    np.testing.assert_allclose(fitted.scores(unknown)[0], [1.5, 1.0, 0.5])


@pytest.mark.parametrize("similarity", [Cosine(), BM25()])
def test_one_of_two_that_is_sent_back_turns_no_similarity_upside_down(similarity):
    # q takes x twice at 0 and sends one back at 90; in half-lives of 30 days that is
    # 2 / 8 - 1 < 0. a shares x with q, b shares y.
    day = 86_400
    log = interactions(
        ["q", "a", "b", "a", "b", "q", "q"],
        ["x", "x", "y", "z", "w", "x", "y"],
        [0, day, day, 2 * day, 2 * day, 90 * day, 95 * day],
        weight=[2, 1, 1, 1, 1, -1, 1],
    )
    method = UserKNN(
        neighbors=10, similarity=similarity, shrinkage=0.0, half_life_days=30.0
    )
    clean = log.take(log.item != log.items.row("x"))

    returned = method.fit(log).scores(requests_at(log).rows(0, 1))
    never = method.fit(log).scores(requests_at(clean).rows(0, 1))

    np.testing.assert_array_equal(returned, never)
    assert returned[0, log.items.row("w")] > 0


def test_the_reason_is_the_shared_item_of_the_most_similar_voters():
    # b and c both have w; b shares x with a, c shares y and z with a, so is nearer.
    log = interactions(list("aaabbccc"), list("xyzxwyzw"), range(8))
    fitted = UserKNN(similarity=Cosine(), shrinkage=0.0).fit(log)
    requests = requests_at(log).rows(0, 1)
    w = log.items.row("w")

    reason = fitted.because(requests, np.array([[w]], np.int32))

    assert log.items.ids[int(reason[0, 0])] == "y"


def test_many_requests_are_answered_like_few():
    log = draw_log()
    fitted = UserKNN(neighbors=3).fit(log)
    few = requests_at(log)
    users = np.tile(few.user, 50)
    many = type(few).of_users(few.graph, users, np.tile(few.time, 50))

    answer = fitted.retrieve(many, 5)

    np.testing.assert_array_equal(
        answer.item, np.tile(fitted.retrieve(few, 5).item, (50, 1))
    )


@dataclass(frozen=True)
class Own:
    def profiles(self, vectors, corpus) -> Profiles:
        return Profiles.of(vectors, size=0.5)


def test_a_similarity_of_ones_own_is_saved_and_opened_by_its_class(tmp_path, log):
    fitted = UserKNN(similarity=Own()).fit(log)
    save(fitted, tmp_path / "model")
    classes = {"FittedUserKNN": FittedUserKNN}

    back = load(tmp_path / "model", classes, kinds=[Own])

    assert isinstance(back, FittedUserKNN)
    np.testing.assert_array_equal(
        back.scores(requests_at(log)), fitted.scores(requests_at(log))
    )
    with pytest.raises(ArtifactError, match=r"is a 'Own'.*kinds=\[Own\]\);"):
        load(tmp_path / "model", classes)


def test_a_similarity_that_is_no_dataclass_answers_but_is_not_saved(tmp_path, log):
    class Plain:
        profiles = Own.profiles

    fitted = UserKNN(similarity=Plain()).fit(log)

    assert fitted.retrieve(requests_at(log), 3).present.all()
    with pytest.raises(ArtifactError, match="a Plain is no dataclass"):
        save(fitted, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_opened_model_has_its_index_and_no_request_costs_the_events(tmp_path):
    rng = np.random.default_rng(0)
    events, users, items = 100_000, 2000, 500
    log = interactions(
        rng.integers(0, users, events).astype(str),
        rng.integers(0, items, events).astype(str),
        np.arange(events),
    )
    method = UserKNN(5, BM25(), 0.0, half_life_days=None)
    fitted = method.fit(log)
    save(fitted, tmp_path / "model")
    one = requests_at(log).rows(0, 1)

    def opened() -> FittedUserKNN:
        value = load(tmp_path / "model", {"FittedUserKNN": FittedUserKNN})
        assert isinstance(value, FittedUserKNN)
        return value

    opened().retrieve(one, 5)  # Kernels for mapped arrays are loaded by now.
    back = opened()
    tracemalloc.start()
    back.retrieve(one, 5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4 * events
    same(fitted, back, requests_at(log).rows(0, 50))
    assert back.faded(None).users is back.users
