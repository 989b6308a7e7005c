from datetime import date

import pytest

from tidegraph.data.sources import read
from tidegraph.errors import DataError


@pytest.mark.parametrize("day", ["1965-01-01", date(1965, 1, 1)])
def test_a_date_before_1970_is_shown_as_a_date(day):
    with pytest.raises(DataError, match=r"1965-01-01'?, before 1970") as found:
        read({"user": ["b"], "item": ["a"], "time": [day]})

    assert "157766400" not in str(found.value)
