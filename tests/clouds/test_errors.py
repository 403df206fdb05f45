"""What EC2 and STS answer, code by code, and what that means for a create call."""

import pytest

from servers.clouds.base import CloudConfig, NoCapacityError, QuotaError
from servers.clouds.registry import open_cloud
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.test_amazon import SECRETS, answering, error_of, spec_of

pytestmark = pytest.mark.pure

# As the reference lists them: those that every action may give, those of RunInstances,
# TerminateInstances and the Describe calls that are used here, and the servers' own.
TABLE: dict[type[CallError], str] = {
    ThrottledError: """
        503 RequestLimitExceeded
        400 Throttling
        400 ThrottlingException
        503 EC2ThrottledException
        429 TooManyRequestsException
        503 SlowDown
        429 -
    """,
    CredentialsError: """
        401 AuthFailure
        403 AccessDenied
        403 Blocked
        403 ExpiredToken
        400 IncompleteSignature
        403 InvalidClientTokenId
        403 MissingAuthenticationToken
        403 NotAuthorized
        403 OptInRequired
        403 SignatureDoesNotMatch
        403 UnauthorizedOperation
        403 Client.UnauthorizedOperation
        400 UnrecognizedClientException
        403 RegionDisabledException
    """,
    QuotaError: """
        400 AddressLimitExceeded
        400 HostLimitExceeded
        400 InstanceLimitExceeded
        400 MaxIOPSLimitExceeded
        400 MaxSpotInstanceCountExceeded
        400 NetworkInterfaceLimitExceeded
        400 PendingVerification
        400 ResourceCountExceeded
        400 VcpuLimitExceeded
        400 VolumeLimitExceeded
    """,
    NoCapacityError: """
        500 InsufficientAddressCapacity
        500 InsufficientCapacity
        500 InsufficientHostCapacity
        500 InsufficientInstanceCapacity
        503 Server.InsufficientInstanceCapacity
        500 InsufficientReservedInstanceCapacity
        500 InsufficientVolumeCapacity
        400 InsufficientCapacityOnHost
        400 InsufficientFreeAddressesInSubnet
        400 ReservationCapacityExceeded
        400 SpotMaxPriceTooLow
        400 UnfulfillableCapacity
        400 Unsupported
    """,
    MissingError: """
        400 InvalidInstanceID.NotFound
        400 InvalidVolume.NotFound
    """,
    UnknownOutcomeError: """
        500 InternalError
        500 InternalFailure
        503 Unavailable
        503 ServiceUnavailable
        500 SomethingNew
        502 -
        504 -
        400 -
    """,
    RefusedError: """
        400 IdempotentParameterMismatch
        400 InstanceTpmEkPubNotFound
        400 IncorrectInstanceState
        400 IncorrectState
        400 InvalidAMIAttributeItemValue
        400 InvalidAMIID.Malformed
        400 InvalidAMIID.NotFound
        400 InvalidAMIID.Unavailable
        400 InvalidAction
        400 InvalidAvailabilityZone
        400 InvalidBlockDeviceMapping
        400 InvalidCapacityReservationId.NotFound
        400 InvalidCharacter
        400 InvalidGroup.NotFound
        400 InvalidGroupId.Malformed
        400 InvalidIamInstanceProfileArn.Malformed
        400 InvalidInput
        400 InvalidInstanceID.Malformed
        400 InvalidInstanceType
        400 InvalidKey.Format
        400 InvalidKeyPair.NotFound
        400 InvalidKmsKey.InvalidState
        400 InvalidLaunchTemplateId.NotFound
        400 InvalidNetworkInterfaceID.NotFound
        400 InvalidPaginationToken
        400 InvalidParameter
        400 InvalidParameterCombination
        400 InvalidParameterDependency
        400 InvalidParameterValue
        400 InvalidPlacementGroup.Unknown
        400 InvalidQueryParameter
        400 InvalidRequest
        400 InvalidSecurityGroupID.NotFound
        400 InvalidSnapshot.NotFound
        400 InvalidSubnetID.NotFound
        400 InvalidTagKey.Malformed
        400 InvalidUserID.Malformed
        400 InvalidVpcID.NotFound
        404 MalformedQueryString
        400 MissingAction
        400 MissingParameter
        400 OperationNotPermitted
        400 SecurityGroupsPerInstanceLimitExceeded
        400 TagLimitExceeded
        400 UnknownParameter
        400 UnknownVolumeType.Unknown
        400 UnsupportedHibernationConfiguration
        400 UnsupportedInstanceAttribute
        400 UnsupportedInstanceTypeOnHost
        400 UnsupportedOperation
        400 UnsupportedProtocol
        400 UnsupportedTenancy
        400 ValidationError
        400 VPCIdNotSpecified
        400 SomethingNew
    """,
}
CASES = [
    (int(line.split()[0]), line.split()[1].strip("-"), error)
    for error, lines in TABLE.items()
    for line in lines.strip().splitlines()
]


@pytest.mark.parametrize(("status", "code", "wanted"), CASES)
def test_a_code_means_what_the_reference_says_of_it(
    status: int, code: str, wanted: type[CallError]
) -> None:
    with answering(status, error_of(code)) as (url, seen):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        with pytest.raises(CallError) as raised:
            cloud.create_instance(spec_of(), deadline=10)
    assert type(raised.value) is wanted
    # Without a code it is not in the form of EC2's errors, and not quoted.
    assert (f"The words of {code}." in raised.value.message) is bool(code)
    assert len(seen) == 1


def test_the_encoded_part_of_a_denial_does_not_hide_its_words() -> None:
    words = "You are not authorized to perform this operation."
    encoded = f"{words} Encoded authorization failure message: {'x' * 3000}"
    body = error_of("UnauthorizedOperation").replace(
        "The words of UnauthorizedOperation.", encoded
    )
    with answering(403, body) as (url, _):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        with pytest.raises(CredentialsError) as raised:
            cloud.create_instance(spec_of(), deadline=10)
    assert raised.value.message.endswith(words)
