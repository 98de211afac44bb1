"""Tables of HTML, which notebooks show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(caption: str, heads: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table of texts, which are escaped.

    >>> table("a", ["b"], [["<c>"]])
    '<table><caption>a</caption><thead><tr><th>b</th></tr></thead><tbody><tr><td>&lt;c&gt;</td></tr></tbody></table>'
    """
    from html import escape  # only notebooks need it

    def cells(kind: str, texts: Iterable[object]) -> str:
        return "".join(f"<{kind}>{escape(str(text))}</{kind}>" for text in texts)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    head = f"<thead><tr>{cells('th', heads)}</tr></thead>"
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}{head}<tbody>{body}</tbody></table>"
