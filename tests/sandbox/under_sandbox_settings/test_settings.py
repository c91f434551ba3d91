"""The sandbox's settings and tables."""

import pytest
from django.core.management import call_command


@pytest.mark.django_db
def test_the_models_of_the_sandbox_have_their_migrations():
    call_command("makemigrations", "sandbox_courses", "sandbox_outbox", check=True, dry_run=True, verbosity=0)


def test_the_checks_of_django_and_of_the_library_find_nothing():
    call_command("check", fail_level="WARNING")
