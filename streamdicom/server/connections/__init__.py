"""Bounded connections, for uvicorn (extra ``serve``)."""

from streamdicom.server.connections.protocol import BoundedProtocol

__all__ = ["BoundedProtocol"]
