"""What Flower's nodes learn is what the fleet learns, and no bad answer is taken."""

import numpy as np
import pytest
import torch

pytest.importorskip(
    "flwr", reason="flwr pins older packages than ours; make flower runs these tests"
)

from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import ServerApp
from flwr.simulation import run_simulation
from flwr.supercore.task_identity import TaskIdentity

from device.heads import fleet_of, head
from tidegraph.device.fleet import losses, personalised, start_thetas
from tidegraph.device.flower.client import client_app
from tidegraph.device.flower.messages import THETA, TOLD
from tidegraph.device.flower.strategy import Personalisation
from tidegraph.device.personalise import LocalSteps

LOCAL = LocalSteps(steps=4)
BIG = {"width": 12, "hidden": (32, 16, 8), "rank": 8, "theta": 32}
COUNTS = [20, 3, 1, 30, 8, 9, 20, 33, 2, 12, 0, 7]
NODES = [[0], [1, 2], [3, 4, 5, 6], [7], [8, 9, 10, 11]]
"""Which devices each node has: a phone has one, an organisation many."""


def rows_of(context):
    some = np.array(NODES[int(context.node_config["partition-id"])])
    return fleet_of(COUNTS, BIG["width"]).at(some)


def telling(message, context, call_next):
    """Say which node answers; a mod of Flower."""
    answer = call_next(message, context)
    answer.content[TOLD]["partition"] = int(context.node_config["partition-id"])
    return answer


def lying(message, context, call_next):
    """Answer well in the first round, and badly in the second, each node otherwise."""
    answer = telling(message, context, call_next)
    if "train" not in message.metadata.message_type or THETA not in message.content:
        return answer
    theta = np.array(answer.content[THETA][THETA].numpy())
    bad = {0: theta * np.nan, 1: theta[:1], 2: theta + 9, 3: theta[:, :5]}
    partition = int(context.node_config["partition-id"])
    if partition == 4:
        raise RuntimeError("the battery is empty")
    answer.content[THETA] = ArrayRecord({THETA: Array(bad[partition])})
    return answer


class Told(Personalisation):
    """Also knows which node is which."""

    names: dict[int, int] | None = None

    def aggregate_train(self, server_round, replies):
        replies = list(replies)
        if self.names is None:
            self.names = {
                one.content[TOLD]["partition"]: one.metadata.src_node_id
                for one in replies
            }
        return super().aggregate_train(server_round, replies)

    def all(self) -> np.ndarray:
        """Return the thetas of all devices in their order."""
        parts = [self.thetas[self.names[n]] for n in range(len(NODES))]
        return np.concatenate(parts)


def simulated(mod, work):
    """Run a server's work over all nodes in Flower's own engine."""
    server, found = ServerApp(), []

    @server.main()
    def main(grid, context):
        found.append(work(grid))

    run_simulation(
        server,
        client_app(rows_of, mods=[mod]),
        num_supernodes=len(NODES),
        backend_config={
            "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            "init_args": {"num_cpus": 2, "include_dashboard": False},
        },
    )
    return found[0]


@pytest.mark.filterwarnings("ignore")
def test_nodes_learn_what_the_fleet_learns_round_after_round():
    torch.set_num_threads(1)
    fleet = fleet_of(COUNTS, BIG["width"])
    first, second = head(0, **BIG), head(1, **BIG)
    strategy = Told(first, LOCAL, len(NODES))

    def work(grid):
        one = strategy.start(grid, strategy.arrays(), 2)
        after_two = strategy.all()
        strategy.publish(second)
        strategy.start(grid, strategy.arrays(), 1)
        return one, after_two, strategy.all()

    result, after_two, after_three = simulated(telling, work)

    begun = start_thetas(first, np.zeros((len(fleet), 32), np.float32), fleet)
    once = personalised(first, begun, fleet, LOCAL)
    twice = personalised(first, once.theta, fleet, LOCAL)
    thrice = personalised(
        second, start_thetas(second, twice.theta, fleet), fleet, LOCAL
    )
    np.testing.assert_allclose(after_two, twice.theta, atol=2e-6)
    np.testing.assert_allclose(after_three, thrice.theta, atol=2e-6)
    assert not strategy.refused
    told, judged = result.train_metrics_clientapp[2], losses(first, twice.theta, fleet)
    assert told["devices"] == len(fleet)
    assert told["stepped"] == twice.stepped.sum()
    own = (judged.own * judged.weight).sum() / judged.weight.sum()
    seen = result.evaluate_metrics_clientapp[2]
    assert seen["own"] == pytest.approx(float(own), rel=1e-5)
    assert seen["own"] < seen["model"]


@pytest.mark.filterwarnings("ignore")
def test_a_bad_answer_is_refused_and_what_was_there_is_kept():
    strategy = Told(head(0, **BIG), LOCAL, len(NODES))

    def work(grid):
        strategy.start(grid, strategy.arrays(), 1)
        before = strategy.all().copy()
        strategy.start(grid, strategy.arrays(), 2)
        return before, strategy.all()

    before, after = simulated(lying, work)

    assert np.array_equal(before, after)
    reasons = [strategy.refused[strategy.names[n]] for n in range(len(NODES))]
    for reason, what in zip(
        reasons,
        ["not finite", "2 devices sent", "outside the ball", "shape", "battery"],
        strict=True,
    ):
        assert what in reason


@pytest.fixture
def task(monkeypatch):
    """Let messages be made outside of Flower's engine, in the name of task 1."""
    for name in ("_run_id", "_task_id", "_node_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)


def answered(theta, told, name=THETA):
    """Return the answer of node 7 to a message."""
    asked = Message(RecordDict(), dst_node_id=7, message_type=MessageType.TRAIN)
    arrays = ArrayRecord({name: Array(theta)})
    return Message(
        RecordDict({THETA: arrays, TOLD: MetricRecord(told)}), reply_to=asked
    )


GOOD = {"devices": 2, "stepped": 2, "before": 0.7, "after": 0.6, "weight": 20.0}


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        ({"weight": None}, THETA, "does not tell 'weight'"),
        ({"after": np.nan}, THETA, "after=nan"),
        ({"weight": -1.0}, THETA, "weight=-1"),
        ({"devices": np.inf}, THETA, "devices=inf"),
        ({}, "another", "no numbers that can be read"),
    ],
)
def test_an_answer_is_read_before_anything_of_it_is_kept(task, change, name, said):
    strategy = Personalisation(head(0, **BIG), LOCAL)
    theta = np.full((2, 32), 0.01, np.float32)
    told = {n: v for n, v in {**GOOD, **change}.items() if v is not None}
    good, bad = answered(theta, GOOD), answered(theta * 2, told, name)

    assert strategy.aggregate_train(1, [good])[1]["devices"] == 2
    assert strategy.aggregate_train(2, [bad]) == (None, None)
    assert said in strategy.refused[7]
    assert np.array_equal(strategy.thetas[7], theta)


def test_an_answer_without_what_was_asked_for_is_refused(task):
    strategy = Personalisation(head(0, **BIG), LOCAL)
    asked = Message(RecordDict(), dst_node_id=7, message_type=MessageType.TRAIN)
    empty = Message(RecordDict(), reply_to=asked)

    assert strategy.aggregate_train(1, [empty]) == (None, None)
    assert "devices" in strategy.refused[7]
    assert strategy.aggregate_evaluate(1, [empty]) is None
