"""How to connect to a server."""

from typing import ClassVar

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import Seconds, Text, Texts
from servers.api.serializers.servers import AT


class LineSerializer(Shape):
    """A command to copy."""

    key = Text(rules={"minLength": 1})
    what = Text(help_text="What the command does.")
    command = Text()

    example: ClassVar = {
        "key": "ssh",
        "what": "SSH",
        "command": "ssh root@10.0.0.1",
    }


class ConnectionSerializer(Shape):
    """How to connect to a server, keys included."""

    name = Text(source="server.name")
    address = Text(source="server.address")
    tls_name = Text(help_text="The name in the certificate of its Docker daemon.")
    valid_until = Seconds("When the certificates expire.", source="until")
    files = Texts(
        help_text="Certificates and the key as PEM, by the file names that Docker "
        "expects. Empty if the template sets up no Docker."
    )
    lines = LineSerializer(many=True)

    example: ClassVar = {
        "name": "agent-7h2k9qxm",
        "address": "10.0.0.1",
        "tls_name": "0b9c2f6e4d5a4e0f8a7b6c5d4e3f2a1b.serverfleet.internal",
        "valid_until": AT + 365 * 86400,
        "files": {"ca.pem": "-----BEGIN CERTIFICATE-----\n…"},
    }
