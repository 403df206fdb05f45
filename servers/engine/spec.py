"""What a create call sends: the spec of an attempt, as its key and template say."""

from django.conf import settings

from servers.clouds.base import CreateSpec
from servers.lifecycle.keys import Key
from servers.lifecycle.snapshot import Placement
from servers.machine.agents.plan import Runner
from servers.machine.callback.tokens import Callback, make_token
from servers.machine.certificates import Keys
from servers.machine.cloud_init.setup import Names
from servers.models import Server
from servers.models.user_data import render_recipe


def prepare_callback(server: Server) -> Callback | None:
    """Return a new token for the next attempt, if its instance calls back.

    It works only once ``write_intent`` has stored its digest.
    """
    if not server.recipe.calls_back:
        return None
    return Callback(settings.PUBLIC_URL, make_token(), settings.PUBLIC_CA)


def render_spec(
    server: Server,
    placement: Placement,
    key: Key,
    *,
    token: str,
    keys: Keys | None = None,
    callback: Callback | None = None,
    runner: Runner | None = None,
    image: str = "",
) -> CreateSpec:
    """Return the create call of an attempt with this key.

    ``image`` is what the placement's rule for images means, if it has one. ``keys`` are
    the server's, and ``callback`` is what its instance calls back with, if the template
    needs them. ``runner`` is as what its agent is registered, if it is.
    """
    user_data = render_recipe(
        server.recipe,
        server_id=server.pk,
        names=Names(
            server=server.name,
            fleet=key.fleet,
            template=server.recipe.template_name,
            region=placement.region,
            size=placement.size,
            capacity=server.capacity,
        ),
        keys=keys,
        callback=callback,
        runner=runner,
        own_addresses=settings.OWN_ADDRESSES,
    )
    return CreateSpec(
        key=str(key),
        token=token,
        fleet=key.fleet,
        server_id=server.pk.hex,
        name=server.name,
        image=image or placement.image,
        size=placement.size,
        user_data=user_data.text,
        compresses=user_data.compresses,
        ssh_key=placement.ssh_key,
        labels=server.labels,
        options=placement.options,
        spot=placement.spot,
    )
