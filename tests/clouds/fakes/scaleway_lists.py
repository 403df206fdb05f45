"""What the fake of Scaleway offers: sizes, images, groups, the project and quotas."""

from tests.clouds.fakes.scaleway_offers import (
    CREATED,
    GROUP,
    IMAGE,
    LABEL,
    LABELS,
    LOCAL_IMAGES,
    ORGANIZATION,
    OWN_IMAGE,
    PROJECTS,
    TYPES,
    make_quotum,
)
from tests.clouds.fakes.scaleway_storage import ScalewayStorage
from tests.clouds.fakes.wire import Request, Response, route

_ZONED = "/instance/v1/zones/{zone}"


class ScalewayLists(ScalewayStorage):
    """The calls that change nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.shortage: set[str] = set()

    @route("GET", f"{_ZONED}/products/servers")
    def list_types(self, request: Request) -> Response:
        return self.paged(request, "servers", TYPES)

    @route("GET", f"{_ZONED}/products/servers/availability")
    def list_stock(self, request: Request) -> Response:
        stock = {
            name: {"availability": "shortage" if name in self.shortage else "available"}
            for name in TYPES
        }
        return self.paged(request, "servers", stock)

    @route("GET", f"{_ZONED}/images")
    def list_images(self, request: Request) -> Response:
        return self.paged(request, "images", [OWN_IMAGE])

    @route("GET", f"{_ZONED}/images/{{image_id}}")
    def get_image(self, request: Request) -> Response:
        for each in (IMAGE, OWN_IMAGE):
            if each["id"] == request.params["image_id"]:
                return Response(200, {"image": each})
        return self.refuse("bad_image", request)

    @route("GET", f"{_ZONED}/security_groups")
    def list_groups(self, request: Request) -> Response:
        return self.paged(request, "security_groups", [GROUP])

    @route("GET", "/marketplace/v2/images")
    def list_labels(self, request: Request) -> Response:
        return self.paged(request, "images", LABELS)

    @route("GET", "/marketplace/v2/local-images")
    def list_local_images(self, request: Request) -> Response:
        if request.ask("image_label") != LABEL:
            return self.refuse("no_label", request)
        return self.paged(request, "local_images", LOCAL_IMAGES)

    @route("GET", "/account/v3/projects/{project_id}", role="identity")
    def get_project(self, request: Request) -> Response:
        project = request.params["project_id"]
        if project != PROJECTS.get(request.account):
            return self.refuse("missing", request)
        shown = {
            "id": project,
            "name": "default",
            "organization_id": ORGANIZATION,
            "description": "",
            "status": "active",
            "created_at": CREATED,
            "updated_at": CREATED,
        }
        return Response(200, shown)

    @route("GET", "/iam/v1alpha1/quota")
    def list_quota(self, request: Request) -> Response:
        quota = [
            make_quotum("cp_servers_type_DEV1_S", 50),
            make_quotum("cp_servers_type_DEV1_M", 20),
            make_quotum("cp_servers_type_GP1_S", 10, "nl-ams-1"),
            make_quotum("buckets", 100),
        ]
        return self.paged(request, "quota", quota)
