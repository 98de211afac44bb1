"""To be written."""

from streamdicom.web.client.fetch import fetch_datasets

__all__ = ["fetch_datasets"]
