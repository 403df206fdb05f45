"""The pages of lists, as Nova, Cinder and Glance send them."""

from collections.abc import Callable, Iterable
from typing import Any

from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.wire import Request, Response

PAGE = 1000


class Pages(Fake):
    """Lists with markers."""

    def paged(
        self,
        request: Request,
        name: str,
        entries: Iterable[Any],
        show: Callable[[Any], dict[str, Any]],
    ) -> Response:
        """Return one page of a list, with a link whose host is wrong behind a proxy."""
        shown = [show(each) for each in entries]
        most = min(int(request.ask("limit", str(PAGE))), self.page or PAGE)
        if marker := request.ask("marker"):
            ids = [each["id"] for each in shown]
            if marker not in ids:
                return self.refuse("invalid", request)
            shown = shown[ids.index(marker) + 1 :]
        page = shown[:most]
        body: dict[str, Any] = {name: page}
        if len(page) == most and page:
            href = f"http://127.0.0.1:1{request.path}?marker={page[-1]['id']}"
            if name == "images":
                body["next"] = f"/v2/images?marker={page[-1]['id']}"
            else:
                body[f"{name}_links"] = [{"rel": "next", "href": href}]
        return Response(200, body)
