"""A DICOMweb client (PS3.18 10.4 to 10.6): data sets and files over HTTP.

The client needs the extra ``http``, which installs httpx2. Credentials, certificates, proxies and time-outs are those
of the ``httpx2.Client`` that the caller passes.
"""

from streamdicom.web.client.fetch import fetch_datasets, fetch_events
from streamdicom.web.client.retrieval import Part, retrieve
from streamdicom.web.client.store import HttpStore
from streamdicom.web.client.storing import Stored, store_files

__all__ = ["HttpStore", "Part", "Stored", "fetch_datasets", "fetch_events", "retrieve", "store_files"]
