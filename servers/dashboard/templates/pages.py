"""The template pages: settings, records of past servers, and versions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse
from django.views.generic import TemplateView

from servers.access.reach import find_template, load_placed, reach_templates
from servers.dashboard.servers.steps import draw_boot, draw_end, find_usual
from servers.dashboard.shared.live import COSTS_SECONDS, Live
from servers.dashboard.shared.messages import Action
from servers.dashboard.templates.boot_chart import compare_boots, load_steps
from servers.dashboard.templates.stats import Record, read_records
from servers.errors import NotFoundError
from servers.models import Template, TemplateVersion
from servers.operations.secrets import SECRET_FIELDS
from servers.operations.templates import (
    list_template_changes,
    read_template,
)
from servers.operations.trial import find_trial, was_tried
from servers.placing.prices import find_prices
from servers.records.boots import LATELY
from servers.reports.catalogue import find_doubts
from servers.reports.costs import recent_spending
from servers.reports.overview import RANGES, find_range

VERSIONS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Version:
    """A version, with its changes from the one before."""

    row: TemplateVersion
    changes: list[str]


class TemplateList(Live, TemplateView):
    """All templates."""

    template_name = "templates/list.html"
    permission_required = "servers.view_template"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the record and the price of each template, in four queries."""
        data = super().get_context_data(**context)
        records = read_records(now=data["now"])
        templates = load_placed(reach_templates().defer(*SECRET_FIELDS))
        prices = find_prices([each.first_placement.freeze() for each in templates])
        rows = [
            (row, records.get(row.pk, Record()), price)
            for row, price in zip(templates, prices, strict=True)
        ]
        return data | {"rows": rows, "days": LATELY.days}


class TemplatePage(Live, TemplateView):
    """One template."""

    template_name = "templates/detail.html"
    bucket_seconds = COSTS_SECONDS
    permission_required = "servers.view_template"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load the template, its record and its versions."""
        template = find_template(self.kwargs["name"])
        data = super().get_context_data(**context)
        versions = list(
            template.versions.prefetch_related("placements").order_by("-number")[
                : VERSIONS_SHOWN + 1
            ]
        )
        # The newest version has the same placements, until the template is deleted.
        placements = list(versions[0].placements.all()) if versions else []
        if not placements:
            raise NotFoundError.named("template", template.name)
        records = read_records(now=data["now"], only=template.pk)
        chosen = find_range(self.request.GET.get("range", "7d"))
        steps = load_steps(template, chosen, now=data["now"])
        spending = recent_spending(now=data["now"])
        prices = find_prices([each.freeze() for each in placements])
        return data | {
            "ranges": RANGES,
            "range": chosen,
            "steps": steps,
            "has_boots": any(step.boots.count for step in steps),
            "compared": compare_boots(template, now=data["now"]),
            "template": template,
            "costs": spending.of_template(template.pk),
            "costs_at": spending.at,
            "record": records.get(template.pk, Record()),
            "days": LATELY.days,
            "placements": placements,
            "prices": prices,
            "placed": list(zip(placements, prices, strict=True)),
            "doubts": find_doubts(placements),
            "versions": list(compare_versions(versions))[:VERSIONS_SHOWN],
            "is_cut": len(versions) > VERSIONS_SHOWN,
            "acts": list_acts(template, self.request.user),
            "was_tried": was_tried(template),
        }


class TrialPage(Live, TemplateView):
    """The latest trial run of a template."""

    template_name = "templates/trial.html"
    permission_required = "servers.view_template"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load the trial run."""
        template = find_template(self.kwargs["name"])
        data = super().get_context_data(**context)
        try:
            trial = find_trial(template)
        except NotFoundError:
            return data | {"template": template, "trial": None}
        moves = [(step.state, step.at) for step in trial.steps]
        return data | {
            "template": template,
            "trial": trial,
            "boot": draw_boot(
                moves, find_usual(trial.server, now=data["now"]), now=data["now"]
            ),
            "end": draw_end(moves, now=data["now"]),
            "busy": not trial.gone and trial.outcome != "failed",
        }


def compare_versions(versions: Sequence[TemplateVersion]) -> Iterator[Version]:
    """Yield each version with its changes; ``versions`` start with the newest."""
    for row, before in zip(versions, [*versions[1:], None], strict=True):
        changes = (
            list_template_changes(read_template(before), read_template(row))
            if before
            else ()
        )
        yield Version(row, list(changes))


def list_acts(template: Template, user: Any) -> list[Action]:
    """Return the actions that a person can take on a template."""
    name = [template.name]
    acts = []
    if user.has_perm("servers.change_template") and user.has_perm("servers.add_server"):
        acts.append(Action("try", "Try template", reverse("try-template", args=name)))
    if user.has_perm("servers.change_template") and not template.is_default:
        url = reverse("default-template", args=name)
        acts.append(Action("default", "Set as default", url))
    if user.has_perm("servers.delete_template"):
        url = reverse("delete-template", args=name)
        acts.append(Action("delete", "Delete…", url, method="GET", danger=True))
    return acts
