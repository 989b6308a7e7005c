"""Files of public data sets, a few faithful rows of each, read with one command."""

import json
from pathlib import Path

import pytest

from tidegraph.cli import run
from tidegraph.data.interactions import Interactions
from tidegraph.data.sources import read
from tidegraph.errors import GuessedColumnWarning

GENRES = "0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0"


@pytest.fixture
def write(tmp_path: Path):
    def write_bytes(name: str, text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write_bytes


def events(log: Interactions) -> list[tuple]:
    return log.frame().select("user", "item", "time").rows()


def named(log: Interactions, column: str) -> dict:
    """Return one feature of the items by their ids."""
    assert log.items.features is not None
    return dict(zip(log.items.ids, log.items.features[column], strict=True))


def test_movielens_100k_names_its_ratings_users_and_films(write):
    ratings = write("u.data", "196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    users = write("u.user", "186|39|F|executive|00000\n196|49|M|writer|55105\n")
    films = write(
        "u.item",
        f"242|Kolya (1996)|24-Jan-1997||http://us.imdb.com/M/title?Kolya|{GENRES}\n"
        f"302|Misérables, Les (1995)|01-Jan-1995||http://us.imdb.com|{GENRES}\n",
        "latin-1",
    )

    log = read(ratings, weight="rating", users=users, items=films)

    assert events(log) == [(196, 242, 881250949), (186, 302, 891717742)]
    assert log.weight.tolist() == [3, 3]
    assert named(log, "title")[302] == "Misérables, Les (1995)"
    assert log.users.features is not None
    # A leading zero makes a code of what looks like a number.
    assert set(log.users.features["zip_code"]) == {"00000", "55105"}


def test_movielens_1m_separates_by_two_colons(write):
    ratings = write("ratings.dat", "1::1193::5::978300760\n1::661::3::978302109\n")
    films = write(
        "movies.dat",
        "661::James and the Giant Peach (1996)::Animation|Children's|Musical\n"
        "1193::One Flew Over the Cuckoo's Nest (1975)::Drama\n"
        "3952::Pokémon: the Movie (2000)::Drama|Thriller\n",
        "latin-1",
    )
    users = write("users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n")

    log = read(ratings, weight="rating", users=users, items=films)

    assert events(log) == [(1, 1193, 978300760), (1, 661, 978302109)]
    assert named(log, "title")[3952] == "Pokémon: the Movie (2000)"


def test_movielens_latest_has_headers_and_quoted_titles(write):
    ratings = write(
        "ratings.csv",
        "userId,movieId,rating,timestamp\r\n1,1,4.0,964982703\r\n1,11,4.5,964981247\r\n",
    )
    films = write(
        "movies.csv",
        "movieId,title,genres\r\n"
        "1,Toy Story (1995),Adventure|Animation|Children\r\n"
        '11,"American President, The (1995)",Comedy|Drama\r\n'
        '99,"""Great Performances"" Cats (1998)",Musical\r\n',
    )

    log = read(
        ratings,
        user="userId",
        item="movieId",
        time="timestamp",
        weight="rating",
        items=films,
    )

    assert events(log) == [(1, 11, 964981247), (1, 1, 964982703)]
    assert log.weight.tolist() == [4.5, 4.0]
    assert named(log, "title")[11] == "American President, The (1995)"
    assert named(log, "title")[99] == '"Great Performances" Cats (1998)'


def test_lastfm_of_hetrec_has_counts_and_no_times(write):
    listened = write(
        "user_artists.dat",
        "userID\tartistID\tweight\r\n2\t51\t13883\r\n2\t52\t11690\r\n",
    )
    artists = write(
        "artists.dat",
        "id\tname\turl\tpictureURL\n"
        "51\tDuran Duran\thttp://www.last.fm/music/Duran+Duran\thttp://a.jpg\n"
        '52\t"Weird Al" Yankovic\thttp://www.last.fm/music/Weird\thttp://b.jpg\n',
    )

    with pytest.warns(GuessedColumnWarning, match=r"'id', is taken .* holds 2 of"):
        log = read(
            listened,
            user="userID",
            item="artistID",
            time=None,
            weight="weight",
            items=artists,
        )

    assert log.clock == "none"
    assert [row[:2] for row in events(log)] == [(2, 51), (2, 52)]
    assert log.weight.tolist() == [13883, 11690]
    assert named(log, "name")[52] == "Weird Al Yankovic"


def test_book_crossing_is_quoted_semicolons_in_latin_1(write):
    path = write(
        "BX-Book-Ratings.csv",
        '"User-ID";"ISBN";"Book-Rating"\r\n'
        '"276725";"034545104X";"0"\r\n'
        '"276726";"0155061224";"5"\r\n'
        '"276747";"Ä60517794";"9"\r\n',
        "latin-1",
    )

    log = read(path, user="User-ID", item="ISBN", time=None, context=["Book-Rating"])

    assert [row[:2] for row in events(log)] == [
        (276725, "034545104X"),
        (276726, "0155061224"),
        (276747, "Ä60517794"),
    ]
    assert log.context["Book-Rating"].to_list() == [0, 5, 9]


def test_online_retail_lacks_customers_and_writes_the_month_first(write):
    path = write(
        "data.csv",
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,"
        "Country\r\n"
        "536365,85123A,WHITE HANGING HEART,6,12/1/2010 8:26,2.55,17850,Spain\r\n"
        "536414,22139,,56,12/1/2010 11:52,0,,United Kingdom\r\n"
        '536520,21123,"SET/10 ""IVORY"" £, LARGE",1,12/13/2010 12:43,1,14729,EIRE\r\n'
        "C536379,D,Discount,-1,12/14/2010 9:41,27.5,14527,United Kingdom\r\n",
        "latin-1",
    )

    log = read(
        path,
        user="CustomerID",
        item="StockCode",
        time="InvoiceDate",
        missing="drop",
        context=["Description", "Quantity"],
    )

    assert events(log) == [
        (17850, "85123A", 1291191960),
        (14729, "21123", 1292244180),
        (14527, "D", 1292319660),
    ]
    assert log.dropped == 1
    assert log.context["Description"][1] == 'SET/10 "IVORY" £, LARGE'
    assert log.context["Quantity"].to_list() == [6, 1, -1]


def test_amazon_reviews_are_json_lines_and_old_metadata_python_literals(write):
    reviews = write(
        "reviews_Sports_5.json",
        '{"reviewerID": "A1", "asin": "0000031852", "helpful": [2, 3], '
        '"reviewText": "Fits, 7\\" wide\\nGood", "overall": 5.0, '
        '"unixReviewTime": 1252800000, "reviewTime": "09 13, 2009"}\n'
        '{"reviewerID": "A2", "asin": "B00002N8K8", "reviewerName": "J.", '
        '"helpful": [0, 0], "overall": 4.0, "unixReviewTime": 1252800001}\n',
    )
    products = write(
        "meta_Sports.json",
        "{'asin': '0000031852', 'title': \"Girl's Tutu\", 'price': 3.17, "
        "'related': {'also_bought': ['B1']}, 'categories': [['Sports', 'Dance']]}\n"
        "{'asin': 'B00002N8K8', 'categories': [['Sports']]}\n",
    )

    log = read(
        reviews,
        user="reviewerID",
        item="asin",
        time="unixReviewTime",
        weight="overall",
        items=products,
    )

    assert events(log) == [
        ("A1", "0000031852", 1252800000),
        ("A2", "B00002N8K8", 1252800001),
    ]
    assert named(log, "title") == {"0000031852": "Girl's Tutu", "B00002N8K8": None}


def test_yelp_reviews_are_json_lines_with_iso_times(write):
    path = write(
        "yelp_academic_dataset_review.json",
        '{"review_id":"KU_O5udG6zpxOg","user_id":"mh_-eMZ6K5RLW",'
        '"business_id":"XQfwVwDr-v0ZS3","stars":3.0,"useful":0,'
        '"text":"If you decide,\\n\\n7\\" pizza","date":"2018-07-07 22:09:11"}\n',
    )

    log = read(path, user="user_id", item="business_id", time="date")

    assert events(log) == [("mh_-eMZ6K5RLW", "XQfwVwDr-v0ZS3", 1531001351)]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_array_is_read_whatever_the_file_is_called(write, indent):
    rows = [{"user": "a", "item": 2**70 + i, "time": i, "odd": [i]} for i in range(3)]
    path = write("export.data", json.dumps(rows, indent=indent))

    assert events(read(path)) == [("a", str(2**70 + i), i) for i in range(3)]


MIND = (
    "1\tU13740\t11/11/2019 9:05:58 AM\tN55189 N42782\tN55689-1 N35729-0\n"
    "2\tU91836\t11/12/2019 6:11:30 PM\t\tN20678-0 N39317-0 N58114-1\n"
    "3\tU73700\t11/14/2019 7:01:48 AM\tN10732\tN50014-0\n"
)


def test_mind_impressions_become_one_event_each(write):
    path = write("behaviors.tsv", MIND)

    log = read(path, label="item")

    assert log.frame().select("user", "item", "time", "label").rows() == [
        ("U13740", "N55689", 1573463158, 1),
        ("U13740", "N35729", 1573463158, 0),
        ("U91836", "N20678", 1573582290, 0),
        ("U91836", "N39317", 1573582290, 0),
        ("U91836", "N58114", 1573582290, 1),
        ("U73700", "N50014", 1573714908, 0),
    ]


def test_jodie_names_only_the_first_of_its_features(write):
    path = write(
        "wikipedia.csv",
        "user_id,item_id,timestamp,state_label,comma_separated_list_of_features\n"
        "0,0,0.0,0,-0.175063,-0.176678,-0.937091,-0.381209\n"
        "1,1,36.0,0,-0.179063,-0.176678,-0.937091,-0.381209\n"
        "1,1,77.0,0,-0.179063,-0.176678,-0.937091,-0.381209\n",
    )

    log = read(path, user="user_id", item="item_id", time="timestamp")

    assert events(log) == [(0, 0, 0), (1, 1, 36), (1, 1, 77)]


def test_retailrocket_has_milliseconds_and_empty_transactions(write):
    path = write(
        "events.csv",
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433221332117,257597,view,355908,\n"
        "1433222276276,599528,transaction,356475,4000\n",
    )

    log = read(
        path, user="visitorid", item="itemid", time="timestamp", context=["event"]
    )

    assert events(log) == [(257597, 355908, 1433221332), (599528, 356475, 1433222276)]
    assert log.context["event"].to_list() == ["view", "transaction"]


def test_taobao_names_its_columns_by_its_layout(write):
    path = write(
        "UserBehavior.csv",
        "1,2268318,2520377,pv,1511544070\n1,2333346,2520771,buy,1511561733\n",
    )

    log = read(path, context=["behavior"])

    assert events(log) == [(1, 2268318, 1511544070), (1, 2333346, 1511561733)]
    assert log.context["behavior"].to_list() == ["pv", "buy"]


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("u.data", "196\t242\t3\t881250949\n", []),
        ("ratings.dat", "1::1193::5::978300760\n", []),
        ("UserBehavior.csv", "1,2268318,2520377,pv,1511544070\n", []),
        ("behaviors.tsv", MIND, ["--label", "item"]),
    ],
)
def test_a_known_layout_needs_no_options_on_the_command_line(
    write, capsys, name, text, options
):
    assert run(["check", str(write(name, text)), *options]) == 0
    assert "no header" in capsys.readouterr().out


def test_a_known_name_over_another_shape_is_not_taken_for_the_layout(write):
    path = write("u.data", "who,what,when\na,b,5\n")

    log = read(path, user="who", item="what", time="when")

    assert events(log) == [("a", "b", 5)]
