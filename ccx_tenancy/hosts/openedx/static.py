"""Are our style sheets and scripts where the host serves static files from?"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import CheckMessage, Warning

from ccx_tenancy.hosts.openedx.settings import placement

#: A file of each of our rooms that has some.
FILES = ("ccx_tenancy/admin.css", "ccx_tenancy/pages/pages.css", "ccx_tenancy/site-config/edit.js")


def check_static_files(**kwargs: Any) -> list[CheckMessage]:
    """System check ``ccx_tenancy.W103``: the host's storage of static files, which keeps a manifest, knows ours.

    Where it does not, a page of ours is an error of the server instead of a page.
    """
    if not placement.is_open_edx(settings):
        return []
    missing = [name for name in FILES if not _is_known(name)]
    if not missing:
        return []
    return [
        Warning(
            f"The storage of static files does not know {', '.join(missing)}: our pages cannot be shown.",
            hint="Run `manage.py lms collectstatic` and `manage.py cms collectstatic` after installing ccx-tenancy.",
            id="ccx_tenancy.W103",
        )
    ]


def _is_known(name: str) -> bool:
    try:
        staticfiles_storage.url(name)
    except ValueError:
        return False
    return True
