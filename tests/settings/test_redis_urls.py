"""Each spelling of a Redis URL means the same server to Celery and to the cache."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.cache.backends.redis import RedisCache
from django.core.exceptions import ImproperlyConfigured
from kombu import Connection
from kombu.utils import url as kombu_url
from redis import Redis
from redis import connection as redis_connection

from serverfleet.redis_url import is_redis, parse_redis_url
from serverfleet.run.up import find_broker
from servers.drill.service import free_port, wait_for

pytestmark = pytest.mark.pure

parse_for_celery = cast("Any", kombu_url.parse_url)
parse_for_cache = cast("Any", redis_connection.parse_url)
PASSWORD = "p@ss/w:rd%"
QUOTED = "p%40ss%2Fw%3Ard%25"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, Path]]:
    """A real server with a password, at a port and at a socket."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="sfr-", dir="/tmp") as folder:
        path = Path(folder) / "redis.sock"
        process = subprocess.Popen(
            [find_broker(), "--port", str(port), "--unixsocket", str(path),
             "--requirepass", PASSWORD, "--save", "", "--dir", folder,
             "--loglevel", "warning"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(path.exists, 10)
            yield port, path
        finally:
            process.terminate()
            process.wait(10)


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("redis://:{password}@127.0.0.1:{port}", 0),
        ("redis://:{password}@127.0.0.1:{port}/", 0),
        ("redis://:{password}@127.0.0.1:{port}/3", 3),
        ("redis://default:{password}@localhost:{port}/3", 3),
        ("redis://:{password}@127.0.0.1:{port}?db=3", 3),
        ("redis://127.0.0.1:{port}/3?password={password}", 3),
        ("redis://127.0.0.1:{port}?virtual_host=3&password={password}", 3),
        ("unix://:{password}@{path}", 0),
        ("unix://:{password}@{path}?db=3", 3),
        ("unix://default:{password}@{path}?virtual_host=3", 3),
        ("unix://{path}?db=3&password={password}", 3),
        ("redis+socket://:{password}@{path}", 0),
        ("redis+socket://:{password}@{path}?virtual_host=3", 3),
        ("redis+socket://:{password}@{path}?db=3", 3),
        ("redis+socket://{path}?virtual_host=3&password={password}", 3),
    ],
)
def test_both_libraries_reach_the_same_database(
    server: tuple[int, Path], url: str, database: int
) -> None:
    port, path = server
    written = url.format(password=QUOTED, port=port, path=path)
    parsed = parse_redis_url(written, name="REDIS_URL")
    cache = RedisCache(parsed.for_cache, {"KEY_PREFIX": "x"})
    cache.set("spelling", written)
    with Connection(parsed.for_celery) as connection:
        channel: Any = connection.default_channel
        client = channel.client
        assert client.get("x:1:spelling")
        assert client.connection_pool.connection_kwargs["db"] == database
    with Redis(port=port, password=PASSWORD, db=database) as plain:
        assert plain.delete("x:1:spelling") == 1


def test_tls_is_checked_by_both_unless_it_is_said_otherwise() -> None:
    parsed = parse_redis_url("rediss://:x@cache.example.com/2", name="REDIS_URL")
    for_cache = parse_for_cache(parsed.for_cache)
    assert (for_cache["host"], for_cache["db"]) == ("cache.example.com", 2)
    assert for_cache["ssl_cert_reqs"] == "required"
    assert (
        parse_for_celery(parsed.for_celery)["ssl"]["ssl_cert_reqs"].name
        == "CERT_REQUIRED"
    )
    for spelling in ("none", "CERT_NONE"):
        parsed = parse_redis_url(
            f"rediss://h?ssl_cert_reqs={spelling}&ssl_ca_certs=/etc/ca.pem",
            name="REDIS_URL",
        )
        assert parse_for_cache(parsed.for_cache)["ssl_cert_reqs"] == "none"
        told = parse_for_celery(parsed.for_celery)["ssl"]
        assert told["ssl_cert_reqs"].name == "CERT_NONE"
        assert told["ssl_ca_certs"] == "/etc/ca.pem"


def test_an_ipv6_address_keeps_its_brackets() -> None:
    parsed = parse_redis_url("redis://[::1]:6380/1", name="REDIS_URL")
    assert parsed.for_cache == parsed.for_celery == "redis://[::1]:6380/1"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sentinel://h:26379/0", "Sentinel"),
        ("redis+sentinel://h/0", "Sentinel"),
        ("redis+cluster://h", "cluster"),
        ("http://needle@h", "must look like"),
        ("redis", "must look like"),
        ("unix://", "must look like"),
        ("redis+socket:///", "must look like"),
        ("redis://h:port", "must look like"),
        ("redis://h:99999", "must look like"),
        ("redis://[::1", "must look like"),
        ("redis://:needle@h/x", "must be a number"),
        ("redis://:needle@h?db=-1", "must be a number"),
        ("redis://:needle@h?socket_timeout=5", "socket_timeout"),
        ("unix:///run/redis.sock?ssl_cert_reqs=none", "ssl_cert_reqs"),
        ("redis://h?ssl_cert_reqs=none", "Use rediss://"),
        ("rediss://h?ssl_cert_reqs=maybe", "none, optional or required"),
    ],
)
def test_anything_else_is_one_sentence(url: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        parse_redis_url(url, name="REDIS_URL")
    text = str(raised.value)
    assert said in text
    assert "REDIS_URL" in text
    assert "needle" not in text
    assert "\n" not in text


def test_other_brokers_are_left_to_celery() -> None:
    for url in ("amqp://guest@h//", "sentinel://h", "sqs://", "memory://", ""):
        assert not is_redis(url)
