"""What is left of EC2's own limits."""

import pytest

from servers.clouds.base import CloudConfig
from servers.clouds.port import TellsQuotas
from servers.clouds.registry import open_cloud
from servers.outgoing.errors import CredentialsError
from tests.clouds.test_amazon import SECRETS, answering
from tests.support.aws import JsonAnswers, answering_json

pytestmark = pytest.mark.pure


def show(size: str, status: str, cores: int, *, spot: bool = False) -> str:
    return (
        f"<item><instanceType>{size}</instanceType>"
        f"<instanceState><name>{status}</name></instanceState>"
        f"<cpuOptions><coreCount>{cores}</coreCount><threadsPerCore>2</threadsPerCore>"
        "</cpuOptions>"
        + ("<instanceLifecycle>spot</instanceLifecycle>" if spot else "")
        + "</item>"
    )


INSTANCES = (
    "<r><reservationSet><item><instancesSet>"
    + show("c7i.large", "running", 1)
    + show("m7i.xlarge", "pending", 2)
    + show("m7i.xlarge", "stopped", 2)
    + show("g5.xlarge", "running", 2)
    + show("c7i.large", "running", 1, spot=True)
    + "</instancesSet></item></reservationSet></r>"
)


def open_amazon(url: str) -> TellsQuotas:
    cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
    assert isinstance(cloud, TellsQuotas)
    return cloud


def test_limits_of_vcpus_are_told_with_what_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = {"L-1216C47A": 64.0, "L-34B43A08": 4}

    def answer(body: dict[str, str]) -> tuple[int, object]:
        return 200, {"Quota": {"Value": limits[body["QuotaCode"]]}}

    answers: JsonAnswers = []
    with (
        answering(200, INSTANCES) as (url, _),
        answering_json(answer, answers) as quotas,
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", quotas)
        spot, standard = open_amazon(url).list_quotas(deadline=5)
    assert (spot.limit, spot.used, spot.unit) == (4, 2, "vCPUs")  # the scarcest first
    assert (standard.limit, standard.used) == (64, 6)
    assert {headers["X-Amz-Target"] for headers, _ in answers} == {
        "ServiceQuotasV20190624.GetServiceQuota"
    }
    assert all("servicequotas" in headers["Authorization"] for headers, _ in answers)


def test_a_policy_that_forbids_to_ask_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_body: dict[str, str]) -> tuple[int, object]:
        told = "com.amazon.coral.service#AccessDeniedException"
        return 400, {"__type": told, "Message": "not authorized, made-up-secret"}

    with answering(200, INSTANCES) as (url, _), answering_json(refuse, []) as quotas:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", quotas)
        with pytest.raises(CredentialsError, match="AccessDenied") as refused:
            open_amazon(url).list_quotas(deadline=5)
    assert "made-up" not in refused.value.message


def test_another_cloud_with_ec2s_api_is_not_asked() -> None:
    with answering(200, INSTANCES) as (url, seen):
        assert open_amazon(url).list_quotas(deadline=5) == ()
    assert seen == []
