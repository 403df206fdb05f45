"""A database from before locations had health and instances one owner still works."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from servers.records.ledger import database_now
from tests.support.upgrade import go_back, upgrade

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old() -> Iterator[Any]:
    yield from go_back("0025_saved_views")


def add_trigger() -> None:
    """As in an installation: SQLite can't drop a column that a trigger names."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                'CREATE TRIGGER "stamp_old" AFTER UPDATE ON servers_account '
                "WHEN OLD.health IS NOT NEW.health BEGIN SELECT 1; END"
            )


def test_instances_recorded_by_two_accounts_are_merged(old: Any) -> None:
    model = old.get_model
    model("servers", "Fleet").objects.create(
        fleet_id="ci", fingerprint="f", key_check=""
    )
    now = database_now()
    one, two, other = (
        model("servers", "Account").objects.create(
            name=name, kind="amazon", identity=identity, credentials="", health=health,
            health_note="Its words.", health_since=now,
        )
        for name, identity, health in (
            ("one", "123", "refused"), ("two", "123", "ok"), ("other", "456", "ok"),
        )
    )  # fmt: skip
    for account, failures in ((one, 3), (two, 0), (other, 0)):
        model("servers", "Scope").objects.create(
            account=account, region="eu", failures=failures, compared_at=now
        )
    attempt = model("servers", "Attempt").objects.create(
        server_uid="0" * 32, server_name="x", number=1, account=two, region="eu",
        key="ci-k", token="t", asked_at=now, lease_end=now,
    )  # fmt: skip
    for account in (one, two):
        for instance_id, key in (("i-1", "ci-k"), ("i-2", "")):
            model("servers", "Instance").objects.create(
                account=account, region="eu", instance_id=instance_id, key=key,
                attempt=attempt if account == one and key else None, first_seen=now,
                condemned_at=now if account == two and not key else None,
                verdict="unexplained",
            )  # fmt: skip
        model("servers", "Leftover").objects.create(
            account=account, region="eu", resource_id="v", kind="volume", first_seen=now
        )
    model("servers", "Instance").objects.create(
        account=other, region="eu", instance_id="i-1", first_seen=now
    )

    add_trigger()
    new = upgrade()
    rows = new.get_model("servers", "Instance").objects
    by_attempt = rows.get(identity="amazon:123", instance_id="i-1")
    assert (by_attempt.account.name, by_attempt.attempt_id) == ("two", attempt.pk)
    unexplained = rows.get(identity="amazon:123", instance_id="i-2")
    assert unexplained.account.name == "one"  # the oldest enabled
    assert unexplained.condemned_at is not None  # and that stays
    assert rows.get(identity="amazon:456").account.name == "other"
    assert new.get_model("servers", "Leftover").objects.get().account.name == "one"
    locations = new.get_model("servers", "Location").objects
    health = dict(locations.values_list("account__name", "health"))
    assert health == {"one": "refused", "two": "ok", "other": "ok"}
    for name in ("Instance", "Leftover", "Attempt", "Location", "Account", "Fleet"):
        new.get_model("servers", name).objects.all().delete()


@pytest.mark.pure
def test_no_migration_depends_on_the_squashed_one() -> None:
    """Databases from before it have only the single ones. makemigrations names it."""
    loader = MigrationLoader(None, replace_migrations=False)
    squashed = {key for key, each in loader.disk_migrations.items() if each.replaces}
    assert squashed
    for key, migration in loader.disk_migrations.items():
        assert not squashed.intersection(migration.dependencies), key


@pytest.mark.pure
def test_the_squashed_migration_creates_what_the_replaced_ones_created() -> None:
    squashed, single = (
        MigrationLoader(None, replace_migrations=replaced).project_state()
        for replaced in (True, False)
    )
    assert set(squashed.models) == set(single.models)
    for key in squashed.models:
        if key[0] != "servers":
            continue
        one, other = squashed.models[key], single.models[key]
        assert describe_fields(one) == describe_fields(other), key
        assert describe_options(one) == describe_options(other), key


def describe_fields(model: Any) -> dict[str, Any]:
    return {name: field.deconstruct()[1:] for name, field in model.fields.items()}


def describe_options(model: Any) -> dict[str, Any]:
    lists = ("indexes", "constraints")
    named = {
        kind: {each.name: each.deconstruct() for each in model.options.get(kind, ())}
        for kind in lists
    }
    rest = {
        name: value
        for name, value in model.options.items()
        if name not in (*lists, "unique_together", "index_together")
    }
    return {**rest, **named}
