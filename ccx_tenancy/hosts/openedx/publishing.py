"""The host publishes a course: our connectors are told, and the host's own receiver is not asked any more.

The host's receiver sends once, and gives up for good after five failures; were both on, courses would go out twice.
While we have no connector the host's goes on working, so that installing us changes nothing until they are imported.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from django.apps import apps

from ccx_tenancy.ccxcon import api as ccxcon

logger = logging.getLogger(__name__)

_HOSTS_APP = "openedx.core.djangoapps.ccxcon"
_HOSTS_UID = "ccxcon_course_publish_handler"


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
    if apps.is_installed(_HOSTS_APP) and not ccxcon.Connector.objects.exists():
        import_module(f"{_HOSTS_APP}.signals")._listen_for_course_publish(sender, course_key=course_key, **kwargs)
        return
    ccxcon.course_changed(course_key)


def deleted(sender: Any, course_key: Any, **kwargs: Any) -> None:
    """A course was deleted."""
    ccxcon.course_changed(course_key)
