"""Clouds whose create call does all that an instance needs."""

from servers.clouds.base import CloudInstance, CreateSpec


class OneCall:
    """The part of the port that such an adapter leaves out. See ``Cloud.finish``."""

    finishes = False

    def finish(
        self, instance: CloudInstance, spec: CreateSpec, *, deadline: float
    ) -> CloudInstance:
        """Do nothing: the create call does it all."""
        return instance
