"""Responses with keys are cached neither by browsers nor by proxies."""

import pickle
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.cache.backends.redis import RedisCache

from serverfleet.broker import CACHE_OPTIONS
from serverfleet.run.up import find_broker
from tests.api.conftest import Call
from tests.support.crawl import list_paths, make_everything
from tests.support.fleet import provision
from tests.support.people import log_in, make_person

KEYED = {
    *("servers-csv", "servers-json", "certificate-file", "new-token", "new-person"),
    *("new-template", "change-template", "change-account", "own-password"),
    *("confirm-password", "reset-person"),
}


@pytest.mark.django_db(transaction=True)
def test_lists_with_keys_are_not_stored_and_others_are_revalidated(call: Call) -> None:
    provision(name="one")
    for path in ("/api/servers", "/api/servers/one", "/api/servers?state=pending"):
        keyed = call("GET", path)
        assert keyed["Cache-Control"] == "no-store", path
        known = call("GET", path, headers={"if-none-match": keyed["ETag"]})
        assert (known.status_code, known["Cache-Control"]) == (304, "no-store")
        plain = call("GET", path, scopes=["servers:read"])
        assert plain["Cache-Control"] == "private, no-cache"
    assert call("POST", "/api/servers")["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_forms_and_files_with_keys_are_not_stored(workshop: Any) -> None:
    make_everything()
    root = log_in(make_person("root"))
    paths = list_paths()
    for name in sorted(KEYED):
        answer = root.get(paths[name])
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store"), name
    assert root.get("/accounts/new/?kind=amazon")["Cache-Control"] == "no-store"


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_writing_to_the_cache_can_t_run_code(tmp_path: Path) -> None:
    """Test with a real broker, as an installation has it."""
    path = tmp_path / "s"
    with subprocess.Popen(
        [find_broker(), "--port", "0", "--unixsocket", str(path), "--save", ""],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    ) as broker:
        try:
            ends = time.monotonic() + 20
            while not path.exists() and time.monotonic() < ends:
                time.sleep(0.02)
            # The tests' own cache is another; this is what the settings say.
            options = dict(CACHE_OPTIONS)
            cache = RedisCache(f"unix://{path}", {"OPTIONS": options})
            assert cache.add("n", 3)
            assert not cache.add("n", 5)
            assert (cache.incr("n", 4), cache.decr("n", 2), cache.get("n")) == (7, 5, 5)
            bomb = tmp_path / "exploded"
            raw = cache._cache.get_client(None, write=True)
            raw.set(cache.make_key("n"), pickle.dumps(Bomb(bomb)))
            assert cache.get("n") == 0
            assert not bomb.exists()
            with pytest.raises(TypeError, match="can only store integers"):
                cache.set("n", Bomb(bomb))
            cache.close()
        finally:
            broker.kill()
