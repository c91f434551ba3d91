"""The host publishes a course: our connectors are told, and the host's own receiver is not asked any more.

The host's receiver sends once, and gives up for good after five failures; were both on, courses would go out twice.
While we have no connector the host's goes on working, so that installing us changes nothing until they are imported.

A CCX is published in the LMS, when it is made and when its coach saves its schedule; but its outline, without which the
learning front end shows nothing of it, the host makes in Studio alone. So we make it where the CCX is published.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from django.apps import apps
from django.db import transaction

from ccx_tenancy.ccxcon import api as ccxcon
from ccx_tenancy.conf import conf
from ccx_tenancy.hosts.openedx.rows import uncut
from ccx_tenancy.partition import policy

logger = logging.getLogger(__name__)

_HOSTS_APP = "openedx.core.djangoapps.ccxcon"
_HOSTS_UID = "ccxcon_course_publish_handler"
#: Where the host makes the outline of a course; it needs nothing else of Studio.
OUTLINES = "cms.djangoapps.contentstore.outlines"


def connect() -> None:
    """Listen to the host's signals in the place of its own receiver. Doing it twice connects once."""
    from xmodule.modulestore.django import SignalHandler

    if apps.is_installed(_HOSTS_APP):
        # Imported first: it connects itself when that happens, which must not be after we have switched it off.
        import_module(f"{_HOSTS_APP}.signals")
        SignalHandler.course_published.disconnect(dispatch_uid=_HOSTS_UID)
    SignalHandler.course_published.connect(published, dispatch_uid="ccx_tenancy.openedx.published")
    SignalHandler.course_deleted.connect(deleted, dispatch_uid="ccx_tenancy.openedx.deleted_course")


def published(sender: Any, course_key: Any, **kwargs: Any) -> None:
    """A course, or a CCX, was published."""
    if getattr(course_key, "ccx", None) is not None and conf.surface == policy.LMS and policy.has_tenants():
        # Robust: the publication stands, and an outline that cannot be made is logged.
        transaction.on_commit(lambda: make_outline(course_key), robust=True)
    if apps.is_installed(_HOSTS_APP) and not ccxcon.Connector.objects.exists():
        import_module(f"{_HOSTS_APP}.signals")._listen_for_course_publish(sender, course_key=course_key, **kwargs)
        return
    ccxcon.course_changed(course_key)


def deleted(sender: Any, course_key: Any, **kwargs: Any) -> None:
    """A course was deleted."""
    ccxcon.course_changed(course_key)


@uncut()
def make_outline(ccx_key: Any) -> None:
    """Make the outline of a CCX anew, as its coach and its dates have it."""
    import_module(OUTLINES).update_outline_from_modulestore(ccx_key)
