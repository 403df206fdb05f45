"""A simulated cloud, for a first look, drills, tests and benchmarks.

``world`` is the cloud itself: a file that all processes share (``world_file``).
``driver`` is a libcloud NodeDriver over it, which fails as ``behaviour`` and
``refusals`` say, and ``adapter`` implements the port. A request is recorded when it is
sent, with the time at which it takes effect. So it takes effect even if its sender is
killed, as with a real cloud.
"""

from servers.clouds.sandbox.adapter import KIND
from servers.clouds.sandbox.world import World, world_path

__all__ = ["KIND", "World", "world_path"]
