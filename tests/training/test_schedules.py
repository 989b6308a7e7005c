import math

from tidegraph.training.schedules import HalfCosine, Linear, Stairs, WarmUp


def test_a_cosine_falls_from_one_to_its_floor():
    factors = [HalfCosine(floor=0.2).factor(0, epoch, 10) for epoch in range(11)]

    assert factors[0] == 1
    assert math.isclose(factors[5], 0.6)
    assert math.isclose(factors[10], 0.2)
    assert factors == sorted(factors, reverse=True)


def test_a_line_falls_from_one_to_its_floor_and_no_further():
    line = Linear(floor=0.2)

    assert line.factor(0, 0, 10) == 1
    assert math.isclose(line.factor(7, 2.5, 10), 0.8)
    assert math.isclose(line.factor(9, 10.2, 10), 0.2)


def test_stairs_fall_after_every_so_many_epochs():
    factors = [Stairs(every=2, by=0.5).factor(0, epoch, 9) for epoch in range(5)]

    assert factors == [1, 1, 0.5, 0.5, 0.25]


def test_a_warm_up_rises_step_by_step_and_then_follows_another():
    warm = WarmUp(4, then=Stairs(every=1, by=0.5))

    assert [warm.factor(step, 0, 9) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert warm.factor(9, 1, 9) == 0.5
