from datetime import date

import pytest

from tidegraph.data.sources import read


@pytest.mark.parametrize("day", ["1965-01-01", date(1965, 1, 1)], ids=repr)
def test_a_date_before_1970_is_a_time_of_a_log(day):
    log = read({"user": ["b"], "item": ["a"], "time": [day]})

    assert log.time.tolist() == [-157_766_400]
    assert "1965-01-01T00:00:00" in repr(log)
