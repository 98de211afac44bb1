"""DICOM JSON and XML over HTTP: what Starlette and FastAPI need for it on the side of the server, and a client.

- ``negotiation``: which media type a client gets (PS3.18 8.7). Pure functions.
- ``formatters``: the forms that a response may have; an application has its own list of them.
- ``responses``: data sets as the body of a response, while they are drawn.
- ``requests``: data sets from the body of a request, in parts or not, compressed or not.
- ``errors``: what is answered to a request that cannot be taken.

- ``client``: data sets from a DICOMweb server, and their bulk data.

``responses``, ``requests`` and ``errors`` need the extra ``web``, ``client`` the extra ``http``.
"""
