from django.db import models

from ccx_tenancy.outgoing.durable import DurableRow
from ccx_tenancy.outgoing.secrets import SealedTextField


class Parcel(DurableRow):
    """Something to send: its latest content and the number of that."""

    content = models.TextField(default="")
    version = models.PositiveIntegerField(default=1)

    class Meta(DurableRow.Meta):
        app_label = "outgoing_standin"


class Account(models.Model):
    """Something with a secret."""

    name = models.CharField(max_length=20)
    secret = SealedTextField()

    class Meta:
        app_label = "outgoing_standin"

    def __str__(self) -> str:
        return self.name
