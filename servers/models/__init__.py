"""The records. They decide and move nothing; ledger.py does."""

from servers.models.account import Account, Listing, Location
from servers.models.attempt import Attempt
from servers.models.capacity import NoCapacity
from servers.models.catalogue import Catalogue
from servers.models.cost import DayCost
from servers.models.counter import Counter
from servers.models.event import Event
from servers.models.fleet import Fleet
from servers.models.heartbeat import Heartbeat
from servers.models.hook import Hook, HookDelivery
from servers.models.host import Host
from servers.models.idempotency import IdempotentRequest
from servers.models.instance import Instance
from servers.models.leftover import Leftover
from servers.models.placement import TemplatePlacement, VersionPlacement
from servers.models.pool import Pool, PoolPlan, Queue
from servers.models.pool_job import PoolJob, PoolPolicy
from servers.models.registration import Registration
from servers.models.saved_view import SavedView
from servers.models.server import Server
from servers.models.session import OneTimePassword, Session
from servers.models.stamp import Stamp
from servers.models.template import Template, TemplateVersion
from servers.models.token import Token
