from threading import Event, Thread

import torch

from tidegraph.training.threads import threads


def test_blocks_that_overlap_leave_the_number_as_it_was():
    before, inside, left = torch.get_num_threads(), Event(), Event()
    counts = []

    def longer() -> None:
        with threads(1):
            inside.set()
            assert left.wait(60)
            counts.append(torch.get_num_threads())

    torch.set_num_threads(5)
    try:
        with threads(1):
            other = Thread(target=longer)
            other.start()
            assert inside.wait(60)
        here = torch.get_num_threads()
        left.set()
        other.join(60)
        fresh = Thread(target=lambda: counts.append(torch.get_num_threads()))
        fresh.start()
        fresh.join(60)

        assert here == torch.get_num_threads() == 5
        assert counts == [1, 5]
    finally:
        torch.set_num_threads(before)


def test_a_block_within_another_puts_back_the_number_of_that():
    before = torch.get_num_threads()
    with threads(2):
        with threads(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2

    assert torch.get_num_threads() == before
