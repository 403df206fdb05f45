"""The lists of the fake of Azure: machines, networks, leftovers and offers."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from tests.clouds.fakes.azure_offers import (
    IMAGES,
    LOCATION,
    LOCATIONS,
    QUOTAS,
    SIZES,
    find_image,
)
from tests.clouds.fakes.azure_show import (
    GROUP,
    inner_tags,
    make_path,
    show_address,
    show_interface,
    show_machine,
)
from tests.clouds.fakes.wire import Request, Response, route

SUBSCRIPTION = "/subscriptions/{subscription}"
IN_GROUP = f"{SUBSCRIPTION}/resourceGroups/{{group}}/providers"
IN_LOCATION = f"{SUBSCRIPTION}/providers/Microsoft.Compute/locations/{{location}}"
VERSIONS = (
    f"{IN_LOCATION}/publishers/{{publisher}}/artifacttypes/vmimage/offers/{{offer}}"
    "/skus/{sku}/versions"
)
NETWORK = f"{IN_GROUP}/Microsoft.Network"
PAGE = 500


class AzureLists:
    """What ``FakeAzure`` lists."""

    url: str
    page: int
    refuse: Callable[..., Response]
    find_wrong: Callable[[Request], Response | None]
    list_machines: Callable[[Request], list[Any]]
    read_token: Callable[[Request], str]
    forbidden: dict[str, set[str]]
    left: dict[tuple[str, str], dict[str, Any]]

    def paged(self, request: Request, entries: list[Any]) -> Response:
        """Return a page of a list, with the link to the next.

        The link names the last entry of its page, so that none is skipped if others
        end meanwhile.
        """
        size = self.page or PAGE
        after = request.ask("$skiptoken")
        rest = sorted(
            (each for each in entries if each["name"] > after),
            key=lambda each: str(each["name"]),
        )
        answer: dict[str, Any] = {"value": rest[:size]}
        if len(rest) > size:
            query = {
                "api-version": request.ask("api-version"),
                "$skiptoken": rest[size - 1]["name"],
            }
            answer["nextLink"] = f"{self.url}{request.path}?{urlencode(query)}"
        return Response(200, answer)

    @route("GET", f"{IN_GROUP}/Microsoft.Compute/virtualMachines", role="list")
    def list_machines_of_group(self, request: Request) -> Response:
        if wrong := self.find_wrong(request):
            return wrong
        shown = [
            show_machine(each, request.now, group=GROUP.upper())
            for each in self.list_machines(request)
        ]
        return self.paged(request, shown)

    @route("GET", f"{NETWORK}/networkInterfaces", role="leftovers")
    def list_interfaces(self, request: Request) -> Response:
        used = [show_interface(each) for each in self.list_machines(request)]
        return self._list_left(request, "networkInterfaces", used)

    @route("GET", f"{NETWORK}/networkInterfaces/{{name}}", role="interface")
    def get_interface(self, request: Request) -> Response:
        if wrong := self.find_wrong(request):
            return wrong
        assert request.ask("$expand") == "ipConfigurations/publicIPAddress"
        for each in self.list_machines(request):
            if request.params["name"] == f"{each.name}-nic":
                return Response(200, show_interface(each, whole=True))
        return self.refuse("missing", request)

    @route("GET", f"{NETWORK}/publicIPAddresses", role="leftovers")
    def list_addresses(self, request: Request) -> Response:
        used = [show_address(each) for each in self.list_machines(request)]
        return self._list_left(request, "publicIPAddresses", used)

    @route("GET", f"{IN_GROUP}/Microsoft.Compute/disks", role="leftovers")
    def list_disks(self, request: Request) -> Response:
        used = [
            {
                "name": each.name,
                "id": make_path(each.account, "disks", each.name),
                "managedBy": make_path(each.account, "virtualMachines", each.name),
                "location": LOCATION,
                "tags": inner_tags(each, "disks"),
                "properties": {"diskState": "Attached", "diskSizeGB": 30},
            }
            for each in self.list_machines(request)
        ]
        return self._list_left(request, "disks", used)

    def _list_left(self, request: Request, kind: str, used: list[Any]) -> Response:
        if wrong := self.find_wrong(request):
            return wrong
        left = self.left.get((request.account, kind), {})
        return self.paged(request, [*used, *left.values()])

    @route("DELETE", f"{IN_GROUP}/Microsoft.Compute/disks/{{name}}", "delete_leftover")
    def delete_disk(self, request: Request) -> Response:
        return self._delete_left(request, "disks")

    @route("DELETE", f"{NETWORK}/networkInterfaces/{{name}}", "delete_leftover")
    def delete_interface(self, request: Request) -> Response:
        return self._delete_left(request, "networkInterfaces")

    @route("DELETE", f"{NETWORK}/publicIPAddresses/{{name}}", "delete_leftover")
    def delete_address(self, request: Request) -> Response:
        return self._delete_left(request, "publicIPAddresses")

    def _delete_left(self, request: Request, kind: str) -> Response:
        if wrong := self.find_wrong(request):
            return wrong
        left = self.left.get((request.account, kind), {})
        found = left.pop(request.params["name"], None)
        return Response(204 if found is None else 202)

    @route("GET", f"{IN_GROUP}/Microsoft.Authorization/permissions", role="rights")
    def list_permissions(self, request: Request) -> Response:
        if wrong := self.find_wrong(request):
            return wrong
        machines = "Microsoft.Compute/virtualMachines"
        denied = self.forbidden.get(self.read_token(request), set())
        refused = [
            f"{machines}/{action}"
            for role, action in (("create", "write"), ("destroy", "delete"))
            if role in denied
        ]
        actions = ["Microsoft.Compute/*", "Microsoft.Network/*", "*/read"]
        return Response(200, {"value": [{"actions": actions, "notActions": refused}]})

    @route("GET", f"{NETWORK}/networkSecurityGroups/{{name}}", role="offers")
    def get_security_group(self, request: Request) -> Response:
        return self._get_network_part(request)

    @route(
        "GET", f"{NETWORK}/virtualNetworks/{{network}}/subnets/{{name}}", role="offers"
    )
    def get_subnet(self, request: Request) -> Response:
        return self._get_network_part(request)

    def _get_network_part(self, request: Request) -> Response:
        if wrong := self.find_wrong(request):
            return wrong
        if request.params["name"].startswith("no-such"):
            return self.refuse("missing", request)
        return Response(200, {"name": request.params["name"], "id": request.path})

    @route("GET", f"{SUBSCRIPTION}/locations", role="offers")
    def list_locations(self, request: Request) -> Response:
        places = [
            {"name": name, "metadata": {"regionType": "Physical"}} for name in LOCATIONS
        ]
        places.append({"name": "europe", "metadata": {"regionType": "Logical"}})
        return Response(200, {"value": places})

    @route("GET", f"{IN_LOCATION}/vmSizes", role="offers")
    def list_sizes(self, request: Request) -> Response:
        sizes = [
            {"name": name, "numberOfCores": cores, "memoryInMB": memory}
            for name, (cores, memory) in SIZES.items()
        ]
        return Response(200, {"value": sizes})

    @route("GET", f"{IN_LOCATION}/usages", role="offers")
    def list_usages(self, request: Request) -> Response:
        usages = [
            {
                "unit": "Count",
                "currentValue": used,
                "limit": limit,
                "name": {"value": name, "localizedValue": said},
            }
            for name, said, used, limit in QUOTAS
        ]
        return Response(200, {"value": usages})

    @route("GET", VERSIONS, role="offers")
    def list_versions(self, request: Request) -> Response:
        given = request.params
        names = (given["publisher"], given["offer"], given["sku"])
        if names not in IMAGES:
            return self.refuse("missing", request)
        versions = [
            {"name": name, "location": LOCATION, "id": f"{request.path}/{name}"}
            for name in IMAGES[names]
        ]
        return Response(200, versions)

    @route("GET", f"{VERSIONS}/{{version}}", role="offers")
    def get_version(self, request: Request) -> Response:
        version = request.params["version"]
        if find_image(dict(request.params)) is None:
            return self.refuse("missing", request)
        return Response(
            200, {"name": version, "location": LOCATION, "id": request.path}
        )

    @route("GET", f"{IN_LOCATION}/CommunityGalleries/{{gallery}}/Images/{{image}}")
    def get_community_image(self, request: Request) -> Response:
        if not request.params["gallery"].startswith("acme"):
            return self.refuse("missing", request)
        return Response(200, {"name": request.params["image"], "location": LOCATION})

    @route(
        "GET", f"{IN_GROUP}/Microsoft.Compute/galleries/{{gallery}}/images/{{image}}"
    )
    def get_gallery_image(self, request: Request) -> Response:
        if find_image({"id": request.path}) is None:
            return self.refuse("missing", request)
        return Response(200, {"name": request.params["image"], "id": request.path})
