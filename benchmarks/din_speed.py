"""DIN learns: rows a second beside torch-rechub's and DeepCTR-Torch's.

    python benchmarks/din_speed.py --peers FOLDER_WITH_BOTH_PACKAGES [--rounds 9]

Claim: twice the rows of torch-rechub, on the same core. A row is a user with a history
of 30 events and one candidate. The same tables of items, categories and users, 16
numbers each, an activation unit of 16 units, layers of 64 and 32 with Dice (PReLU at
DeepCTR-Torch, whose Dice does not run there), log loss, Adam, batches of 256 rows;
batches are tensors already. Ours once with a row for each request, as the peers have
it, and once with the five candidates of a request side by side. Processor time of one
thread, medians of rounds that alternate.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tidegraph.nn.click import DIN
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.recurrent import fused
from tidegraph.training.optimizers import Adam
from tidegraph.training.weights import initialised

OUT = Path(__file__).parent / "results" / "din_speed.json"
ITEMS, KINDS, USERS, ROWS, HISTORY = 20_000, 200, 20_000, 256, 30


def drawn(rng: np.random.Generator) -> dict[str, Tensor]:
    def ids(below: int, *shape: int) -> Tensor:
        return torch.from_numpy(rng.integers(1, below, shape))

    return {
        "user": ids(USERS, ROWS),
        "item": ids(ITEMS, ROWS),
        "kind": ids(KINDS, ROWS),
        "past_item": ids(ITEMS, ROWS, HISTORY),
        "past_kind": ids(KINDS, ROWS, HISTORY),
        "label": torch.from_numpy(rng.integers(0, 2, ROWS).astype(np.float32)),
    }


def ours(per_request: int) -> Callable[[dict[str, Tensor]], Tensor]:
    spec = InputSpec(item=(ITEMS, KINDS), user=(USERS,), numbers=1)
    net = initialised(lambda: DIN().build(spec), np.random.default_rng(0))
    step = Adam().of_weights(net.parameters())

    def learn(batch: dict[str, Tensor]) -> Tensor:
        b, k = ROWS // per_request, per_request
        some = slice(None, b)
        item = torch.stack([batch["item"], batch["kind"]], dim=1)[: b * k]
        past = torch.stack([batch["past_item"], batch["past_kind"]], dim=2)[some]
        inputs = Inputs(
            item=item.view(b, k, 2),
            user=batch["user"][some, None],
            numbers=torch.zeros(b, k, 1),
            present=torch.ones(b, k, dtype=torch.bool),
            step=past,
            event=torch.zeros(b, HISTORY, 0),
            cross=torch.zeros(b, k, HISTORY, 0),
            age=torch.zeros(b, HISTORY, dtype=torch.int64),
            real_step=torch.ones(b, HISTORY, dtype=torch.bool),
        )
        label = batch["label"][: b * k].view(b, k)
        with fused():  # As a ranker calls its network.
            logit = net(inputs)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, label)
        return stepped(step, loss)

    return learn


def stepped(step: torch.optim.Optimizer, loss: Tensor) -> Tensor:
    step.zero_grad()
    loss.backward()
    step.step()
    return loss.detach()


def rechub() -> Callable[[dict[str, Tensor]], Tensor]:
    from torch_rechub.basic.features import SequenceFeature, SparseFeature  # noqa: PLC0415
    from torch_rechub.models.ranking import DIN as Theirs  # noqa: PLC0415

    def past(name: str, count: int, of: str) -> object:
        return SequenceFeature(
            name, count + 1, embed_dim=16, pooling="concat", shared_with=of
        )

    net = Theirs(
        features=[SparseFeature("user", USERS + 1, embed_dim=16)],
        history_features=[
            past("past_item", ITEMS, "item"),
            past("past_kind", KINDS, "kind"),
        ],
        target_features=[
            SparseFeature("item", ITEMS + 1, embed_dim=16),
            SparseFeature("kind", KINDS + 1, embed_dim=16),
        ],
        mlp_params={"dims": [64, 32]},
        attention_mlp_params={"dims": [16]},
    )
    step = torch.optim.Adam(net.parameters())

    def learn(batch: dict[str, Tensor]) -> Tensor:
        loss = torch.nn.functional.binary_cross_entropy(net(batch), batch["label"])
        return stepped(step, loss)

    return learn


def deepctr() -> Callable[[dict[str, Tensor]], Tensor]:
    from deepctr_torch.inputs import SparseFeat, VarLenSparseFeat  # noqa: PLC0415
    from deepctr_torch.models import DIN as Theirs  # noqa: PLC0415

    def past(name: str, count: int) -> object:
        feature = SparseFeat(
            f"hist_{name}", count + 1, embedding_dim=16, embedding_name=name
        )
        return VarLenSparseFeat(feature, maxlen=HISTORY, length_name="length")

    columns = [
        SparseFeat("user", USERS + 1, embedding_dim=16),
        SparseFeat("item", ITEMS + 1, embedding_dim=16),
        SparseFeat("kind", KINDS + 1, embedding_dim=16),
        past("item", ITEMS),
        past("kind", KINDS),
    ]
    net = Theirs(
        columns,
        ["item", "kind"],
        dnn_hidden_units=(64, 32),
        att_hidden_size=(16,),
        dnn_activation="prelu",
        l2_reg_embedding=0.0,
    )
    step = torch.optim.Adam(net.parameters())
    net.train()

    def learn(batch: dict[str, Tensor]) -> Tensor:
        columns = {
            "user": batch["user"][:, None],
            "item": batch["item"][:, None],
            "kind": batch["kind"][:, None],
            "hist_item": batch["past_item"],
            "length": torch.full((ROWS, 1), HISTORY),
            "hist_kind": batch["past_kind"],
        }
        flat = torch.cat([columns[name] for name in net.feature_index], dim=1)
        chance = net(flat.float())[:, 0]
        loss = torch.nn.functional.binary_cross_entropy(chance, batch["label"])
        return stepped(step, loss)

    return learn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    learners = {"ours, a row a request": (ours(1), ROWS), "ours, five": (ours(5), 255)}
    if options.peers is not None:
        sys.path.append(str(options.peers))
        warnings.simplefilter("ignore")
        learners["torch-rechub"] = (rechub(), ROWS)
        learners["DeepCTR-Torch"] = (deepctr(), ROWS)
    rng, took = np.random.default_rng(1), {name: [] for name in learners}
    for number in range(options.rounds + 1):
        batches = [drawn(rng) for _ in range(10)]
        for name, (learn, _) in learners.items():
            began = time.process_time()
            for batch in batches:
                learn(batch)
            if number:  # The first round warms up.
                took[name].append((time.process_time() - began) / len(batches))
    rows = {
        name: round(learners[name][1] / float(np.median(each)))
        for name, each in took.items()
    }
    for name, each in rows.items():
        print(f"{name}: {each:,} rows a second")
    OUT.write_text(json.dumps({"rows a second": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
