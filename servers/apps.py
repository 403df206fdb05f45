"""The app's configuration."""

from django.apps import AppConfig


class ServersConfig(AppConfig):
    """ServerFleet's one app."""

    name = "servers"
    verbose_name = "ServerFleet"

    def ready(self) -> None:
        """Register the system checks."""
        from servers import checks  # noqa: F401, PLC0415 - registers by import
