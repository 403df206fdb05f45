"""The list of servers: what narrows and orders it, its pages, its downloads."""

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client

from servers.dashboard.servers.selection import NEWEST_FIRST, Selection
from servers.models import Server
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

HOSTILE = ("\0", "<script>", "%", "'", "a" * 5000, "-", "=", ":", "1=", '"]=x', "٣")


def names_in(text: str) -> list[str]:
    """The names of the rows, in their order."""
    return [
        part.partition('"')[0]
        for part in text.split('<th scope="row"><a href="/servers/')[1:]
        for part in [part.replace("/", '"', 1)]
    ]


@pytest.fixture
def operator(transactional_db: None, workshop: Workshop) -> Client:
    make_fleet()
    return log_in(make_person("operator"))


@pytest.mark.pure
@pytest.mark.parametrize("text", HOSTILE)
def test_a_url_is_read_whatever_it_holds(text: str) -> None:
    fields = ("state", "search", "account", "template", "region", "label", "ordering")
    selection = Selection.read(dict.fromkeys((*fields, "cordoned"), text))
    assert (selection.state, selection.ordering) == ("", NEWEST_FIRST)
    assert selection.cordoned == ""
    assert "\0" not in selection.search
    assert len(selection.search) <= 100
    selection.select()


@pytest.mark.parametrize("text", HOSTILE)
def test_the_page_answers_whatever_the_url_holds(operator: Client, text: str) -> None:
    provision(name="one", labels={"1": "x"})
    fields = ("state", "search", "account", "template", "region", "label", "page")
    for field in (*fields, "cordoned"):
        answer = operator.get("/servers/", {field: text, "ordering": text})
        assert answer.status_code == 200
        assert b"<script>" not in answer.content.replace(b"<script src", b"")


def test_filters_narrow_the_rows_and_the_counts_of_the_tabs(operator: Client) -> None:
    provision(name="one", labels={"team": "web", "1": "x"}, region="north")
    provision(name="two", labels={"team": "builds"})
    provision(name="three", size="large")
    Server.objects.filter(name="two").update(state="running", address="10.9.8.7")
    cases: dict[str, set[str]] = {
        "search=9.8.7": {"two"},
        "region=north": {"one"},
        "account=sandbox": {"one", "two", "three"},
        "account=none": set(),
        "template=default&search=e": {"one", "three"},
        "label=team": {"one", "two"},
        "label=team=web": {"one"},
        "label=team:web": {"one"},
        "label=1=x": {"one"},
        "label=team=w": set(),
        "label=team+=+web": {"one"},
        "label=tea": set(),
        "state=running": {"two"},
        "cordoned=true": {"one"},
        "cordoned=false&template=default": {"two", "three"},
    }
    Server.objects.filter(name="one").update(cordoned=True)
    for query, names in cases.items():
        assert set(names_in(operator.get(f"/servers/?{query}").content.decode())) == (
            names
        ), query
    text = operator.get("/servers/?label=team").content.decode()
    assert 'current <span class="count">2</span>' in text
    assert 'running <span class="count">1</span>' in text
    text = operator.get("/servers/?cordoned=true").content.decode()
    assert '<option value="true" selected>yes</option>' in text
    assert 'current <span class="count">1</span>' in text
    assert 'title="It is to get no new builds.' in text
    # A state that has none keeps its tab while it is chosen.
    text = operator.get("/servers/?state=error").content.decode()
    assert 'error <span class="count">0</span>' in text
    assert "No matching servers" in text


def test_what_has_stopped_has_a_tab_and_does_not_crowd_the_list(
    operator: Client,
) -> None:
    for name in ("one", "two", "three"):
        provision(name=name)
    Server.objects.exclude(name="one").update(state="stopped")
    text = operator.get("/servers/").content.decode()
    assert names_in(text) == ["one"]
    for tab in ("current", "stopped", "all"):
        assert f'{tab} <span class="count">' in text
    assert set(names_in(operator.get("/servers/?state=stopped").content.decode())) == (
        {"two", "three"}
    )
    assert len(names_in(operator.get("/servers/?state=all").content.decode())) == 3
    assert operator.get("/servers.csv").content.count(b"\n") == 2
    # Who looks for one that is over is led to it.
    text = operator.get("/servers/?search=two").content.decode()
    assert "1 matching server stopped within the last day." in text
    assert 'href="?search=two&amp;state=stopped"' in text


def test_a_label_that_no_server_has_brings_up_those_that_there_are(
    operator: Client,
) -> None:
    provision(name="one", labels={"team": "web"})
    text = operator.get("/servers/?label=foo").content.decode()
    assert "a label named <strong>foo</strong>" in text
    assert 'href="/servers/?label=team%3Dweb">team=web</a>' in text
    text = operator.get("/servers/?label=team=foo").content.decode()
    assert "the label <strong>team=foo</strong>" in text
    Server.objects.update(labels={})
    text = operator.get("/servers/?label=foo").content.decode()
    assert "No server has a label." in text


def test_columns_sort_and_pages_are_cut_by_the_database(operator: Client) -> None:
    for number in range(60):
        provision(name=f"s-{number:02}", capacity=number + 1)
    text = operator.get("/servers/?ordering=name").content.decode()
    assert names_in(text) == [f"s-{number:02}" for number in range(50)]
    assert 'aria-sort="ascending"' in text
    text = operator.get("/servers/?ordering=-capacity&page=2").content.decode()
    assert names_in(text) == [f"s-{number:02}" for number in range(9, -1, -1)]
    # A page that is no longer there is the last one.
    text = operator.get("/servers/?ordering=name&page=9").content.decode()
    assert names_in(text)[-1] == "s-59"


def test_a_page_of_many_is_small_and_costs_ten_queries(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    server = provision(name="one")
    labels = {f"label-{number}": "v" * 60 for number in range(50)}
    Server.objects.bulk_create(
        Server(
            name=f"a-name-as-they-are-in-a-large-fleet-{number:04}",
            provider=server.provider,
            image=server.image,
            size=server.size,
            capacity=2,
            account=server.account,
            template=server.template,
            recipe=server.recipe,
            labels=labels,
            state="running",
            address="10.200.100.50",
            error="It is a long error of a cloud. " * 100,
        )
        for number in range(300)
    )
    with django_assert_max_num_queries(10):
        page = operator.get("/servers/?search=fleet&account=sandbox&cordoned=false")
    assert b"of 300" in page.content
    assert len(page.content) < 100_000


def test_downloads_hold_all_pages_of_the_selection_and_no_secret(
    operator: Client, workshop: Workshop
) -> None:
    for number in range(60):
        provision(name=f"s-{number:02}")
    provision(name="other", image="=cmd()", labels={"team": "web"})
    server = Server.objects.get(name="other")
    server.secret = server.ca_key = server.tls_key = "hush-hush"
    server.save()
    answer = operator.get("/servers.csv?search=s-&ordering=name")
    assert answer["Content-Disposition"] == 'attachment; filename="servers.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["name"] for row in rows] == [f"s-{number:02}" for number in range(60)]
    (other,) = csv.DictReader(
        io.StringIO(operator.get("/servers.csv?search=other").content.decode())
    )
    assert (other["image"], other["labels"]) == ("'=cmd()", "team=web")
    answer = operator.get("/servers.json?search=other")
    (row,) = json.loads(answer.content)
    assert (row["name"], row["secret"], len(row)) == ("other", "", 19)
    for path in ("/servers.csv", "/servers.json", "/servers/"):
        assert b"hush-hush" not in operator.get(path).content
        assert Client().get(path).status_code == 302


def test_a_viewer_sees_no_ticks_and_no_acts(operator: Client) -> None:
    provision(name="one")
    text = log_in(make_person("viewer")).get("/servers/").content.decode()
    assert names_in(text) == ["one"]
    assert 'type="checkbox" name="server"' not in text
    assert "bulk-terminate" not in text
    assert 'name="server" value="one"' in operator.get("/servers/").content.decode()


def test_servers_named_like_a_page_have_one_of_their_own(operator: Client) -> None:
    provision(name="new")
    provision(name="act")
    text = operator.get("/servers/").content.decode()
    assert "/servers/new~/" in text
    assert "<h1>New server</h1>" in operator.get("/servers/new/").content.decode()
    for name in ("new", "act"):
        page = operator.get(f"/servers/{name}~/").content.decode()
        assert f"<title>{name} · " in page
    operator.post("/servers/new~/terminate/")
    assert Server.objects.get(name="new").want == "gone"
