"""DICOM JSON and XML over HTTP, on the side of the server: what Starlette and FastAPI need for it.

- ``negotiation``: which media type a client gets (PS3.18 8.7). Pure functions.
- ``formatters``: the forms that a response may have; an application has its own list of them.
- ``responses``: data sets as the body of a response, while they are drawn.
- ``requests``: data sets from the body of a request, in parts or not, compressed or not.
- ``errors``: what is answered to a request that cannot be taken.

The last three need the extra ``web``.
"""
