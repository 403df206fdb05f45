"""The theme: light, dark or the system's. A cookie keeps pages from flashing."""

from typing import Final

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.views.generic import View

from servers.dashboard.shared.access import go_back

COOKIE: Final = "theme"
THEMES: Final = ("light", "dark")
_YEAR: Final = 365 * 24 * 3600


def read_theme(request: HttpRequest) -> str:
    """Return the theme that the reader chose, or "" for the system's."""
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in THEMES else ""


class ChooseTheme(LoginRequiredMixin, View):
    """Store the chosen theme in a cookie."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set the cookie, or delete it if the value is not a theme."""
        answer = go_back(request, "overview")
        chosen = request.POST.get("theme", "")
        if chosen in THEMES:
            answer.set_cookie(
                COOKIE,
                chosen,
                max_age=_YEAR,
                secure=request.is_secure(),
                samesite="Lax",
                httponly=True,
            )
        else:
            answer.delete_cookie(COOKIE, samesite="Lax")
        return answer
