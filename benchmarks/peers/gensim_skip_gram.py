"""Skip-gram on walks by gensim, in an environment of its own.

Run: PYTHON_OF_GENSIM benchmarks/peers/gensim_skip_gram.py WALKS.npy SIZE WINDOW THREADS
Prints seconds of wall and processor time, and what was trained on, as JSON.
"""

import json
import sys
import time

import numpy as np
from gensim.models import Word2Vec


def main() -> None:
    walks = np.load(sys.argv[1])
    size, window, threads = map(int, sys.argv[2:5])
    started, used = time.perf_counter(), time.process_time()
    # Words are text: what is -1 is where a walk has ended.
    corpus = [[str(node) for node in walk if node >= 0] for walk in walks.tolist()]
    ready, prepared = time.perf_counter(), time.process_time()
    Word2Vec(
        corpus,
        vector_size=size,
        window=window,
        shrink_windows=False,
        sample=0,
        min_count=1,
        sg=1,
        negative=5,
        ns_exponent=0.75,
        workers=threads,
        epochs=1,
        seed=1,
    )
    ended, done = time.perf_counter(), time.process_time()
    found = {
        "seconds": ended - ready,
        "processor_seconds": done - prepared,
        "seconds_to_text": ready - started,
        "processor_seconds_to_text": prepared - used,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
