"""What people enter to sign in to Google, and a look with it."""

from servers.clouds.port import Cloud
from servers.clouds.registry import validate_config

MACHINE = {"source": "machine"}


def look(cloud: Cloud) -> None:
    assert cloud.list_instances("ci", deadline=10).instances == ()


def errors_of(credentials: dict[str, str], endpoint: str = "") -> str:
    errors = validate_config(
        "google",
        credentials=credentials,
        endpoint=endpoint,
        region="europe-west1",
        options={},
    )
    return " ".join(errors.get("credentials", []))
