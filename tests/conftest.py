import gc

import numpy as np
import pytest
from hypothesis import settings

from annotations import checked_by_need, next_file
from kernel_locks import compiled_by_one_worker
from quick_shapes import answered_sooner
from tiers import leave_laws_of_variants

# What is imported to collect the tests stays: it is searched for garbage in vain.
gc.disable()
checked_by_need()
answered_sooner()
compiled_by_one_worker()

from tidegraph.data.interactions import Interactions  # noqa: E402
from tidegraph.testing.logs import draw_log  # noqa: E402

# The first call of a kernel compiles it, which no deadline should count. Each run draws
# other examples, so that days of runs see what one of the nightly profile does.
settings.register_profile("tidegraph", deadline=None, max_examples=10)
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.register_profile("nightly", deadline=None, max_examples=10_000)
settings.load_profile("tidegraph")


@pytest.fixture(autouse=True, scope="module")
def _annotations_of_the_file() -> None:  # pyright: ignore[reportUnusedFunction]
    next_file()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    leave_laws_of_variants(items)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def log() -> Interactions:
    return draw_log()
