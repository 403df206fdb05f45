"""EC2's error codes, each mapped to the error of the port with its meaning.

A code that is not listed is a refusal if EC2 answered 4xx, and an unknown outcome
otherwise. Errors caused by the clock are recognised before, in clock.py.

Source: the Amazon EC2 API Reference, "Error codes" (common client errors, client errors
of RunInstances, server errors), and AWS STS' "Common errors".
"""

from typing import Final

from servers.clouds.base import About, NoCapacityError, QuotaError
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)

MEANINGS: Final[dict[type[CallError], frozenset[str]]] = {
    # The same call may work later.
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
    MissingError: frozenset({"InvalidInstanceID.NotFound", "InvalidVolume.NotFound"}),
    # No capacity for this here and now. Another zone, size or time may have some.
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
    # The call may have taken effect, or still may.
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
# Which part of a launch a code is about, by its beginning.
_ABOUT: Final = {
    "InvalidAMI": About.IMAGE,
    "InvalidInstanceType": About.SIZE,
    "InvalidKeyPair": About.KEY,
    "InvalidSubnet": About.NETWORK,
    "InvalidGroup": About.NETWORK,
    "InvalidSecurityGroup": About.NETWORK,
    "InvalidVpc": About.NETWORK,
    "InvalidNetworkInterface": About.NETWORK,
    "InvalidZone": About.NETWORK,
    "TagLimitExceeded": About.TAGS,
    "TagPolicyViolation": About.TAGS,
    "InvalidTag": About.TAGS,
}
_TAGGING: Final = "ec2:CreateTags"
# In states and some answers, EC2 prefixes a code with its side: Server.InternalError.
_SIDES: Final = ("Client.", "Server.")


def find_meaning(status: int, code: str) -> type[CallError]:
    """Return the error for an answer's status and code."""
    for side in _SIDES:
        code = code.removeprefix(side)
    if known := _BY_CODE.get(code):
        return known
    if status == 429:
        return ThrottledError
    if 400 <= status < 500:
        return RefusedError
    return UnknownOutcomeError


def find_about(code: str, message: str) -> str:
    """Return the part of a launch that an error is about, or "".

    EC2 names the action that a policy forbids: tags need a right of their own.
    """
    if _TAGGING in message:
        return About.TAGS
    for start, about in _ABOUT.items():
        if code.startswith(start):
            return about
    return ""
