"""The organizations that a text names as keys do: read off the text, without parsing a key.

A key says its organization in the open, right behind its namespace: ``course-v1:ORG+...``, ``lb:ORG:...``. Reading that
costs a microsecond where parsing costs fifteen, knows the kinds of keys that are not invented yet, and finds what a
lenient reader behind us would find (a ``+`` that became a blank, one percent-encoding too many). It never says that a
key is valid: only whose it would be.

Prose is let through: a text counts where it *is* a key or a list of keys, not where it mentions one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from ccx_tenancy.tenants.api import fold

WILDCARD = "*"


class Named(NamedTuple):
    """One organization that was named: folded, with ``*`` behind it where the text names all that begin so; and the
    text that names it (empty where it names the organization alone).

    ``forms`` is set where an organization was asked for and nothing else can be meant: the forms under which it may be
    known. Where none of them is, the answer is the one for somebody else's.
    """

    organization: str
    key: str
    forms: tuple[str, ...] = ()


NOTHING: tuple[Named, ...] = ()

_MORE_DECODINGS = 2
_NAMESPACE = r"[A-Za-z][\w.-]*"
_ORGANIZATION = r"[\w.~-]"
_PART = r"[\w.~%-]+"
# A key inside a key: asides, and kinds that wrap one which says its version or is escaped.
_WRAPPERS = rf"(?:aside-[\w.-]+\$*:|{_NAMESPACE}\$*:(?={_NAMESPACE}-v[0-9]+\$*:)|{_NAMESPACE}:(?={_NAMESPACE}\$+:))*"

_HEAD = rf"{_WRAPPERS}(?P<namespace>{_NAMESPACE})\$*:(?:(?P<organization>{_ORGANIZATION}+)(?P<star>\*)?|(?P<any>\*))"
# The names of the old kinds stand between slashes, or `;_` where a slash was quoted.
_OLD_HEAD = rf"{_WRAPPERS}/?(?P<old>[ic]4x)\$*:?(?:/|;_)+(?P<old_organization>{_ORGANIZATION}+)(?:/|;_)"
_SLASHES = rf"(?P<slashed>[\w.~-]+)/{_PART}/{_PART}"

# The common case, decided at once: one key without a wrapper, nothing to cut and nothing to decode.
_PLAIN = re.compile(
    rf"(?:(?!aside-)[A-Za-z][\w-]*:({_ORGANIZATION}+)\+|(?:lb|lib|lct|lib-collection):({_ORGANIZATION}+):)[^\s,;|%]*$"
)
# Without one of these a short text holds no key: a namespace with something behind it where a word begins, an old
# kind, three names between slashes, an encoding.
_HINT = re.compile(
    r"(?<![\w.$-])[A-Za-z][\w.-]*\$*:[\w.~*-]|[ic]4x|%|(?<![\w.~:/-])[\w.~-]+/[\w.~%-]+/[\w.~%-]+(?![\w.~%/-])"
)
#: Texts shorter than this are remembered with what they name: the same few come with request after request.
SHORT = 200
_BEHIND_COLON = re.compile(r":[\w.~*-]")
# Links, times and numbers.
_DULL = re.compile(r"(?:https?://[^,;|%\s]*|[0-9][^,;|%\s/]*)$")

# What begins as a key: for places where no prose stands, such as a path.
_BEGINNING = re.compile(rf"{_OLD_HEAD}|{_HEAD}")
_THREE = re.compile(rf"{_SLASHES}$")
# What is a key from end to end.
_WHOLE = re.compile(rf"(?:{_OLD_HEAD}\S*|{_HEAD}(?:[+:*@/$]\S*)?|{_SLASHES})$")
# Keys in which some `+` became blanks. The kinds with a `+` have a namespace with a hyphen.
_BLANKED_KEY = rf"[A-Za-z][\w.]*-[\w.-]*:(?P<organization>{_ORGANIZATION}+)(?:[+ ]{_PART}){{1,2}}(?:[+ ]\w+@\S+)*"
_BLANKED = re.compile(_BLANKED_KEY)
_ALL_BLANKED = re.compile(rf"(?:{_BLANKED_KEY.replace('?P<organization>', '?:')}(?:\s+|$))+$")
# Semicolons are not cut inside the quoting of the old kinds.
_CUT = re.compile(r"[,|\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]|;(?!_)")
# Control characters but for those that are white space to everybody.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
#: Where Unicode has its marks.
_MARKS = (*range(0x80, 0x20000), *range(0xE0000, 0xE01F0))
_AROUND = "\"'`()[]{}<>\\\0\ufeff"

#: The kinds that do not say their version, besides the old ones. ``note:Globex`` is somebody's words and no key; of
#: these, and of a kind that says its version, the organization alone names all that is in it.
_UNVERSIONED = frozenset(("lb", "lct", "lib", "lib-collection", "slashes"))
_VERSIONED = re.compile(r".*-v[0-9]+$")
#: Namespaces that are something else: what follows them is a person or a number.
_NO_KEYS = frozenset(("acct", "mailto", "sip", "sips", "sms", "tel", "urn", "xmpp"))

# Letters that databases compare as ASCII ones, and that Unicode does not decompose.
_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ŋ": "n"}
)
_SHORT_NAME = re.compile(r"[^a-z0-9._~-]")


def named_in(text: str, *, prose: bool = True) -> Sequence[Named]:
    """Return the organizations that the keys in ``text`` name.

    ``prose`` says that the text may be anything somebody wrote: then a part of it counts only where the whole part is
    a key. Without it a part counts where it begins as one. Parts end at a comma, semicolon, bar, tab or line end; at
    blanks only where all words are keys.
    """
    is_plain = text.isascii() and text.isprintable()
    if is_plain and ":" not in text and "/" not in text and "%" not in text and ";_" not in text:
        return NOTHING
    return _remembered(text, prose) if len(text) < SHORT else _read_through(text, prose)


@lru_cache(maxsize=4096)
def _remembered(text: str, prose: bool) -> tuple[Named, ...]:
    return tuple(_read_through(text, prose))


def _read_through(text: str, prose: bool) -> Sequence[Named]:
    if not text.isprintable() or not text.isascii():
        return _named_in_any(text, prose)
    plain = _PLAIN.match(text)
    if plain is not None:
        organization = plain[1] or plain[2]
        if organization.isascii():
            return [Named(fold(organization), text)]
    elif _DULL.match(text) or (len(text) < SHORT and not _may_name(text)):
        return NOTHING
    return _named_in_any(text, prose)


def _named_in_any(text: str, prose: bool) -> list[Named]:
    """Return what any text names, as it stands and with each percent-encoding taken away."""
    found: list[Named] = []
    for _ in range(1 + _MORE_DECODINGS):
        _read(text, prose, found)
        compared = as_compared(text)
        if compared != text:
            _read(compared, prose, found)
        decoded = unquote(text) if "%" in text else text
        if decoded == text:
            break
        text = decoded
    return found


def as_compared(text: str) -> str:
    """Return a text as a database sees it that compares by Unicode's rules: accents, marks without a width and control
    characters are not there, wide letters and signs are the narrow ones."""
    if text.isascii():
        return text if text.isprintable() else _CONTROL.sub("", text)
    return unicodedata.normalize("NFKD", _CONTROL.sub("", text)).translate(_ignored())


@cache
def _ignored() -> dict[int, None]:
    """Return the marks that count for nothing where texts are compared: accents, joiners, selectors."""
    return dict.fromkeys(one for one in _MARKS if unicodedata.category(chr(one)) in ("Mn", "Me", "Cf"))


def _may_name(text: str) -> bool:
    """Whether a short text may hold a key: a quick look, then a closer one."""
    if _BEHIND_COLON.search(text) is None and "/" not in text and "%" not in text and ";_" not in text:
        return False
    return _HINT.search(text) is not None


def named_by_organization_field(text: str, *, asked_for: bool = False) -> list[Named]:
    """Return what the value of a field that holds an organization's short name (or a list of them) names.

    ``asked_for`` says that it can be nothing but that: then what nobody has is answered as what somebody else has.
    """
    found: list[Named] = []
    for one in dict.fromkeys((text, as_compared(text))):
        for part in _CUT.split(one):
            name = part.strip().strip(_AROUND).strip()
            named = [Named(form, "") for form in comparable(name)]
            if asked_for and named and one is text:
                composed = () if name.isascii() else comparable(unicodedata.normalize("NFC", name))
                forms = dict.fromkeys((*(form.organization for form in named), *composed))
                named[0] = named[0]._replace(forms=tuple(forms))
            found.extend(named)
    return found


def comparable(organization: str) -> tuple[str, ...]:
    """Return the folded forms under which an organization is looked up.

    More than one where the name is not ASCII: databases that compare without regard to accents take ``Glöbex`` in a
    key for ``Globex``, so it names both.
    """
    folded = fold(organization)
    if not folded:
        return ()
    if folded.isascii() and folded.isprintable():
        return (folded,)
    forms = [folded]
    for sharp_s in ("ss", "s"):
        spelled = folded.replace("ß", sharp_s).replace("ẞ", sharp_s).translate(_LETTERS)
        plain = _SHORT_NAME.sub("", unicodedata.normalize("NFKD", spelled).casefold().translate(_LETTERS))
        if plain and plain not in forms:
            forms.append(plain)
    return tuple(forms)


def _read(text: str, prose: bool, found: list[Named]) -> None:
    for part in _CUT.split(text) if _CUT.search(text) else (text,):
        if ":" in part or "/" in part or ";_" in part:
            part = part.strip().strip(_AROUND).strip()
            if prose:
                _read_whole(part, found)
            else:
                # A segment of a path may have parameters: `x;name=value`.
                for word in part.replace("=", " ").split():
                    _read_beginning(word, found)


def _read_beginning(part: str, found: list[Named]) -> None:
    match = _BEGINNING.match(part) or _THREE.match(part)
    if match is not None:
        _add(match, part, found)


def _read_whole(part: str, found: list[Named]) -> None:
    match = _WHOLE.match(part)
    if match is not None:
        _add(match, part, found)
    elif " " in part and ":" in part:
        words = part.split()
        matches = _all(_WHOLE.match, words)
        if matches is not None:
            for word, one in zip(words, matches, strict=True):
                _add(one, word, found)
        elif _ALL_BLANKED.match(part):
            for one in _BLANKED.finditer(part):
                found.extend(Named(name, one[0].replace(" ", "+")) for name in comparable(one["organization"]))


def _all(match: Callable[[str], re.Match[str] | None], words: list[str]) -> list[re.Match[str]] | None:
    """Return the match of every word, or None at the first that is none."""
    matches: list[re.Match[str]] = []
    for word in words:
        one = match(word)
        if one is None:
            return None
        matches.append(one)
    return matches


def _add(match: re.Match[str], part: str, found: list[Named]) -> None:
    groups = match.groupdict()
    organization = groups.get("organization") or groups.get("old_organization") or groups.get("slashed")
    if organization is None:
        if groups.get("any"):
            found.append(Named(WILDCARD, part))
        return
    namespace = groups.get("namespace")
    if namespace in _NO_KEYS:
        return
    if (
        namespace is not None
        and match.end("organization") == len(part)
        and not (groups.get("star") or namespace in _UNVERSIONED or _VERSIONED.match(namespace))
    ):
        return
    star = WILDCARD if groups.get("star") else ""
    found.extend(Named(name + star, part) for name in comparable(organization))
