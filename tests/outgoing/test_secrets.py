"""Secrets in tables."""

import pytest
from django import forms
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import connection

from ccx_tenancy.outgoing.secrets import Sealed
from ccx_tenancy.sealing import CannotUnseal
from tests.outgoing.standin.models import Account

pytestmark = pytest.mark.django_db


class AccountForm(forms.ModelForm):
    class Meta:
        model = Account
        fields = ["name", "secret"]


def stored():
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM outgoing_standin_account")
        return [value for (value,) in cursor.fetchall()]


def test_the_table_and_the_dump_hold_no_secret():
    account = Account.objects.create(name="a", secret="hunter2")
    assert "hunter2" not in stored()[0]
    assert "hunter2" not in serializers.serialize("json", [account])
    assert Account.objects.get().secret.open() == "hunter2"


def test_a_dump_is_read_back():
    text = serializers.serialize("json", [Account.objects.create(name="a", secret="hunter2")])
    Account.objects.all().delete()
    for found in serializers.deserialize("json", text):
        found.object.secret = Sealed(found.object.secret.open())  # A dump holds the sealed text.
        found.save()
    assert Account.objects.get().secret.open() == "hunter2"


def test_it_is_masked_wherever_it_is_shown():
    account = Account(name="a", secret="hunter2")
    for shown in (str(account.secret), repr(account.secret), f"{account.secret}", repr(vars(account))):
        assert "hunter2" not in shown


def test_an_update_of_many_seals_too():
    Account.objects.create(name="a", secret="hunter2")
    Account.objects.update(secret="hunter3")
    assert "hunter3" not in stored()[0]
    assert Account.objects.defer("secret").get().secret.open() == "hunter3"


def test_an_empty_secret_is_false_and_refused_by_the_model():
    account = Account(name="a", secret="")
    assert not account.secret
    assert account.secret.open() == ""
    with pytest.raises(ValidationError):
        account.full_clean()


def test_another_key_does_not_open_it(settings):
    Account.objects.create(name="a", secret="hunter2")
    settings.SECRET_KEY = "another"
    with pytest.raises(CannotUnseal):
        Account.objects.get().secret.open()


def test_a_form_shows_nothing_wants_one_at_first_and_keeps_it_when_left_empty():
    assert "secret" in AccountForm({"name": "a", "secret": ""}).errors
    account = AccountForm({"name": "a", "secret": "hunter2"}).save()
    assert "hunter2" not in AccountForm(instance=account).as_p()
    kept = AccountForm({"name": "b", "secret": ""}, instance=account)
    assert kept.changed_data == ["name"]
    kept.save()
    assert Account.objects.get().secret.open() == "hunter2"
    AccountForm({"name": "b", "secret": "hunter3"}, instance=account).save()
    assert Account.objects.get().secret.open() == "hunter3"
