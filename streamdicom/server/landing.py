"""The page at the address of the server, for people who open it in a browser."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse

from streamdicom.server.catalog import Counts

_PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>DICOMweb server</title></head>
<body>
<h1>DICOMweb server</h1>
<p>Studies: {studies}. Series: {series}. Instances: {instances}. Files not served: {skipped}.</p>
<ul>
<li><a href="{base}/studies?limit=20">studies</a>, <a href="{base}/series?limit=20">series</a>,
<a href="{base}/instances?limit=20">instances</a>: searches (QIDO-RS), as DICOM JSON</li>
<li><code>{base}/studies/UID/metadata</code>: metadata (WADO-RS)</li>
<li><a href="{base}/health">health</a>: whether the server works</li>
</ul>
<p>Clients use the base URL <code>{base}</code>.</p>
</body>
</html>
"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def landing_page(counts: Counts, base_url: str) -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(_PAGE.format(base=escape(base_url), **counts._asdict()), headers=_HEADERS)
