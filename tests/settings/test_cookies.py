"""Under HTTPS the cookies are those of this host alone."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = (
    "from django.conf import settings as s; "
    "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, "
    "s.SESSION_COOKIE_PATH, s.SESSION_COOKIE_DOMAIN, s.PROXY_COUNT)"
)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("https", "printed"),
    [
        ("1", "__Host-sessionid __Host-csrftoken True / None 1"),
        ("0", "sessionid csrftoken False / None 0"),
    ],
)
def test_under_https_cookies_belong_to_this_host_alone(
    tmp_path: Path, https: str, printed: str
) -> None:
    keys = [sys.executable, "-m", "serverfleet.run.data_folder", str(tmp_path)]
    subprocess.run(keys, cwd=ROOT, check=True)
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", CODE],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "SERVERFLEET_DATA": str(tmp_path),
            "SERVERFLEET_HTTPS": https,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == printed
