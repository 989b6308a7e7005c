import pyarrow as pa

from tidegraph.data.sources import read


def test_a_reader_of_record_batches_is_a_log():
    table = pa.table({"user": ["a"], "item": ["b"], "time": [1]})

    assert len(read(table)) == 1
    assert read(table.to_reader()).frame().rows() == read(table).frame().rows()
