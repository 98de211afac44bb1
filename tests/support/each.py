"""Many small cases in one test, which takes a tenth of the time of as many tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

_Test = Callable[..., None]
_ParameterSet = type(pytest.param())


def each(names: str | Sequence[str], cases: Iterable[Any], ids: Any = None) -> Callable[[_Test], _Test]:
    """Run a test for each case, declared as for ``pytest.mark.parametrize``.

    The first case that fails ends the test, and a note of its error names it. Fixtures are made once for all cases. The
    test is skipped only if every case is.
    """
    keys = tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else tuple(names)
    rows = [_row(case, number, isinstance(names, str) and len(keys) == 1, ids) for number, case in enumerate(cases)]
    assert rows

    def decorate(test: _Test) -> _Test:
        def run(**fixtures: Any) -> None:
            skipped = []
            for values, name in rows:
                try:
                    test(**fixtures, **dict(zip(keys, values, strict=True)))
                except pytest.skip.Exception as stop:
                    skipped.append(stop)
                except BaseException as error:
                    error.add_note(name)
                    raise
            if len(skipped) == len(rows):
                raise skipped[0]

        signature = inspect.signature(test)
        left = [one for name, one in signature.parameters.items() if name not in keys]
        run.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        run.__name__, run.__qualname__, run.__module__ = test.__name__, test.__qualname__, test.__module__
        run.__dict__ |= {"pytestmark": getattr(test, "pytestmark", [])}
        return run

    return decorate


def _row(case: Any, number: int, is_single: bool, ids: Any) -> tuple[tuple[Any, ...], str]:
    """Return the values of a case, and its name."""
    if isinstance(case, _ParameterSet):
        assert not case.marks
        return tuple(case.values), f"in the case {case.id!r}" if case.id else f"in case {number}"
    values = (case,) if is_single else tuple(case)
    if ids is None or callable(ids):
        name = ", ".join(str((ids or ascii)(one)) for one in values)
    else:
        name = str(list(ids)[number])
    return values, f"in the case {name[:200]}"
