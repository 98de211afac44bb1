"""Find the converter of an element."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from streamdicom._cache import BoundedCache
from streamdicom._records import NamedTuple
from streamdicom._typing import Any, ClassVar, TypeAlias, TypeVar
from streamdicom.converters import in_force
from streamdicom.dicom import MAX_TAG
from streamdicom.patterns import Pattern, PatternStep, parse_pattern_step

UNSEEN: tuple[Any, ...] = (...,)
"""The values of an element that a converter does not see: items, fragments, an element in JSON text, and a long value
if the converter does not need values."""


class Element(NamedTuple):
    """An element for a converter.

    Attributes:
        tag: The tag, which must not be changed.
        vr: The VR. It is empty for a long binary value if the source has the VR after it and the converter does not
            need values.
        values: As in events, () if the element is empty or a reference; or ``UNSEEN``, to keep or replace.
        uri: The URI of a reference to bulk data.

    >>> Element(0x00100020, "LO", ("17",))._replace(values=())
    Element(tag=1048608, vr='LO', values=(), uri='')
    """

    tag: int
    vr: str
    values: tuple[Any, ...] = ()
    uri: str = ""


class Converter:
    """Base class of converters; override ``read``, ``write`` or both.

    A converter is called for each element that it is registered for, at every level. It is called for a sequence before
    its items, and the items are converted only if the sequence is kept unchanged.

    Attributes:
        keys: The default keys to register the converter for.
        needs_value: False if the converter never uses values. Otherwise a long value is joined in memory, up to
            ``Limits.value_length``.

    >>> class UpperCase(Converter):
    ...     def read(self, element):
    ...         return element._replace(values=tuple(value.upper() for value in element.values))
    >>> UpperCase().read(Element(0x00100020, "LO", ("a",))).values
    ('A',)
    """

    keys: ClassVar[tuple[Key, ...]] = ()
    needs_value: bool = True

    def read(self, element: Element) -> Element | None:
        """Return the new element, or None to leave it out.

        Values may be of any type; events and pydicom elements have them unchanged.
        """
        return element

    def write(self, element: Element) -> Element | None:
        """Return the element to write, or None to leave it out.

        Values of types that the VR does not have are written to JSON by type: str, numbers, bool, None, lists and
        dictionaries.
        """
        return element


class PrivateKey(NamedTuple):
    """A private element, in any block (PS3.5 7.8.1).

    Attributes:
        creator: The Private Creator of the block.
        element: The last two digits of the tag.
        group: The group; None for all groups.

    >>> PrivateKey("ACME 1.1", 0x10).matches(0x00091110, "LO", "ACME 1.1")
    True
    """

    creator: str
    element: int
    group: int | None = None

    def matches(self, tag: int, vr: str, creator: str) -> bool:
        """Return True if an element is this one."""
        return creator == self.creator and tag & 0xFF == self.element and self.group in (None, tag >> 16)


Key: TypeAlias = Pattern | PrivateKey
"""A tag, a keyword, a group or a pattern of tags, "private", or a VR, as one step of ``streamdicom.patterns``."""

_Registered = TypeVar("_Registered", bound=Converter | type[Converter])


class Converters:
    """A collection of converters, each registered for some elements.

    An element is passed to one converter: the converter for its tag, otherwise for its ``PrivateKey``, for a pattern of
    tags (the pattern with the most digits first), for its VR, or for "xxxxxxxx", every tag.

    Args:
        sources: Mappings from tags, patterns, VRs or ``PrivateKey`` to converters; converters with keys of their own;
            or other ``Converters``. The last converter of a key replaces earlier ones.

    Raises:
        ValueError: A key is invalid.

    >>> from streamdicom.converters import IsoDates
    >>> converters = Converters(IsoDates(), {"PatientBirthDate": Converter()})
    >>> type(converters.find(0x00080020, "DA")).__name__, type(converters.find(0x00100030, "DA")).__name__
    ('IsoDates', 'Converter')
    """

    def __init__(self, *sources: Converter | Converters | Mapping[Any, Converter]) -> None:
        self._converters: dict[PatternStep | PrivateKey, Converter] = {}
        self._found: BoundedCache[tuple[int, str, str], Converter | None] = BoundedCache()
        self.has_private_keys = False
        for source in sources:
            if isinstance(source, Converters):
                self._add(source._converters)
            elif isinstance(source, Converter):
                self._add(dict.fromkeys(map(_parse, source.keys), source))
            else:
                self._add({_parse(key): converter for key, converter in source.items()})

    def register(self, *keys: Key) -> Callable[[_Registered], _Registered]:
        """Return a decorator that registers a converter.

        It takes a class, which is instantiated without arguments, or an instance.

        Args:
            keys: The keys to register it for; by default its own ``keys``.

        Raises:
            ValueError: A key is invalid.

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
        self._found.clear()
        self.has_private_keys = any(isinstance(key, PrivateKey) for key in merged)

    def __bool__(self) -> bool:
        return bool(self._converters)

    def __or__(self, other: Converters) -> Converters:
        return Converters(self, other)

    def find(self, tag: int, vr: str, creator: str = "") -> Converter | None:
        """Return the converter of an element, or None.

        Args:
            tag: Tag of the element.
            vr: Its VR.
            creator: Private Creator of its block, if it is private.
        """
        try:
            return self._found[tag, vr, creator]
        except KeyError:
            matching = (converter for key, converter in self._converters.items() if _matches(key, tag, vr, creator))
            return self._found.remember((tag, vr, creator), next(matching, None))

    @contextmanager
    def active(self) -> Iterator[Converters]:
        """Use these converters for reading and writing that starts in a ``with`` block.

        For the same key, the converters of the options have priority, then the innermost block.

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
in_force.find_active = _ACTIVE.get


def _parse(key: Key) -> PatternStep | PrivateKey:
    return key if isinstance(key, PrivateKey) else parse_pattern_step(key)


def _rank(key: PatternStep | PrivateKey) -> tuple[int, int]:
    """Return the sort key of a key: the most specific first."""
    if isinstance(key, PrivateKey):
        return 1, key.group is None
    if key.mask == MAX_TAG:
        return 0, 0
    if key.mask:
        return 2, -key.mask.bit_count()
    return (3 if key.vr else 4), 0


def _matches(key: PatternStep | PrivateKey, tag: int, vr: str, creator: str) -> bool:
    return key.matches(tag, vr, creator) if isinstance(key, PrivateKey) else key.matches(tag, vr)
