"""Store what a file of variables means: all of it, or nothing."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from servers.errors import ConflictError
from servers.models import Account, Pool, Queue, Template, TemplatePlacement
from servers.operations.accounts import save_account
from servers.operations.drone_import.translate import Translation
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from servers.operations.templates import save_template


def save_translation(found: Translation) -> Pool:
    """Create the account, the template, the queue and the pool, which is dry.

    No cloud and no CI is called. Raises InvalidError or ConflictError, and then stores
    nothing.
    """
    name = found.pool["name"]
    with transaction.atomic():
        for model in (Account, Template, Queue, Pool):
            if model.objects.filter(name=name).exists():
                what = model._meta.verbose_name
                raise ConflictError(
                    f"{name} is already the name of another {what}. Choose a --name."
                )
        account = save_account(Account(**found.account), credentials=found.credentials)
        template = Template(**_encode(found.template))
        placements = [
            TemplatePlacement(account=account, **each) for each in found.placements
        ]
        save_template(template, placements)
        queue = save_queue(Queue(**found.queue), credentials=found.queue_credentials)
        return save_pool(Pool(template=template, queue=queue, **found.pool))


def _encode(fields: Mapping[str, Any]) -> dict[str, Any]:
    environment = json.dumps(fields["agent_environment"], sort_keys=True)
    return {**fields, "agent_environment": environment}
