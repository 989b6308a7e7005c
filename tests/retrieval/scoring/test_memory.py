import math

import pytest

from tidegraph.errors import ConfigError
from tidegraph.retrieval.scoring import memory
from tidegraph.retrieval.scoring.memory import check_memory, machine_bytes


def test_what_fits_is_let_through(monkeypatch):
    monkeypatch.setattr(memory, "machine_bytes", lambda: 2e9)

    check_memory("X on 3 nodes", 2 * 10**9, "take less")
    check_memory("X on 3 nodes", 10**9, "take less", limit_gb=1.0)
    with pytest.raises(ConfigError) as error:
        check_memory("X on 3 nodes", 2_500_000_000, "take less")
    assert str(error.value) == (
        "X on 3 nodes needs 2.5 GB, and this machine has 2.0. Take less."
    )
    with pytest.raises(ConfigError) as error:
        check_memory("X on 3 nodes", 1_800_000_000, "take less", limit_gb=1.5)
    assert str(error.value) == (
        "X on 3 nodes needs 1.8 GB, and memory_limit_gb is 1.5. Raise it, or take less."
    )
    # To raise a limit gives a machine no more memory.
    for limit_gb in (1.5, 8.0):
        with pytest.raises(ConfigError, match=r"this machine has 2\.0\. Take less\."):
            check_memory("X on 3 nodes", 2_500_000_000, "take less", limit_gb)


def test_a_container_has_what_it_was_given(monkeypatch, tmp_path):
    given, unbounded = tmp_path / "given", tmp_path / "unbounded"
    given.write_text("1000000\n")
    unbounded.write_text("max\n")
    monkeypatch.setattr(memory, "_OF_CONTAINER", (unbounded, tmp_path / "none"))
    assert 1e8 < machine_bytes() < math.inf
    monkeypatch.setattr(memory, "_OF_CONTAINER", (unbounded, given))
    assert machine_bytes() == 1e6


def test_where_the_system_does_not_tell_nothing_is_refused(monkeypatch):
    def untold(name):
        raise ValueError(name)

    monkeypatch.setattr(memory.os, "sysconf", untold)
    check_memory("X", 10**30, "take less")
