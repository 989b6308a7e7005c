from uuid import UUID

import pandas as pd

from tidegraph import Pipeline, Popular, Repeat, read

U = [UUID(int=k) for k in range(1, 5)]


def test_a_uuid_is_one_id_as_an_object_and_as_its_text():
    log = read(
        pd.DataFrame(
            {
                "user": [U[0], U[0], U[1], U[2], U[3]],
                "item": [U[1], U[2], U[1], U[1], U[3]],
                "time": [1, 2, 3, 4, 5],
            }
        )
    )
    model = Pipeline(retrieve=(Repeat(half_life_days=None), Popular())).fit(log)

    by_object, by_text = model.recommend(U[0], k=2), model.recommend(str(U[0]), k=2)

    assert by_object["channel"].to_list() == ["Repeat+Popular"] * 2
    assert by_object["item"].to_list() == [str(U[1]), str(U[2])]
    assert by_object.equals(by_text)
