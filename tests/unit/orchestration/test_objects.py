"""What is listed is what lies between two keys, however much else there is."""

from fraud import layout
from fraud.days import days_between


def test_sizes__holds_just_the_keys_from_first_to_last(objects, world) -> None:
    days = days_between(world.start, world.date_of(9))
    for day in days:
        objects.write_json(layout.decision(day), {})
    objects.write_json("aaa.json", {})
    objects.write_json("zzz.json", {})
    found = objects.sizes(layout.decision(days[2]), layout.decision(days[4]))
    assert list(found) == [layout.decision(day) for day in days[2:5]]


def test_sizes__of_an_empty_range_is_empty(objects, world) -> None:
    assert objects.sizes(layout.decision(world.start), layout.decision(world.date_of(5))) == {}


def test_read__an_object_that_is_not_there_is_none(objects) -> None:
    assert objects.read_json("nothing.json") is None
    assert objects.size("nothing.json") is None
