"""What people can request. The API, pages, admin and commands all call these.

Each operation does everything in one transaction, or raises a FleetError and changes
nothing. None waits for a cloud.
"""

from servers.operations.accounts import (
    close_breaker,
    delete_account,
    explain_kept,
    find_templates,
)
from servers.operations.change import Change, change_server, revise_labels
from servers.operations.fleet import (
    change_fleet,
    close_gates,
    confirm_fleet,
    freeze_destroys,
    initialise_fleet,
    pause_fleet,
    resume_due,
    resume_fleet,
    split_fleet,
)
from servers.operations.once import provision_once
from servers.operations.people import change_own_password
from servers.operations.places import RefusedPlaceError, check_places
from servers.operations.provision import Request, provision_servers
from servers.operations.scans import scan_now
from servers.operations.secrets import resolve_credentials
from servers.operations.setup import (
    delete_template,
    explain_template_kept,
    save_account,
    save_template,
)
from servers.operations.strays import (
    adopt_stray,
    delete_leftover,
    destroy_held,
    destroy_stray,
)
from servers.operations.terminate import (
    find_leftovers,
    protect_server,
    retry_server,
    terminate_server,
)
from servers.operations.trial import Trial, find_trial, try_template, was_tried

__all__ = [
    "Change",
    "RefusedPlaceError",
    "Request",
    "Trial",
    "adopt_stray",
    "change_fleet",
    "change_own_password",
    "change_server",
    "check_places",
    "close_breaker",
    "close_gates",
    "confirm_fleet",
    "delete_account",
    "delete_leftover",
    "delete_template",
    "destroy_held",
    "destroy_stray",
    "explain_kept",
    "explain_template_kept",
    "find_leftovers",
    "find_templates",
    "find_trial",
    "freeze_destroys",
    "initialise_fleet",
    "pause_fleet",
    "protect_server",
    "provision_once",
    "provision_servers",
    "resolve_credentials",
    "resume_due",
    "resume_fleet",
    "retry_server",
    "revise_labels",
    "save_account",
    "save_template",
    "scan_now",
    "split_fleet",
    "terminate_server",
    "try_template",
    "was_tried",
]
