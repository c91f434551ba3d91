"""Every route of the service that takes a key, found in its URL configuration; no list is kept anywhere."""

import re
from itertools import product

from django.urls import URLResolver, get_resolver
from django.utils.regex_helper import normalize

#: One key of each kind, for an organization; what the routes call them makes no difference.
KINDS = {
    "course": "course-v1:{org}+{course}+2026",
    "usage": "block-v1:{org}+{course}+2026+type@vertical+block@unit1",
    "ccx": "ccx-v1:{org}+{course}+2026+ccx@{ccx}",
    "library": "library-v1:{org}+{lib}",
    "library2": "lib:{org}:lib2",
    "library2 usage": "lb:{org}:lib2:html:html1",
    "asset": "asset-v1:{org}+{course}+2026+type@asset+block@note.txt",
}
_FILLERS = (
    "1",
    "x",
    "html",
    "2026-01-01",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "a/b",
    "problem_get",
    "png",
    "v1",
    "",
)
_MOST_PATHS = 12
#: A whole path that names an object of the oldest form: an asset.
_OLD_ASSET = "c4x/{org}/{course}/asset/note.txt"
_UNNAMED = re.compile(r"\((?!\?)|\(\?:")


def keys_of(org, course, lib, ccx=1):
    """Return one key of each kind for an organization; ``ccx`` is the number of its CCX."""
    return [text.format(org=org, course=course, lib=lib, ccx=ccx) for text in KINDS.values()]


def judges_itself(view):
    """Whether a view of ours asks whether the keys may be named; what it answers is tested in its room."""
    # Imported here: the routes of a platform without the plug-in are asked for, too.
    from ccx_tenancy.middleware import drf
    from ccx_tenancy.middleware.course_partition import JUDGES_ITSELF

    cls = drf.view_class(view)
    return cls is not None and cls.__module__.startswith("ccx_tenancy.") and getattr(cls, JUDGES_ITSELF, False)


def patterns(resolver=None, prefix=""):
    """Yield the whole regular expression of each route, and its view."""
    for entry in (resolver or get_resolver()).url_patterns:
        text = prefix + entry.pattern.regex.pattern.lstrip("^")
        if isinstance(entry, URLResolver):
            yield from patterns(entry, text)
        else:
            yield text, entry.callback


def groups_of(pattern):
    """Return the expression of each named group of a pattern, by name."""
    return {match.group(1): pattern[match.end() : _end_of(pattern, match)] for match in _named(pattern)}


def _named(pattern):
    return re.finditer(r"\(\?P<(\w+)>", pattern)


def _end_of(pattern, opening):
    """Return where the bracket that closes a group stands."""
    depth, at, in_set = 1, opening.end(), False
    while depth and at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif in_set:
            in_set = char != "]"
        elif char == "[":
            in_set = True
            at += pattern[at + 1 : at + 2] in ("]", "^")
        else:
            depth += {"(": 1, ")": -1}.get(char, 0)
        at += 1
    return at - 1


def _with_names(pattern, keys):
    """Return a pattern in which each outermost group without a name has one, where it accepts a key or captures: many
    routes match a key and capture nothing."""
    made, at, number = "", 0, 0
    while at < len(pattern):
        named, unnamed = re.compile(r"\(\?P<\w+>").match(pattern, at), _UNNAMED.match(pattern, at)
        if pattern[at] == "\\":
            step = 2
        elif named:
            step = _end_of(pattern, named) + 1 - at
        elif unnamed and any(
            _fits(pattern[unnamed.end() : (end := _end_of(pattern, unnamed))], text)
            for text in (*keys, *(_FILLERS if unnamed.group() == "(" else ()))
        ):
            made += f"(?P<unnamed{number}>{pattern[unnamed.end() : end]})"
            number, at, step = number + 1, end + 1, 0
        else:
            step = 1
        made, at = made + pattern[at : at + step], at + step
    return made


def paths_with_keys(org, course, lib, ccx=1):
    """Yield ``(pattern, view, paths)`` for each route that accepts a key, with keys of ``org``.

    A group accepts one, with a name or without; or the pattern is open at its end, and a key may follow.
    """
    keys = keys_of(org, course, lib, ccx)
    whole = [*keys, _OLD_ASSET.format(org=org, course=course)]
    for pattern, view in patterns():
        filled = _with_names(pattern, keys)
        choices, takes_key = {}, False
        for name, expression in groups_of(filled).items():
            fitting = [key for key in keys if _fits(expression, key)]
            takes_key = takes_key or bool(fitting)
            choices[name] = fitting or [text for text in _FILLERS if _fits(expression, text)][:1]
        paths = [f"/{text}" for text in whole if re.match(pattern, text)] if not takes_key else []
        for text, names in normalize(filled):
            if set(names) <= set(choices) and all(choices[name] for name in names):
                for values in product(*(choices[name] for name in names)):
                    path = "/" + text % dict(zip(names, values, strict=True))
                    if takes_key and re.match(pattern, path[1:]) and any(key in path for key in keys):
                        paths.append(path)
                    elif not takes_key and path.endswith("/"):
                        paths += [path + key for key in keys if re.match(pattern, path[1:] + key)]
        if takes_key or paths:
            yield pattern, view, list(dict.fromkeys(paths))[:_MOST_PATHS]


def paths_without_keys(most_ids=3):
    """Yield a path of each route that names no key: filled where it takes something else, with several ids where it
    takes a number."""
    keys = keys_of("Acme", "AX1", "ALIB")
    seen = set()
    for pattern, _ in patterns():
        groups = groups_of(pattern)
        takes_key = any(_fits(expression, key) for expression in groups.values() for key in keys)
        for number in map(str, range(1, most_ids + 1)):
            fillers = ("",) if takes_key else (number, *_FILLERS)
            choices = {name: [text for text in fillers if _fits(expr, text)][:1] for name, expr in groups.items()}
            for text, names in normalize(pattern):
                if all(choices.get(name) for name in names):
                    path = "/" + text % {name: choices[name][0] for name in names}
                    if path not in seen and re.match(pattern, path[1:]):
                        seen.add(path)
                        yield path
                    break


def _fits(expression, text):
    try:
        return re.fullmatch(expression, text) is not None
    except re.error:
        return False
