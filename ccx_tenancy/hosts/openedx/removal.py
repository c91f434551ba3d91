"""Taking everything of ours out of the platform's database, before the package is uninstalled.

``migrate LABEL zero`` would do for the tables, but Django then works out the state of all the platform's migrations
anew, which takes minutes of the processor for each of our apps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder

from ccx_tenancy.hosts.openedx.projection import RolePlan, apply_roles, plan_roles
from ccx_tenancy.hosts.openedx.settings import placement
from ccx_tenancy.site_config import secrets


@dataclass(frozen=True, slots=True)
class Removal:
    """What is removed: the roles that were given, how many sites have secrets to open, and the tables."""

    roles: RolePlan
    sites: int
    tables: tuple[str, ...]


def remove(*, dry_run: bool = False) -> Removal:
    """Withdraw roles, open secrets in the platform's table, and drop our tables with what Django knows of them.

    Run it with no service running. What it did before, it does not do again. Raises CannotUnseal, and changes nothing,
    where a secret's key is lost.
    """
    configs = [config for config in apps.get_app_configs() if config.name in placement.APPS]
    there = set(connection.introspection.table_names())
    ours = [
        model
        for model in _referring_first([model for config in configs for model in config.get_models()])
        if model._meta.db_table in there
    ]
    has_roles = any(model._meta.label == "ccx_openedx.ProjectedRole" for model in ours)
    roles = plan_roles(withdraw=True) if has_roles else RolePlan(give=(), take=(), kept=0)
    opened = _open_values()
    tables = tuple(table for model in ours for table in _tables_of(model) if table in there)
    if dry_run:
        return Removal(roles, len(opened), tables)
    labels = [config.label for config in configs]
    with transaction.atomic():
        if has_roles:
            apply_roles(roles)
        for row, values in opened:
            # No save: the platform's history would keep each secret in the clear.
            type(row)._default_manager.filter(pk=row.pk).update(site_values=values)
        # Their permissions go with them.
        ContentType.objects.filter(app_label__in=labels).delete()
    with connection.schema_editor() as editor:
        for model in ours:
            editor.delete_model(model)
    MigrationRecorder(connection).migration_qs.filter(app__in=labels).delete()
    return Removal(roles, len(opened), tables)


def _open_values() -> list[tuple[models.Model, dict[str, Any]]]:
    rows = apps.get_model("site_configuration.SiteConfiguration")._default_manager.order_by("pk")
    found: list[tuple[models.Model, dict[str, Any]]] = []
    for row in rows:
        values = row.site_values or {}
        if any(map(secrets.is_sealed, values.values())):
            found.append((row, {name: secrets.in_the_clear(value) for name, value in values.items()}))
    return found


def _referring_first(ours: list[type[models.Model]]) -> list[type[models.Model]]:
    """Return the models in an order in which their tables can be dropped: none before one that refers to it."""
    ordered: list[type[models.Model]] = []
    while left := [model for model in ours if model not in ordered]:
        ordered += [model for model in left if not any(_refers(one, model) for one in left)] or left
    return ordered


def _refers(model: type[models.Model], other: type[models.Model]) -> bool:
    return model is not other and any(
        field.related_model is other for field in (*model._meta.local_fields, *model._meta.local_many_to_many)
    )


def _tables_of(model: type[models.Model]) -> list[str]:
    made = [field.remote_field.through for field in model._meta.local_many_to_many]
    return [model._meta.db_table, *(one._meta.db_table for one in made if one is not None and one._meta.auto_created)]
