"""The guide as pages: every link into it leads somewhere, and nothing in it runs."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from servers.dashboard.guide import list_pages, place_link, read_chapter
from tests.support.fleet import Workshop, make_fleet
from tests.support.people import log_in, make_person

TEMPLATES = Path(settings.BASE_DIR) / "templates"


def list_anchors(page: str) -> set[str]:
    return set(re.findall(r'id="([^"]+)"', read_chapter(page).html))


@pytest.mark.pure
def test_every_link_of_a_page_into_the_guide_leads_to_a_heading() -> None:
    found = [
        place
        for path in TEMPLATES.rglob("*.html")
        for place in re.findall(r'{% guide "([^"]+)"', path.read_text())
    ]
    assert len(found) >= 8
    for place in found:
        page, _, section = place.partition("#")
        assert section in list_anchors(page), place


@pytest.mark.pure
def test_links_among_the_chapters_lead_to_pages_and_headings() -> None:
    seen = 0
    for page in list_pages():
        for href in re.findall(r'href="([^"]+)"', read_chapter(page).html):
            parts = urlsplit(href)
            if parts.netloc:
                continue
            name = parts.path.removeprefix("/guide/").strip("/") or page
            assert name in list_pages(), (page, href)
            if parts.fragment:
                assert parts.fragment in list_anchors(name), (page, href)
            seen += 1
    assert seen > 20
    assert place_link("../README.md") == f"{settings.SOURCE}/blob/main/README.md"
    assert place_link("alerts.rules.yml").endswith("/docs/alerts.rules.yml")


@pytest.mark.django_db(transaction=True)
def test_a_chapter_is_a_page_for_everybody_who_is_signed_in(workshop: Workshop) -> None:
    make_fleet()
    viewer = log_in(make_person("viewer"))
    for page in list_pages():
        text = viewer.get(f"/guide/{page}/").content.decode()
        assert "<h1" in text
        assert "&lt;picture" not in text
        assert "<script>" not in text
    first = viewer.get("/guide/").context["chapter"]
    assert first == viewer.get("/guide/guide/").context["chapter"]
    for page in ("none", "benchmarks", "..%2FREADME", "%00"):
        assert viewer.get(f"/guide/{page}/").status_code == 404
    assert Client().get("/guide/").status_code == 302
