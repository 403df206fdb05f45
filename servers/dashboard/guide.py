"""The guide: docs/*.md as pages, so that other pages can link to it."""

import re
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.generic import TemplateView
from markdown_it import MarkdownIt
from markdown_it.token import Token

from servers.dashboard.shared.access import Page

# The first tabs, in order. The other files follow by name.
FIRST: Final = ("guide", "glossary", "api", "settings", "deploy", "alerts")
# For developers, not for users.
LEFT_OUT: Final = frozenset({"benchmarks"})
# The numbers let screen readers tell the tables apart.
_REGION: Final = (
    '<div class="table" role="region" aria-label="Table {}" tabindex="0"><table>'
)
_PICTURE: Final = re.compile(r"<picture>.*?</picture>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One file: its title, its HTML, and (id, title) of each section."""

    title: str
    html: SafeString
    sections: tuple[tuple[str, str], ...]


class Guide(Page, TemplateView):
    """One chapter, with links to the others."""

    template_name = "guide/page.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Render the chapter, once per process."""
        page = self.kwargs.get("page", FIRST[0])
        if page not in list_pages():
            raise Http404(f"The guide has no page named {page[:80]!r}.")
        return super().get_context_data(**context) | {
            "page": page,
            "chapter": read_chapter(page),
            "tabs": [(name, read_chapter(name).title) for name in list_pages()],
        }


@cache
def list_pages() -> tuple[str, ...]:
    """Return the names of the files, without their extension."""
    found = {path.stem for path in _folder().glob("*.md")} - LEFT_OUT
    first = [name for name in FIRST if name in found]
    return (*first, *sorted(found.difference(first)))


@cache
def read_chapter(page: str) -> Chapter:
    """Return a chapter as HTML; ``page`` is one of ``list_pages()``."""
    text = (_folder() / f"{page}.md").read_text(encoding="utf-8")
    text = _PICTURE.sub("", text)  # screenshots of these pages
    # HTML is off: tags are shown as text.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    title, sections = page, []
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            words = _plain(tokens[index + 1])
            token.attrSet("id", make_anchor(words))
            if token.tag == "h1":
                title = words
            elif token.tag == "h2":
                sections.append((make_anchor(words), words))
        elif token.type == "inline":
            for child in token.children or ():
                if child.type == "link_open":
                    child.attrSet("href", place_link(str(child.attrGet("href"))))
        elif token.type in {"fence", "code_block"}:
            token.attrSet("tabindex", "0")
    html = parser.renderer.render(tokens, parser.options, {})
    numbers = count(1)
    html = re.sub("<table>", lambda _: _REGION.format(next(numbers)), html)
    html = html.replace("</table>", "</table></div>")
    html = html.replace("<pre><code", '<pre tabindex="0"><code')
    # Safe: the text comes from this installation's files, and every tag is escaped.
    return Chapter(title, mark_safe(html), tuple(sections))  # noqa: S308


def place_link(href: str) -> str:
    """Return a link's target among the pages, or in the source repository."""
    parts = urlsplit(href)
    if parts.scheme or parts.netloc or not parts.path:
        return href
    name = parts.path.removesuffix(".md")
    if name in list_pages():
        url = reverse("guide-page", args=[name])
        return f"{url}#{parts.fragment}" if parts.fragment else url
    path = (Path("/docs") / parts.path).as_posix().replace("/docs/../", "/")
    return f"{settings.SOURCE}/blob/main{path}"


def make_anchor(words: str) -> str:
    """Return a heading's id, as GitHub builds it."""
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def _plain(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def _folder() -> Path:
    return Path(settings.BASE_DIR) / "docs"
