"""The shell and the mechanics that all pages share, in a real Chromium."""

from collections.abc import Callable
from typing import Any

import pytest

from servers.models import Server, Session
from servers.operations.change import Change, change_server
from servers.operations.fleet import pause_fleet
from tests.support.browser import check_looks, poll_now
from tests.support.fleet import make_fleet, provision
from tests.support.people import make_person, session_cookie

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]

LONG_NAME = "a-name-of-sixty-three-characters-" + "x" * 30


@pytest.fixture(autouse=True)
def fleet(transactional_db: None, workshop: Any) -> None:
    make_fleet()


def make_long_server() -> Server:
    labels = {f"label-number-{number}": "v" * 60 for number in range(50)}
    server = provision(name=LONG_NAME, labels=labels)
    Server.objects.filter(pk=server.pk).update(error="a very long error " * 220)
    return server


@pytest.mark.parametrize(
    "path", ["/", "/servers/", "/servers/new/", f"/servers/{LONG_NAME}/", "/leaks/"]
)
def test_pages_are_accessible_in_every_look_and_hold_long_words(
    visit: Visit, path: str
) -> None:
    make_long_server()
    pause_fleet(note="maintenance " * 20)
    page = visit("admin")
    page.goto(path)
    check_looks(page)


def test_the_log_in_is_accessible_and_leads_back(visit: Visit) -> None:
    make_person("root", name="ada").set_password("x")
    page = visit("")
    page.goto("/servers/?state=running")
    assert "/login/?next=/servers/%3Fstate%3Drunning" in page.url
    check_looks(page)


OLD = """
<p id="said">before</p>
<input id="typed" value="a"><input id="ticked" type="checkbox"><input value="same">
<textarea id="text">a</textarea>
<select id="chosen"><option selected>a</option><option>b</option></select>
<details id="opened"><summary>s</summary><span>1</span></details>
<ul><li id="one"><button>1</button></li><li id="two"><button>2</button></li>
<li id="three"><button id="held">3</button></li></ul>
<div data-keep><b>mine</b></div>
"""
FRESH = """
<div class="new">a new line above</div>
<p id="said">after <b>all</b></p>
<input id="typed" value="b"><input id="ticked" type="checkbox"><input value="other">
<textarea id="text">b</textarea>
<select id="chosen"><option>a</option><option>b</option><option selected>c</option>
</select>
<details id="opened"><summary>s</summary><span>2</span></details>
<ul><li id="four"><button>4</button></li><li id="three"><button id="held">3!</button>
</li><li id="one"><button>1</button></li></ul>
<div data-keep><b>theirs</b></div>
"""


def test_a_refresh_keeps_what_a_person_did_and_shows_all_that_is_new(
    visit: Visit,
) -> None:
    page = visit("admin")
    page.goto("/servers/")
    page.evaluate("html => (document.querySelector('main').innerHTML = html)", OLD)
    page.locator("#typed").fill("half a wo")
    page.locator("#text").fill("half a sent")
    page.locator("#ticked").check()
    page.locator("#chosen").select_option("b")
    page.locator("#opened").click()
    page.locator("#held").focus()
    page.evaluate("window.nodes = ['one', 'three', 'held'].map(id => window[id])")
    page.evaluate(
        """html => {
          const fresh = document.createElement("main");
          fresh.id = "main";
          fresh.tabIndex = -1;
          fresh.innerHTML = html;
          fleet.morph(document.querySelector("main"), fresh);
        }""",
        FRESH,
    )
    assert page.locator("#typed").input_value() == "half a wo"
    assert page.locator("#text").input_value() == "half a sent"
    assert page.locator("#ticked").is_checked()
    assert page.locator("#chosen").input_value() == "b"
    assert page.locator("#opened").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.id") == "held"
    assert page.evaluate("nodes.every(node => node.isConnected)")
    words = page.locator("main").inner_text().split()
    assert [word for word in words if word not in {"a", "b", "c"}] == (
        ["new", "line", "above", "after", "all", "s", "2", "4", "3!", "1", "mine"]
    )
    assert page.locator("main > input").nth(2).input_value() == "other"
    order = page.evaluate("[...document.querySelectorAll('main li')].map(li => li.id)")
    assert order == ["four", "three", "one"]


def test_a_button_keeps_focus_and_a_text_its_selection_over_changes(
    visit: Visit,
) -> None:
    provision(name="one")
    page = visit("admin")
    page.goto("/servers/one/")
    page.get_by_role("link", name="Terminate…").focus()
    page.evaluate("window.node = document.activeElement")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
    for number in range(5):
        change_server("one", Change(labels={"round": str(number)}))
        assert poll_now(page) == 200
        page.get_by_text(f"round={number}", exact=True).wait_for()
        assert page.evaluate("document.activeElement === node && node.isConnected")
        assert "one" in page.evaluate("getSelection().toString()")


def test_an_unchanged_page_costs_a_304_and_a_hidden_tab_nothing(visit: Visit) -> None:
    provision(name="one")
    page = visit("admin")
    page.goto("/servers/")
    assert poll_now(page) == 304
    change_server("one", Change(labels={"a": "b"}))
    assert poll_now(page) == 200
    assert poll_now(page) == 304
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url))
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true})"
    )
    page.evaluate("document.dispatchEvent(new Event('fleet:poll'))")
    page.wait_for_timeout(200)
    assert polls == []
    page.evaluate("delete document.hidden")
    with page.expect_response("**/servers/"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_lost_connection_says_so_and_recovers(visit: Visit, watch: Any) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")
    page = visit("admin")
    page.goto("/servers/")
    page.context.set_offline(True)
    page.evaluate("document.dispatchEvent(new Event('fleet:poll'))")
    page.get_by_text("Connection lost. Trying again in").wait_for()
    page.context.set_offline(False)  # the browser tells the page, which looks at once
    page.get_by_text("Connection lost.").wait_for(state="detached")


def test_a_session_that_ended_leads_to_the_log_in_and_back(visit: Visit) -> None:
    user = make_person("admin")
    page = visit(user=user)
    page.goto("/servers/?state=running")
    Session.objects.all().delete()
    page.evaluate("document.dispatchEvent(new Event('fleet:poll'))")
    page.wait_for_url(lambda url: url.endswith("?next=/servers/%3Fstate%3Drunning"))
    # With something typed, it is the person who decides to leave.
    root = page.url.partition("/login/")[0]
    cookie = {"name": "sessionid", "url": root, "value": session_cookie(user)}
    page.context.add_cookies([cookie])
    page.goto("/servers/")
    page.get_by_label("Search").fill("half a wo")
    Session.objects.all().delete()
    page.evaluate("document.dispatchEvent(new Event('fleet:poll'))")
    page.get_by_text("Your session has ended").wait_for()
    assert page.get_by_label("Search").input_value() == "half a wo"


def test_terminate_asks_in_a_dialog_and_works_without_javascript(
    visit: Visit, workshop: Any
) -> None:
    one, two = provision(name="one"), provision(name="two")
    workshop.run_to("running", one, two)
    user = make_person("operator")
    page = visit(user=user)
    page.goto("/servers/one/")
    page.get_by_role("link", name="Terminate…").press("Enter")
    dialog = page.get_by_role("dialog", name="Terminate one?")
    dialog.wait_for()
    check_looks(page)
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "act-terminate"
    page.keyboard.press("Enter")
    dialog.get_by_label("Type its name").fill("one")
    dialog.get_by_role("button", name="Terminate").click()
    page.get_by_text("Terminating one.").wait_for()
    plain = visit(user=user, java_script_enabled=False)
    plain.goto("/servers/two/")
    plain.get_by_role("link", name="Terminate…").click()
    plain.get_by_label("Type its name").fill("two")
    plain.get_by_role("button", name="Terminate").click()
    plain.get_by_text("Terminating two.").wait_for()
    assert set(Server.objects.values_list("want", flat=True)) == {"gone"}


def test_shortcuts_lead_on_and_can_be_switched_off(visit: Visit) -> None:
    page = visit("admin")
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/servers/")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("gs?")
    assert page.get_by_label("Search").input_value() == "gs?"
    page.get_by_role("heading", name="Servers", exact=True).click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    page.get_by_label("Use these shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == ""


def test_a_text_is_copied_with_a_click(visit: Visit, workshop: Any) -> None:
    server = provision(name="one")
    workshop.run_to("running", server)
    page = visit("viewer", permissions=["clipboard-read", "clipboard-write"])
    page.goto("/servers/one/")
    page.get_by_role("button", name="Copy the address").click()
    page.get_by_text(f"Copied {server.address}").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == server.address


def test_who_paused_is_on_every_page_with_a_button_by_right(visit: Visit) -> None:
    pause_fleet(note="night")
    page = visit("viewer")
    page.goto("/servers/")
    page.get_by_text("The pause flag is set: night").wait_for()
    assert page.get_by_role("button", name="Clear pause flag").count() == 0
    admin = visit("admin")
    admin.goto("/servers/?state=running")
    admin.get_by_role("button", name="Clear pause flag").click()
    admin.wait_for_url(lambda url: url.endswith("/servers/?state=running"))
    assert admin.get_by_text("is paused").count() == 0


def test_log_out_everywhere_ends_every_session(visit: Visit) -> None:
    user = make_person("viewer")
    page, other = visit(user=user), visit(user=user)
    other.goto("/servers/")
    page.goto("/servers/")
    page.get_by_text("viewer").click()
    page.get_by_role("button", name="Log out everywhere").click()
    page.get_by_text("You are logged out everywhere.").wait_for()
    other.goto("/servers/")
    assert "/login/" in other.url
