"""``settings.CCX_TENANCY``: every key, its type, its default and its check, in one place.

A key that is not below is refused by the system check ``ccx_tenancy.E001``, a value of the wrong kind by ``E002``.
Values are read when they are needed, so ``override_settings`` works.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.utils.functional import cached_property
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from ccx_tenancy.ports import AccountPolicy, Host


@dataclass(frozen=True, slots=True)
class Key:
    """One key of ``CCX_TENANCY``: ``kinds`` it may have, its ``default``, what it is ``meant`` for, a ``check``.

    ``check`` gets the value and returns what is allowed where the value is not, else None.
    """

    kinds: tuple[type, ...]
    default: Any
    meant: str
    check: Callable[[Any], str | None] | None = None


def _between(low: float, high: float) -> Callable[[Any], str | None]:
    return lambda value: None if low <= value <= high else f"a number from {low:g} to {high:g}"


def _one_of(*allowed: str) -> Callable[[Any], str | None]:
    return lambda value: None if value in allowed else "one of " + ", ".join(repr(one) for one in allowed)


def _invitation_url(value: Any) -> str | None:
    has_both = "{domain}" in value and "{token}" in value
    return None if has_both else "an address with {domain} and {token} in it"


def _rate(value: Any) -> str | None:
    return None if re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", value) else "a text such as '600/minute'"


def _texts(value: Any) -> str | None:
    return None if all(isinstance(one, str) and one for one in value) else "a list of texts that are not empty"


def _networks(value: Any) -> str | None:
    try:
        for text in value:
            ipaddress.ip_network(text)
    except ValueError as error:
        return f"a list of networks such as '10.1.0.0/16' ({error})"
    return None


def _base_url(value: Any) -> str | None:
    is_base = re.fullmatch(r"(https?://[^/?#@\s]+)?", value)
    return None if is_base else "an address without a path, such as 'https://portal.example.com'"


def _currencies(value: Any) -> str | None:
    three_decimals = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
    good = [isinstance(one, str) and re.fullmatch(r"[A-Z]{3}", one) and one not in three_decimals for one in value]
    return None if good and all(good) else "codes such as 'USD', at least one, of currencies with two decimals or none"


KEYS: Mapping[str, Key] = {
    "HOST": Key(
        (str,),
        "ccx_tenancy.hosts.standalone.StandaloneHost",
        "Dotted path of the adapter to the project we are plugged into (ccx_tenancy.ports.Host).",
    ),
    "SURFACE": Key(
        (str,),
        "lms",
        "The surface of a host name that no tenant names: 'lms' or 'studio'. Each service of a platform sets its own.",
        _one_of("lms", "studio"),
    ),
    "HOST_PATCHES_OFF": Key(
        (list, tuple),
        (),
        "Names of our patches of the Open edX host that are not installed (ccx_tenancy.hosts.openedx.patches).",
        _texts,
    ),
    "PROJECT_ROLES": Key(
        (bool,),
        True,
        "Whether a change of a membership changes the roles of the Open edX host too, for authors and above.",
    ),
    "SERVICE_USERS": Key(
        (list, tuple),
        (),
        "User names of the platform's own services (graders, workers). On the platform's own hosts, where no tenant"
        " answers, they are held to no tenant.",
        _texts,
    ),
    "FRESHNESS_SECONDS": Key(
        (int, float),
        1.0,
        "How long a process may trust what it has read, in seconds. A change elsewhere is seen within this time.",
        _between(0, 300),
    ),
    "VALUES_CACHE_SIZE": Key(
        (int,), 1000, "For how many sites a process keeps the configuration in memory.", _between(1, 1_000_000)
    ),
    "MAX_DOCUMENT_BYTES": Key(
        (int,), 1024 * 1024, "The largest JSON document accepted, in bytes of UTF-8.", _between(1024, 64 * 1024 * 1024)
    ),
    "MAX_DOCUMENT_DEPTH": Key((int,), 32, "How deep objects and lists may nest in a JSON document.", _between(2, 200)),
    "ENCRYPTION_KEYS": Key(
        (list, tuple),
        (),
        "Passphrases for values marked secret, newest first; all are tried for reading, the first is used for"
        " writing. Empty: one is derived from SECRET_KEY (and SECRET_KEY_FALLBACKS for reading).",
        _texts,
    ),
    "DENIED_KEYS": Key((list, tuple), (), "More names that no site may set, besides those of the library.", _texts),
    "PREVIEW_SECONDS": Key(
        (int,), 3600, "How long the cookie that previews a draft is good, in seconds.", _between(60, 7 * 24 * 3600)
    ),
    "PARTITION_GLOBAL_STAFF": Key(
        (bool,),
        True,
        "Whether a user with is_staff is partitioned in Studio like everybody else. False: sees all organizations.",
    ),
    "GATE_BODY_LIMIT": Key(
        (int,),
        2 * 1024 * 1024,
        "How large a body may be in which the course partition looks for keys, in bytes. JSON, forms and texts above it"
        " are refused with 413; files are not looked into, and may be larger.",
        _between(1024, 1024 * 1024 * 1024),
    ),
    "GATE_NODE_LIMIT": Key(
        (int,),
        200_000,
        "How many values a request's query and body may have; more are refused with 413.",
        _between(100, 100_000_000),
    ),
    "ACCESS_DENIED": Key(
        (str,),
        "anonymous",
        "What a signed-in user is on the site of a tenant of which the user is no member: 'anonymous', or refused with"
        " 403 ('refuse').",
        _one_of("anonymous", "refuse"),
    ),
    "OPERATOR_PASS_SECONDS": Key(
        (int,),
        3600,
        "How often an operator's use of a tenant's site goes into the audit record: once per session, tenant and this"
        " many seconds.",
        _between(1, 7 * 24 * 3600),
    ),
    "ACCOUNT_POLICY": Key(
        (str,),
        "ccx_tenancy.accounts.policy.SharedAccounts",
        "Dotted path of what says whose account a name or an e-mail address is (ccx_tenancy.ports.AccountPolicy).",
    ),
    "DEFAULT_SITE_LOGIN": Key(
        (str,),
        "operators",
        "Who signs in where there is no tenant. 'operators': superusers; 'staff': those and is_staff; 'members': those"
        " and active members of any organization of a tenant; 'everybody'.",
        _one_of("operators", "staff", "members", "everybody"),
    ),
    "INACTIVE_USERS_SIGN_IN": Key(
        (bool,),
        False,
        "Whether an account with is_active False may sign in, as in hosts that mean by it an address not confirmed.",
    ),
    "MEMBERS_CACHE_SIZE": Key(
        (int,), 10_000, "For how many users a process keeps the memberships in memory.", _between(1, 10_000_000)
    ),
    "JOIN_POLICY": Key(
        (str,),
        "invitation",
        "Who may join a tenant by registering where its site has no value JOIN_POLICY: 'open', 'email_domains' or"
        " 'invitation'.",
        _one_of("open", "email_domains", "invitation"),
    ),
    "INVITATION_DAYS": Key((int, float), 7, "How many days an invitation is good.", _between(0.01, 365)),
    "INVITATION_URL": Key(
        (str,),
        "https://{domain}/tenancy/invitations/{token}/",
        "The address in an invitation's e-mail; {domain} is the tenant's primary domain, {token} the secret.",
        _invitation_url,
    ),
    "API_KEY_RATE": Key(
        (str,),
        "600/minute",
        "How many requests an API key may make, as 'number/period'; the period is second, minute, hour or day.",
        _rate,
    ),
    "API_KEY_DAYS": Key((int, float), 365, "How many days an API key is good at most.", _between(0.01, 3650)),
    "OUTGOING_PRIVATE_NETWORKS": Key(
        (list, tuple),
        (),
        "Networks that are not public and may be called all the same, and by plain http ('10.1.0.0/16',"
        " '127.0.0.0/8', '::1/128'). Everything else that we call must be https on a public address.",
        _networks,
    ),
    "OUTGOING_TIMEOUT": Key(
        (int, float), 30, "How long one call to another server may take as a whole, in seconds.", _between(0.1, 600)
    ),
    "OUTGOING_BODY_LIMIT": Key(
        (int,),
        8 * 1024 * 1024,
        "The largest answer of another server that is read, in bytes.",
        _between(1024, 1024 * 1024 * 1024),
    ),
    "OUTGOING_CA_BUNDLE": Key(
        (str,), "", "File of the certificates that other servers are checked with. Empty: those of *certifi*."
    ),
    "OUTGOING_LEASE_SECONDS": Key(
        (int, float),
        120,
        "After how many seconds what a killed process was sending is sent again by another. Longer than"
        " OUTGOING_TIMEOUT.",
        _between(0.5, 24 * 3600),
    ),
    "OUTGOING_RETRY_SECONDS": Key(
        (int, float),
        1,
        "How long to wait after the first failure, in seconds; doubled with each further one, less up to a half by"
        " chance.",
        _between(0.01, 3600),
    ),
    "OUTGOING_RETRY_MOST_SECONDS": Key(
        (int, float), 3600, "The longest wait between two attempts, in seconds.", _between(0.01, 7 * 24 * 3600)
    ),
    "OUTGOING_ATTEMPTS": Key(
        (int,),
        60,
        "After how many attempts something is no longer sent by itself. It is kept, shown with its reason, and sent"
        " again when somebody asks. 60 with the defaults is two days.",
        _between(1, 1_000_000),
    ),
    "HUB_THREADS": Key(
        (int,),
        32,
        "How many calls a process of the hub has out at a time, to all receivers together.",
        _between(1, 500),
    ),
    "HUB_STATUS_TOKEN": Key(
        (str,), "", "What a monitor names to see the hub's /status/ page. Empty: there is no such page."
    ),
    "PORTAL_URL": Key(
        (str,),
        "",
        "The address of the Teacher's Portal, without a path: links in its mails begin with it, whatever a request"
        " names as its host.",
        _base_url,
    ),
    "PORTAL_NAME": Key((str,), "Teacher's Portal", "What the portal calls itself on its pages and in its mails."),
    "PORTAL_CURRENCIES": Key(
        (list, tuple), ("USD",), "The currencies a course may be priced in; a new one has the first.", _currencies
    ),
    "PORTAL_MOST_SEATS": Key(
        (int,), 10_000, "How many seats one buyer may have in one course.", _between(1, 1_000_000_000)
    ),
    "PORTAL_GATEWAY": Key(
        (str,),
        "",
        "Dotted path of what takes the money (ccx_tenancy.portal.gateways.PaymentGateway). Empty: only what is free of"
        " charge can be ordered.",
    ),
    "PORTAL_STRIPE_KEY": Key((str,), "", "The secret key of the Stripe account."),
    "PORTAL_STRIPE_WEBHOOK_SECRET": Key((str,), "", "The signing secret of the Stripe webhook's endpoint."),
    "PORTAL_SIGN_IN_TRIES": Key(
        (int,),
        10,
        "How many wrong passwords one client address may send to the portal for one account within 15 minutes; for all"
        " accounts together ten times as many. Counted in Django's default cache.",
        _between(1, 1_000_000),
    ),
    "PORTAL_ACTIVATION_HOURS": Key(
        (int, float), 48, "How many hours the link that activates an account is good.", _between(0.01, 24 * 365)
    ),
    "CCXCON_COALESCE_SECONDS": Key(
        (int, float),
        5,
        "How long a published course waits for more changes before it is sent to its connector, in seconds. What is"
        " published in between is sent once. 0: at once.",
        _between(0, 3600),
    ),
    "CCXCON_LINK_DAYS": Key(
        (int, float), 14, "How many days the link in a mail to an instructor is good.", _between(0.01, 365)
    ),
    "CCXCON_AUTHENTICATION": Key(
        (list, tuple),
        (),
        "Dotted paths of the classes of Django REST framework that say who orders CCXs. Empty: nobody can. In Open edX"
        " the plug-in names the host's for JWT and bearer tokens.",
        _texts,
    ),
}


class Conf:
    """Typed access to the keys: ``conf.freshness_seconds`` and so on. Use the instance :data:`conf`."""

    def _get(self, name: str) -> Any:
        return getattr(settings, "CCX_TENANCY", {}).get(name, KEYS[name].default)

    @property
    def surface(self) -> str:
        """See ``SURFACE``."""
        return cast(str, self._get("SURFACE"))

    @property
    def host_patches_off(self) -> Sequence[str]:
        """See ``HOST_PATCHES_OFF``."""
        return cast(Sequence[str], self._get("HOST_PATCHES_OFF"))

    @property
    def project_roles(self) -> bool:
        """See ``PROJECT_ROLES``."""
        return cast(bool, self._get("PROJECT_ROLES"))

    @property
    def service_users(self) -> Sequence[str]:
        """See ``SERVICE_USERS``."""
        return cast(Sequence[str], self._get("SERVICE_USERS"))

    @property
    def freshness_seconds(self) -> float:
        """See ``FRESHNESS_SECONDS``."""
        return float(self._get("FRESHNESS_SECONDS"))

    @property
    def values_cache_size(self) -> int:
        """See ``VALUES_CACHE_SIZE``."""
        return cast(int, self._get("VALUES_CACHE_SIZE"))

    @property
    def max_document_bytes(self) -> int:
        """See ``MAX_DOCUMENT_BYTES``."""
        return cast(int, self._get("MAX_DOCUMENT_BYTES"))

    @property
    def max_document_depth(self) -> int:
        """See ``MAX_DOCUMENT_DEPTH``."""
        return cast(int, self._get("MAX_DOCUMENT_DEPTH"))

    @property
    def encryption_keys(self) -> Sequence[str]:
        """See ``ENCRYPTION_KEYS``."""
        return cast(Sequence[str], self._get("ENCRYPTION_KEYS"))

    @property
    def denied_keys(self) -> Sequence[str]:
        """See ``DENIED_KEYS``."""
        return cast(Sequence[str], self._get("DENIED_KEYS"))

    @property
    def preview_seconds(self) -> int:
        """See ``PREVIEW_SECONDS``."""
        return cast(int, self._get("PREVIEW_SECONDS"))

    @property
    def gate_body_limit(self) -> int:
        """See ``GATE_BODY_LIMIT``."""
        return cast(int, self._get("GATE_BODY_LIMIT"))

    @property
    def gate_node_limit(self) -> int:
        """See ``GATE_NODE_LIMIT``."""
        return cast(int, self._get("GATE_NODE_LIMIT"))

    @property
    def access_denied(self) -> str:
        """See ``ACCESS_DENIED``."""
        return cast(str, self._get("ACCESS_DENIED"))

    @property
    def operator_pass_seconds(self) -> int:
        """See ``OPERATOR_PASS_SECONDS``."""
        return cast(int, self._get("OPERATOR_PASS_SECONDS"))

    @property
    def partition_global_staff(self) -> bool:
        """See ``PARTITION_GLOBAL_STAFF``."""
        return cast(bool, self._get("PARTITION_GLOBAL_STAFF"))

    @property
    def default_site_login(self) -> str:
        """See ``DEFAULT_SITE_LOGIN``."""
        return cast(str, self._get("DEFAULT_SITE_LOGIN"))

    @property
    def inactive_users_sign_in(self) -> bool:
        """See ``INACTIVE_USERS_SIGN_IN``."""
        return cast(bool, self._get("INACTIVE_USERS_SIGN_IN"))

    @property
    def members_cache_size(self) -> int:
        """See ``MEMBERS_CACHE_SIZE``."""
        return cast(int, self._get("MEMBERS_CACHE_SIZE"))

    @property
    def join_policy(self) -> str:
        """See ``JOIN_POLICY``."""
        return cast(str, self._get("JOIN_POLICY"))

    @property
    def invitation_days(self) -> float:
        """See ``INVITATION_DAYS``."""
        return float(self._get("INVITATION_DAYS"))

    @property
    def invitation_url(self) -> str:
        """See ``INVITATION_URL``."""
        return cast(str, self._get("INVITATION_URL"))

    @property
    def api_key_rate(self) -> str:
        """See ``API_KEY_RATE``."""
        return cast(str, self._get("API_KEY_RATE"))

    @property
    def api_key_days(self) -> float:
        """See ``API_KEY_DAYS``."""
        return float(self._get("API_KEY_DAYS"))

    @property
    def outgoing_private_networks(self) -> Sequence[str]:
        """See ``OUTGOING_PRIVATE_NETWORKS``."""
        return cast(Sequence[str], self._get("OUTGOING_PRIVATE_NETWORKS"))

    @property
    def outgoing_timeout(self) -> float:
        """See ``OUTGOING_TIMEOUT``."""
        return float(self._get("OUTGOING_TIMEOUT"))

    @property
    def outgoing_body_limit(self) -> int:
        """See ``OUTGOING_BODY_LIMIT``."""
        return cast(int, self._get("OUTGOING_BODY_LIMIT"))

    @property
    def outgoing_ca_bundle(self) -> str:
        """See ``OUTGOING_CA_BUNDLE``."""
        return cast(str, self._get("OUTGOING_CA_BUNDLE"))

    @property
    def hub_threads(self) -> int:
        """See ``HUB_THREADS``."""
        return cast(int, self._get("HUB_THREADS"))

    @property
    def hub_status_token(self) -> str:
        """See ``HUB_STATUS_TOKEN``."""
        return cast(str, self._get("HUB_STATUS_TOKEN"))

    @property
    def outgoing_lease_seconds(self) -> float:
        """See ``OUTGOING_LEASE_SECONDS``."""
        return float(self._get("OUTGOING_LEASE_SECONDS"))

    @property
    def outgoing_retry_seconds(self) -> float:
        """See ``OUTGOING_RETRY_SECONDS``."""
        return float(self._get("OUTGOING_RETRY_SECONDS"))

    @property
    def outgoing_retry_most_seconds(self) -> float:
        """See ``OUTGOING_RETRY_MOST_SECONDS``."""
        return float(self._get("OUTGOING_RETRY_MOST_SECONDS"))

    @property
    def outgoing_attempts(self) -> int:
        """See ``OUTGOING_ATTEMPTS``."""
        return cast(int, self._get("OUTGOING_ATTEMPTS"))

    @property
    def portal_url(self) -> str:
        """See ``PORTAL_URL``."""
        return cast(str, self._get("PORTAL_URL"))

    @property
    def portal_name(self) -> str:
        """See ``PORTAL_NAME``."""
        return cast(str, self._get("PORTAL_NAME"))

    @property
    def portal_currencies(self) -> Sequence[str]:
        """See ``PORTAL_CURRENCIES``."""
        return cast(Sequence[str], self._get("PORTAL_CURRENCIES"))

    @property
    def portal_most_seats(self) -> int:
        """See ``PORTAL_MOST_SEATS``."""
        return cast(int, self._get("PORTAL_MOST_SEATS"))

    @property
    def portal_gateway(self) -> str:
        """See ``PORTAL_GATEWAY``."""
        return cast(str, self._get("PORTAL_GATEWAY"))

    @property
    def portal_stripe_key(self) -> str:
        """See ``PORTAL_STRIPE_KEY``."""
        return cast(str, self._get("PORTAL_STRIPE_KEY"))

    @property
    def portal_stripe_webhook_secret(self) -> str:
        """See ``PORTAL_STRIPE_WEBHOOK_SECRET``."""
        return cast(str, self._get("PORTAL_STRIPE_WEBHOOK_SECRET"))

    @property
    def portal_sign_in_tries(self) -> int:
        """See ``PORTAL_SIGN_IN_TRIES``."""
        return cast(int, self._get("PORTAL_SIGN_IN_TRIES"))

    @property
    def portal_activation_hours(self) -> float:
        """See ``PORTAL_ACTIVATION_HOURS``."""
        return float(self._get("PORTAL_ACTIVATION_HOURS"))

    @property
    def ccxcon_coalesce_seconds(self) -> float:
        """See ``CCXCON_COALESCE_SECONDS``."""
        return float(self._get("CCXCON_COALESCE_SECONDS"))

    @property
    def ccxcon_link_days(self) -> float:
        """See ``CCXCON_LINK_DAYS``."""
        return float(self._get("CCXCON_LINK_DAYS"))

    @property
    def ccxcon_authentication(self) -> Sequence[str]:
        """See ``CCXCON_AUTHENTICATION``."""
        return cast(Sequence[str], self._get("CCXCON_AUTHENTICATION"))

    @property
    def account_policy(self) -> AccountPolicy:
        """What ``ACCOUNT_POLICY`` names; made once for each dotted path.

        Raises ImportError where the path names nothing.
        """
        return cast("AccountPolicy", self._instance("ACCOUNT_POLICY"))

    @property
    def host(self) -> Host:
        """The adapter that ``HOST`` names; made once for each dotted path.

        Raises ImportError where the path names nothing.
        """
        return cast("Host", self._instance("HOST"))

    def _instance(self, name: str) -> Any:
        path = self._get(name)
        found = self._instances.get(path)
        if found is None:
            found = self._instances[path] = import_string(path)()
        return found

    @cached_property
    def _instances(self) -> dict[str, Any]:
        return {}


conf = Conf()


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """System check: ``CCX_TENANCY`` holds known keys with values of the right kind. Returns one error each."""
    found = getattr(settings, "CCX_TENANCY", {})
    if not isinstance(found, Mapping):
        return [Error(f"CCX_TENANCY is {type(found).__name__}, and must be a dict of settings.", id="ccx_tenancy.E001")]
    messages: list[CheckMessage] = []
    for name, value in found.items():
        key = KEYS.get(name)
        if key is None:
            messages.append(
                Error(
                    f"CCX_TENANCY has the unknown key {name!r}.",
                    hint="Known keys: " + ", ".join(sorted(KEYS)) + ".",
                    id="ccx_tenancy.E001",
                )
            )
            continue
        allowed = " or ".join(kind.__name__ for kind in key.kinds)
        if not isinstance(value, key.kinds) or (isinstance(value, bool) and bool not in key.kinds):
            found_kind = type(value).__name__
            message = f"CCX_TENANCY[{name!r}] is {value!r} ({found_kind}); allowed is {allowed}."
            messages.append(Error(message, hint=key.meant, id="ccx_tenancy.E002"))
        elif key.check is not None and (wanted := key.check(value)):
            message = f"CCX_TENANCY[{name!r}] is {value!r}; allowed is {wanted}."
            messages.append(Error(message, hint=key.meant, id="ccx_tenancy.E002"))
    return messages
