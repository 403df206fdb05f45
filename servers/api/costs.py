"""``/api/costs``: what servers cost."""

from rest_framework.request import Request
from rest_framework.response import Response

from servers.access.reach import reach_accounts, reach_pools, reach_templates
from servers.api.schema.describe import describe
from servers.api.serializers.costs import SpendingSerializer
from servers.api.shared.views import ScopedView
from servers.records.ledger import database_now
from servers.reports.costs import load_spending


class CostsView(ScopedView):
    """What the fleet, its accounts, templates and pools cost."""

    read_right = "servers.view_account"

    @describe(
        "getCosts",
        SpendingSerializer,
        says="An instance is billed from its create call until it is confirmed gone, "
        "failed and orphaned ones too. Disks, traffic and minimum charges of a cloud "
        "are not included.",
    )
    def get(self, request: Request) -> Response:
        """Return what servers cost, by account, template and pool."""
        spending = load_spending(now=database_now())
        accounts = reach_accounts().order_by("name").values_list("pk", "name")
        templates = reach_templates().order_by("name").values_list("pk", "name")
        pools = reach_pools().order_by("name").values_list("pk", "name")
        found = {
            "at": spending.at,
            "fleet": spending.of_all(),
            "accounts": [
                {"name": name, **spending.of_account(pk).as_dict()}
                for pk, name in accounts
            ],
            "templates": [
                {"name": name, **spending.of_template(pk).as_dict()}
                for pk, name in templates
            ],
            "pools": [
                {"name": name, **spending.of_pool(pk).as_dict()} for pk, name in pools
            ],
        }
        return Response(SpendingSerializer(found).data)
