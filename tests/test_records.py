"""Records beside dataclasses with the same declaration."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any, NamedTuple

import pytest

from streamdicom import _records


@_records.record(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    names: list[str] = _records.field(default_factory=list, hash=False)
    hidden: int = _records.field(default=0, repr=False)

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("below 0")


class Twin:
    x: int
    y: int = 2
    names: list[str] = dataclasses.field(default_factory=list, hash=False)
    hidden: int = dataclasses.field(default=0, repr=False)


Twin: Any = dataclasses.dataclass(frozen=True, slots=True)(Twin)  # type: ignore[no-redef]


@_records.record()
class Box:
    """A record that can change."""

    size: int = 1

    def __repr__(self) -> str:
        return "a box"


def test_values_and_forms_are_those_of_a_dataclass() -> None:
    for arguments, named in [((1,), {}), ((1, 3, ["a"], 4), {}), ((), {"x": 5, "hidden": 1})]:
        point, twin = Point(*arguments, **named), Twin(*arguments, **named)
        assert dataclasses.asdict(point) == dataclasses.asdict(twin)
        assert repr(point) == repr(twin).replace("Twin", "Point")
        assert hash(point) == hash(twin)
    assert Point(1) == Point(1, 2) != Point(2)
    assert Point(1) != Twin(1)
    assert Point(1).names is not Point(1).names
    assert str(inspect.signature(Point)) == str(inspect.signature(Twin)).replace("Twin", "Point")
    assert Point.__match_args__ == Twin.__match_args__
    assert not hasattr(Point(1), "__dict__")


def test_functions_of_dataclasses_take_records() -> None:
    point = Point(1, names=["a"])
    assert dataclasses.is_dataclass(point)
    assert _records.is_record(point)
    assert _records.is_record(Twin(1))
    assert dataclasses.replace(point, y=7) == _records.replace(point, y=7) == Point(1, 7, ["a"])
    assert _records.replace(Twin(1), y=7) == Twin(1, 7)
    shown = [[(one.name, one.type, one.repr, one.hash) for one in dataclasses.fields(kind)] for kind in (Point, Twin)]
    assert shown[0] == shown[1]
    assert dataclasses.fields(Point)[0] is dataclasses.fields(point)[0]  # made once
    kinds: list[Any] = [Point, Twin]
    assert [kind.__dataclass_params__.frozen for kind in kinds] == [True, True]  # which Dask reads
    with pytest.raises(ValueError, match="below 0"):
        _records.replace(point, x=-1)


def test_frozen_record_is_copied_and_not_changed() -> None:
    point = Point(1, names=["a"])
    for one in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert one == point
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    assert point.x == 1


def test_other_record_can_change_and_has_no_hash() -> None:
    box = Box()
    box.size = 3
    assert box == Box(3) != Box()
    assert repr(box) == "a box"
    with pytest.raises(TypeError, match="unhashable"):
        hash(box)


def test_errors_name_the_arguments() -> None:
    with pytest.raises(TypeError, match=r"Point.__init__\(\) missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"Point.__init__\(\) got an unexpected keyword argument 'z'"):
        Point(1, z=1)  # type: ignore[call-arg]


class Pair(_records.NamedTuple):
    """Two values."""

    first: int
    second: str = "b"

    @property
    def both(self) -> str:
        return f"{self.first}{self.second}"


class PairTwin(NamedTuple):
    first: int
    second: str = "b"


def test_named_tuple_is_like_that_of_typing() -> None:
    pair, twin = Pair(1), PairTwin(1)
    assert pair == twin == (1, "b")
    assert repr(pair) == repr(twin).replace("PairTwin", "Pair")
    assert (Pair._fields, Pair._field_defaults) == (PairTwin._fields, PairTwin._field_defaults)
    assert Pair.__annotations__ == {"first": "int", "second": "str"}
    assert (pair.both, Pair.__doc__, pair._replace(first=2)) == ("1b", "Two values.", (2, "b"))
    assert pickle.loads(pickle.dumps(pair)) == pair
    assert type(pickle.loads(pickle.dumps(pair))) is Pair
    with pytest.raises(AttributeError):
        pair.third = 1  # type: ignore[attr-defined]


def test_named_tuple_has_the_methods_of_that_of_typing() -> None:
    assert str(inspect.signature(Pair)) == "(first, second='b')"
    assert Pair._make(["a", "c"]) == ("a", "c")
    assert Pair(1)._asdict() == PairTwin(1)._asdict()
    assert Pair(1).__match_args__ == PairTwin(1).__match_args__
    assert copy.copy(Pair(1)) == copy.deepcopy(Pair(1)) == (1, "b")
    with pytest.raises(TypeError, match=r"Pair.__new__\(\) missing 1 required positional argument: 'first'"):
        Pair()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'third'"):
        Pair(1)._replace(third=2)


def test_first_instances_are_like_later_ones() -> None:
    """The first instances are made without compiling ``__init__``."""

    def new() -> Any:
        @_records.record(frozen=True, slots=True)
        class Fresh:
            x: int
            y: int = 2
            names: list[str] = _records.field(default_factory=list)

            def __post_init__(self) -> None:
                object.__setattr__(self, "y", self.y + 1)

        return Fresh

    record = new()
    for _ in range(20):
        made = record(1, names=["a"])
        assert (made.x, made.y, made.names, record(1).names) == (1, 3, ["a"], [])
    for fresh in (new(), new(), new()):  # each compiles at the error, which names the arguments
        for values, named in (((), {}), ((1, 2, [], 4), {}), ((1,), {"x": 1}), ((1,), {"z": 1})):
            with pytest.raises(TypeError, match=r"Fresh.__init__\(\)"):
                fresh(*values, **named)
