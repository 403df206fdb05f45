"""Which servers a URL asks for, in which order. Invalid values are ignored."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, Self
from urllib.parse import urlencode

from django.db.models import Count, QuerySet

from servers.lifecycle.states import State
from servers.models import Server
from servers.operations.labels import MAX_LABEL_FILTER, read_label_filter
from servers.reports.selectors import list_servers, match_servers, with_label

MAX_WORDS: Final = 100
ORDERINGS: Final = {
    "name": "name",
    "state": "state",
    "account": "account__name",
    "capacity": "capacity",
    "created": "created_at",
}
NEWEST_FIRST: Final = "-created"
# All states. Without a state, servers that have stopped are left out.
ALL: Final = "all"
# As in the API, where false also has other spellings.
CORDONED: Final = {"true": True, "false": False}
# Not shown, so not decrypted for thousands of rows.
_SECRETS: Final = ("secret", "ca_key", "tls_key")


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters and order of the list, as in the URL; "" for none."""

    state: str = ""
    search: str = ""
    account: str = ""
    template: str = ""
    pool: str = ""
    region: str = ""
    label: str = ""
    cordoned: str = ""  # a key of CORDONED
    ordering: str = NEWEST_FIRST

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Read a query string."""
        state = given.get("state", "")
        cordoned = given.get("cordoned", "")
        ordering = given.get("ordering", "")
        return cls(
            state=state if state in {*State, ALL} else "",
            search=_read(given, "search", MAX_WORDS),
            account=_read(given, "account", MAX_WORDS),
            template=_read(given, "template", MAX_WORDS),
            pool=_read(given, "pool", MAX_WORDS),
            region=_read(given, "region", MAX_WORDS),
            label=_read(given, "label", MAX_LABEL_FILTER),
            cordoned=cordoned if cordoned in CORDONED else "",
            ordering=ordering if ordering.lstrip("-") in ORDERINGS else NEWEST_FIRST,
        )

    @property
    def query(self) -> str:
        """Return the query string that asks for the same."""
        plain = type(self)()
        asked = asdict(self).items()
        return urlencode([(k, v) for k, v in asked if v != getattr(plain, k)])

    @property
    def narrows(self) -> bool:
        """Whether any filter other than the state is set."""
        fields = asdict(self)
        del fields["state"], fields["ordering"]
        return any(fields.values())

    @property
    def narrows_besides_label(self) -> bool:
        """Whether any filter other than the state and the label is set."""
        return replace(self, label="").narrows

    def filter_rows(self) -> QuerySet[Server]:
        """Return the servers of all states, in no order."""
        rows = list_servers().order_by().defer(*_SECRETS)
        rows = match_servers(rows, asdict(self))
        if self.label:
            # As in the API, but with spaces around =. No server has a label that can't
            # exist.
            asked = "=".join(part.strip() for part in self.label.split("=", 1))
            rows = with_label(rows, *read_label_filter(asked))
        if self.cordoned:
            rows = rows.filter(cordoned=CORDONED[self.cordoned])
        return rows

    def select(self) -> QuerySet[Server]:
        """Return the servers of the state asked for, in their order.

        Without a state, leave out stopped servers, which stay in the records for a day
        and would crowd out the rest.
        """
        rows = self.filter_rows()
        if not self.state:
            rows = rows.exclude(state=State.STOPPED)
        elif self.state != ALL:
            rows = rows.filter(state=self.state)
        sign = "-" if self.ordering.startswith("-") else ""
        # The id makes the order total, so that pages neither repeat nor skip a row.
        column = ORDERINGS[self.ordering.lstrip("-")]
        return rows.order_by(f"{sign}{column}", f"{sign}id")

    def count_by_state(self) -> dict[str, int]:
        """Return the count in each state that has servers, with the other filters."""
        return dict(self.filter_rows().values_list("state").annotate(Count("id")))


def _read(given: Mapping[str, str], name: str, most: int) -> str:
    return given.get(name, "").replace("\0", "")[:most].strip()
