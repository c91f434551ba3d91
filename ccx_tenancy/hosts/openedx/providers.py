"""Settings of one site that the platform keeps in tables: identity providers, foremost.

The platform keeps what is current of them in a cache for everybody, so these tables are not cut as others are. But
where it lists what is current it asks the tables, and gives what every site has; and whoever names an identity provider
is sent to it, from any site.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.contrib.sites.models import Site
from django.db.models import ForeignKey

from ccx_tenancy.hosts.openedx import rows
from ccx_tenancy.hosts.openedx.targets import Target

#: Where the class of managers of such tables lives, and the platform's way to sign in by SAML.
SETTINGS = "config_models.models"
SAML = "common.djangoapps.third_party_auth.saml"
SAML_MODELS = "common.djangoapps.third_party_auth.models"

#: A name that no provider has.
_NOBODYS = ""


def targets() -> list[Target]:
    """Return what is replaced."""
    return [
        Target(import_module(SETTINGS).ConfigurationModelManager, "current_set", ("self",), _make_current_set),
        Target(import_module(SAML).SAMLAuthBackend, "get_idp", ("self", "idp_name"), _make_get_idp),
    ]


def _make_current_set(original: Any) -> Any:
    def current_set(self: Any) -> Any:
        found = original(self)
        column = _site_column(self.model)
        seen = rows.of_sites_seen(column) if column is not None else None
        return found if seen is None else found.filter(seen)

    return current_set


def _site_column(model: Any) -> str | None:
    """Return the column that says the site of each row of a model; None where rows need not have one."""
    for field in model._meta.concrete_fields:
        if isinstance(field, ForeignKey) and field.related_model is Site and not field.null:
            return field.attname
    return None


def _make_get_idp(original: Any) -> Any:
    def get_idp(self: Any, idp_name: Any) -> Any:
        if rows.viewer() is not None:
            providers: Any = import_module(SAML_MODELS).SAMLProviderConfig
            if rows.hides_site(providers.current(idp_name).site_id):
                idp_name = _NOBODYS
        return original(self, idp_name)

    return get_idp
