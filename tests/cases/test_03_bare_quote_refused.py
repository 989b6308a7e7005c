from pathlib import Path

import pandas as pd
import pytest

from tidegraph.data.sources import read

HERE = Path(__file__).parent / "03"


@pytest.mark.parametrize(
    ("name", "separator", "titles"),
    [
        ("movies.csv", ",", ["Tea", '7" mix', "Jam", "Ham"]),
        ("artists.tsv", "\t", ["Tea", "Weird Jam", "Ham"]),
    ],
)
def test_titles_with_bare_quotes_are_item_features(name, separator, titles):
    log = read(HERE / "log.csv", item="movieId", items=HERE / name)

    features = log.items.features
    assert features is not None
    found = dict(zip(log.items.ids.to_list(), features["title"], strict=True))
    assert found == dict(enumerate(titles, 1))
    assert pd.read_csv(HERE / name, sep=separator)["title"].to_list() == titles
