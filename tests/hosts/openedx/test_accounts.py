"""An account that is made here is one that the platform can work with."""

import pytest
from django.apps import apps

from ccx_tenancy.hosts.openedx import OpenEdxHost

pytestmark = pytest.mark.django_db


def test_an_account_has_its_profile_and_its_registration():
    user = OpenEdxHost().create_account("ann", "ann@example.com", "\ufb01ve secrets")
    assert (user.email, user.is_active) == ("ann@example.com", True)
    # As the platform itself looks at a password: in Unicode's normal form.
    assert user.check_password("five secrets")
    assert user.profile.name == "ann"
    assert len(apps.get_model("student.Registration").objects.get(user=user).activation_key) == 32
