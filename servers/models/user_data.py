"""The user data of a server, from what its template says."""

from typing import Final
from uuid import UUID

from servers.machine.agents.plan import AgentPlan, Runner, choose_image, plan_agent
from servers.machine.callback.tokens import Callback
from servers.machine.cloud_init.agent import build_agent
from servers.machine.cloud_init.callback import build_callback
from servers.machine.cloud_init.options import read_files
from servers.machine.cloud_init.render import UserData, render_user_data
from servers.machine.cloud_init.setup import DaemonKeys, Names, Setup
from servers.models.template import Recipe

NO_SET_UP: Final = "none"


def render_recipe(
    recipe: Recipe,
    *,
    server_id: UUID,
    names: Names,
    keys: DaemonKeys | None,
    callback: Callback | None = None,
    runner: Runner | None = None,
    own_addresses: tuple[str, ...] = (),
    hides: bool = False,
) -> UserData:
    """Return the user data of a server with these names. The recipe was checked.

    Its agent is registered as ``runner``, if it is. ``own_addresses`` are those of
    ServerFleet. With ``hides``, it has no secrets.
    """
    plan = plan_agent_of(
        recipe,
        server_id=server_id,
        name=names.server,
        capacity=names.capacity,
        runner=runner,
    )
    has_agent = recipe.has_agent
    has_docker = recipe.cloud_init != NO_SET_UP
    parts = []
    if callback is not None:
        # Without an agent, its script still tells which builds run.
        if has_docker:
            parts.append(build_agent(plan))
        parts.append(
            build_callback(callback, has_docker=has_docker, has_agent=has_agent)
        )
    return render_user_data(
        read_setup(recipe, own_addresses=own_addresses),
        names=names,
        keys=keys,
        parts=parts,
        hides=hides,
    )


def plan_agent_of(
    recipe: Recipe,
    *,
    server_id: UUID,
    name: str,
    capacity: int,
    runner: Runner | None = None,
) -> AgentPlan:
    """Return the agent of a server with this name and capacity, as its recipe says."""
    return plan_agent(
        recipe.agent_kind,
        uid=server_id.hex,
        name=name,
        capacity=capacity,
        image=recipe.agent_image,
        environment=recipe.agent_environment,
        build_labels=recipe.build_labels,
        runner=runner,
    )


def read_setup(recipe: Recipe, *, own_addresses: tuple[str, ...] = ()) -> Setup:
    """Return what a checked recipe sets up, as plain values."""
    agent_image = choose_image(recipe.agent_kind, recipe.agent_image)
    images = [*recipe.pull_images, *([agent_image] if agent_image else [])]
    return Setup(
        kind=recipe.cloud_init,
        registry_mirrors=tuple(recipe.registry_mirrors),
        insecure_registries=tuple(recipe.insecure_registries),
        daemon_json=recipe.daemon_json,
        local_disk=recipe.local_disk,
        pull_images=tuple(dict.fromkeys(images)),
        prune_hours=recipe.prune_hours,
        ssh_keys=tuple(recipe.ssh_keys),
        files=read_files(recipe.files),
        commands=recipe.commands,
        user_data=recipe.user_data,
        own_addresses=own_addresses,
    )
