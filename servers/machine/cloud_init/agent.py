"""The agent, where nobody but the instance itself can start it."""

from typing import Final

from servers.machine.agents.plan import AgentPlan
from servers.machine.agents.script import render_agent_environment, render_agent_script
from servers.machine.cloud_init.parts import FOLDER, File, Part, Step

SCRIPT: Final = f"{FOLDER}/agent"
ENVIRONMENT: Final = f"{FOLDER}/agent.env"


def build_agent(plan: AgentPlan) -> Part:
    """Return what starts and drains the agent on the instance. Docker runs by then.

    Without an agent, it tells which builds run. The boot only creates the agent's
    container: what reports the boot starts it.
    """
    script = render_agent_script(plan, environment_path=ENVIRONMENT)
    if not plan.image:
        return Part(files=(File(SCRIPT, script, 0o755),))
    environment = render_agent_environment(plan)
    return Part(
        files=(
            File(SCRIPT, script, 0o755),
            File(ENVIRONMENT, environment, 0o600, secret=True),
        ),
        steps=(Step("Create the agent", (SCRIPT, "prepare"), is_last=True),),
    )
