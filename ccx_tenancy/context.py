"""Who is the current tenant: one ``ContextVar``, and the object that enters and leaves it.

The variable holds a stack, newest last. Each thread and each asynchronous task sees its own. Leaving removes the entry
that was made on entering, wherever it stands: two generators that hold a tenant and end in the wrong order leave
nothing behind.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, cast

ACTIVE = "active"
SUSPENDED = "suspended"
ARCHIVED = "archived"

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class TenantContext:
    """A tenant as a request sees it: immutable, without a database behind it.

    ``id`` and ``key`` name the tenant, ``state`` is ``"active"``, ``"suspended"`` or ``"archived"``, ``site_id`` is
    the Django Site whose configuration applies (None where the tenant has no site), ``organizations`` are the short
    names of its organizations in their own spelling, and ``domain`` is the host name of that site.
    """

    id: int
    key: str
    state: str
    site_id: int | None
    organizations: frozenset[str]
    domain: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether the tenant's sites answer."""
        return self.state == ACTIVE


class Scope:
    """One entry of the stack: a tenant or the explicit absence of one, and the site whose values apply.

    ``values``, ``view`` and ``stamp`` belong to ``site_config``, which keeps there what it read for this entry;
    ``host`` belongs to the host's adapter in the same way.
    ``preview`` replaces the site's values while a draft is looked at. ``pick`` is what somebody chose to see in a
    Studio that serves all tenants: the id of the user, as a text, and the tenant.
    """

    __slots__ = ("host", "owner", "pick", "preview", "site_id", "stamp", "tenant", "values", "view")

    def __init__(self, tenant: TenantContext | None, site_id: int | None) -> None:
        self.tenant = tenant
        self.site_id = site_id
        self.owner: object = None
        self.pick: tuple[str, TenantContext] | None = None
        self.preview: Any = None
        self.values: Any = None
        self.view: Any = None
        self.stamp = -1
        self.host: Any = None


_stack: ContextVar[tuple[Scope, ...]] = ContextVar("ccx_tenancy", default=())


def current_scope() -> Scope | None:
    """Return the innermost entry, or None outside of every request and ``tenant_context``."""
    stack = _stack.get()
    return stack[-1] if stack else None


def current_tenant() -> TenantContext | None:
    """Return the current tenant, or None where there is none."""
    stack = _stack.get()
    return stack[-1].tenant if stack else None


def push(scope: Scope) -> None:
    """Make ``scope`` the innermost entry of this context."""
    _stack.set((*_stack.get(), scope))


def remove(scope: Scope) -> None:
    """Take ``scope`` out of this context's stack; nothing happens where it is not in it."""
    stack = _stack.get()
    _stack.set(stack[:-1] if stack and stack[-1] is scope else tuple(entry for entry in stack if entry is not scope))


class Pieces:
    """The stack of what runs piece by piece, a generator or a streamed answer: its own, whoever asks for a piece.

    A tenant that it entered itself, by a ``with`` around a ``yield``, is current in its next piece again, and never in
    the code that waits for the piece.
    """

    __slots__ = ("_entered",)

    def __init__(self) -> None:
        self._entered: tuple[Scope, ...] = ()

    @contextmanager
    def piece(self, scope: Scope) -> Iterator[None]:
        """Run one piece: ``scope`` is current, beneath whatever the pieces before have entered and not left."""
        consumer = _stack.get()
        _stack.set((scope, *self._entered))
        try:
            yield
        finally:
            self._entered = tuple(entry for entry in _stack.get() if entry is not scope)
            _stack.set(consumer)


class Activation:
    """Context manager and decorator, sync and async, under which ``make_scope()`` is the current entry.

    It may be entered again while it is open, also from several threads. A decorated generator has the tenant while it
    runs and gives the caller's back at each ``yield``; a ``with`` inside a generator cannot do that.
    """

    def make_scope(self) -> Scope:
        """Return a new entry. Called at each entering, in the thread that enters."""
        raise NotImplementedError

    async def amake_scope(self) -> Scope:
        """The same for ``async with``: may wait for the database."""
        return self.make_scope()

    def _enter(self, scope: Scope) -> TenantContext | None:
        scope.owner = self
        push(scope)
        return scope.tenant

    def __enter__(self) -> TenantContext | None:
        return self._enter(self.make_scope())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for scope in reversed(_stack.get()):
            if scope.owner is self:
                remove(scope)
                return

    async def __aenter__(self) -> TenantContext | None:
        return self._enter(await self.amake_scope())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)

    def __call__(self, function: Function) -> Function:
        if inspect.isasyncgenfunction(function):
            wrapper: Any = self._async_generator(function)
        elif inspect.isgeneratorfunction(function):
            wrapper = self._generator(function)
        elif inspect.iscoroutinefunction(function):
            wrapper = self._coroutine(function)
        else:
            wrapper = self._function(function)
        return cast(Function, functools.wraps(function)(wrapper))

    def _function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapper

    def _coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            async with self:
                return await function(*args, **kwargs)

        return wrapper

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            inner = function(*args, **kwargs)
            step: Callable[[Any], Any] = inner.send
            sent: Any = None
            pieces = Pieces()
            while True:
                try:
                    with pieces.piece(self.make_scope()):
                        item = step(sent)
                except StopIteration as stop:
                    return stop.value
                try:
                    step, sent = inner.send, (yield item)
                except GeneratorExit:
                    with pieces.piece(self.make_scope()):
                        inner.close()
                    raise
                except BaseException as error:
                    step, sent = inner.throw, error

        return wrapper

    def _async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            inner = function(*args, **kwargs)
            step: Callable[[Any], Any] = inner.asend
            sent: Any = None
            pieces = Pieces()
            while True:
                try:
                    with pieces.piece(await self.amake_scope()):
                        item = await step(sent)
                except StopAsyncIteration:
                    return
                try:
                    step, sent = inner.asend, (yield item)
                except GeneratorExit:
                    with pieces.piece(await self.amake_scope()):
                        await inner.aclose()
                    raise
                except BaseException as error:
                    step, sent = inner.athrow, error

        return wrapper


class Enter(Activation):
    """Make a known :class:`TenantContext` (or None: explicitly no tenant) current; see :class:`Activation`."""

    def __init__(self, tenant: TenantContext | None, *, site_id: int | None = None) -> None:
        self.tenant = tenant
        self.site_id = site_id if tenant is None else tenant.site_id

    def make_scope(self) -> Scope:
        """Return an entry for the tenant given at the start."""
        return Scope(self.tenant, self.site_id)
