"""Names of a package (PEP 562) and patterns that are made when first used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

TYPE_CHECKING = False  # as in typing, which takes long to import
if TYPE_CHECKING:
    from re import compile as late_pattern
    from typing import Any

    __all__ = ["late_names", "late_pattern"]
else:

    class late_pattern:  # noqa: N801 - it stands for re.compile
        r"""A regular expression that is compiled when it is first used.

        A command imports many of them and uses few, or none. Flags stand in the pattern, as ``re`` has their names.

        >>> late_pattern(r"[0-9]+").fullmatch("17")[0]
        '17'
        """

        def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
            self._arguments = pattern, flags

        def __getattr__(self, name: str) -> Any:
            import re  # which takes long to import

            value = getattr(re.compile(*self._arguments), name)
            setattr(self, name, value)  # so this method is not called again
            return value


def late_names(
    package: str, modules: Mapping[str, Iterable[str]], names: dict[str, Any]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package.

    A late name cannot be that of a module, which replaces it when it is imported.

    Args:
        package: Its name.
        modules: The late names of each module in the package.
        names: The names of the package, its ``globals()``, to which late names are added.

    >>> get, names = late_names("streamdicom.jsontext", {"boundaries": ["scan"]}, {})
    >>> get("scan").__name__, names()
    ('scan', ['scan'])
    """
    homes = {name: module for module, late in modules.items() for name in late}

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        module = import_module(f"{package}.{homes[name]}")
        for late in modules[homes[name]]:
            names[late] = getattr(module, late)
        return names[name]

    return get, lambda: sorted({*names, *homes})
