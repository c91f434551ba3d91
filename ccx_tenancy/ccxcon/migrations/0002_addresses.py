"""Addresses are texts with our own validator, as in the hub and the portal: a URL field of a form warns in Django 5."""

from django.db import migrations, models

import ccx_tenancy.outgoing.addresses


class Migration(migrations.Migration):
    dependencies = [
        ("ccx_ccxcon", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="connector",
            name="portal_url",
            field=models.CharField(
                blank=True,
                max_length=255,
                validators=[ccx_tenancy.outgoing.addresses.validate_url],
                verbose_name="address of the portal",
            ),
        ),
        migrations.AlterField(
            model_name="connector",
            name="url",
            field=models.CharField(
                max_length=255,
                unique=True,
                validators=[ccx_tenancy.outgoing.addresses.validate_url],
                verbose_name="address",
            ),
        ),
    ]
