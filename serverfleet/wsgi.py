"""The WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serverfleet.settings")

application = get_wsgi_application()
# All views are loaded here, before the workers fork, and not in the first request.
get_resolver().url_patterns  # noqa: B018
