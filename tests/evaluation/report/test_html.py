import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest

from conftest import draw_log
from evaluation.models import popular, unpopular
from evaluation.test_rankers import Given, examples
from tidegraph.errors import ArtifactError, ConfigError
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.evaluation.rankers import evaluate_ranker
from tidegraph.evaluation.report.axes import linear
from tidegraph.evaluation.report.charts import Series, lines
from tidegraph.evaluation.report.html import (
    Section,
    Table,
    page,
    write_picture,
    write_report,
)
from tidegraph.evaluation.report.pictures import (
    activity_curves,
    evaluation_section,
    events_over_time,
    gains_histogram,
    log_section,
    ranker_section,
    stage_bars,
)

NASTY = '<script>alert("x")</script> & co'
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Strict(HTMLParser):
    """Refuses a document whose tags do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.links += [v or "" for k, v in attrs if k in {"href", "src", "xlink:href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(text: str) -> Strict:
    parser = Strict()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def judged():
    log = draw_log()
    cut = int(log.time[400])
    train = log.before(cut)
    return evaluate(
        popular(train),
        log.since(cut),
        train=train,
        against={NASTY: unpopular(train)},
        k=(5, 10),
    )


@pytest.fixture(scope="module")
def whole(judged) -> str:
    ranked = evaluate_ranker(
        Given(np.array([[0.9, 0.2], [0.4, 0.3]])), examples([0, 1], [[1, 0], [0, 1]])
    )
    sections = [
        log_section(draw_log()),
        evaluation_section(judged),
        ranker_section(ranked),
    ]
    return page(NASTY, sections)


def test_a_report_is_well_formed_and_holds_every_picture(whole):
    parser = parsed(whole)

    # Two of the log; bars, gain, exposure, parts; calibration.
    assert parser.seen.count("svg") == 7
    assert parser.seen.count("table") == 3
    assert parser.seen.count("h2") == 3


def test_a_report_loads_nothing_from_elsewhere(whole):
    parser = parsed(whole)

    assert all(link.startswith("#") for link in parser.links)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", whole)
    assert not {"script", "link", "iframe", "img"} & set(parser.seen)


def test_names_are_escaped_everywhere(whole):
    assert "<script" not in whole
    assert "&lt;script&gt;alert" in whole


def test_light_and_dark_both_have_colours(whole):
    assert "prefers-color-scheme: dark" in whole
    assert len(re.findall(r"--s5: #", whole)) == 2


def test_the_text_of_a_section_is_paragraphs():
    text = page("t", [Section("a", "one\n\ntwo")])

    assert "<p>one</p><p>two</p>" in text


def test_a_table_rounds_numbers_and_leaves_the_unknown_blank():
    frame = pl.DataFrame({"name": ["a", None], "n": [1234, 5], "x": [0.123456, 1234.5]})
    text = page("t", [Section("a", tables=[Table("c", frame)])])
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text)

    assert cells == ["a", "1,234", "0.1235", "", "5", "1,234.5"]


def test_a_report_replaces_the_one_that_was_there(tmp_path):
    path = tmp_path / "deep" / "report.html"
    write_report(path, "one", [])
    write_report(path, "two", [])

    assert "<h1>two</h1>" in path.read_text(encoding="utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "report.html").mkdir()

    with pytest.raises(ArtifactError, match=r"cannot write .*report\.html: Is a dir"):
        write_report(tmp_path / "report.html", "t", [])
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_every_event_is_in_the_picture_of_the_log():
    log = draw_log()
    busiest = np.bincount((log.time - log.time[0]) // 86_400).max()

    assert f"the busiest had {busiest:,}" in events_over_time(log).description
    assert "events a day" in events_over_time(log).svg


def test_a_log_of_positions_is_drawn_without_dates():
    log = replace(draw_log(), time=np.arange(600), clock="order")
    drawn = events_over_time(log)

    assert "Events a 5 positions" in drawn.description
    assert "position</text>" in drawn.svg
    assert "1970" not in drawn.svg


def test_a_log_without_times_is_drawn_by_its_tails_alone():
    log = replace(draw_log(), time=np.zeros(600, np.int64), clock="none")

    assert [chart.title for chart in log_section(log).charts] == ["The long tails"]


def test_the_long_tail_says_what_the_top_tenth_holds():
    log = draw_log()
    counts = np.sort(np.bincount(log.item))[::-1]
    share = counts[: (counts > 0).sum() // 10].sum() / 600

    assert f"hold {share:.0%} of" in activity_curves(log).description


def test_a_log_without_events_has_no_picture():
    log = draw_log().before(0)

    assert log_section(log).charts == ()


def test_a_part_of_a_log_is_said_by_the_users_and_items_of_its_own_events():
    log = draw_log()
    part = log.since(int(log.time[-20]))
    users, items = len(set(part.user.tolist())), len(set(part.item.tolist()))
    assert users < len(part.users)
    assert items < len(part.items)

    said = log_section(part, "What it was judged on")
    assert said.title == "What it was judged on"
    assert said.text == f"{len(part)} events of {users} users with {items} items."


def test_gains_count_users_who_win_lose_and_neither(judged):
    assert judged.cutoffs == [5, 10]
    chart = gains_histogram(judged, "ndcg@5", NASTY)
    ours, theirs = (
        judged.scores.filter(model=m)["ndcg@5"].to_numpy() for m in judged.models
    )

    assert f"{(ours > theirs).mean():.0%} of users gain" in chart.description
    assert f"{(ours < theirs).mean():.0%} lose" in chart.description


def test_a_model_that_was_not_judged_has_no_gain(judged):
    with pytest.raises(ConfigError, match="'nobody'"):
        gains_histogram(judged, "ndcg@5", "nobody")


def test_a_picture_stands_alone_and_names_every_model(judged, tmp_path):
    path = write_picture(tmp_path / "stages.svg", stage_bars(judged, "ndcg@5"))
    drawn = ET.fromstring(path.read_text(encoding="utf-8"))
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]

    means = judged.table().filter(metric="ndcg@5").sort("mean")
    assert [t for t in texts if t in judged.models] == means["model"].to_list()
    assert drawn.find("{http://www.w3.org/2000/svg}style") is not None


def test_a_picture_that_stands_alone_says_which_series_is_which(tmp_path):
    axes = (linear("epoch", 0.0, 1.0), linear("loss", 0.0, 1.0))
    ends = np.array([0.0, 1.0])
    names = [f"a series with the number {n}" for n in range(4)]
    chart = lines("Losses", "Of four.", [Series(n, ends, ends) for n in names], axes)

    path = write_picture(tmp_path / "losses.svg", chart)

    drawn = ET.fromstring(path.read_text(encoding="utf-8"))
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text in names] == names
    _, top, wide, tall = map(float, drawn.attrib["viewBox"].split())
    for swatch in drawn.iter("{http://www.w3.org/2000/svg}rect"):
        if swatch.attrib["width"] == "12":
            assert 0 <= float(swatch.attrib["x"]) < wide
    assert top < 0 < top + tall
    assert chart.height == top + tall
