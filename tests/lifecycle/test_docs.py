"""The README and the docs name what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = re.compile(r'(?:read_\w+|_read_key)\(\s*"([A-Z_]+)"')


def test_the_readme_lists_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    sources = [ROOT / "serverfleet" / name for name in ("settings.py", "firststart.py")]
    found = {name for path in sources for name in NAMES.findall(path.read_text())}
    assert len(found) > 20
    internal = {"LIBCLOUD_RETRY_FAILED_HTTP_REQUESTS", "SERVERFLEET_COMMIT"}
    missing = {name for name in found - internal if f"`{name}`" not in readme}
    assert not missing, missing


def test_every_link_in_the_docs_leads_to_a_file() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
