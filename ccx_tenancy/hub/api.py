"""What other code may do with the hub."""

from __future__ import annotations

from ccx_tenancy.hub.catalogue import CourseState, ModuleState, delete_course, receive, receive_modules
from ccx_tenancy.hub.clients import Credentials, create_client, new_link_secret, renew_secret, visible_courses
from ccx_tenancy.hub.dispatch import Dispatcher, pull_due, work_once
from ccx_tenancy.hub.events import replay, resync
from ccx_tenancy.hub.models import CCX_WRITE, COURSES_READ, COURSES_WRITE, SCOPES, BackingInstance, Client, Receiver
from ccx_tenancy.hub.pruning import prune
from ccx_tenancy.hub.receivers import create_receiver
from ccx_tenancy.hub.status import standing

__all__ = [
    "CCX_WRITE",
    "COURSES_READ",
    "COURSES_WRITE",
    "SCOPES",
    "BackingInstance",
    "Client",
    "CourseState",
    "Credentials",
    "Dispatcher",
    "ModuleState",
    "Receiver",
    "create_client",
    "create_receiver",
    "delete_course",
    "new_link_secret",
    "prune",
    "pull_due",
    "receive",
    "receive_modules",
    "renew_secret",
    "replay",
    "resync",
    "standing",
    "visible_courses",
    "work_once",
]
