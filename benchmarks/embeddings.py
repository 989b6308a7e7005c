"""Trained embeddings against item neighbours, on any log of users and items.

Claims: none of a winner; it prints how each ranks a fifth of every user's items, drawn
at random as the papers of these methods do, which lets the future into training. Items
a user has in training are left out. Settings were chosen on no log.
Run: python benchmarks/embeddings.py interactions.parquet user item
"""

import sys
import time

import tidegraph as tg
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.knn.similarity import Cosine
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.recipes.gnn import lightgcn
from tidegraph.retrieval.recipes.mf import bpr_mf


def main() -> None:
    path, user, item = sys.argv[1:4]
    log = tg.read(path, user=user, item=item, time=None)
    known, test = log.random_split(fractions=(0.8,))
    methods = (
        Popular(half_life_days=None),
        ItemKNN(50, Cosine(), shrinkage=0.0),
        bpr_mf(),
        lightgcn(),
    )
    fitted = {}
    for method in methods:
        started = time.perf_counter()
        name = getattr(method, "name", type(method).__name__)
        fitted[name] = tg.Pipeline(method, repeat=False).fit(known)
        print(f"{name}: {time.perf_counter() - started:.1f} s", flush=True)
    model = fitted.pop("ItemKNN")
    found = tg.evaluate(model, test, against=fitted, k=(10, 50), repeat=False)
    print(found.text())


if __name__ == "__main__":
    main()
