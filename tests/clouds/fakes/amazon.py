"""EC2's API: a moto server, and before it what moto lacks.

moto keeps the instances and answers. This server forwards to it, has its accounts and
its faults, and says no as EC2 does. moto itself accepts any key, throttles nobody and
always has capacity. Instances show up at once there, and boot by being looked at.
"""

import re
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree

from servers.clouds.base import FLEET_TAG, KEY_TAG
from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.wire import Handler, Request, Response

REGION = "eu-central-1"
_ROLES = {
    "RunInstances": "create",
    "DescribeInstances": "list",
    "TerminateInstances": "destroy",
    "DescribeVolumes": "leftovers",
    "DeleteVolume": "delete_leftover",
}
_KEY_ID = re.compile(r"Credential=([^/,]+)/")


class FakeAmazon(Fake):
    """EC2 in one region, for two accounts."""

    cloud = "amazon"
    # moto's own values.
    invents: ClassVar[frozenset[str]] = frozenset({"platform", "supportedFeatures"})
    errors: ClassVar[dict[str, tuple[int, str, str]]] = {
        "unauthorized": (
            *(401, "AuthFailure"),
            "AWS was not able to validate the provided access credentials",
        ),
        "expired": (
            *(400, "ExpiredToken"),
            "The security token included in the request is expired",
        ),
        "forbidden": (
            *(403, "UnauthorizedOperation"),
            "You are not authorized to perform this operation.",
        ),
        "throttled": (503, "RequestLimitExceeded", "Request limit exceeded."),
        "failing": (503, "Unavailable", "The service is unavailable."),
        "missing": (400, "InvalidAction", "The action is not valid."),
        "no_capacity": (
            *(500, "InsufficientInstanceCapacity"),
            "We currently do not have sufficient capacity.",
        ),
        "quota": (400, "VcpuLimitExceeded", "You have requested more vCPU capacity."),
        "bad_image": (
            400,
            "InvalidAMIID.NotFound",
            "The image id '[{image}]' does not exist",
        ),
        "protected": (
            *(400, "OperationNotPermitted"),
            "The instance may not be terminated: it has termination protection.",
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.moto = ""  # its URL
        # New ones for each test, which are empty. To empty moto would take it longer.
        number = secrets.randbelow(10**11)
        self.numbers = {"one": f"1{number:011}", "two": f"2{number:011}"}
        self.protected: set[str] = set()

    def read_token(self, request: Request) -> str:
        found = _KEY_ID.search(request.headers.get("authorization", ""))
        return found[1] if found else ""

    def refuse(self, why: str, request: Request) -> Response:
        status, code, message = self.errors[why]
        asked = parse_qs(request.body.decode())
        message = message.format(image=asked.get("ImageId", [""])[0])
        body = (
            '<?xml version="1.0"?><Response><Errors><Error>'
            f"<Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            "<RequestID>1</RequestID></Response>"
        )
        return Response(status, body, {"Content-Type": "text/xml"})

    def match(
        self, method: str, path: str, body: bytes
    ) -> tuple[str, str, dict[str, str], Handler | None]:
        """Return the action instead of a template."""
        action = parse_qs(body.decode()).get("Action", [""])[0]
        return action, _ROLES.get(action, action), {}, FakeAmazon.forward

    def forward(self, request: Request) -> Response:
        """Have moto answer, unless EC2 would refuse."""
        asked = {name: v[0] for name, v in parse_qs(request.body.decode()).items()}
        # The same call is allowed, refused or full, dry or not.
        if request.role == "create" and asked.get("DryRun") != "true":
            for knob in ("no_capacity", "quota"):
                if self.take(knob):
                    return self.refuse(knob, request)
        # moto takes any id. It has no image whose number is zeros.
        if "-000000" in asked.get("ImageId", asked.get("ImageId.1", "")):
            return self.refuse("bad_image", request)
        if request.role == "destroy" and asked.get("InstanceId.1") in self.protected:
            return self.refuse("protected", request)
        return self._ask(request.body, request.headers, request.account)

    def ask(self, params: Mapping[str, str], *, account: str = "one") -> Any:
        """Send a request to moto itself, and return its answer without namespaces."""
        scope = f"Credential=token-{account}/20260101/{REGION}/ec2/aws4_request"
        body = urlencode({**params, "Version": "2016-11-15"}).encode()
        headers = {
            "authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=a, Signature=b",
            "content-type": "application/x-www-form-urlencoded",
        }
        response = self._ask(body, headers, account)
        assert response.status == 200, response.body
        root = ElementTree.fromstring(response.body)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    def count_live(self, fleet: str) -> list[str]:
        """Return the keys of a fleet's instances that are not terminated."""
        found = []
        for account in self.numbers:
            answer = self.ask({"Action": "DescribeInstances"}, account=account)
            for item in answer.iterfind("reservationSet/item/instancesSet/item"):
                tags = {
                    tag.findtext("key"): tag.findtext("value")
                    for tag in item.iterfind("tagSet/item")
                }
                state = item.findtext("instanceState/name")
                if tags.get(FLEET_TAG) == fleet and state != "terminated":
                    found.append(tags.get(KEY_TAG) or "")
        return found

    def _ask(self, body: bytes, headers: Mapping[str, str], account: str) -> Response:
        kept = ("authorization", "content-type", "x-amz-date")
        sent = {name: headers[name] for name in kept if name in headers}
        sent["x-moto-account-id"] = self.numbers[account]
        request = urllib.request.Request(self.moto, data=body, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, data = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, data = error.code, error.read()
        return Response(status, data.decode(), {"Content-Type": "text/xml"})
