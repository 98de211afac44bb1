"""A DICOMweb client (PS3.18 10.4, 10.6): data sets and bulk data over HTTP.

The client needs the extra ``http``, which installs httpx2. Credentials, certificates, proxies and time-outs are those
of the ``httpx2.Client`` that the caller passes.
"""

from streamdicom.web.client.fetch import fetch_datasets
from streamdicom.web.client.store import HttpStore

__all__ = ["HttpStore", "fetch_datasets"]
