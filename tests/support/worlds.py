"""What happens in a sandbox's world without ServerFleet."""

import secrets

from servers.clouds.base import KEY_TAG
from servers.clouds.sandbox.world import World


def vanish(world: World, instance_id: str, now: float) -> None:
    """Remove an instance as if the cloud had lost it."""
    _set(world, instance_id, gone_at=now, forgotten_at=now)


def turn(world: World, instance_id: str, status: str, now: float) -> None:
    """Make an instance ``failed`` or ``stopped`` from now on."""
    _set(world, instance_id, **{f"{status}_at": now})


def _set(world: World, instance_id: str, **columns: float) -> None:
    with world.writing() as connection:
        assert world.update(connection, columns, "id = ?", (instance_id,))


def set_identity(world: World, identity: str) -> None:
    """Change the account's identity."""
    with world.writing() as connection:
        connection.execute(
            "UPDATE facts SET value = ? WHERE name = 'identity'", (identity,)
        )


def add_instance(
    world: World,
    *,
    region: str,
    tags: dict[str, str],
    now: float,
    name: str = "foreign",
) -> str:
    """Add an instance that this fleet did not create, and return its id."""
    instance_id = f"sb-{secrets.token_hex(6)}"
    with world.writing() as connection:
        world.insert(
            connection,
            id=instance_id,
            region=region,
            name=name,
            image="foreign",
            size="small",
            tags=tags,
            key=tags.get(KEY_TAG, ""),
            sent_at=now,
            made_at=now,
            visible_at=now,
            active_at=now,
        )
    return instance_id
