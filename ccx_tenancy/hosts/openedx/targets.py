"""What a patch of the host replaces: a function or method, or an entry of one of its registries."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.manager import BaseManager

#: The attribute by which what stands there is known as ours.
ORIGINAL = "_ccx_tenancy_original"
#: How Django calls the managers by which it follows links between rows.
LINKS = "_base_manager"
#: What :meth:`Target.found` says of what is not there.
NOTHING = "nothing of that name"


def module_if_there(name: str) -> Any:
    """Return a module of the host that not all releases have; None where this one has none. What is there and breaks
    when it is imported, raises as it does."""
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name is not None and f"{name}.".startswith(f"{missing.name}."):
            return None
        raise


def found_in(names: Iterable[str], attribute: str) -> Any:
    """Return what has that name in the first of those modules that is there and has it. Raises ImportError."""
    for module in map(module_if_there, names):
        if hasattr(module, attribute):
            return getattr(module, attribute)
    raise ImportError(f"no {attribute} in {' or '.join(names)}")


@dataclass(frozen=True, slots=True)
class Target:
    """A function to replace: ``name`` in ``owner``, the ``parameters`` it must have, and what ``make`` puts in its
    place, given the original. ``also``: the parameters of other releases, with which ours works as well."""

    owner: Any
    name: str
    parameters: tuple[str, ...]
    make: Callable[[Any], Any]
    is_classmethod: bool = False
    also: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        return f"{self.owner.__module__ + '.' if inspect.isclass(self.owner) else ''}{self.owner.__name__}.{self.name}"

    @property
    def shapes(self) -> tuple[str, ...]:
        """The parameters that we know, each as :meth:`found` says them."""
        return tuple(f"({', '.join(parameters)})" for parameters in (self.parameters, *self.also))

    @property
    def expected(self) -> str:
        """The parameters that we know, in one text."""
        return " or ".join(self.shapes)

    @property
    def is_installed(self) -> bool:
        """Whether ours stands there."""
        return hasattr(self._function(inspect.getattr_static(self.owner, self.name)), ORIGINAL)

    def found(self) -> str:
        """Return what stands there: its parameters, or what is wrong."""
        try:
            found = inspect.getattr_static(self.owner, self.name)
        except AttributeError:
            return NOTHING
        if isinstance(found, classmethod) != self.is_classmethod:
            return "a method of another kind"
        return f"({', '.join(inspect.signature(self._function(found)).parameters)})"

    def install(self) -> None:
        """Put ours there, and wherever else the host has imported the original by its name. Once."""
        original = inspect.getattr_static(self.owner, self.name)
        function = self._function(original)
        if hasattr(function, ORIGINAL):
            return
        made: Any = functools.wraps(function)(self.make(function))
        setattr(made, ORIGINAL, original)
        self._put(original, classmethod(made) if self.is_classmethod else made)

    def remove(self) -> None:
        """Put the original back."""
        found = inspect.getattr_static(self.owner, self.name, None)
        original = getattr(self._function(found), ORIGINAL, None)
        if original is not None:
            self._put(found, original)

    def _put(self, old: Any, new: Any) -> None:
        setattr(self.owner, self.name, new)
        if inspect.ismodule(self.owner):
            for module in list(sys.modules.values()):
                if getattr(module, "__dict__", {}).get(self.name) is old:
                    setattr(module, self.name, new)

    def _function(self, found: Any) -> Any:
        return found.__func__ if isinstance(found, classmethod) else found


def of_managers(models: Iterable[type[Model]], make: Callable[[QuerySet[Any]], QuerySet[Any]]) -> list[Target]:
    """Return the functions by which the managers of those models, and so of all others, begin a query: what they
    return goes through ``make``. Django's base managers, by which it follows links between rows, are left alone."""

    def make_cut(original: Any) -> Any:
        def cut_to_the_tenant(self: Any, *args: Any, **kwargs: Any) -> Any:
            found = original(self, *args, **kwargs)
            return found if getattr(self, "name", None) == LINKS else make(found)

        return cut_to_the_tenant

    # Some managers make their querysets themselves, without asking Django's.
    owners = {BaseManager: None} | {
        cls: None
        for model in models
        for manager in model._meta.managers
        for cls in type(manager).__mro__
        if "get_queryset" in vars(cls)
    }
    # That of trees passes on whatever it is given.
    also = (("self", "args", "kwargs"),)
    targets = [Target(owner, "get_queryset", ("self",), make_cut, also=also) for owner in owners]
    # A view's queryset is often made when its module is read, and copied by this at each request.
    return [*targets, Target(QuerySet, "all", ("self",), make_cut)]


@dataclass(frozen=True, slots=True)
class Entry(Target):
    """An entry of a dict, such as a registry of rules, or a class that a module has imported: ``owner`` is the dict,
    ``name`` the key, and ``parameters`` name the class of which the entry must be."""

    def __str__(self) -> str:
        module = self.owner.get("__name__")
        return f"{module}.{self.name}" if module else f"{type(self.owner).__name__}[{self.name!r}]"

    @property
    def is_installed(self) -> bool:
        """Whether ours stands there."""
        return hasattr(self.owner.get(self.name), ORIGINAL)

    def found(self) -> str:
        """Return the class of the entry that the target names, or the one it has."""
        entry = self.owner.get(self.name)
        if entry is None:
            return NOTHING
        names = [cls.__name__ for cls in type(entry).__mro__]
        return self.shapes[0] if set(self.parameters) <= set(names) else f"({names[0]})"

    def install(self) -> None:
        """Put ours there. Once."""
        original = self.owner[self.name]
        if not hasattr(original, ORIGINAL):
            made = self.make(original)
            setattr(made, ORIGINAL, original)
            # Such a registry may refuse to name a rule twice.
            dict.__setitem__(self.owner, self.name, made)

    def remove(self) -> None:
        """Put the original back."""
        original = getattr(self.owner.get(self.name), ORIGINAL, None)
        if original is not None:
            dict.__setitem__(self.owner, self.name, original)


@dataclass(frozen=True, slots=True)
class Patch:
    """What is replaced together, why, and what it is like ``without``. ``surface`` names the one service in which it is
    installed, where it is not for both."""

    targets: Callable[[], list[Target]]
    why: str
    without: str
    surface: str | None = None

    def is_for(self, surface: str) -> bool:
        """Whether the patch is installed in a service of that surface."""
        return self.surface in (None, surface)
