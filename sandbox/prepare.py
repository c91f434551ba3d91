"""Bring the sandbox's database to where the seed files say, and tell what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TextIO

from django.conf import settings
from django.contrib.sites.models import Site
from django.core.management import call_command

from ccx_tenancy.tenants.api import TenantDomain
from sandbox import marketplace
from sandbox.paths import SEED
from sandbox.surfaces import PLATFORM_HOSTS


def prepare(out: TextIO, port: int) -> None:
    """Migrate, load the seed files, and let LMS, hub and portal know each other on that port.

    Raises CommandError, which names the file and the place, for a bad seed file.
    """
    call_command("migrate", verbosity=0)
    site = Site.objects.get(pk=settings.SITE_ID)
    if site.domain != "localhost":  # Django makes the default site under example.com.
        site.domain = site.name = "localhost"
        site.save()
    call_command("tenancy", "apply", str(SEED / "tenants.json"), stdout=out)
    call_command("sandbox_seed", stdout=out)
    marketplace.connect(port)


def describe(port: int) -> str:
    """Return what a person needs to look around: every address, and every login of the seed file."""
    addresses = [("Address", "What is there"), *_addresses(port)]
    users = json.loads((SEED / "users.json").read_text(encoding="utf-8"))["users"]
    logins = [("Login", "Password", "Who that is")]
    for user in users:
        roles = [f"{one['role']} in {one['organization']}" for one in user.get("memberships", ())]
        rights = [name for name in ("superuser", "staff") if user.get(name)]
        logins.append((user["username"], user["password"], ", ".join(rights[:1] + roles)))
    return f"{_table(addresses)}\n\n{_table(logins)}"


def _addresses(port: int) -> Iterator[tuple[str, str]]:
    for host, found in PLATFORM_HOSTS.items():
        yield f"http://{host}:{port}/", found.shows
    yield f"http://localhost:{port}/admin/", "the admin"
    yield f"http://localhost:{port}/outbox/", "the mails that were sent (sign in as a superuser)"
    for row in TenantDomain.objects.select_related("tenant").order_by("tenant__key", "-is_primary", "domain"):
        what = "an alias, which redirects" if row.surface == "alias" else row.get_surface_display()
        state = "" if row.tenant.state == row.tenant.State.ACTIVE else f" ({row.tenant.get_state_display()})"
        yield f"http://{row.domain}:{port}/", f"tenant {row.tenant.key}: {what}{state}"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(f"  {line}" for line in lines)
