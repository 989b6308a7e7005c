"""LightGCN by RecBole, in an environment of its own.

Needs recbole 1.2.1, numpy 1.26, scipy 1.12, pandas below 3, and
TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1.
Run: PYTHON_OF_RECBOLE benchmarks/peers/recbole_lightgcn.py PAIRS.npy BATCH STEPS
Prints seconds and processor seconds of each step of its trainer, as JSON.
"""

import json
import sys
import tempfile
import time

import numpy as np
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender.lightgcn import LightGCN
from recbole.utils import init_seed
from recbole_log import configured


def main() -> None:
    pairs, batch, steps = np.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "train_batch_size": batch,
            "embedding_size": 64,
            "n_layers": 3,
            "show_progress": False,
        }
        config = configured(LightGCN, pairs, folder, settings)
        init_seed(0, reproducibility=False)
        data = create_dataset(config)
        train, _, _ = data_preparation(config, data)
    model = LightGCN(config, train.dataset).to("cpu")
    optimizer = __import__("torch").optim.Adam(model.parameters(), lr=1e-3)
    wall, work = [], []
    started, begun = time.perf_counter(), time.process_time()
    for number, interaction in enumerate(train):
        if number == steps:
            break
        # As Trainer._train_epoch does.
        optimizer.zero_grad()
        loss = model.calculate_loss(interaction)
        loss.backward()
        optimizer.step()
        now, done = time.perf_counter(), time.process_time()
        wall.append(now - started)
        work.append(done - begun)
        started, begun = now, done
    print(json.dumps({"batches": len(train), "wall": wall, "processor": work}))


if __name__ == "__main__":
    main()
