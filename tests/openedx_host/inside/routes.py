"""Every route of the service that takes a key, found in its URL configuration; no list is kept anywhere."""

import re
from itertools import product

from django.urls import URLResolver, get_resolver
from django.utils.regex_helper import normalize

#: One key of each kind, for an organization; what the routes call them makes no difference.
KINDS = {
    "course": "course-v1:{org}+{course}+2026",
    "usage": "block-v1:{org}+{course}+2026+type@vertical+block@unit1",
    "asset": "asset-v1:{org}+{course}+2026+type@asset+block@note.txt",
    "library": "library-v1:{org}+{lib}",
    "library2": "lib:{org}:lib2",
    "library2 usage": "lb:{org}:lib2:html:html1",
    "ccx": "ccx-v1:{org}+{course}+2026+ccx@1",
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


def keys_of(org, course, lib):
    """Return one key of each kind for an organization."""
    return [text.format(org=org, course=course, lib=lib) for text in KINDS.values()]


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
    found = {}
    for match in re.finditer(r"\(\?P<(\w+)>", pattern):
        depth, at, in_set = 1, match.end(), False
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
        found[match.group(1)] = pattern[match.end() : at - 1]
    return found


def paths_with_keys(org, course, lib):
    """Yield ``(pattern, view, paths)`` for each route of which a group accepts a key, filled with keys of ``org``."""
    keys = keys_of(org, course, lib)
    for pattern, view in patterns():
        groups = groups_of(pattern)
        choices, takes_key = {}, False
        for name, expression in groups.items():
            fitting = [key for key in keys if _fits(expression, key)]
            takes_key = takes_key or bool(fitting)
            choices[name] = fitting or [text for text in _FILLERS if _fits(expression, text)][:1]
        if not takes_key:
            continue
        paths = []
        for text, names in normalize(pattern):
            if set(names) <= set(choices) and all(choices[name] for name in names):
                for values in product(*(choices[name] for name in names)):
                    path = "/" + text % dict(zip(names, values, strict=True))
                    if re.match(pattern, path[1:]) and any(key in path for key in keys):
                        paths.append(path)
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
