"""A secret in a table: sealed there, masked wherever it is shown, and open only to who says ``open()``."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from ccx_tenancy.sealing import MASK, open_text, seal_text

_PURPOSE = "secrets"


class Sealed:
    """A secret text that cannot be shown by accident: printed, logged or rendered it is a mask.

    ``Sealed.of(text)`` seals one, :meth:`open` returns it. An empty secret is false.
    """

    __slots__ = ("stored",)

    def __init__(self, stored: str) -> None:
        self.stored = stored

    @classmethod
    def of(cls, text: str) -> Sealed:
        """Return a text sealed; an empty text stays empty."""
        return cls(seal_text(text, _PURPOSE) if text else "")

    def open(self) -> str:
        """Return the secret. Raises CannotUnseal where no key of this process opens it."""
        return open_text(self.stored, _PURPOSE) if self.stored else ""

    def __bool__(self) -> bool:
        return bool(self.stored)

    def __str__(self) -> str:
        return MASK if self.stored else ""

    def __repr__(self) -> str:
        return f"<Sealed {self}>"


class _SealedAttribute(DeferredAttribute):
    """Holds a :class:`Sealed` whatever is assigned: a plain text is sealed at once."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value if isinstance(value, Sealed) else Sealed.of(value or "")


class SealedTextField(models.TextField):  # type: ignore[type-arg]
    """A column for a secret. Assign a text; read a :class:`Sealed`. It cannot be searched by its value.

    In a form an input left empty keeps the secret that is there; nothing of it is ever rendered.
    """

    descriptor_class = _SealedAttribute

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Sealed:
        return Sealed(value or "")

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str:
        return (value if isinstance(value, Sealed) else Sealed.of(value or "")).stored

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        return value if value else super().clean("", model_instance)

    def formfield(self, **kwargs: Any) -> Any:
        return super(models.TextField, self).formfield(
            **{**kwargs, "form_class": SecretFormField, "widget": SecretInput}
        )

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        if data:
            super().save_form_data(instance, data)


class SecretInput(forms.PasswordInput):
    """An input that shows nothing of the secret that is there."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "off", **(attrs or {})}, render_value=False)


class SecretFormField(forms.CharField):
    """A form's field for a secret: required only where there is none yet."""

    widget = SecretInput

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        if form.get_initial_for_field(self, field_name):
            self.required = False
        return super().get_bound_field(form, field_name)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)
