"""Names of a package that are imported when they are first accessed (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def late_names(
    package: str, homes: Mapping[str, str], names: Mapping[str, object]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: Its name.
        homes: The module in the package that has each late name.
        names: The other names, its ``globals()``.

    >>> get, names = late_names("streamdicom.jsontext", {"scan": "boundaries"}, {})
    >>> get("scan").__name__, names()
    ('scan', ['scan'])
    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return get, lambda: sorted({*names, *homes})
