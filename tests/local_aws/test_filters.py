"""The JSONPath subset of batch transform."""

import pytest

from local_aws.sagemaker.filters import FilterError, join_record, parse_filter, split_record

RECORD = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$", "abcd"),
        ("$[0]", "a"),
        ("$[-1]", "d"),
        ("$[1:]", "bcd"),
        ("$[:-1]", "abc"),
        ("$[1:3]", "bc"),
        ("$[0,-1]", "ad"),
        ("$[-1,0]", "da"),
        ("$[0, 2:]", "acd"),
        ("$[7:]", ""),
    ],
)
def test_filter__picks_columns(text, expected):
    assert parse_filter(text)(RECORD) == list(expected)


@pytest.mark.parametrize("text", ["", "$.a", "$[]", "$[a]", "$[1", "[1]", "$[1:2:3]", "$[*]", "$['a']", "$[0,]"])
def test_filter__that_is_none_is_refused(text):
    with pytest.raises(FilterError, match="is not supported"):
        parse_filter(text)


@pytest.mark.parametrize("text", ["$[4]", "$[-5]", "$[0,9]"])
def test_filter__names_the_column_that_a_record_has_not(text):
    with pytest.raises(FilterError, match=r"there is no column .* in a record of 4"):
        parse_filter(text)(RECORD)


def test_filter__first_and_last_cover_every_record():
    pick = parse_filter("$[0,-1]")
    assert pick(["only"]) == ["only", "only"]


@pytest.mark.parametrize("line", ["", "a", "a,b", "a,,c", 'a,"b,c",d', 'say ""'])
def test_record__split_and_joined_is_the_same(line):
    values = split_record(line)
    assert split_record(join_record(values)) == values


def test_record__quotes_keep_commas():
    assert split_record('1,"a,""b""",2') == ["1", 'a,"b"', "2"]
    assert join_record(["1", 'a,"b"', "2"]) == '1,"a,""b""",2'
