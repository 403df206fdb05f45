"""EC2's error codes, each as the error of the port that says what it means.

What is not here is a refusal where EC2 answered 4xx with a code, and an unknown outcome
otherwise. Complaints about the clock are told apart before, in clock.py.

Source: the Amazon EC2 API Reference, "Error codes" (common client errors, client errors
of RunInstances, server errors), and AWS STS' "Common errors".
"""

from typing import Final

from servers.clouds.base import (
    CloudError,
    CredentialsError,
    InstanceNotFoundError,
    NoCapacityError,
    QuotaError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)

MEANINGS: Final[dict[type[CloudError], frozenset[str]]] = {
    # The same call may work in a moment.
    ThrottledError: frozenset(
        {
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "RequestThrottled",
            "RequestThrottledException",
            "EC2ThrottledException",
            "TooManyRequestsException",
            "SlowDown",
        }
    ),
    InstanceNotFoundError: frozenset(
        {"InvalidInstanceID.NotFound", "InvalidVolume.NotFound"}
    ),
    # There is no room now, here, for this: another zone, size or hour may have some.
    NoCapacityError: frozenset(
        {
            "InsufficientInstanceCapacity",
            "InsufficientHostCapacity",
            "InsufficientCapacity",
            "InsufficientCapacityOnHost",
            "InsufficientReservedInstanceCapacity",
            "InsufficientVolumeCapacity",
            "InsufficientAddressCapacity",
            "InsufficientFreeAddressesInSubnet",
            "ReservationCapacityExceeded",
            "MaxScheduledInstanceCapacityExceeded",
            "UnfulfillableCapacity",
            "SpotMaxPriceTooLow",
            "Unsupported",  # this size is not offered in this zone
        }
    ),
    # The account's own limits.
    QuotaError: frozenset(
        {
            "InstanceLimitExceeded",
            "VcpuLimitExceeded",
            "MaxSpotInstanceCountExceeded",
            "VolumeLimitExceeded",
            "MaxIOPSLimitExceeded",
            "NetworkInterfaceLimitExceeded",
            "AddressLimitExceeded",
            "HostLimitExceeded",
            "ResourceCountExceeded",
            "ResourceLimitExceeded",
            "PendingVerification",
        }
    ),
    CredentialsError: frozenset(
        {
            "AuthFailure",
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "IncompleteSignature",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "NotAuthorized",
            "UnauthorizedOperation",
            "UnrecognizedClientException",
            "AccessDenied",
            "AccessDeniedException",
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "InvalidIdentityToken",
            "RegionDisabledException",
            "OptInRequired",
            "Blocked",
        }
    ),
    # It may have taken effect, or may yet.
    UnknownOutcomeError: frozenset(
        {
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "Unavailable",
            "ServiceUnavailable",
            "IDPCommunicationError",
        }
    ),
}
_BY_CODE: Final = {code: error for error, codes in MEANINGS.items() for code in codes}
# EC2 writes a code with its side in states and in some answers: Server.InternalError.
_SIDES: Final = ("Client.", "Server.")


def find_meaning(status: int, code: str) -> type[CloudError]:
    """Return the error that an answer's status and code mean."""
    for side in _SIDES:
        code = code.removeprefix(side)
    if known := _BY_CODE.get(code):
        return known
    if status == 429:
        return ThrottledError
    if code and 400 <= status < 500:
        return RefusedError
    return UnknownOutcomeError
