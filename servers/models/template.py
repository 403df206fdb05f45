"""Templates and their versions. A server keeps the version it was created from."""

import uuid
from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from servers.errors import NotFoundError
from servers.lifecycle.order import LEAST_BOOTS, Order
from servers.machine.agents.table import list_agents
from servers.machine.cloud_init.kinds import list_cloud_inits
from servers.machine.readiness import READINESS, list_readiness
from servers.models.account import NAME_HELP, NAME_TAKEN, validate_name
from servers.models.fields import EncryptedTextField

if TYPE_CHECKING:
    from servers.models.placement import TemplatePlacement


class Recipe(models.Model):
    """How to create a server: the fields that a template and its versions share.

    Where it can be created is in its ``placements``. ``ttl`` is in seconds; 0 is no
    limit.
    """

    class HealthLost(models.TextChoices):
        ERROR = "error", "mark the server as failed"
        REPLACE = "replace", "create a new server and terminate the old one"

    class Overrides(models.TextChoices):
        ANY = "any", "any"
        LISTED = "listed", "only those of this template and its fallbacks"
        NONE = "none", "none"

    capacity = models.PositiveIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="Number of builds that one server runs at once.",
    )
    user_data = EncryptedTextField()
    labels = models.JSONField(default=dict, blank=True)
    readiness = models.CharField(
        "ready when", max_length=16, choices=list_readiness, default="address"
    )
    readiness_port = models.PositiveIntegerField(
        "port to check",
        default=22,
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
    )
    ttl = models.PositiveIntegerField(default=0)
    name_prefix = models.CharField(
        max_length=40,
        default="agent-",
        help_text="Generated server names start with this.",
    )
    order = models.CharField(
        "order of placements",
        max_length=16,
        choices=[
            (Order.LISTED.value, "as listed"),
            (Order.CHEAPEST.value, "cheapest first"),
            (Order.QUICKEST.value, "quickest to boot first"),
        ],
        default=Order.LISTED.value,
        help_text="A placement of unknown price comes last. One with fewer than "
        f"{LEAST_BOOTS} boots in the last week keeps its place in the list.",
    )
    overrides = models.CharField(
        "allowed overrides",
        max_length=16,
        choices=Overrides.choices,
        default=Overrides.LISTED,
        help_text="Image, region and size that a request can choose. Any image that it "
        "starts gets the user data and the instance profile.",
    )

    # What is set up on the instance, and what runs there.
    cloud_init = models.CharField(
        "set up",
        max_length=16,
        choices=list_cloud_inits,
        default="none",
        help_text="What ServerFleet adds to the user data.",
    )
    registry_mirrors = models.JSONField(default=list, blank=True)
    insecure_registries = models.JSONField(default=list, blank=True)
    daemon_json = models.JSONField("daemon.json", default=dict, blank=True)
    local_disk = models.BooleanField(
        "use the local disk",
        default=False,
        help_text="Keep Docker's data on the instance's own disk, if it has one.",
    )
    pull_images = models.JSONField("images to pull", default=list, blank=True)
    prune_hours = models.PositiveIntegerField(
        "prune images after",
        default=0,
        validators=[MaxValueValidator(8760)],
        help_text="Hours after which unused images are deleted. 0 keeps them.",
    )
    ssh_keys = models.JSONField("SSH public keys", default=list, blank=True)
    files = EncryptedTextField()  # a JSON array of {path, content, mode}
    commands = EncryptedTextField()  # one shell command per line
    agent = models.CharField(
        max_length=16, choices=list_agents, default="none", blank=True
    )
    agent_image = models.CharField(
        max_length=255,
        blank=True,
        default="",
        help_text="Leave empty to use the agent's usual image.",
    )
    agent_environment = EncryptedTextField()  # a JSON object
    build_labels = models.JSONField(
        default=dict,
        blank=True,
        help_text="Labels of the containers that are builds. A drain waits for them.",
    )
    drain_seconds = models.PositiveIntegerField(
        "drain timeout", default=3600, validators=[MaxValueValidator(604800)]
    )
    on_health_lost = models.CharField(
        "if health is lost",
        max_length=16,
        choices=HealthLost.choices,
        default=HealthLost.ERROR,
    )

    class Meta:
        abstract = True

    @property
    def agent_kind(self) -> str:
        """The name of its agent in the table of agents, in which none has one, too."""
        return self.agent or "none"

    @property
    def has_agent(self) -> bool:
        """Whether an agent runs on its servers."""
        return self.agent_kind != "none"

    @property
    def calls_back(self) -> bool:
        """Whether its servers' instances report to ServerFleet."""
        return self.readiness == "callback"

    @property
    def has_host(self) -> bool:
        """Whether there is a record of what is known about its servers' machines."""
        return (
            self.cloud_init != "none"
            or self.has_agent
            or READINESS[self.readiness].has_host
        )


class Template(Recipe):
    """A named recipe as it is now. Each change also adds a new version.

    ``warnings`` are not stored: see reports/catalogue.py.
    """

    warnings: "list[str]"
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        max_length=63,
        unique=True,
        validators=[validate_name],
        help_text=NAME_HELP,
        error_messages=NAME_TAKEN,
    )
    version = models.PositiveIntegerField(default=0, editable=False)
    max_servers = models.PositiveIntegerField(
        "server limit",
        null=True,
        blank=True,
        validators=[MaxValueValidator(1_000_000)],
        help_text="Leave empty for no limit besides the account's.",
    )
    is_default = models.BooleanField(
        "default template",
        default=False,
        help_text="Used when a request names no template. Replaces the current one.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="one_default_template",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def first_placement(self) -> "TemplatePlacement":
        """The default placement. Raises NotFoundError if the template is gone by now.

        A template is never saved without placements, but it can be deleted between the
        query for it and the one for them.
        """
        found: TemplatePlacement | None = next(iter(self.placements.all()), None)
        if found is None:
            raise NotFoundError.named("template", self.name)
        return found

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Allow a second default: saving it takes the mark from the first."""
        super().validate_constraints({*(exclude or ()), "is_default"})


class TemplateVersion(Recipe):
    """A recipe as it was. It is never changed after its insert."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # A version outlives its template as long as a server needs it.
    template = models.ForeignKey(
        Template, on_delete=models.SET_NULL, null=True, related_name="versions"
    )
    template_name = models.CharField(max_length=63, blank=True, default="")
    number = models.PositiveIntegerField()
    actor = models.CharField(max_length=150, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["template", "number"], name="one_version_per_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.template_name} v{self.number}"
