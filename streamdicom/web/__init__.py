"""DICOM JSON and XML over HTTP.

- ``streamdicom.web.asgi``: requests and responses for Starlette and FastAPI (extra ``web``).
- ``streamdicom.web.client``: a DICOMweb client (extra ``http``).
"""
