import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from tidegraph import __version__
from tidegraph.artifact.sealed import State
from tidegraph.bench import (
    Contender,
    Scores,
    compare,
    gains_by_activity,
    write_comparison,
)
from tidegraph.bench.clicks import ClickProtocol, click_parts
from tidegraph.bench.run import RECORDS, _numbers_learnt, _Trainings, shift_odds
from tidegraph.config import to_table
from tidegraph.data.views.digests import log_digest, rest_digest
from tidegraph.errors import ArtifactError, ConfigError, DataError, RequestError
from tidegraph.features.columns import FeatureSet
from tidegraph.ranking.calibration import Calibrated
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.ranking.tasks import Tasks
from tidegraph.testing.logs import draw_log

PROTOCOL = ClickProtocol(repeat=True)
DEVICE = FeatureSet(fields=("event.device",))
BOUGHT = Tasks(("bought",))
LOGIT = Contender("RecencyLogit", (RecencyLogit(),))


@dataclass(frozen=True)
class Told:
    """Gives items as much as they are told apart, and counts how often it is fitted.

    Attributes:
        sharpness: How much of the truth it knows.
    """

    fits: ClassVar[list[tuple[float, float]]] = []

    sharpness: float = 1.0

    def fit(self, train, valid, *, run) -> "FittedTold":
        self.fits.append((self.sharpness, float(run.rng.random())))
        return FittedTold(self.sharpness)


@dataclass(frozen=True)
class FittedTold:
    sharpness: float

    def score(self, requests, candidates) -> np.ndarray:
        # The positive is the first candidate, which no other ranker may look at.
        first = np.arange(candidates.item.shape[1]) == 0
        noise = np.modf(np.abs(np.sin(candidates.item * 12.9898)) * 43758.5453)[0]
        score = 0.05 + 0.4 * noise + 0.5 * self.sharpness * first
        return np.where(candidates.present, score, 0).astype(np.float32)

    def state(self) -> State:
        return State("FittedTold", arrays={"one": np.zeros(3)})


@pytest.fixture(autouse=True)
def _nobody_was_fitted():
    Told.fits.clear()


@pytest.fixture(scope="module")
def log():
    return draw_log(events=1500)


def told(*sharpness: float, name: str = "Told") -> Contender:
    return Contender(name, tuple(Told(each) for each in sharpness))


def test_validation_chooses_a_setting_and_that_one_gets_every_seed(log, tmp_path):
    found = compare(log, [told(0.1, 0.9, 0.5)], PROTOCOL, seeds=3, folder=tmp_path)

    assert [sharpness for sharpness, _ in Told.fits] == [0.1, 0.9, 0.5, 0.9, 0.9]
    assert len({draw for _, draw in Told.fits}) == 3
    assert found.chosen("Told") == Told(0.9)
    assert [one.seed for one in found.trained["Told"]] == [0, 1, 2]
    assert [one.parameters for one in found.tried["Told"]] == [3, 3, 3]


def test_a_comparison_of_nobody_or_of_two_of_one_name_is_refused(log, tmp_path):
    with pytest.raises(ConfigError, match="nobody is compared"):
        compare(log, [], PROTOCOL, seeds=1, folder=tmp_path)
    with pytest.raises(ConfigError, match="two contenders are called 'Told'"):
        compare(log, [told(0.1), told(0.9)], PROTOCOL, seeds=1, folder=tmp_path)
    with pytest.raises(ConfigError, match="seeds is 0"):
        compare(log, [told(0.1)], PROTOCOL, seeds=0, folder=tmp_path)
    with pytest.raises(ConfigError, match="nothing is tried of the contender 'Told'"):
        told()

    assert not Told.fits


def test_what_a_log_lacks_is_said_before_anything_is_trained(log, tmp_path):
    lacks = Contender("RecencyLogit", (RecencyLogit(category="kind"),))
    with pytest.raises(DataError, match="'kind' is no feature of items"):
        compare(log, [told(0.1), lacks], PROTOCOL, seeds=1, folder=tmp_path)

    assert not Told.fits


def test_who_does_not_read_what_others_read_is_told(log, tmp_path):
    reads = Contender("reads", (RecencyLogit(fields=("item.price",)),))
    found = compare(log, [LOGIT, reads], PROTOCOL, seeds=1, folder=tmp_path)
    alike = compare(log, [LOGIT, told(0.5)], PROTOCOL, seeds=1, folder=tmp_path)

    said = "Features that not all read: RecencyLogit: not item.price."
    assert found.unread() == said
    assert said in Scores.of(found).text()
    assert not alike.unread()


def test_what_was_trained_is_not_trained_again(log, tmp_path):
    first = compare(log, [told(0.1, 0.9)], PROTOCOL, seeds=2, folder=tmp_path)
    again = compare(log, [told(0.1, 0.9, 0.2)], PROTOCOL, seeds=2, folder=tmp_path)

    assert [sharpness for sharpness, _ in Told.fits] == [0.1, 0.9, 0.9, 0.2]
    assert again.trained == first.trained
    for ours, theirs in zip(first.runs()["Told"], again.runs()["Told"], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_comparison_that_was_stopped_goes_on(log, tmp_path):
    class Stopped(Exception):
        pass

    @dataclass(frozen=True)
    class Stops:
        def fit(self, train, valid, *, run):
            raise Stopped

    broken = [told(0.5), Contender("Stops", (Stops(),))]
    with pytest.raises(Stopped):
        compare(log, broken, PROTOCOL, seeds=1, folder=tmp_path)
    # As if the last line had been cut short.
    with (tmp_path / RECORDS).open("a") as file:
        file.write('{"key": "12')

    compare(log, [told(0.5)], PROTOCOL, seeds=1, folder=tmp_path)

    assert len(Told.fits) == 1


def test_what_is_trained_after_a_cut_line_is_kept_as_well(log, tmp_path):
    (tmp_path / RECORDS).write_text('{"key": "12')

    for _ in range(2):
        compare(log, [told(0.5)], PROTOCOL, seeds=1, folder=tmp_path)

    assert len(Told.fits) == 1


def test_another_log_protocol_or_setting_is_trained_anew(log, tmp_path):
    others = [
        (log, PROTOCOL, 0.5),
        (log.take(np.arange(len(log) - 1)), PROTOCOL, 0.5),
        (log, replace(PROTOCOL, negatives=2), 0.5),
        (log, PROTOCOL, 0.6),
        (log, PROTOCOL, 0.5),
    ]
    for events, protocol, sharpness in others:
        compare(events, [told(sharpness)], protocol, seeds=1, folder=tmp_path)

    assert len(Told.fits) == 4


@dataclass(frozen=True)
class ToldOfEvents(Told):
    """Is told what the log says of events, too."""

    features: FeatureSet = DEVICE


@dataclass(frozen=True)
class ToldOfTasks(Told):
    """Learns what the log says of events, too."""

    tasks: Tasks = BOUGHT


@dataclass(frozen=True)
class Within(Told):
    """Holds a ranker that is told what the log says of events."""

    ranker: ToldOfEvents | ToldOfTasks = field(default_factory=ToldOfEvents)


@pytest.mark.parametrize(
    ("ranker", "column"),
    [
        (ToldOfTasks(), "bought"),
        (ToldOfTasks(tasks=Tasks(("device=app",))), "device"),
        (Within(), "device"),
        (Within(ranker=ToldOfTasks()), "bought"),
    ],
)
def test_whoever_names_a_column_anywhere_is_trained_anew_as_it_changes(
    log, tmp_path, ranker, column
):
    for value in ("app", "web"):
        said = {"bought": ["yes"] * len(log), "device": ["app"] * len(log)}
        said[column] = [value] * len(log)
        events = replace(log, context=pl.DataFrame(said))
        one = Contender("Told", (ranker,))
        compare(events, [one], PROTOCOL, seeds=1, folder=tmp_path)

    assert len(Told.fits) == 2


def test_a_network_that_names_no_column_keeps_its_key(log, tmp_path):
    said = replace(log, context=pl.DataFrame({"bought": ["yes"] * len(log)}))
    ranker = NeuralRanker()
    table = {"ranker": "NeuralRanker", **to_table(ranker)}
    said_of = [log_digest(log), json.dumps(table, sort_keys=True), "3"]
    text = "\n".join([*said_of, __version__])
    key = hashlib.sha256(text.encode()).hexdigest()[:24]

    parts = click_parts(log, PROTOCOL, rng=np.random.default_rng(0))
    for events in (log, said):
        digests = log_digest(events), rest_digest(events)
        few = frozenset(events.context.columns)
        trainings = _Trainings(parts, digests, few, tmp_path)
        assert trainings._key(ranker, 3) == key


def test_strengths_of_events_are_part_of_the_log(log, tmp_path):
    strong = replace(log, weight=np.full(len(log), 2, np.float32))
    for events in (log, strong):
        compare(events, [told(0.5)], PROTOCOL, seeds=1, folder=tmp_path)

    assert len(Told.fits) == 2


def test_what_few_models_read_makes_them_alone_be_trained_anew(log, tmp_path):
    models = [Contender("Told", (Told(),)), Contender("Events", (ToldOfEvents(),))]
    said = [
        replace(log, context=pl.DataFrame({"device": [device] * len(log)}))
        for device in ("app", "web")
    ]
    fits = []
    for one in (*said, said[1]):
        compare(one, models, PROTOCOL, seeds=1, folder=tmp_path)
        fits.append(len(Told.fits))

    assert fits == [2, 3, 3]


def test_propensities_make_everybody_be_trained_anew_as_they_change(log, tmp_path):
    shown = replace(log, label=(np.arange(len(log)) % 2).astype(np.int8))
    weighed = replace(PROTOCOL, propensity="chance")
    for chance, protocol in ((0.5, PROTOCOL), (0.5, weighed), (0.6, weighed)):
        said = pl.DataFrame({"chance": np.full(len(log), chance)})
        one = replace(shown, context=said)
        compare(one, [told(0.5)], protocol, seeds=1, folder=tmp_path)

    assert len(Told.fits) == 3


def test_a_line_without_its_probabilities_counts_for_nothing(log, tmp_path):
    compare(log, [told(0.5)], PROTOCOL, seeds=1, folder=tmp_path)
    for path in tmp_path.glob("*.npy"):
        path.unlink()

    compare(log, [told(0.5)], PROTOCOL, seeds=1, folder=tmp_path)

    assert len(Told.fits) == 2


def test_the_recorded_auc_is_that_of_scikit_learn(log, tmp_path):
    found = compare(log, [told(0.2)], PROTOCOL, seeds=1, folder=tmp_path)
    for part, recorded in (
        ("valid", found.trained["Told"][0].valid_auc),
        ("test", found.trained["Told"][0].test_auc),
    ):
        label, (run,) = found.rows(part).label, found.runs(part)["Told"]

        assert recorded == pytest.approx(roc_auc_score(label, run), abs=1e-5)


@pytest.mark.parametrize(
    ("within", "around"),
    [
        ("ranker", State("FittedCalibrated", arrays={"weight": np.zeros(2)})),
        ("retriever", State("FittedRetrieved", arrays={"weight": np.zeros(2)})),
    ],
)
def test_what_a_ranker_within_learnt_is_counted(within, around):
    network = State("FittedRanker", arrays={"a": np.zeros((3, 4)), "b": np.zeros(5)})
    around = replace(around, parts={within: network, "features": network})

    assert _numbers_learnt(around) == 2 + 12 + 5


def test_probabilities_are_turned_into_the_odds_of_the_test():
    # One in five becomes one in two where three of four negatives are left out.
    found = shift_odds(np.array([0.2, 0.5, 0.0, 1.0], np.float32), 4.0)

    np.testing.assert_allclose(found, [0.5, 0.8, 0.0, 1.0], rtol=1e-6)


def test_a_folder_that_cannot_be_written_is_refused(log, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ArtifactError, match="Choose another folder"):
        compare(log, [LOGIT], PROTOCOL, seeds=1, folder=tmp_path / "file" / "in")


def test_a_model_that_knows_more_is_worth_having(log, tmp_path):
    found = compare(
        log,
        [LOGIT, told(0.9, name="Sharp"), told(0.0, name="Blunt")],
        PROTOCOL,
        seeds=1,
        folder=tmp_path,
    )
    scores = Scores.of(found)
    table = scores.table()
    of = {name: table.filter(model=name).to_dicts()[0] for name in table["model"]}

    assert scores.better() == ["Sharp"]
    assert scores.verdict().startswith("Worth having here: Sharp")
    assert "Not surely better: Blunt" in scores.verdict()
    assert table["model"][0] == "Sharp"
    for name in ("Sharp", "Blunt"):
        lead = of[name]["auc"] - of["RecencyLogit"]["auc"]
        assert of[name]["lead"] == pytest.approx(lead)
        assert of[name]["lead_low"] <= lead <= of[name]["lead_high"]
    assert of["RecencyLogit"]["lead"] is None
    raw = scores.evaluation.table().filter(metric="auc")
    raw = dict(raw.select("model", "p").iter_rows())
    # Holm: the smaller of two counts twice, and the larger is not below that.
    small, large = sorted([raw["Sharp"], raw["Blunt"]])
    wanted = [min(1, 2 * small), max(min(1, 2 * small), large)]
    assert sorted([of["Sharp"]["p"], of["Blunt"]["p"]]) == pytest.approx(wanted)


def test_where_nobody_is_better_the_control_is_to_be_taken(log, tmp_path):
    blunt = told(0.0, name="Blunt")
    found = compare(log, [LOGIT, blunt], PROTOCOL, seeds=1, folder=tmp_path)

    assert Scores.of(found).verdict().startswith("No model is surely better")


def test_a_subject_that_was_not_trained_is_refused(log, tmp_path):
    found = compare(log, [told(0.9)], PROTOCOL, seeds=1, folder=tmp_path)

    with pytest.raises(RequestError, match=r"'RecencyLogit' is not among .* Told"):
        Scores.of(found)


def test_the_report_holds_the_table_and_pictures(log, tmp_path):
    found = compare(log, [LOGIT, told(0.9)], PROTOCOL, seeds=2, folder=tmp_path)
    page = write_comparison(Scores.of(found), tmp_path / "out", "A log")
    text, words = page.read_text(), (tmp_path / "out" / "table.md").read_text()

    assert text.count("<svg") == 3
    assert "Worth having here: Told" in text
    assert "| RecencyLogit | 0." in words
    assert words.count("\n| ") == 4
    assert (tmp_path / "out" / "table.json").read_text().count('"model"') == 2


def test_gains_by_activity_are_those_among_the_users_of_each_group(log, tmp_path):
    found = compare(log, [LOGIT, told(0.3)], PROTOCOL, seeds=2, folder=tmp_path)
    gains = gains_by_activity(Scores.of(found, "Told"))
    rows, runs, requests = found.rows(), found.runs(), found.parts.test.requests
    had = np.diff(requests.history.ptr)
    least = np.array([had[requests.user == user].min() for user in rows.names])
    cuts = np.quantile(least[least > 0], [1 / 3, 2 / 3])
    groups = {
        "cold users": least == 0,
        "low activity": (least > 0) & (least <= cuts[0]),
        "middle activity": (least > cuts[0]) & (least <= cuts[1]),
        "high activity": least > cuts[1],
    }

    assert set(gains["group"]) <= set(groups)
    assert gains["group"].n_unique() >= 3
    for row in gains.to_dicts():
        chosen = groups[row["group"]]
        held = chosen[rows.user]
        auc = {
            name: np.mean([roc_auc_score(rows.label[held], run[held]) for run in each])
            for name, each in runs.items()
        }
        assert row["users"] == chosen.sum()
        assert row["auc"] == pytest.approx(auc[row["model"]])
        if row["model"] == "Told":
            assert row["gain"] is None
            continue
        assert row["gain"] == pytest.approx(auc["Told"] - auc[row["model"]])
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]


@pytest.mark.parametrize("mended", [False, True])
def test_a_ranker_of_another_label_than_all_are_judged_by_is_refused(mended):
    ranker = NeuralRanker(tasks=Tasks(("bought",), answer="bought"))

    with pytest.raises(ConfigError, match=r"'mine' answers 'bought', and all are jud"):
        Contender("mine", (Calibrated(ranker) if mended else ranker,))
    Contender("mine", (NeuralRanker(tasks=BOUGHT),))
