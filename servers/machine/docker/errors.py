"""What can go wrong with a Docker daemon, named by what it means.

Every message is a whole sentence that can stand in *why* and in a server's error.
"""

from typing import Final

from servers.errors import FleetError

NOT_DOCKER: Final = (
    "Something answers on the Docker port, but it is not a Docker daemon. "
    "Check which program listens there."
)


class DockerError(FleetError):
    """The daemon did not do what was asked of it."""


class NotReachedError(DockerError):
    """No connection: nothing was asked of the daemon."""


class ForbiddenAddressError(NotReachedError):
    """ServerFleet does not connect to this address."""


class RefusedError(NotReachedError):
    """Nothing listens on the port. So the instance is up, but Docker is not."""


class UnansweredError(NotReachedError):
    """Nobody answered the attempt to connect."""


class CertificateError(NotReachedError):
    """Whoever answers could not prove to be the server's daemon."""


class ExpiredCertificateError(CertificateError):
    """The daemon's certificate has expired."""


class EarlyCertificateError(CertificateError):
    """The daemon's certificate is not valid yet, by this machine's clock."""


class ClientRejectedError(DockerError):
    """The daemon did not accept ServerFleet's certificate."""


class NotDockerError(DockerError):
    """Something answers on the port, but not as a Docker daemon does over TLS."""


class HangingError(DockerError):
    """The connection stands, but no whole answer came in time."""


class ClosedError(HangingError):
    """The connection was closed without an answer."""


class ApiError(DockerError):
    """The daemon answered with an error. ``status`` is that of HTTP."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class MissingError(ApiError):
    """The daemon has no such container or image."""


class ClashError(ApiError):
    """The name is taken, or the container is in another state."""
