"""The outbox page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from sandbox.outbox.models import Mail

NEWEST = 50


@never_cache
@login_required
def outbox(request: HttpRequest) -> HttpResponse:
    """Show the newest mails to a platform operator: they hold links that are good for whoever has them."""
    if not request.user.is_superuser:
        raise PermissionDenied
    return render(request, "outbox/outbox.html", {"mails": Mail.objects.all()[:NEWEST]})
