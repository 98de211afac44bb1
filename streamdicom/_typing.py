"""The names of ``typing``, which takes long to import.

In the process of a command nobody evaluates annotations, so stand-ins do. Any other program may, as pydantic and
``typing.get_type_hints`` do, and gets the names of ``typing``.
"""

from __future__ import annotations

from types import GenericAlias

_TYPES = ("IO", "Any", "BinaryIO", "ClassVar", "Literal", "NoReturn", "Self", "TextIO", "TypeAlias", "TypeGuard")
_BASES = ("Generic", "Protocol")
_FUNCTIONS = ("TypeVar", "cast", "get_args", "overload")

HAS_HINTS = True
"""Whether annotations may be evaluated, so that modules import the names in the annotations of public records."""

TYPE_CHECKING = False  # for type checkers it is true, as in typing
if TYPE_CHECKING:
    from typing import (
        IO,
        Any,
        BinaryIO,
        ClassVar,
        Generic,
        Literal,
        NoReturn,
        Protocol,
        Self,
        TextIO,
        TypeAlias,
        TypeGuard,
        TypeVar,
        cast,
        get_args,
        overload,
    )

    __all__ = [
        "HAS_HINTS",
        "IO",
        "TYPE_CHECKING",
        "Any",
        "BinaryIO",
        "ClassVar",
        "Generic",
        "Literal",
        "NoReturn",
        "Protocol",
        "Self",
        "TextIO",
        "TypeAlias",
        "TypeGuard",
        "TypeVar",
        "cast",
        "get_args",
        "overload",
        "use_stand_ins",
    ]
else:

    def __getattr__(name: str) -> object:
        if name not in (*_TYPES, *_BASES, *_FUNCTIONS):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import typing

        return getattr(typing, name)


def use_stand_ins() -> None:
    """Let stand-ins have the names of ``typing``, before other modules are imported."""

    class Type:
        __class_getitem__: object = classmethod(GenericAlias)

    class TypeVar(Type):
        def __init__(self, name: str, *_: object, **__: object) -> None:
            self.__name__ = name

    def cast(_: object, value: object) -> object:
        return value

    def get_args(alias: GenericAlias) -> tuple[object, ...]:
        return alias.__args__

    def overload(function: object) -> object:
        return function

    names = globals()
    names |= dict.fromkeys(_TYPES, Type) | {name: type(name, (Type,), {}) for name in _BASES}
    names |= dict(zip(_FUNCTIONS, (TypeVar, cast, get_args, overload), strict=True), HAS_HINTS=False)
