"""Which converter an element is given to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar

from streamdicom.dicom import MAX_TAG
from streamdicom.patterns import Pattern, PatternStep, parse_pattern_step

_MAX_KNOWN = 16 * 1024  # elements; archives use some thousands

UNSEEN: tuple[Any, ...] = (...,)
"""Stands for what a converter is not shown: the items of a sequence, fragments, parts that it does not need, and an
element of which there is only JSON text."""


class Element(NamedTuple):
    """An element as a converter has it.

    Attributes:
        tag: It cannot be changed.
        vr: Empty if the source tells it later, for a long value that the converter does not need.
        values: As in events, () if it is empty or a reference; or ``UNSEEN``, which can be kept or replaced.
        uri: That of a reference to bulk data.

    >>> Element(0x00100020, "LO", ("17",))._replace(values=())
    Element(tag=1048608, vr='LO', values=(), uri='')
    """

    tag: int
    vr: str
    values: tuple[Any, ...] = ()
    uri: str = ""


class Converter:
    """Changes elements. A converter has one of its methods, or both.

    It is given each element that it is registered for, at every level. A sequence comes before its items, which are
    gone through if it is kept as it is.

    Attributes:
        keys: What it is registered for unless something else is said.
        needs_value: Whether it looks at values. A long one is put together in memory then, within
            ``Limits.value_length``; so is one whose VR the source tells behind it, if the converter depends on that.

    >>> class UpperCase(Converter):
    ...     def read(self, element):
    ...         return element._replace(values=tuple(value.upper() for value in element.values))
    >>> UpperCase().read(Element(0x00100020, "LO", ("a",))).values
    ('A',)
    """

    keys: ClassVar[tuple[Key, ...]] = ()
    needs_value: bool = True

    def read(self, element: Element) -> Element | None:
        """What is made of an element that was read; None leaves it out.

        Values may be of any type, which events have as it is, and pydicom's elements too.
        """
        return element

    def write(self, element: Element) -> Element | None:
        """What is made of an element that is to be written; None leaves it out.

        Values that the VR does not have are written to JSON by their type: text, numbers, True, False, None, lists and
        dictionaries.
        """
        return element


class PrivateKey(NamedTuple):
    """A private element, wherever its block is (PS3.5 7.8.1).

    Attributes:
        creator: Who reserved the block.
        element: The last two digits of the tag.
        group: Its group; without it those of all groups are meant.

    >>> PrivateKey("ACME 1.1", 0x10).matches(0x00091110, "LO", "ACME 1.1")
    True
    """

    creator: str
    element: int
    group: int | None = None

    def matches(self, tag: int, vr: str, creator: str) -> bool:
        """Whether an element is this one."""
        return creator == self.creator and tag & 0xFF == self.element and self.group in (None, tag >> 16)


Key: TypeAlias = Pattern | PrivateKey
"""A tag, a keyword, a group or a pattern of tags, "private", or a VR, as one step of ``streamdicom.patterns``."""

_Registered = TypeVar("_Registered", bound=Converter | type[Converter])


class Converters:
    """Converters, each for some elements.

    An element is given to one of them: the one that is registered for its tag, or else for its private creator, for a
    pattern of tags, of which the one with the most digits counts, for its VR, or for "xxxxxxxx", which is every tag.

    Args:
        sources: A mapping from tags, patterns, VRs or ``PrivateKey`` to converters; a converter that has keys of its
            own; or other ``Converters``. Of what is registered for the same key the last one counts.

    Raises:
        ValueError: A key is none.

    >>> from streamdicom.converters import IsoDates
    >>> converters = Converters(IsoDates(), {"PatientBirthDate": Converter()})
    >>> type(converters.find(0x00080020, "DA")).__name__, type(converters.find(0x00100030, "DA")).__name__
    ('IsoDates', 'Converter')
    """

    def __init__(self, *sources: Converter | Converters | Mapping[Any, Converter]) -> None:
        self._converters: dict[PatternStep | PrivateKey, Converter] = {}
        self._known: dict[tuple[int, str, str], Converter | None] = {}
        self.has_private_keys = False
        for source in sources:
            if isinstance(source, Converters):
                self._add(source._converters)
            elif isinstance(source, Converter):
                self._add(dict.fromkeys(map(_parse, source.keys), source))
            else:
                self._add({_parse(key): converter for key, converter in source.items()})

    def register(self, *keys: Key) -> Callable[[_Registered], _Registered]:
        """Add a converter, as a decorator of its class, which is made without arguments, or called with an instance.

        Args:
            keys: What it is for; by default its own ``keys``.

        Raises:
            ValueError: A key is none.

        >>> converters = Converters()
        >>> @converters.register("DA", "TM")
        ... class Dates(Converter):
        ...     pass
        >>> isinstance(converters.find(0x00080020, "DA"), Dates)
        True
        """

        def add(registered: _Registered) -> _Registered:
            converter = registered() if isinstance(registered, type) else registered
            self._add(dict.fromkeys(map(_parse, keys or converter.keys), converter))
            return registered

        return add

    def _add(self, converters: Mapping[PatternStep | PrivateKey, Converter]) -> None:
        merged = self._converters | dict(converters)
        self._converters = dict(sorted(merged.items(), key=lambda item: _rank(item[0])))
        self._known = {}
        self.has_private_keys = any(isinstance(key, PrivateKey) for key in merged)

    def __bool__(self) -> bool:
        return bool(self._converters)

    def __or__(self, other: Converters) -> Converters:
        return Converters(self, other)

    def find(self, tag: int, vr: str, creator: str = "") -> Converter | None:
        """The converter of an element, or None.

        Args:
            tag: Its tag.
            vr: Its VR.
            creator: Who reserved its block, if it is private.
        """
        try:
            return self._known[tag, vr, creator]
        except KeyError:
            pass
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        fitting = (converter for key, converter in self._converters.items() if _matches(key, tag, vr, creator))
        found = self._known[tag, vr, creator] = next(fitting, None)
        return found

    @contextmanager
    def active(self) -> Iterator[Converters]:
        """In the block, these converters are in force for whatever starts to read or write.

        Those of the options count more for the same key, and those of an inner block more than those of an outer one.

        >>> from streamdicom import loads
        >>> class Nobody(Converter):
        ...     def read(self, element):
        ...         return None
        >>> with Converters({"PatientName": Nobody()}).active():
        ...     len(loads('{"00100010": {"vr": "PN"}, "00100020": {"vr": "LO"}}'))
        1
        """
        outer = _ACTIVE.get()
        token = _ACTIVE.set(self if outer is None else outer | self)
        try:
            yield self
        finally:
            _ACTIVE.reset(token)


_ACTIVE: ContextVar[Converters | None] = ContextVar("streamdicom.converters", default=None)


def converters_in_force(own: Converters | None) -> Converters | None:
    """Those of the options and of the blocks around."""
    active = _ACTIVE.get()
    if active is None or own is None:
        return own or active
    return active | own


def _parse(key: Key) -> PatternStep | PrivateKey:
    return key if isinstance(key, PrivateKey) else parse_pattern_step(key)


def _rank(key: PatternStep | PrivateKey) -> tuple[int, int]:
    """The less, the more specific."""
    if isinstance(key, PrivateKey):
        return 1, key.group is None
    if key.mask == MAX_TAG:
        return 0, 0
    if key.mask:
        return 2, -key.mask.bit_count()
    return (3 if key.vr else 4), 0


def _matches(key: PatternStep | PrivateKey, tag: int, vr: str, creator: str) -> bool:
    return key.matches(tag, vr, creator) if isinstance(key, PrivateKey) else key.matches(tag, vr)
