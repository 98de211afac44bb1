"""Every bound on the cost of clients, with its reason and its precedents."""

from __future__ import annotations

from dataclasses import dataclass, fields

from streamdicom.limits import Limits, repr_of

_MIB = 1024 * 1024

HELD_SIZE = 64 * 1024
"""``Limits.held_size`` of a request, so that its memory stays within the bound of ``ServerLimits``."""


@dataclass(frozen=True, slots=True, repr=False)
class ServerLimits:
    """Bounds on the clients of a server.

    Attributes:
        connections: Open connections. When one more arrives, the connection that has waited longest for a request is
            ended; if all have requests, the new one is answered 503. Each takes a file descriptor and about 20 KiB of
            memory. Precedents: 768 in nginx, 1024 in systemd's default for descriptors.
        requests: Requests in progress. When one more arrives, the request whose client has been silent longest, for two
            seconds at least, is ended, with 408 if its body is missing; otherwise the new one is answered 503.
            Precedents: 150 in Apache, 100 threads in Orthanc and dcm4chee.
        memory: Bytes for requests in progress, beside the process itself. A request is reckoned at 1 MiB,
            although most take less, and further ones are answered 503. So a machine with little memory needs no other
            bound. Precedents: none in Apache and nginx, where the product of workers and buffers is the bound.
        head_timeout: Seconds for the head of a request, which has some hundred bytes. The connection is ended.
            Precedents: 20 to 40 in Apache, 60 in nginx.
        read_timeout: Seconds for a client to read a full buffer of about 64 KiB, so that the least rate is 1 KiB a
            second. The connection is ended. Precedent: 60 in nginx.
        body_timeout: Seconds to wait for the next bytes of a body, and for all of it beyond those for ``body_rate``.
            The answer is 408. Precedent: 60 in nginx.
        body_rate: Bytes of a body for which the server waits one more second. Precedent: 500 in Apache.
        request_size: Bytes of a request body, and of its instances, which JSON can make ten times as long at most. The
            answer is 413.
        datasets: Data sets in a request; each takes about 1 KiB of memory, and becomes a file. The answer is 413.
        free_space: Bytes of the disk that stored instances leave free, and of that of temporary files of over 4 MiB, in
            which JSON waits and files are converted. The answer is 503.

    >>> ServerLimits(requests=8)
    ServerLimits(requests=8)
    """

    connections: int = 4096
    requests: int = 256
    memory: int = 256 * _MIB
    head_timeout: float = 20.0
    read_timeout: float = 60.0
    body_timeout: float = 60.0
    body_rate: int = 1024
    request_size: int = 16 * 1024 * _MIB
    datasets: int = 10_000
    free_space: int = 256 * _MIB

    def __repr__(self) -> str:
        return repr_of(self)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0 and not (field.name == "free_space" and value == 0):
                raise ValueError(f"ServerLimits.{field.name} must be positive, not {value!r}")

    @property
    def requests_at_once(self) -> int:
        """The requests in progress that ``requests`` and ``memory`` allow, at least one."""
        return max(1, min(self.requests, self.memory // _MIB))

    def of_body(self) -> Limits:
        """Return the bounds on the body of a request."""
        return Limits(spooled_size=self.request_size, multipart_parts=self.datasets, held_size=HELD_SIZE)
