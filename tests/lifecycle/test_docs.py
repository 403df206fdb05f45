"""The README and the docs name only what exists."""

import re
from pathlib import Path

from servers.clouds.amazon.errors import MEANINGS
from servers.clouds.amazon.options import OPTIONS

ROOT = Path(__file__).resolve().parents[2]
# Each kind of cloud has its guide page in its own folder.
PAGES = [
    ROOT / "README.md",
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "servers").rglob("*.md"),
]
TARGETS = re.compile(
    r"\]\((?!http)([^)#]+)|(?:src|srcset)=\"(?!http)([^\"]+)", re.MULTILINE
)
ANCHORS = re.compile(r"\]\((?!http)([^)#]*)#([^)]+)\)")


def test_every_link_in_the_docs_leads_to_a_file() -> None:
    for page in PAGES:
        for target in TARGETS.findall(page.read_text()):
            assert (page.parent / "".join(target)).exists(), (page.name, target)


def test_every_link_to_a_heading_leads_to_one() -> None:
    for page in PAGES:
        for path, anchor in ANCHORS.findall(page.read_text()):
            there = (page.parent / path).resolve() if path else page
            assert anchor in list_anchors(there.read_text()), (page.name, path, anchor)


def list_anchors(text: str) -> set[str]:
    """Return the anchors that headings get."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    words = (re.sub(r"[^\w -]", "", head.lower()) for head in heads)
    return {word.replace(" ", "-") for word in words}


def test_every_picture_is_shown_on_a_page() -> None:
    pages = (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    text = "".join(page.read_text() for page in pages)
    kept = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    assert kept == set(re.findall(r"images/([\w-]+\.png)", text))


def test_the_guide_names_every_right_that_ec2_requires() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text()
    sources = (ROOT / "servers" / "clouds" / "amazon").glob("*.py")
    calls = {
        call
        for source in sources
        for call in re.findall(r'"Action": "(\w+)"', source.read_text())
    }
    assert {"RunInstances", "TerminateInstances", "DeleteVolume"} <= calls
    # RunInstances with tags needs an additional right.
    named = set(re.findall(r'"ec2:(\w+)"(?!:)', guide))
    # STS is called only if a role signs; its permission comes from the role's trust.
    assumed = {call for call in calls if call.startswith("AssumeRole")}
    assert named == calls - assumed | {"CreateTags"}
    assert assumed
    assert "`sts:AssumeRole`" in guide


def test_the_guide_page_of_ec2_has_every_option_code_and_action() -> None:
    page = (ROOT / "servers" / "clouds" / "amazon" / "guide.md").read_text()
    known = {option.name for option in OPTIONS}
    options = page.partition("## Options")[2].partition("## RunInstances")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", options, re.MULTILINE)) == known
    named = set(re.findall(r"`([A-Za-z0-9.]+)`", page))
    assert {code for codes in MEANINGS.values() for code in codes} <= named
    source = "".join(
        path.read_text()
        for path in (ROOT / "servers" / "clouds" / "amazon").glob("*.py")
    )
    for call in set(re.findall(r'"Action": "(\w+)"', source)):
        assert call in page, call
