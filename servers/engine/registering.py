"""Register the agent of a server at its pool's CI, just before its create call.

The runner's name is the attempt's key. The intent is committed before the CI is asked,
and the create call is sent after it has answered. So whoever dies in between leaves an
attempt without an instance, and a runner whose name says of which attempt it is: the
next attempt has another name, and pools/runners.py removes what is left over. For the
same reason a call that got no answer is never repeated, and nothing is sent to the
cloud after it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from servers.clouds.base import CreateSpec
from servers.engine import uptime
from servers.errors import FleetError
from servers.machine.agents.plan import Runner
from servers.models import Attempt, Pool, Queue, Server
from servers.outgoing.errors import CallError
from servers.placing.queue_gate import calling
from servers.placing.queues import open_registrar_of
from servers.placing.registrations import explain_unregistered, find_registers
from servers.queues.base import Labels
from servers.queues.registrars import Registered
from servers.queues.registry import describe_queue_kind, is_registrable
from servers.records.registrations import record_registered

# A CI that takes longer holds up a thread and a call slot of the account.
MOST_SECONDS: Final = 10.0


class RegistrationError(CallError):
    """No CI registered the agent. Nothing was sent to the cloud, which did no wrong.

    There may be a runner nevertheless.
    """


@dataclass(frozen=True, slots=True)
class Plan:
    """Which queue's CI is asked, and for which labels of its pool.

    ``problem`` is why the agent can't do without and nobody can be asked, or "".
    Without either, the agent is started as its template says.
    """

    queue: Queue | None = None
    labels: Labels = field(default_factory=dict)
    problem: str = ""


def plan_registration(server: Server) -> Plan:
    """Return how the agent of a server's next attempt is registered.

    At most one query, and none if no CI registers such agents.
    """
    if not is_registrable(server.recipe.agent_kind):
        return Plan()
    pool = None
    if server.pool_id is not None:
        pools = Pool.objects.select_related("queue")
        pool = pools.filter(pk=server.pool_id).first()
    queue = pool.queue if pool else None
    try:
        if wrong := explain_unregistered(server.recipe, queue):
            return Plan(problem=wrong)
        if pool is None or find_registers(server.recipe, pool.queue) is None:
            return Plan()
    except FleetError as error:  # such as a kind that is no longer there
        return Plan(problem=error.message)
    if not pool.queue.enabled:
        problem = (
            f"The queue {queue} is disabled, so it registers no agents. Enable it, or "
            "terminate the server."
        )
        return Plan(problem=problem)
    return Plan(pool.queue, pool.labels)


def complete_spec(
    plan: Plan,
    attempt: Attempt,
    spec: CreateSpec,
    render: Callable[..., CreateSpec],
    *,
    keeps: bool,
    send_before: float,
) -> CreateSpec:
    """Return an attempt's create call with what its CI has given for it.

    That is recorded first. ``render`` returns the call for a ``runner``, and with
    ``keeps`` the attempt keeps it. If no CI is asked, or it is later than
    ``send_before``, an uptime in seconds, the call is ``spec``. Raises
    RegistrationError.
    """
    if plan.problem:
        raise RegistrationError(plan.problem)
    left = send_before - uptime.read()
    if plan.queue is None or left <= 0:
        return spec
    given = _register(plan.queue, plan.labels, attempt, seconds=left)
    completed = render(runner=Runner(attempt.key, given.environment))
    record_registered(attempt, given, spec=completed if keeps else None)
    return completed


def _register(
    queue: Queue, labels: Labels, attempt: Attempt, *, seconds: float
) -> Registered:
    # No transaction is open here: the CI may take its time.
    try:
        with calling(queue):
            given = open_registrar_of(queue).register(
                attempt.key, labels=labels, deadline=min(seconds, MOST_SECONDS)
            )
    except (CallError, FleetError) as error:
        said = f"The queue {queue} did not register its agent. {error.message}"
        raise RegistrationError(said) from error
    registers = describe_queue_kind(queue.kind).registers
    reserved = registers.lengths if registers else {}
    for name, value in given.environment.items():
        if len(value.encode()) > reserved.get(name, 0):
            # The cloud would refuse it, and would be taken for the one at fault.
            raise RegistrationError(
                f"The queue {queue} gave {name} with more than "
                f"{reserved.get(name, 0):,} bytes, which user data has no room for."
            )
    return given
