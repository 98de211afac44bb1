"""The names of ``typing``, which takes long to import.

Annotations are not evaluated, so a command needs only stand-ins. A program that has imported ``typing`` gets its names.
"""

from __future__ import annotations

import sys
from types import GenericAlias

TYPE_CHECKING = False  # for type checkers it is true, as in typing
if TYPE_CHECKING or "typing" in sys.modules:
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
    ]
else:

    class _Type:
        __class_getitem__ = classmethod(GenericAlias)

    class Generic(_Type):
        pass

    class Protocol(_Type):
        pass

    class TypeVar(_Type):
        def __init__(self, name: str, *_: object, **__: object) -> None:
            self.__name__ = name

    IO = Any = BinaryIO = ClassVar = Literal = NoReturn = Self = TextIO = TypeAlias = TypeGuard = _Type

    def cast(_: object, value: object) -> object:
        return value

    def get_args(alias: GenericAlias) -> tuple[object, ...]:
        return alias.__args__

    def overload(function: object) -> object:
        return function
