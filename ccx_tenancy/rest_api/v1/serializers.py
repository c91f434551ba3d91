"""The forms of what comes in and goes out. Rules are the Python API's; here is only the shape."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers

from ccx_tenancy.membership import api as membership
from ccx_tenancy.rest_api.keys import SCOPES
from ccx_tenancy.rest_api.pagination import MOST, PAGE
from ccx_tenancy.tenants import api as tenants

STATES = ("active", "suspended", "archived")
INVITATION_STATES = ("open", "accepted", "revoked", "expired")
KEY_STATES = ("active", "expired", "revoked")


def no_control_characters(value: str) -> None:
    """Raise ValidationError for a control character: no database is the better for one, and one refuses a NUL."""
    if not value.isprintable() and re.search("[\x00-\x1f\x7f]", value):
        raise serializers.ValidationError("Control characters are not allowed.")


class TextField(serializers.CharField):
    """A JSON text, and nothing that is made one."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 255)
        super().__init__(**kwargs)
        self.validators.append(no_control_characters)

    def to_internal_value(self, data: Any) -> str:
        """Return the text. Raises ValidationError for a number or a truth value."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class DomainField(TextField):
    """A host name as it was sent: a blank around it is a mistake like one within, and named so by the API."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=253, trim_whitespace=False, **kwargs)


class FlagField(serializers.BooleanField):
    """``true`` or ``false`` in JSON; in a query those words."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the truth value. Raises ValidationError for anything else."""
        if isinstance(self.root, Query) and data in ("true", "false"):
            return bool(data == "true")
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class ObjectField(serializers.DictField):
    """A JSON object, as it comes."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object. Raises ValidationError for anything else."""
        if not isinstance(data, dict):
            self.fail("not_a_dict", input_type=type(data).__name__)
        return data

    def to_representation(self, value: Any) -> dict[str, Any]:
        """Return the object."""
        return dict(value)


class Body(serializers.Serializer[Any]):
    """What a request carries. A name that it does not have is refused: a misspelt one would do nothing."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked values. Raises ValidationError."""
        if isinstance(data, dict):
            unknown = sorted(set(data).difference(self.fields))
            if unknown:
                allowed = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {name[:100]: f"There is no such field; allowed are {allowed}." for name in unknown}
                )
        return super().to_internal_value(data)


class Query(serializers.Serializer[Any]):
    """The parameters of a request."""


class Page(Query):
    """Those of every list."""

    cursor = TextField(required=False, default="", allow_blank=True, help_text="Where to go on: see next.")
    limit = serializers.IntegerField(
        required=False, default=PAGE, min_value=1, max_value=MOST, help_text="How many to a page."
    )


# Errors


class ReasonSerializer(serializers.Serializer[Any]):
    """One reason, with its place."""

    path = serializers.CharField(allow_blank=True)
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = ReasonSerializer(many=True)  # type: ignore[assignment]


class ChangeSerializer(serializers.Serializer[Any]):
    """One place that differs."""

    path = serializers.ListField(child=serializers.CharField())
    kind = serializers.ChoiceField(choices=("added", "removed", "changed"))
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class LostRaceSerializer(ProblemSerializer):
    """The revision given is not the present one: what others changed since, and what this request would change."""

    expected = serializers.IntegerField()
    actual = serializers.IntegerField()
    theirs = ChangeSerializer(many=True)
    yours = ChangeSerializer(many=True)


# Tenants


class TenantSerializer(serializers.Serializer[Any]):
    """A tenant."""

    key = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    domain = serializers.CharField(allow_null=True)
    organizations = serializers.ListField(child=serializers.CharField())


class TenantListSerializer(serializers.Serializer[Any]):
    """A page of tenants."""

    next = serializers.CharField(allow_null=True)
    results = TenantSerializer(many=True)


class TenantQuery(Page):
    """Filters of tenants."""

    state = serializers.ChoiceField(choices=STATES, required=False)
    search = TextField(required=False, default="", allow_blank=True)


class NewTenantSerializer(Body):
    """A tenant to be made."""

    key = TextField(max_length=100)
    name = TextField()
    domain = DomainField()
    organizations = serializers.ListField(child=TextField(), min_length=1, max_length=100)
    studio_domain = DomainField(required=False, allow_null=True)
    values = ObjectField(required=False)
    owner = TextField(required=False, help_text="User name or e-mail address of an account.")


class TenantChangeSerializer(Body):
    """What changes of a tenant."""

    name = TextField(required=False)
    state = serializers.ChoiceField(choices=STATES, required=False)
    reason = TextField(required=False, default="", allow_blank=True)


# Domains


class DomainSerializer(serializers.Serializer[Any]):
    """A host name of a tenant."""

    domain = serializers.CharField()
    tenant = serializers.CharField(source="tenant.key")
    surface = serializers.ChoiceField(choices=tenants.SURFACES)
    primary = serializers.BooleanField(source="is_primary")


class DomainListSerializer(serializers.Serializer[Any]):
    """A page of domains."""

    next = serializers.CharField(allow_null=True)
    results = DomainSerializer(many=True)


class DomainQuery(Page):
    """Filters of domains."""

    tenant = TextField(required=False)
    surface = serializers.ChoiceField(choices=tenants.SURFACES, required=False)
    search = TextField(required=False, default="", allow_blank=True)


class NewDomainSerializer(Body):
    """A host name to be given to a tenant."""

    tenant = TextField()
    domain = DomainField()
    surface = serializers.ChoiceField(choices=tenants.SURFACES, default="lms")
    primary = FlagField(default=False)


class DomainChangeSerializer(Body):
    """A domain can be made the primary of its surface."""

    primary = FlagField()

    def validate_primary(self, value: bool) -> bool:
        """Only ``true`` says which domain is meant to be the primary one."""
        if not value:
            raise serializers.ValidationError("Allowed is true; to make this one no primary, make another one so.")
        return value


# Organizations


class OrganizationSerializer(serializers.Serializer[Any]):
    """An organization of a tenant."""

    short_name = serializers.CharField(source="organization.short_name")
    name = serializers.CharField(source="organization.name")
    tenant = serializers.CharField(source="tenant.key")
    active = serializers.BooleanField(source="organization.active")


class OrganizationListSerializer(serializers.Serializer[Any]):
    """A page of organizations."""

    next = serializers.CharField(allow_null=True)
    results = OrganizationSerializer(many=True)


class OrganizationQuery(Page):
    """Filters of organizations."""

    tenant = TextField(required=False)
    search = TextField(required=False, default="", allow_blank=True)


class NewOrganizationSerializer(Body):
    """An organization to be given to a tenant."""

    tenant = TextField()
    short_name = TextField()


# Members


class MemberSerializer(serializers.Serializer[Any]):
    """A membership."""

    id = serializers.IntegerField()
    username = serializers.CharField(source="user.username")
    email = serializers.CharField(source="user.email", allow_blank=True)
    organization = serializers.CharField(source="organization.short_name")
    role = serializers.ChoiceField(choices=membership.ROLES)
    active = serializers.BooleanField()
    pending = serializers.BooleanField()
    created = serializers.DateTimeField()


class MemberListSerializer(serializers.Serializer[Any]):
    """A page of memberships."""

    next = serializers.CharField(allow_null=True)
    results = MemberSerializer(many=True)


class MemberQuery(Page):
    """Filters of memberships."""

    tenant = TextField(required=False)
    organization = TextField(required=False)
    role = serializers.ChoiceField(choices=membership.ROLES, required=False)
    active = FlagField(required=False, allow_null=True, default=None)
    search = TextField(required=False, default="", allow_blank=True)


class NewMemberSerializer(Body):
    """A membership to be made."""

    user = TextField(help_text="User name or e-mail address. An administrator finds the tenant's own people only.")
    organization = TextField()
    role = serializers.ChoiceField(choices=membership.ROLES, default=membership.LEARNER)


class MemberChangeSerializer(Body):
    """What changes of a membership."""

    role = serializers.ChoiceField(choices=membership.ROLES, required=False)
    active = FlagField(required=False)


# Invitations


class InvitationSerializer(serializers.Serializer[Any]):
    """An invitation. Its token is in the mail alone."""

    id = serializers.IntegerField()
    email = serializers.CharField()
    organization = serializers.CharField(source="organization.short_name")
    role = serializers.ChoiceField(choices=membership.ROLES)
    state = serializers.ChoiceField(choices=INVITATION_STATES)
    invited_by = serializers.CharField(source="invited_by_name", allow_blank=True)
    created = serializers.DateTimeField()
    expires = serializers.DateTimeField()
    sent = serializers.DateTimeField(allow_null=True)


class InvitationListSerializer(serializers.Serializer[Any]):
    """A page of invitations."""

    next = serializers.CharField(allow_null=True)
    results = InvitationSerializer(many=True)


class InvitationQuery(Page):
    """Filters of invitations."""

    tenant = TextField(required=False)
    organization = TextField(required=False)
    state = serializers.ChoiceField(choices=INVITATION_STATES, required=False)
    search = TextField(required=False, default="", allow_blank=True)


class NewInvitationSerializer(Body):
    """An invitation to be sent."""

    email = TextField(max_length=254)
    organization = TextField()
    role = serializers.ChoiceField(choices=membership.ROLES, default=membership.LEARNER)


# Configuration


class ConfigSerializer(serializers.Serializer[Any]):
    """What a site stores, secrets masked."""

    domain = serializers.CharField()
    tenant = serializers.CharField()
    revision = serializers.IntegerField()
    enabled = serializers.BooleanField()
    values = ObjectField()


class SiteQuery(Query):
    """Which site is meant."""

    domain = TextField(
        required=False, help_text="The site's domain. Not needed where only one tenant is meant: then its primary one."
    )


class ConfigChangeSerializer(Body):
    """Values are merged name by name into those that are there; ``unset`` names those to be removed."""

    values = ObjectField(required=False, default=dict)
    unset = serializers.ListField(child=TextField(), required=False, default=list, max_length=1000)
    enabled = FlagField(required=False, allow_null=True, default=None, help_text="Platform operators only.")
    reason = TextField(required=False, default="", allow_blank=True)


class RevisionSerializer(serializers.Serializer[Any]):
    """One revision of a site, without its values."""

    revision = serializers.IntegerField()
    enabled = serializers.BooleanField()
    actor = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    created = serializers.DateTimeField()
    changes = ChangeSerializer(many=True)


class RevisionListSerializer(serializers.Serializer[Any]):
    """A page of revisions, newest first."""

    next = serializers.CharField(allow_null=True)
    results = RevisionSerializer(many=True)


class HistoryQuery(Page, SiteQuery):
    """Which site's history."""


class PastConfigSerializer(RevisionSerializer):
    """One revision of a site, secrets masked."""

    values = ObjectField()


class ReasonBody(Body):
    """Why."""

    reason = TextField(required=False, default="", allow_blank=True)


class DraftSerializer(serializers.Serializer[Any]):
    """The caller's own draft of a site, secrets masked."""

    domain = serializers.CharField()
    tenant = serializers.CharField()
    base_revision = serializers.IntegerField()
    modified = serializers.DateTimeField()
    values = ObjectField()


class DraftChangeSerializer(Body):
    """Values are merged into the draft, or, where there is none yet, into what the site stores."""

    values = ObjectField(required=False, default=dict)
    unset = serializers.ListField(child=TextField(), required=False, default=list, max_length=1000)


# Audit


class EntrySerializer(serializers.Serializer[Any]):
    """One entry of the audit record."""

    id = serializers.IntegerField()
    created = serializers.DateTimeField()
    tenant = serializers.CharField(source="tenant_key", allow_blank=True)
    actor = serializers.CharField(allow_blank=True)
    action = serializers.CharField()
    target = serializers.CharField(allow_blank=True)
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    request_id = serializers.CharField(allow_blank=True)


class EntryListSerializer(serializers.Serializer[Any]):
    """A page of entries, newest first."""

    next = serializers.CharField(allow_null=True)
    results = EntrySerializer(many=True)


class AuditFilter(Query):
    """Filters of the audit record."""

    tenant = TextField(required=False)
    action = TextField(required=False, help_text="A whole action, or with a dot at its end all that begin so.")
    actor = TextField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)
    search = TextField(required=False, default="", allow_blank=True)


class AuditQuery(AuditFilter, Page):
    """The same, in pages."""


# API keys


class KeySerializer(serializers.Serializer[Any]):
    """An API key, without its secret."""

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.key")
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES))
    state = serializers.ChoiceField(choices=KEY_STATES)
    made_by = serializers.CharField(source="maker_name")
    created = serializers.DateTimeField()
    expires = serializers.DateTimeField()
    last_used = serializers.DateTimeField(allow_null=True)
    revoked = serializers.DateTimeField(allow_null=True)


class KeyListSerializer(serializers.Serializer[Any]):
    """A page of API keys."""

    next = serializers.CharField(allow_null=True)
    results = KeySerializer(many=True)


class KeyQuery(Page):
    """Filters of API keys."""

    tenant = TextField(required=False)


class NewKeySerializer(Body):
    """An API key to be made."""

    tenant = TextField(required=False, help_text="Not needed where only one tenant is meant.")
    name = TextField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES), min_length=1, max_length=50)
    expires = serializers.DateTimeField(required=False, allow_null=True)


class MadeKeySerializer(KeySerializer):
    """A new API key, with the whole of it this once."""

    key = serializers.CharField(source="secret")


# The caller


class RoleSerializer(serializers.Serializer[Any]):
    """A role in an organization."""

    organization = serializers.CharField()
    role = serializers.ChoiceField(choices=membership.ROLES)


class MyTenantSerializer(serializers.Serializer[Any]):
    """A tenant of the caller's."""

    key = serializers.CharField()
    domain = serializers.CharField(allow_null=True)
    roles = RoleSerializer(many=True)


class MyKeySerializer(serializers.Serializer[Any]):
    """The API key that the caller uses."""

    prefix = serializers.CharField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    expires = serializers.DateTimeField()


class MeSerializer(serializers.Serializer[Any]):
    """Who the caller is."""

    username = serializers.CharField()
    email = serializers.CharField(allow_blank=True)
    operator = serializers.BooleanField()
    api_key = MyKeySerializer(allow_null=True)
    tenants = MyTenantSerializer(many=True)
