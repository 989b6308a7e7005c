"""Who wants to run a benchmark again finds its command and its data."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = {path.stem: path.read_text() for path in (ROOT / "benchmarks").glob("*.py")}
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
DATA = (ROOT / "benchmarks" / "DATA.md").read_text()
TOLD = "\n".join(page.read_text() for page in PAGES)
SETS = re.compile(
    r"\"((?:amazon|kgcn|lightgcn|movielens|open_bandit|reczoo|s3rec|xwines)_\w+[^_\W])\""
)


def is_imported(name: str) -> bool:
    """Is it a part of other scripts?"""
    line = re.compile(rf"^(?:from|import) {name}\b", flags=re.M)
    return any(line.search(text) for other, text in SCRIPTS.items() if other != name)


@pytest.mark.parametrize("name", [n for n in SCRIPTS if not is_imported(n)])
def test_a_benchmark_is_named_on_a_page(name):
    assert f"benchmarks/{name}.py" in TOLD


def test_of_each_data_set_it_is_said_where_it_comes_from():
    named = {name for text in SCRIPTS.values() for name in SETS.findall(text)}
    told = dict(re.findall(r"^## (\w+)\n\n- From: (.+)$", DATA, flags=re.M))

    assert len(named) >= 15
    assert named <= told.keys()
    assert len(re.findall(r"`[0-9a-f]{64}`$", DATA, flags=re.M)) == len(told)
