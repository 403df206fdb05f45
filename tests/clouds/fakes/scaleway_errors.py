"""How the fake of Scaleway words its refusals."""

from typing import Any

from tests.clouds.fakes.wire import Request, Response

ERRORS: dict[str, tuple[int, dict[str, Any]]] = {
    "unauthorized": (
        401,
        {
            "type": "denied_authentication",
            "message": "authentication is denied",
            "method": "api_key",
            "reason": "not_found",
        },
    ),
    "expired": (
        401,
        {
            "type": "denied_authentication",
            "message": "authentication is denied",
            "method": "api_key",
            "reason": "expired",
        },
    ),
    "forbidden": (
        403,
        {
            "type": "permissions_denied",
            "message": "insufficient permissions",
            "details": [{"resource": "compute_servers", "action": "write"}],
        },
    ),
    "volumes": (
        403,
        {
            "type": "permissions_denied",
            "message": "insufficient permissions",
            "details": [{"resource": "volume", "action": "write"}],
        },
    ),
    "failing": (503, {"message": "service unavailable"}),
    "no_capacity": (
        503,
        {
            "type": "out_of_stock",
            "message": "resource is out of stock",
            "resource": "compute",
        },
    ),
    "quota": (
        403,
        {
            "type": "quotas_exceeded",
            "message": "quota exceeded",
            "details": [
                {"resource": "cp_servers_type_DEV1_S", "quota": 10, "current": 10}
            ],
        },
    ),
    "protected": (
        412,
        {
            "type": "precondition_failed",
            "message": "precondition is not respected",
            "precondition": "resource_protected",
            "help_message": "the server is protected",
        },
    ),
    "in_use": (
        412,
        {
            "type": "precondition_failed",
            "message": "precondition is not respected",
            "precondition": "resource_still_in_use",
        },
    ),
    "transient": (
        409,
        {
            "type": "transient_state",
            "message": "resource is in a transient state",
            "resource": "instance_server",
            "resource_id": "",
            "current_state": "starting",
        },
    ),
    "invalid": (
        400,
        {
            "type": "invalid_arguments",
            "message": "invalid argument(s)",
            "details": [
                {
                    "argument_name": "commercial_type",
                    "reason": "constraint",
                    "help_message": "is not valid",
                }
            ],
        },
    ),
}
# The resource that a 404 names.
MISSING: dict[str, str] = {
    "missing": "instance_server",
    "bad_image": "instance_image",
    "no_volume": "instance_volume",
    "no_ip": "instance_ip",
    "no_network": "private_network",
    "no_label": "MarketplaceImage",
}


def refuse(why: str, request: Request) -> Response:
    """Return the answer to a request that is refused, as Scaleway words it."""
    if why == "throttled":
        return Response(429, None, {"X-Envoy-Ratelimited": "true"})
    if resource := MISSING.get(why):
        asked = request.path.rpartition("/")[2]
        body = {
            "type": "not_found",
            "message": "resource is not found",
            "resource": resource,
            "resource_id": asked,
        }
        return Response(404, body)
    status, error = ERRORS[why]
    return Response(status, error)
