"""Records: dataclasses and named tuples that are made in less time.

The module ``dataclasses`` takes as long to import as Python to start, and compiles six methods for each class, so every
command would wait for it. Records share all methods but ``__init__``, and the functions of ``dataclasses`` accept them.
``typing.NamedTuple`` compiles the annotation of each field, and ``collections.namedtuple`` the method ``__new__`` of
each class. Named tuples share all other methods, and compile that one when they are first made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter

from streamdicom._typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import field, replace
    from typing import NamedTuple

    __all__ = ["NamedTuple", "field", "is_record", "record", "replace"]
else:
    from _collections import _tuplegetter  # which collections.namedtuple has, too

    def record(*, frozen: bool = False, slots: bool = False) -> Callable[[type], type]:
        """Return a decorator with the arguments of ``dataclasses.dataclass``.

        >>> from dataclasses import fields
        >>> @record(frozen=True, slots=True)
        ... class Point:
        ...     x: int
        ...     y: int = 0
        >>> Point(1), [one.name for one in fields(Point)]
        (Point(x=1, y=0), ['x', 'y'])
        """
        return lambda cls: _made(cls, frozen, slots)

    def field(**settings: Any) -> _Field:
        """Return a field with settings, as ``dataclasses.field`` does.

        >>> @record()
        ... class Names:
        ...     names: list[str] = field(default_factory=list)
        >>> Names()
        Names(names=[])
        """
        return _Field(settings)

    def replace(instance: Any, /, **changes: Any) -> Any:
        """Return a copy of a record or a dataclass with other values of some fields.

        >>> @record(frozen=True)
        ... class Point:
        ...     x: int = 0
        ...     y: int = 0
        >>> replace(Point(1, 2), y=3)
        Point(x=1, y=3)
        """
        values = {name: getattr(instance, name) for name in instance.__match_args__}
        return type(instance)(**(values | changes))

    class _NamedTupleType(type):
        def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
            fields = tuple(namespace["__annotations__"])
            defaults = {one: namespace.pop(one) for one in fields if one in namespace}
            namespace |= {one: _tuplegetter(number, None) for number, one in enumerate(fields)}
            namespace |= {"_fields": fields, "_field_defaults": defaults, "__match_args__": fields}
            namespace |= {"__slots__": (), "__new__": _LateNew(fields, defaults)}
            return type(name, (_NamedTuple,), namespace)

    NamedTuple = type.__new__(_NamedTupleType, "NamedTuple", (), {})
    """The base class of named tuples, as ``typing.NamedTuple``."""


def is_record(value: object) -> bool:
    """Return whether a value is a record or a dataclass.

    >>> is_record(1)
    False
    """
    return "__dataclass_fields__" in vars(type(value))


class _NamedTuple(tuple[Any, ...]):
    """The methods of all named tuples, as ``collections.namedtuple`` has them."""

    __slots__ = ()
    _fields: tuple[str, ...]

    @classmethod
    def _make(cls, values: Iterable[Any]) -> _NamedTuple:
        return cls(*values)

    def _replace(self, /, **changes: Any) -> _NamedTuple:
        return type(self)(**(self._asdict() | changes))

    __replace__ = _replace  # for ``copy.replace`` of Python 3.13

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)


class _LateNew:
    """The method ``__new__`` of a named tuple, compiled when it is first used.

    Args:
        fields: The names of the values.
        defaults: The default values, which the last fields have.
    """

    def __init__(self, fields: tuple[str, ...], defaults: dict[str, Any]) -> None:
        self._fields, self._defaults = ", ".join(fields), tuple(defaults.values())

    def __set_name__(self, owner: type, _: str) -> None:
        self._owner = owner

    def __get__(self, _: object, __: type) -> Any:
        text = f"lambda cls, {self._fields}: new(cls, ({self._fields},))"
        new = eval(text, {"new": tuple.__new__})  # noqa: S307 - names of fields only
        new.__defaults__, new.__name__, new.__qualname__ = (
            self._defaults,
            "__new__",
            f"{self._owner.__qualname__}.__new__",
        )
        setattr(self._owner, "__new__", staticmethod(new))  # noqa: B010 - so this method is not called again
        return new


class _Field:
    """A field that is declared with settings.

    Attributes:
        settings: The arguments of ``dataclasses.field``.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings


class _OfDataclass:
    """An attribute as ``dataclasses`` has it, made when other code asks for it.

    Args:
        name: The name of the attribute.
        frozen: Whether the record cannot change.
        settings: The settings of each field.
        annotations: The type of each field.
    """

    def __init__(
        self, name: str, frozen: bool, settings: dict[str, dict[str, Any]], annotations: dict[str, Any]
    ) -> None:
        self._name = name
        self._frozen = frozen
        self._settings = settings
        self._annotations = annotations
        self._made: Any = None

    def __get__(self, _: object, owner: type) -> Any:
        if self._made is None:
            self._made = self._make(owner)
        return self._made

    def _make(self, owner: type) -> Any:
        import dataclasses

        namespace: dict[str, Any] = {name: dataclasses.field(**given) for name, given in self._settings.items()}
        namespace |= {"__annotations__": self._annotations, "__module__": owner.__module__}
        twin = type(owner.__name__, (), namespace)
        return getattr(dataclasses.dataclass(frozen=self._frozen)(twin), self._name)


class _Record:
    """The methods of all records."""

    __slots__ = ()
    __match_args__: tuple[str, ...]
    _compared: Callable[[Any], Any]  # these functions return the values of the fields that count
    _hashed: Callable[[Any], Any]
    _shown: tuple[str, ...]

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self._shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self._compared(self) == self._compared(other))

    __hash__ = None  # type: ignore[assignment]  # a type checker takes it for the method of object

    def __replace__(self, /, **changes: Any) -> Any:  # for ``copy.replace`` of Python 3.13
        return replace(self, **changes)  # type: ignore[type-var]  # a type checker sees ``dataclasses.replace``


class _FrozenRecord(_Record):
    """The methods of all records that cannot change."""

    __slots__ = ()

    def __hash__(self) -> int:  # type: ignore[override]  # a type checker sees None above
        return hash(self._hashed(self))

    def __setattr__(self, name: str, value: object) -> None:
        _refuse("assign to", name)

    def __delattr__(self, name: str) -> None:
        _refuse("delete", name)

    def __getstate__(self) -> list[Any]:
        return [getattr(self, name) for name in self.__match_args__]

    def __setstate__(self, values: list[Any]) -> None:
        for name, value in zip(self.__match_args__, values, strict=True):
            object.__setattr__(self, name, value)


def _refuse(verb: str, name: str) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot {verb} field {name!r}")


_FEW = 8  # instances
_OF_DATACLASS = ("__dataclass_fields__", "__dataclass_params__")


def _made(cls: type, frozen: bool, slots: bool) -> type:
    """Return a class with the fields that a class declares, and its methods."""
    settings: dict[str, dict[str, Any]] = {}
    namespace = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    for name in cls.__annotations__:
        value = namespace.pop(name, _Field({}))
        settings[name] = value.settings if isinstance(value, _Field) else {"default": value}
    if slots:
        namespace["__slots__"] = tuple(settings)
    namespace |= {
        "__match_args__": tuple(settings),
        "_compared": attrgetter(*settings),
        "_hashed": attrgetter(*(name for name, given in settings.items() if given.get("hash") is not False)),
        "_shown": tuple(name for name, given in settings.items() if given.get("repr") is not False),
    }
    namespace |= {name: _OfDataclass(name, frozen, settings, cls.__annotations__) for name in _OF_DATACLASS}
    made = type(cls.__name__, (*cls.__bases__[:-1], _FrozenRecord if frozen else _Record), namespace)
    made.__qualname__ = cls.__qualname__
    setattr(made, "__init__", _LateInit(made, settings, frozen))  # noqa: B010 - a type checker takes it for a method
    return made


class _Factory:
    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()


class _LateInit:
    """The method ``__init__``, compiled when a record is made often.

    A command uses few of its records, and most of them once; compiling takes as long as making a hundred.

    Args:
        cls: The record.
        settings: The settings of each field.
        frozen: Whether the record cannot change.
    """

    def __init__(self, cls: type, settings: dict[str, dict[str, Any]], frozen: bool) -> None:
        self._arguments = cls, settings, frozen
        self._left = _FEW

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is not None and self._left > 0:
            self._left -= 1
            return partial(self._fill, instance)
        return self._compiled().__get__(instance, owner)

    def _fill(self, instance: Any, /, *values: Any, **named: Any) -> None:
        settings = self._arguments[1]
        given = dict(zip(settings, values, strict=False))
        if len(values) > len(settings) or not named.keys() <= settings.keys() - given.keys():
            self._compiled()(instance, *values, **named)  # it raises the error
        given |= named
        for name, setting in settings.items():
            if name in given:
                value = given[name]
            elif "default_factory" in setting:
                value = setting["default_factory"]()
            elif "default" in setting:
                value = setting["default"]
            else:
                self._compiled()(instance, *values, **named)  # it raises the error
            object.__setattr__(instance, name, value)
        if hasattr(instance, "__post_init__"):
            instance.__post_init__()

    def _compiled(self) -> Callable[..., None]:
        init = _init(*self._arguments)
        setattr(self._arguments[0], "__init__", init)  # noqa: B010 - so this object is not used again
        return init


def _init(cls: type, settings: dict[str, dict[str, Any]], frozen: bool) -> Callable[..., None]:
    """Compile ``__init__``, so that its errors and its help name the arguments."""
    helpers: dict[str, Any] = {"_set": object.__setattr__, "_FACTORY": _FACTORY}
    arguments, lines = ["self"], []
    for name, given in settings.items():
        value = name
        if "default_factory" in given:
            helpers |= {f"_default_{name}": _FACTORY, f"_new_{name}": given["default_factory"]}
            value = f"_new_{name}() if {name} is _FACTORY else {name}"
        elif "default" in given:
            helpers[f"_default_{name}"] = given["default"]
        arguments.append(f"{name}=_default_{name}" if f"_default_{name}" in helpers else name)
        lines.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    # As in dataclasses, its globals are the names of the module, in which its annotations have a meaning.
    body = "\n  ".join(lines)
    text = f"def make({', '.join(helpers)}):\n def __init__({', '.join(arguments)}):\n  {body}\n return __init__"
    made: dict[str, Any] = {}
    exec(text, vars(sys.modules[cls.__module__]), made)  # noqa: S102 - names of fields only
    init: Callable[..., None] = made["make"](**helpers)
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {**cls.__annotations__, "return": None}
    return init
