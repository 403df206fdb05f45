"""The app's configuration."""

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate


class ServersConfig(AppConfig):
    """ServerFleet's one app."""

    name = "servers"
    verbose_name = "ServerFleet"

    def ready(self) -> None:
        """Register the system checks; install the triggers after each ``migrate``."""
        from servers import addresses, checks  # noqa: F401, PLC0415 - registers
        from servers.freshness import triggers  # noqa: PLC0415

        addresses.configure(lambda: settings.PRIVATE_ENDPOINTS)
        post_migrate.connect(triggers.install_after_migrate, sender=self)
