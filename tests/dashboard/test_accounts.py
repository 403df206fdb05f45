"""The accounts' pages: what is to be known of a cloud, and what can be done."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from servers.models import Account, Event, Location
from servers.operations.accounts import save_account
from servers.operations.provision import Request, provision_servers
from servers.records.ledger import database_now
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

AMAZON: dict[str, Any] = {
    "name": "aws",
    "region": "eu-central-1",
    "credential-access_key_id": "needle-id",
    "credential-secret_access_key": "needle-secret",
    "max_servers": 5,
    "creates_per_minute": 60,
    "calls_at_once": 8,
    "enabled": "on",
}
SANDBOX = {
    "name": "drill",
    "max_servers": 5,
    "creates_per_minute": 60,
    "calls_at_once": 8,
    "enabled": "on",
}


@pytest.fixture
def admin(workshop: Workshop) -> Client:
    make_fleet()
    return log_in(make_person("admin", name="ada"))


def once(**form: Any) -> dict[str, Any]:
    return {**form, "once": uuid.uuid4().hex}


def reload_form(client: Client, path: str, **changes: Any) -> dict[str, Any]:
    """Return the fields of a form as the page shows them, with changes."""
    form = client.get(path).context["form"]
    fields = {field.html_name: field.value() for field in form}
    fields |= changes
    return {k: v for k, v in fields.items() if v is not None and v is not False}


def test_a_kind_is_chosen_first_and_only_its_fields_are_asked_for(
    admin: Client,
) -> None:
    text = admin.get("/accounts/new/").content.decode()
    assert "?kind=amazon" in text
    assert "?kind=sandbox" in text
    amazon = admin.get("/accounts/new/?kind=amazon").content.decode()
    assert "Secret access key" in amazon
    assert "Seed" not in amazon
    sandbox = admin.get("/accounts/new/?kind=sandbox").content.decode()
    assert "Timeout after" in sandbox
    assert "Endpoint" not in sandbox
    assert b"Choose a cloud" in admin.get("/accounts/new/?kind=%00moon").content
    assert admin.post("/accounts/new/", AMAZON)["Location"] == "/accounts/new/"


def test_credentials_are_written_and_never_read(admin: Client) -> None:
    answer = admin.post("/accounts/new/?kind=amazon", once(**AMAZON))
    assert answer["Location"] == "/accounts/aws/"
    path = "/accounts/aws/change/"
    texts = [admin.get(page).content.decode() for page in ("/accounts/aws/", path)]
    assert not any("needle" in text for text in texts)
    admin.post(path, reload_form(admin, path, max_servers=9))
    account = Account.objects.get(name="aws")
    assert (account.max_servers, account.generation) == (9, 1)
    secret = {"credential-secret_access_key": "other"}
    admin.post(path, reload_form(admin, path, **secret))
    held = json.loads(Account.objects.get(name="aws").credentials)
    assert held == {"access_key_id": "needle-id", "secret_access_key": "other"}
    # What is stored goes to no other address on the word of who can't read it.
    moved = reload_form(admin, path, endpoint="http://127.0.0.1:9")
    for act in ("test", "save"):
        answer = admin.post(path, {**moved, "act": act})
        assert b"Enter this again" in answer.content
    assert Account.objects.get(name="aws").endpoint == ""


def test_faults_with_their_rate_and_seed_are_set_here_and_timings_stay(
    admin: Client,
) -> None:
    faults = {"rate-faults-timeout_after": "0.2", "option-seed": "7"}
    lists = {"option-no_capacity": "small, eu/*"}
    form = once(**SANDBOX, **faults, **lists)
    assert admin.post("/accounts/new/?kind=sandbox", form).status_code == 302
    account = Account.objects.get(name="drill")
    options = {
        "faults": {"timeout_after": 0.2},
        "seed": 7,
        "no_capacity": ["small", "eu/*"],
    }
    assert account.options == options
    account.options["timings"] = {"settle": 9}
    save_account(account)
    path = "/accounts/drill/change/"
    assert b'value="0.2"' in admin.get(path).content
    admin.post(path, reload_form(admin, path, **{"rate-faults-timeout_after": ""}))
    account.refresh_from_db()
    del options["faults"]
    assert account.options == {**options, "timings": {"settle": 9}}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": "Not A Name"}, "lower-case"),
        ({"name": "sandbox"}, "already"),
        ({"name": "new"}, "Choose another name"),
        ({"region": ""}, "required"),
        ({"region": "moon"}, "such as eu-central-1"),
        ({"region": "a\0b"}, "Null characters"),
        ({"endpoint": "javascript:alert(1)"}, "https://host:port"),
        ({"credential-secret_access_key": ""}, "Secret access key is missing."),
        ({"credential-source": "machine"}, "Remove the keys"),
        ({"credential-source": "moon"}, "Select a valid choice"),
        ({"credential-role_arn": "builders"}, "such as arn:aws:iam"),
        ({"credential-external_id": "x-1"}, "needs a role"),
        ({"option-disk_gib": "0"}, "greater than or equal to 1"),
        ({"option-imds_hops": "1.5"}, "Use a whole number"),
        ({"option-subnet": "default"}, "such as subnet-"),
        ({"option-security_groups": "sg-1, web"}, "such as sg-"),
        ({"option-tenancy": "host"}, "Select a valid choice"),
        ({"option-disk_type": "io2"}, "needs a value for IOPS"),
        ({"credential-secret_access_key": "x" * 6000}, "at most 5000"),
        ({"max_servers": "0"}, "greater than or equal to 1"),
        ({"option-disk_gib": "99999999"}, "less than or equal to"),
        ({"option-disk_gib": "NaN"}, "number"),
    ],
)
def test_an_error_stands_at_its_field_and_nothing_is_saved(
    admin: Client, wrong: dict[str, Any], words: str
) -> None:
    for act in ("save", "test"):
        form = once(**AMAZON | wrong, act=act)
        answer = admin.post("/accounts/new/?kind=amazon", form)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert words in text
        assert "needle-secret" not in text
    assert Account.objects.count() == 1


def test_a_test_says_what_works_before_anything_is_saved(admin: Client) -> None:
    path = "/accounts/new/?kind=sandbox"
    works = admin.post(path, once(**SANDBOX, act="test"))
    assert b"works and shows 0 instances of this fleet" in works.content
    refused = {"option-expected_token": "right", "credential-token": "needle"}
    wrong = admin.post(path, once(**SANDBOX, **refused, act="test")).content
    assert b"401" in wrong
    assert b"needle" not in wrong
    assert not Account.objects.filter(name="drill").exists()
    assert not Location.objects.filter(account__name="drill").exists()
    told = admin.post("/accounts/sandbox/test/", follow=True)
    assert b"works and shows" in told.content


def test_a_form_that_is_stale_or_sent_twice_says_so(admin: Client) -> None:
    form = once(**SANDBOX)
    admin.post("/accounts/new/?kind=sandbox", form)
    again = admin.post("/accounts/new/?kind=sandbox", form, follow=True)
    assert again.status_code == 200
    assert Account.objects.filter(name="drill").count() == 1
    path = "/accounts/drill/change/"
    mine = reload_form(admin, path, max_servers=7)
    theirs = reload_form(admin, path, max_servers=8)
    admin.post(path, theirs)
    told = admin.post(path, mine)
    assert b"Someone else saved a change" in told.content
    assert Account.objects.get(name="drill").max_servers == 8
    over = {f.html_name: f.value() for f in told.context["form"] if f.value()}
    admin.post(path, over)
    assert Account.objects.get(name="drill").max_servers == 7


def test_the_breaker_has_its_sentence_and_its_button(admin: Client) -> None:
    now = database_now()
    Account.objects.update(
        breaker="open",
        breaker_failures=6,
        breaker_note="<i>no</i> capacity",
        breaker_until=now + timedelta(minutes=5),
        throttled_until=now + timedelta(minutes=1),
    )
    Location.objects.update(health="ok")
    for path in ("/accounts/", "/accounts/sandbox/"):
        text = admin.get(path).content.decode()
        assert "6 failed creates in a row: &lt;i&gt;no&lt;/i&gt; capacity" in text
        assert "breaker open" in text
    assert "asked for fewer calls" in text
    assert "Close breaker" in text
    told = admin.post("/accounts/sandbox/close-breaker/", follow=True)
    assert b"Creates are sent again" in told.content
    told = admin.post("/accounts/sandbox/close-breaker/", follow=True)
    assert b"already closed" in told.content


def test_a_scan_lists_every_region_at_once(admin: Client, workshop: Workshop) -> None:
    workshop.run_to("running", provision())
    Location.objects.update(next_listing_at=database_now() + timedelta(hours=1))
    before = Location.objects.get().compared_at
    assert b"two listings" in admin.post(
        "/accounts/sandbox/scan/", follow=True
    ).content.replace(b"\n", b" ")
    workshop.run_until(lambda: Location.objects.get().compared_at != before)
    assert Event.objects.filter(reason__contains="listing", actor="user:ada").exists()
    text = admin.get("/accounts/sandbox/").content.decode()
    assert "1</strong> of at most 100000" in text


def test_an_account_that_is_needed_is_not_deleted_and_says_why(
    admin: Client, workshop: Workshop
) -> None:
    server = provision()
    path = "/accounts/sandbox/delete/"
    page = admin.get(path).content.decode()
    assert "It may still have 1 live server" in page
    assert '<button class="danger final"' not in page
    assert b"may still have 1 live server" in admin.post(path, follow=True).content
    workshop.run_to("running", server)
    admin.post("/accounts/new/?kind=sandbox", once(**SANDBOX))
    told = admin.post("/accounts/drill/delete/", follow=True)
    assert b"drill was deleted" in told.content
    assert [row.name for row in Account.objects.all()] == ["sandbox"]


def test_a_disabled_account_makes_nothing_new(admin: Client) -> None:
    assert (
        b"is disabled" in admin.post("/accounts/sandbox/disable/", follow=True).content
    )
    with pytest.raises(Exception, match="disabled"):
        provision_servers(Request())
    admin.post("/accounts/sandbox/enable/")
    assert provision()


def test_a_viewer_looks_and_may_not_touch(admin: Client) -> None:
    viewer = log_in(make_person("viewer"))
    for path in ("/accounts/", "/accounts/sandbox/"):
        text = viewer.get(path).content.decode()
        main = text[text.index("<main") :]
        assert "<form" not in main
        assert "Edit account</a>" not in main
        assert "New account" not in main
    for path in (
        "new/?kind=sandbox",
        *(
            f"sandbox/{act}/"
            for act in ("change", "test", "scan", "close-breaker", "disable", "delete")
        ),
    ):
        assert viewer.post(f"/accounts/{path}", SANDBOX).status_code == 403
    for name in ("none", "%00", "x" * 70):
        assert admin.get(f"/accounts/{name}/").status_code == 404


def test_the_pages_ask_as_many_queries_for_any_number(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    for count in range(30):
        save_account(Account(name=f"a{count}", kind="sandbox"))
    for count in range(40):
        provision(name=f"s{count}")
    for path, most in (("/accounts/", 9), ("/accounts/sandbox/", 12)):
        with django_assert_max_num_queries(most):
            first = admin.get(path)
        with django_assert_max_num_queries(3):
            again = admin.get(path, headers={"if-none-match": first["ETag"]})
        assert again.status_code == 304
        assert b"40" in first.content


def test_an_account_signs_in_by_keys_or_by_a_role_and_one_takes_the_others_place(
    admin: Client,
) -> None:
    admin.post("/accounts/new/?kind=amazon", once(**AMAZON))
    path = "/accounts/aws/change/"
    arn = "arn:aws:iam::123456789012:role/builders"
    role = {
        "credential-source": "machine",
        "credential-role_arn": arn,
        "credential-external_id": "x-1",
    }
    assert admin.post(path, reload_form(admin, path, **role)).status_code == 302
    held = json.loads(Account.objects.get(name="aws").credentials)
    # The keys are gone: nobody has to wonder whether they are still in use.
    assert held == {"source": "machine", "role_arn": arn, "external_id": "x-1"}
    page = admin.get(path).content.decode()
    assert arn in page  # no secret, and people must see which it is
    assert "needle" not in page
    admin.post(path, reload_form(admin, path, max_servers=9))
    assert json.loads(Account.objects.get(name="aws").credentials) == held
    back = {
        "credential-source": "keys",
        "credential-access_key_id": "needle-id",
        "credential-secret_access_key": "needle-secret",
        "credential-role_arn": "",
        "credential-external_id": "",
    }
    assert admin.post(path, reload_form(admin, path, **back)).status_code == 302
    held = json.loads(Account.objects.get(name="aws").credentials)
    assert held == {
        "access_key_id": "needle-id",
        "secret_access_key": "needle-secret",
    }


def test_options_of_every_sort_are_typed_shown_and_taken_away(admin: Client) -> None:
    options = {
        "option-public_ip": "no",
        "option-address": "private",
        "option-security_groups": "sg-1, sg-2",
        "option-disk_gib": "100",
    }
    admin.post("/accounts/new/?kind=amazon", once(**AMAZON, **options))
    account = Account.objects.get(name="aws")
    assert account.options == {
        "public_ip": False,
        "address": "private",
        "security_groups": "sg-1, sg-2",
        "disk_gib": 100,
    }
    account.options["security_groups"] = ["sg-1", "sg-2"]  # as the API may write it
    save_account(account)
    path = "/accounts/aws/change/"
    admin.post(path, reload_form(admin, path, **{"option-disk_gib": ""}))
    assert Account.objects.get(name="aws").options == {
        "public_ip": False,
        "address": "private",
        "security_groups": "sg-1, sg-2",
    }
    assert ">no<" in admin.get("/accounts/aws/").content.decode()
