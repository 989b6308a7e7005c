import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegraph.ego.cluster import local_cluster
from tidegraph.ego.dedup import unique
from tidegraph.ego.hard_negative_plans import hard
from tidegraph.ego.hops import Hops
from tidegraph.ego.negative_plans import in_batch, negatives
from tidegraph.ego.parse import parse
from tidegraph.ego.static import fan_out, identity, khop
from tidegraph.ego.walks import walk
from tidegraph.errors import ConfigError

COUNT = st.integers(1, 50)
NAME = st.sampled_from(["click", "~click", "it's", 'say "x"'])
MAYBE = st.booleans()
BY = st.sampled_from([None, "dwell"])
HOPS = st.lists(
    st.tuples(NAME, MAYBE, MAYBE, MAYBE, COUNT, BY, st.integers(0, 4)), max_size=4
)
WALK = st.tuples(NAME, NAME, COUNT, COUNT, MAYBE, BY, st.floats(0, 0.99), MAYBE, MAYBE)


def hops_of(steps) -> Hops:
    plan = identity()
    for edge, near, ever, back, count, by, kind in steps:
        step = plan.hop(edge)
        step = step.within(seconds=count) if near else step
        step = step.rewind() if back else step
        step = step.all_time() if ever and not (near or back) else step
        plan = [
            lambda step=step, count=count: step.recent(count),
            lambda step=step: step.all(),
            lambda step=step, count=count, by=by: step.sample(
                count, by=by, replace=False
            ),
            lambda step=step, count=count, by=by: step.top(count, by=by),
            lambda step=step, count=count, by=by: step.importance(count, by=by),
        ][kind]()
    return plan


def walk_of(spec):
    there, back, times, length, heavy, by, restart, biased, respect = spec
    plan = walk(there, back, times=times, length=length).restart(restart)
    plan = plan.weighted(by) if heavy else plan
    plan = plan.biased(p=restart + 0.1, q=2.5) if biased else plan
    return plan.respecting_time() if respect else plan.all_time()


def same(plan) -> bool:
    again = parse(str(plan))
    return again == plan and hash(again) == hash(plan)


@given(HOPS)
def test_hops_are_what_their_text_says(steps):
    assert same(hops_of(steps))
    assert same(unique(hops_of(steps)))


@given(WALK, COUNT)
def test_walks_are_what_their_text_says(spec, count):
    assert same(walk_of(spec))
    assert same(walk_of(spec).top(count))


@pytest.mark.parametrize(
    "plan",
    [
        khop("click", "~click", limit=9),
        fan_out("click", "~click", counts=(3, 2), by="dwell", all_time=False),
        negatives("item", 100, by="degree", power=0.75, avoid="click"),
        in_batch(7, via="click"),
        local_cluster("click", type="item", size=9, epsilon=1e-4),
        hard(walk("click").top(9), 2, ranks=(3, 8), avoid="click"),
    ],
    ids=str,
)
def test_other_plans_are_what_their_text_says(plan):
    assert same(plan)


WORDS = st.sampled_from(
    [
        *("hop", "walk", "unique", "negatives", "hard", "identity", "recent", "using"),
        *(
            "sample",
            "top",
            "within",
            "__class__",
            "flip",
            "(",
            ")",
            ".",
            ",",
            "'click'",
        ),
        *("'recent'", "count=", "3", "-1", "1e999", "None", "lambda: 0", "[1]", "**{}"),
        *("{}", "*", "=", "seconds=", "times=", "ranks=(1, 2)", "f'{x}'", "import os"),
    ]
)


@given(st.one_of(st.text(max_size=30), st.lists(WORDS, max_size=14).map("".join)))
@example("hop('click').recent(3).__class__")
@example("__import__('os').system('true')")
@example("hop('click').using('recent', 3, 4)")
@example("hop('click')")
@example("(" * 500)
@example("hop('click').within(days=1e300).recent(1)")
@example("hop('click').within(days='a').recent(1)")
@example("unique(3)")
@example("walk(times='a')")
@example("hop(3).recent(2)")
@example("hop('click').recent('a')")
def test_whatever_the_text_the_answer_is_a_plan_or_one_sentence(text):
    try:
        plan = parse(text)
    except ConfigError:
        return
    assert parse(str(plan)) == plan


def test_the_sentence_says_what_is_wrong():
    with pytest.raises(ConfigError, match="not a whole plan"):
        parse("hop('click')")
    with pytest.raises(ConfigError, match=r"'resent' does not stand there\. Possible"):
        parse("hop('click').resent(3)")
    with pytest.raises(ConfigError, match="no sampler 'resent'"):
        parse("hop('click').using('resent')")
    with pytest.raises(ConfigError, match="is no plan"):
        parse("open('/etc/passwd')")
