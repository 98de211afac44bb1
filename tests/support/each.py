"""Many small cases in one test, which takes a tenth of the time of as many tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

_Test = Callable[..., None]
_ParameterSet = type(pytest.param())


def each(names: str | Sequence[str], cases: Iterable[Any], ids: Any = None) -> Callable[[_Test], _Test]:
    """Run a test for each case, declared as for ``pytest.mark.parametrize``.

    The first case that fails ends the test, and a note of its error names it. Each case has a folder ``tmp_path`` of
    its own, and the changes of ``monkeypatch`` end with it; other fixtures are made once for all cases, as are the
    examples of ``given``, which stands above. The test is skipped only if every case is.
    """
    keys = tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else tuple(names)
    is_single = isinstance(names, str) and len(keys) == 1
    rows = [_Row(case, is_single) for case in cases]
    labels = ids if ids is None or callable(ids) else list(ids)
    assert rows

    def decorate(test: _Test) -> _Test:
        def run(*drawn: Any, **fixtures: Any) -> None:
            fixtures |= zip(run.__signature__.parameters, drawn, strict=False)  # type: ignore[attr-defined]
            skipped = []
            for number, row in enumerate(rows):
                try:
                    with _afresh(fixtures, number) as own:
                        test(**own, **dict(zip(keys, row.values, strict=True)))
                except pytest.skip.Exception as stop:
                    skipped.append(stop)
                except BaseException as error:
                    error.add_note(row.name(number, labels))
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


@contextmanager
def _afresh(fixtures: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    """Give a case a folder and a patcher of its own, if the test uses them."""
    own = dict(fixtures)
    if "tmp_path" in own:
        own["tmp_path"] = own["tmp_path"] / str(number)
        own["tmp_path"].mkdir()
    if "monkeypatch" in own:
        with pytest.MonkeyPatch.context() as own["monkeypatch"]:
            yield own
    else:
        yield own


class _Row:
    """The values of a case, and its name if it fails, as values may be long."""

    def __init__(self, case: Any, is_single: bool) -> None:
        self._id = None
        if isinstance(case, _ParameterSet):
            assert not case.marks
            self.values, self._id = tuple(case.values), case.id
        else:
            self.values = (case,) if is_single else tuple(case)

    def name(self, number: int, ids: Any) -> str:
        if self._id:
            return f"in the case {self._id!r}"
        if ids is None or callable(ids):
            return f"in the case {', '.join(str((ids or ascii)(one)) for one in self.values)[:200]}"
        return f"in the case {ids[number]}"
