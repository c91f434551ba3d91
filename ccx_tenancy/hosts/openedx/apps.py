"""The app of the adapter: a table of notes on the host's history, the receivers, the patches."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from django.apps import AppConfig, apps
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from ccx_tenancy.conf import conf

#: Models of the host by label, and the fields of each that the adapter reads or writes.
SHAPES: dict[str, tuple[str, ...]] = {
    "site_configuration.SiteConfiguration": ("site", "enabled", "site_values"),
    "site_configuration.SiteConfigurationHistory": ("site", "enabled", "site_values", "created"),
    "student.CourseAccessRole": ("user", "org", "course_id", "role"),
    "student.CourseEnrollment": ("user", "course"),
    "student.CourseEnrollmentAllowed": ("email", "course_id"),
    "course_overviews.CourseOverview": ("id", "org"),
    "split_modulestore_django.SplitModulestoreCourseIndex": ("course_id", "wiki_slug"),
    "wiki.URLPath": ("article", "slug", "lft", "rght", "tree_id", "level"),
    "content_libraries.ContentLibrary": ("org", "slug"),
    "content_libraries.ContentLibraryPermission": ("library", "user", "group", "access_level"),
}


class OpenEdxConfig(AppConfig):
    """Label ``ccx_openedx``."""

    name = "ccx_tenancy.hosts.openedx"
    label = "ccx_openedx"
    verbose_name = _("Tenancy in Open edX")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Check the shape of the host's models, connect the receivers and install the patches.

        Raises ImproperlyConfigured where the host is not as we know it.
        """
        wrong = list(shape_problems())
        if wrong:
            raise ImproperlyConfigured(
                "ccx_tenancy.hosts.openedx does not know this release of Open edX: "
                + "; ".join(wrong)
                + ". Use a release of ccx-tenancy that does. In a project other than Open edX remove the app."
            )
        from ccx_tenancy.hosts.openedx import OpenEdxHost, patches, receivers

        receivers.connect()
        if isinstance(conf.host, OpenEdxHost):
            patches.install()
            if apps.is_installed("ccx_tenancy.ccxcon") and find_spec("xmodule") is not None:
                from ccx_tenancy.hosts.openedx import publishing

                publishing.connect()


def shape_problems() -> Iterable[str]:
    """Yield what the host's models lack, a phrase each."""
    for label, fields in SHAPES.items():
        try:
            model = apps.get_model(label)
        except LookupError:
            yield f"there is no model {label}"
            continue
        for name in fields:
            try:
                model._meta.get_field(name)
            except FieldDoesNotExist:
                yield f"{label} has no field {name!r}"
