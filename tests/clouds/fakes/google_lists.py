"""The lists of the fake of Google: instances, operations, leftovers and offers."""

import re
from collections.abc import Callable
from typing import Any

from tests.clouds.fakes.google_offers import (
    CREATED,
    HOST,
    IMAGES,
    NETWORKS,
    REGIONS,
    SUBNETS,
    TYPES,
    ZONES,
    machine_type,
    region,
)
from tests.clouds.fakes.google_show import show_instance, show_operation
from tests.clouds.fakes.wire import Request, Response, route

PROJECT = "/compute/v1/projects/{project}"
PAGE = 500
_LABEL = re.compile(r"labels\.([a-z_-]+)=([a-z0-9_-]+)")


class GoogleLists:
    """What ``FakeGoogle`` lists."""

    refuse: Callable[..., Response]
    project: Callable[[Request], str]
    list_machines: Callable[[Request], list[Any]]
    find_image: Callable[[Request, str], Any]
    operations: list[dict[str, Any]]
    left: dict[tuple[str, str], dict[str, Any]]
    page: int
    page_tokens: dict[str, frozenset[str]]
    # What an aggregated list says of scopes that could not be asked.
    unreachables: tuple[str, ...] = ()

    @route("GET", f"{PROJECT}/aggregated/instances", role="list")
    def list_instances(self, request: Request) -> Response:
        machines = self.list_machines(request)
        if found := _LABEL.fullmatch(request.ask("filter")):
            machines = [m for m in machines if m.tags.get(found[1]) == found[2]]
        elif request.ask("filter"):
            return self.refuse("invalid", request)
        entries = [(f"zones/{each.extra['zone']}", each) for each in machines]
        return self.aggregated(
            request,
            "instances",
            entries,
            [f"zones/{zone}" for zone in ZONES],
            lambda each: show_instance(each, self.project(request), request.now),
        )

    @route("GET", f"{PROJECT}/aggregated/disks", role="leftovers")
    def list_disks(self, request: Request) -> Response:
        return self._list_left(request, "disks", [f"zones/{zone}" for zone in ZONES])

    @route("GET", f"{PROJECT}/aggregated/addresses", role="leftovers")
    def list_addresses(self, request: Request) -> Response:
        scopes = ["global", *(f"regions/{name}" for name in REGIONS)]
        return self._list_left(request, "addresses", scopes)

    def _list_left(self, request: Request, kind: str, scopes: list[str]) -> Response:
        left = self.left.get((request.account, kind), {})
        found = _LABEL.fullmatch(request.ask("filter"))
        entries = [
            (f"{'zones' if kind == 'disks' else 'regions'}/{key.split('/')[1]}", each)
            for key, each in left.items()
            if found is None or each["labels"].get(found[1]) == found[2]
        ]
        return self.aggregated(request, kind, entries, scopes, lambda each: each)

    @route("DELETE", f"{PROJECT}/zones/{{place}}/disks/{{name}}", "delete_leftover")
    def delete_disk(self, request: Request) -> Response:
        return self._delete_left(request, "disks", "disk")

    @route(
        "DELETE", f"{PROJECT}/regions/{{place}}/addresses/{{name}}", "delete_leftover"
    )
    def delete_address(self, request: Request) -> Response:
        return self._delete_left(request, "addresses", "address")

    def _delete_left(self, request: Request, kind: str, short: str) -> Response:
        left = self.left.get((request.account, kind), {})
        key = f"{short}/{request.params['place']}/{request.params['name']}"
        if left.pop(key, None) is None:
            return self.refuse("missing", request)
        return Response(
            200,
            {"kind": "compute#operation", "id": "1", "name": "o", "status": "RUNNING"},
        )

    @route("GET", f"{PROJECT}/zones/{{zone}}/operations", role="operations")
    def list_operations(self, request: Request) -> Response:
        parts = _read_filter(request.ask("filter"))
        mine = [
            show_operation(each, request.now)
            for each in self.operations
            if each["account"] == request.account
            and each["zone"] == request.params["zone"]
        ]
        entries = [
            shown
            for shown in mine
            if all(re.fullmatch(wanted, shown[name]) for name, wanted in parts)
        ]
        return self.paged(request, "compute#operationList", entries)

    @route("GET", PROJECT, role="identity")
    def get_project(self, request: Request) -> Response:
        name = self.project(request)
        quotas = [{"metric": "CPUS_ALL_REGIONS", "limit": 32.0, "usage": 28.0}]
        answer = {
            "kind": "compute#project",
            "id": "5878269445375168496",
            "name": name,
            "quotas": quotas,
            "selfLink": f"{HOST}/projects/{name}",
        }
        return Response(200, answer)

    @route("GET", f"{PROJECT}/regions", role="offers")
    def list_regions(self, request: Request) -> Response:
        entries = [region(self.project(request), name) for name in REGIONS]
        return self.paged(request, "compute#regionList", entries)

    @route("GET", f"{PROJECT}/regions/{{name}}", role="region")
    def get_region(self, request: Request) -> Response:
        name = request.params["name"]
        if name not in REGIONS:
            return self.refuse("missing", request)
        return Response(200, region(self.project(request), name))

    @route("GET", f"{PROJECT}/zones/{{zone}}/machineTypes", role="offers")
    def list_types(self, request: Request) -> Response:
        zone = request.params["zone"]
        entries = [machine_type(self.project(request), zone, name) for name in TYPES]
        return self.paged(request, "compute#machineTypeList", entries)

    @route("GET", f"{PROJECT}/zones/{{zone}}/machineTypes/{{name}}", role="offers")
    def get_type(self, request: Request) -> Response:
        name, zone = request.params["name"], request.params["zone"]
        if name not in TYPES:
            return self.refuse("missing", request)
        return Response(200, machine_type(self.project(request), zone, name))

    @route("GET", f"{PROJECT}/global/images", role="offers")
    def list_images(self, request: Request) -> Response:
        owner = request.params["project"]
        images = IMAGES.get("own" if owner == self.project(request) else owner, [])
        if found := re.fullmatch(r"name eq (.+)", request.ask("filter")):
            images = [each for each in images if re.fullmatch(found[1], each["name"])]
        elif request.ask("filter") == "deprecated.state != DEPRECATED":
            images = [
                each
                for each in images
                if each.get("deprecated", {}).get("state") != "DEPRECATED"
            ]
        return self.paged(request, "compute#imageList", images)

    @route("GET", f"{PROJECT}/global/images/{{name}}", role="offers")
    def get_image(self, request: Request) -> Response:
        return self._get_image(request, request.params["name"])

    @route("GET", f"{PROJECT}/global/images/family/{{name}}", role="offers")
    def get_family(self, request: Request) -> Response:
        return self._get_image(request, f"family/{request.params['name']}")

    def _get_image(self, request: Request, name: str) -> Response:
        owner = request.params["project"]
        found = self.find_image(request, f"projects/{owner}/global/images/{name}")
        return Response(200, found) if found else self.refuse("missing", request)

    @route("GET", f"{PROJECT}/global/networks/{{name}}", role="offers")
    def get_network(self, request: Request) -> Response:
        name = request.params["name"]
        if name not in NETWORKS:
            return self.refuse("missing", request)
        answer = {"kind": "compute#network", "id": "1", "name": name}
        return Response(200, {**answer, "creationTimestamp": CREATED})

    @route("GET", f"{PROJECT}/regions/{{region}}/subnetworks/{{name}}", role="offers")
    def get_subnet(self, request: Request) -> Response:
        name = request.params["name"]
        if name not in SUBNETS:
            return self.refuse("missing", request)
        answer = {"kind": "compute#subnetwork", "id": "1", "name": name}
        return Response(200, {**answer, "ipCidrRange": SUBNETS[name]})

    def cut_page(self, request: Request, entries: list[Any]) -> tuple[list[Any], str]:
        """Return one page of entries, and the token of the next.

        A token knows what was shown, so that what ends meanwhile shifts nothing.
        """
        size = min(self.page or PAGE, PAGE, int(request.ask("maxResults", "500")))
        before = self.page_tokens.get(request.ask("pageToken"), frozenset())
        left = [each for each in entries if _name(each) not in before]
        shown = left[:size]
        if len(left) <= size:
            return shown, ""
        token = f"page-{len(self.page_tokens)}"
        self.page_tokens[token] = before | {_name(each) for each in shown}
        return shown, token

    def paged(self, request: Request, kind: str, entries: list[Any]) -> Response:
        """Return one page of a list. One without entries has no items."""
        shown, following = self.cut_page(request, entries)
        answer: dict[str, Any] = {"kind": kind, "id": request.path}
        if shown:
            answer["items"] = shown
        if following:
            answer["nextPageToken"] = following
        return Response(200, answer)

    def aggregated(
        self,
        request: Request,
        kind: str,
        entries: list[tuple[str, Any]],
        scopes: list[str],
        show: Callable[[Any], Any],
    ) -> Response:
        """Return one page of an aggregated list: all scopes, most with a warning."""
        shown, following = self.cut_page(request, entries)
        items: dict[str, Any] = {}
        for scope in scopes:
            here = [show(each) for where, each in shown if where == scope]
            items[scope] = {kind: here} if here else {"warning": _say_empty(scope)}
        short = kind.removesuffix("es") if kind == "addresses" else kind[:-1]
        answer: dict[str, Any] = {
            "kind": f"compute#{short}AggregatedList",
            "id": f"projects/{self.project(request)}/aggregated/{kind}",
            "items": items,
        }
        if following:
            answer["nextPageToken"] = following
        if self.unreachables:
            answer["unreachables"] = list(self.unreachables)
        return Response(200, answer)


def _name(entry: Any) -> str:
    inner = entry[1] if isinstance(entry, tuple) else entry
    return str(inner["name"] if isinstance(inner, dict) else inner.id)


def _read_filter(text: str) -> list[tuple[str, str]]:
    """Return the names and expressions of a filter, such as (a eq x) (b eq y)."""
    parts = text[1:-1].split(") (") if text.startswith("(") else [text]
    found = (part.split(" ", 2) for part in parts if part)
    return [(name, wanted.strip('"')) for name, _, wanted in found]


def _say_empty(scope: str) -> dict[str, Any]:
    return {
        "code": "NO_RESULTS_ON_PAGE",
        "message": f"There are no results for scope '{scope}' on this page.",
        "data": [{"key": "scope", "value": scope}],
    }
