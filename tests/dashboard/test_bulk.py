"""Acts on many servers: asked once, reported each, nothing doubled or unseen."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from servers.models import Event, Server
from servers.operations.terminate import protect_server
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator(workshop: Workshop) -> Client:
    make_fleet()
    return log_in(make_person("operator"))


def confirm(asked: Any) -> dict[str, Any]:
    """What the page that asks sends, as it stands."""
    context = asked.context
    return {
        "act": context["act"],
        "confirmed": "yes",
        "server": context["names"],
        "working": context["working"],
        "confirm": str(context["works"] or ""),
        "asked": context["asked"],
        "query": context["query"],
        "all": "yes" if context["all"] else "",
        "once": context["form"]["once"].value(),
        "next": context["back"],
    }


def act(client: Client, what: str, *names: str, **more: Any) -> Any:
    return client.post("/servers/act/", {"act": what, "server": names, **more})


def test_what_is_ticked_is_named_confirmed_and_reported(
    operator: Client, workshop: Workshop
) -> None:
    one = provision(name="one")
    provision(name="two")
    workshop.run_to("running", one)
    provision(name="broken", image="nothing")
    protect_server("two", protected=True)
    back = "/servers/?state=running"
    asked = act(operator, "terminate", "one", "two", "broken", "gone", next=back)
    text = asked.content.decode()
    assert '<h1 id="ask">Terminate 2 servers?</h1>' in text
    assert "1 of them is running. Type 1 to confirm" in text
    assert ">Cancel</a>" in text
    assert f"Its instance {one.instance_id} and everything on it" in text
    assert "It is protected. Unprotect it first." in text
    assert "It is no longer in the list." in text
    assert not Server.objects.filter(want="gone").exists()
    form = confirm(asked)
    wrong = operator.post("/servers/act/", form | {"confirm": "9"}).content.decode()
    assert "Nothing was done. Type 1, the number of running servers." in wrong
    assert not Server.objects.filter(want="gone").exists()
    report = operator.post("/servers/act/", form, follow=True)
    text = report.content.decode()
    assert "Terminate: 2 of 2 done" in text
    assert 'href="/servers/?state=running"' in text
    assert Server.objects.filter(want="gone").count() == 2
    # A reload shows it again, and a second send does nothing more.
    url = report.redirect_chain[-1][0]
    assert "Terminate: 2 of 2 done" in operator.get(url).content.decode()
    before = Event.objects.count()
    again = operator.post("/servers/act/", form, follow=True)
    assert Event.objects.count() == before
    assert b"already carried out" in again.content
    assert b"Terminate: 2 of 2 done" in again.content


def test_who_works_by_now_is_left_alone_unless_that_was_told(
    operator: Client, workshop: Workshop
) -> None:
    server = provision(name="one")
    form = confirm(act(operator, "terminate", "one"))
    workshop.run_to("running", server)
    text = operator.post("/servers/act/", form, follow=True).content.decode()
    assert "It has started running since you were asked." in text
    assert "Terminate: 0 of 1 done" in text
    server.refresh_from_db()
    assert server.want == "run"


def test_a_form_that_is_sent_twice_acts_once(operator: Client) -> None:
    provision(name="one", labels={"a": "b", "team": "old"})
    form = confirm(act(operator, "label", "one")) | {"labels": "team=web"}
    operator.post("/servers/act/", form)
    Server.objects.update(labels={"mine": "since"})
    again = operator.post("/servers/act/", form, follow=True)
    assert b"already carried out" in again.content
    assert Server.objects.get().labels == {"mine": "since"}


def test_labels_are_added_and_wrong_ones_are_told_at_their_field(
    operator: Client,
) -> None:
    provision(name="one", labels={"a": "b", "team": "old"})
    provision(name="two")
    form = confirm(act(operator, "label", "one", "two"))
    for wrong, words in (
        ("", "Enter at least one label."),
        ("x", "does not have the form name=value"),
        ("A;=b", "letters, digits, spaces"),
        ("a=\0", "Null characters"),
    ):
        answer = operator.post("/servers/act/", form | {"labels": wrong})
        assert words in answer.content.decode()
    operator.post("/servers/act/", form | {"labels": "team=web"})
    assert Server.objects.get(name="one").labels == {"a": "b", "team": "web"}
    assert Server.objects.get(name="two").labels == {"team": "web"}
    Server.objects.filter(name="two").update(
        labels={f"n{number}": "" for number in range(50)}
    )
    form = confirm(act(operator, "label", "one", "two")) | {"labels": "more=x"}
    text = operator.post("/servers/act/", form, follow=True).content.decode()
    assert "Label: 1 of 2 done" in text
    assert "Use at most 50 labels." in text


def test_a_retry_reports_who_could_not(operator: Client, workshop: Workshop) -> None:
    broken = provision(name="broken", image="nothing")
    workshop.run_to("error", broken)
    provision(name="one")
    asked = act(operator, "retry", "broken", "one")
    assert b"Only failed servers can be retried" in asked.content
    operator.post("/servers/act/", confirm(asked))
    broken.refresh_from_db()
    assert broken.state == "pending"


def test_nothing_is_done_without_ticks_rights_or_sense(operator: Client) -> None:
    provision(name="one")
    for names, what, words in (
        ((), "terminate", "Select some servers first"),
        (("one",), "explode", "This action does not exist"),
        (tuple(f"s-{n}" for n in range(201)), "retry", "at most 200"),
        (
            ("\0", "<b>", "x" * 5000),
            "terminate",
            "This can't be done to any of these servers now",
        ),
    ):
        answer = operator.post(
            "/servers/act/", {"act": what, "server": names}, follow=True
        )
        assert words in answer.content.decode()
        assert b"<b>" not in answer.content
    form = confirm(act(operator, "terminate", "one"))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    assert strict.post("/servers/act/", form).status_code == 403
    # The right is lost between the question and the answer.
    user = User.objects.get()
    user.groups.set([Group.objects.get(name="viewer")])
    assert operator.post("/servers/act/", form).status_code == 403
    assert Client().post("/servers/act/", form).status_code == 302
    assert not Server.objects.filter(want="gone").exists()
    assert operator.get("/servers/act/", follow=True).status_code == 200


def test_all_of_a_filter_is_asked_about_beyond_the_page_and_reported(
    operator: Client,
) -> None:
    for number in range(120):
        provision(name=f"s-{number:03}", labels={"team": "web"})
    provision(name="other")
    protect_server("s-000", protected=True)
    Server.objects.filter(name="s-001").update(state="running")
    list_page = operator.get("/servers/?label=team=web&ordering=name").content.decode()
    assert "All 120 matching" in list_page
    query = "label=team%3Dweb&ordering=name"
    assert f'name="query" value="{query}"'.replace("&", "&amp;") in list_page
    asked = act(operator, "terminate", all="yes", query=query, next="/servers/")
    text = asked.content.decode()
    assert "Terminate 119 servers?" in text
    assert "120 servers match the filter. 1 is skipped because it is protected." in (
        text
    )
    assert text.count("<li><strong>s-") == 119
    assert "Type 1 to confirm" in text
    report = operator.post("/servers/act/", confirm(asked), follow=True)
    assert b"Terminate: 119 of 119 done" in report.content
    assert b"1\xe2\x80\x93100 of 119" in report.content
    page = operator.get(report.redirect_chain[-1][0] + "&page=2").content.decode()
    assert "s-119" in page
    assert Server.objects.filter(want="gone").count() == 119
    assert Server.objects.get(name="other").want == "run"
    # Again: all are left out, and nothing is asked of them.
    again = act(operator, "terminate", all="yes", query=query).content.decode()
    assert "119 are skipped because they are already terminating or stopped" in again
    assert "This can't be done to any of these servers now." in again


def test_what_changed_between_asking_and_doing_is_told_and_left_alone(
    operator: Client,
) -> None:
    for name in ("one", "two", "three", "four"):
        provision(name=name, labels={"team": "web"})
    asked = act(operator, "terminate", all="yes", query="label=team%3Dweb")
    form = confirm(asked)
    Server.objects.filter(name="one").update(labels={"team": "builds"})
    Server.objects.filter(name="two").update(hidden=True)
    Server.objects.filter(name="two").update(name="two-gone")
    provision(name="two", labels={"team": "web"})
    protect_server("three", protected=True)
    provision(name="five", labels={"team": "web"})
    text = operator.post("/servers/act/", form, follow=True).content.decode()
    assert "Terminate: 1 of 4 done" in text
    assert "It no longer matches the filter." in text
    assert "It was created after you were asked" in text
    assert "It is protected." in text
    assert "Nothing was done to them: five." in text
    assert list(Server.objects.filter(want="gone").values_list("name", flat=True)) == (
        ["four"]
    )


def test_an_act_on_a_filter_is_bounded_and_its_repeat_goes_on(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servers.dashboard.servers.targets.MOST", 3)
    for number in range(5):
        provision(name=f"s-{number}")
    for count, words in ((3, "2 more match"), (2, "Terminate 2 servers?")):
        asked = act(operator, "terminate", all="yes", query="ordering=name")
        assert words in asked.content.decode()
        assert asked.context["count"] == count
        operator.post("/servers/act/", confirm(asked))
    assert Server.objects.filter(want="gone").count() == 5
    # Where time is short the rest is named, and left for a repeat.
    monkeypatch.setattr("servers.dashboard.servers.bulk.MAX_SECONDS", -1.0)
    asked = act(operator, "label", all="yes")
    form = confirm(asked) | {"labels": "a=b"}
    text = operator.post("/servers/act/", form, follow=True).content.decode()
    assert "Label: 0 of 3 done" in text
    assert "Repeat the action for the rest." in text


@pytest.mark.parametrize(
    "query", ["\0", "%", "state=<b>&page=x", "a" * 9000, "label=%FF", "&&==;;"]
)
def test_a_filter_that_no_page_sent_does_no_harm(operator: Client, query: str) -> None:
    provision(name="one")
    asked = act(operator, "label", all="yes", query=query, asked="x" * 900)
    assert asked.status_code == 200
    assert b"<b>" not in asked.content.replace(b"<br>", b"")
    answer = operator.post(
        "/servers/act/",
        {"act": "label", "all": "yes", "confirmed": "yes", "query": query}
        | {"server": "one", "asked": "2026-99-99T00:00:00Z", "labels": "a=b"},
        follow=True,
    )
    assert b"1 done" in answer.content


def test_asking_and_reporting_many_costs_few_queries(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    names = [provision().name for _ in range(30)]
    with django_assert_max_num_queries(9):
        asked = act(operator, "label", *names)
    with django_assert_max_num_queries(11):
        act(operator, "terminate", all="yes")
    form = confirm(asked) | {"labels": "a=b"}
    url = operator.post("/servers/act/", form)["Location"]
    with django_assert_max_num_queries(9):
        assert b"30 of 30 done" in operator.get(url).content
