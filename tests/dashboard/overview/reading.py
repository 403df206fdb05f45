"""What the overview says, and what changes how it judges."""

from datetime import timedelta
from typing import Any

from servers.models import Fleet
from servers.records.ledger import database_now
from servers.reports.attention.items import Concern
from servers.reports.attention.load import list_attention
from tests.support.people import log_in, make_person


def kinds() -> set[Concern]:
    return {
        item.kind for item in list_attention(Fleet.objects.get(), now=database_now())
    }


def read(path: str = "/", role: str = "admin") -> str:
    return log_in(make_person(role)).get(path).content.decode()


def ago(seconds: float) -> Any:
    return database_now() - timedelta(seconds=seconds)
