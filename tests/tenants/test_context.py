"""Entering and leaving a tenant, in every way Python has."""

import asyncio
import gc
import threading
import weakref

import pytest

from ccx_tenancy import api, errors
from ccx_tenancy.context import Enter, TenantContext, _stack

A = TenantContext(1, "a", "active", None, frozenset({"A"}))
B = TenantContext(2, "b", "active", None, frozenset({"B"}))
C = TenantContext(3, "c", "suspended", None, frozenset())


def key():
    tenant = api.current_tenant()
    return tenant.key if tenant else None


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    yield
    assert _stack.get() == ()


def test_a_context_is_immutable_and_knows_whether_it_is_active():
    assert A.is_active
    assert not C.is_active
    with pytest.raises(AttributeError):
        A.key = "b"


def test_entries_nest_and_leaving_gives_back_what_was_before():
    assert key() is None
    with api.tenant_context(A) as entered:
        assert entered is A
        with api.tenant_context(B):
            assert key() == "b"
            with api.tenant_context(A):
                assert key() == "a"
            with Enter(None):
                assert key() is None
            assert key() == "b"
        assert key() == "a"
    assert key() is None


def test_an_exception_leaves_the_tenant_too():
    with pytest.raises(ZeroDivisionError), api.tenant_context(A), api.tenant_context(B):
        raise ZeroDivisionError
    assert key() is None


def test_one_object_may_be_entered_again_while_open():
    once = api.tenant_context(A)
    with once, api.tenant_context(B), once:
        assert key() == "a"
    assert key() is None


def test_leaving_what_was_entered_elsewhere_changes_nothing():
    elsewhere = api.tenant_context(A)
    with api.tenant_context(B):
        elsewhere.__exit__(None, None, None)
        assert key() == "b"


def test_no_tenant_is_an_error_that_says_what_to_do():
    with pytest.raises(errors.NoCurrentTenant, match="with tenant_context"):
        api.require_tenant()
    with api.tenant_context(A):
        assert api.require_tenant() is A


def test_an_unknown_key_is_an_error_on_entering(db):
    for wrong in ("nobody", "", None, 7):
        entering = api.tenant_context(wrong)
        with pytest.raises(errors.UnknownTenant, match=repr(wrong)), entering:
            pass


def test_a_key_and_a_tenant_enter_it(tenants):
    with api.tenant_context("blue-university") as tenant:
        assert tenant.organizations == {"blue", "Blue2"}
    with api.tenant_context(tenants[1]):
        assert key() == "blue-university"


def test_it_decorates_functions_and_keeps_their_names():
    @api.tenant_context(A)
    def work(x, *, y):
        """Say so."""
        return key(), x, y

    assert work(1, y=2) == ("a", 1, 2)
    assert (work.__name__, work.__doc__) == ("work", "Say so.")


def test_a_decorated_generator_has_its_tenant_and_its_consumer_another():
    @api.tenant_context(A)
    def steps():
        try:
            got = yield key()
            yield key(), got
            yield key()
        except KeyError:
            yield key(), "caught"
        finally:
            closed.append(key())
        return "end"

    closed = []
    with api.tenant_context(B):
        generator = steps()
        assert next(generator) == "a"
        assert key() == "b"
        assert generator.send("sent") == ("a", "sent")
        assert generator.throw(KeyError()) == ("a", "caught")
        assert key() == "b"
        with pytest.raises(StopIteration) as stop:
            next(generator)
        assert stop.value.value == "end"
        unfinished = steps()
        next(unfinished)
        unfinished.close()
    assert closed == ["a", "a"]


def test_what_a_decorated_generator_enters_itself_is_its_own_too():
    @api.tenant_context(A)
    def steps():
        with api.tenant_context(B):
            yield key()
            yield key()
        yield key()

    found = []
    for inside in steps():
        found.append((inside, key()))
    assert found == [("b", None), ("b", None), ("a", None)]


async def test_what_a_decorated_async_generator_enters_itself_is_its_own_too():
    @api.tenant_context(A)
    async def steps():
        async with api.tenant_context(B):
            yield key()
            yield key()
        yield key()

    found = []
    async for inside in steps():
        found.append((inside, key()))
    assert found == [("b", None), ("b", None), ("a", None)]


def test_interleaved_generators_keep_their_own():
    def steps():
        for _ in range(3):
            yield key()

    pairs = list(zip(api.tenant_context(A)(steps)(), api.tenant_context(B)(steps)(), strict=True))
    assert pairs == [("a", "b")] * 3


def test_generators_that_end_in_the_wrong_order_leave_nothing_behind():
    def holding(tenant):
        with api.tenant_context(tenant):
            yield

    first, second = holding(A), holding(B)
    next(first)
    next(second)
    first.close()
    assert key() == "b"
    second.close()
    assert key() is None


async def test_coroutines_and_async_generators_too():
    @api.tenant_context(A)
    async def work():
        await asyncio.sleep(0)
        return key()

    @api.tenant_context(B)
    async def steps():
        try:
            got = yield key()
            yield key(), got
        except KeyError:
            yield key(), "caught"
        finally:
            closed.append(key())

    closed = []
    assert await work() == "a"
    async with api.tenant_context(A):
        generator = steps()
        assert await anext(generator) == "b"
        assert key() == "a"
        assert await generator.asend("sent") == ("b", "sent")
        assert await generator.athrow(KeyError()) == ("b", "caught")
        with pytest.raises(StopAsyncIteration):
            await anext(generator)
        unfinished = steps()
        await anext(unfinished)
        await unfinished.aclose()
    assert closed == ["b", "b"]


async def test_tasks_see_their_own_tenant():
    async def work(tenant, other):
        async with api.tenant_context(tenant):
            for _ in range(20):
                await asyncio.sleep(0)
                assert key() == tenant.key
                with api.tenant_context(other):
                    await asyncio.sleep(0)
                    assert key() == other.key
        assert key() is None

    await asyncio.gather(*(work(A, B) if number % 2 else work(B, A) for number in range(20)))


def test_a_new_thread_starts_without_a_tenant():
    seen = []
    with api.tenant_context(A):
        thread = threading.Thread(target=lambda: seen.append(key()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_nothing_is_kept_alive_by_having_been_entered():
    entering = api.tenant_context(A)
    with entering:
        pass
    gone = weakref.ref(entering)
    del entering
    gc.collect()
    assert gone() is None


def test_for_each_tenant_calls_in_each_active_one(tenants):
    api.create_tenant("asleep", name="Asleep", domain="asleep.localhost", organizations=[])
    api.suspend_tenant("asleep")
    assert api.for_each_tenant(lambda: key()) == {"blue-university": "blue-university", "maxi-academy": "maxi-academy"}
    assert api.for_each_tenant(lambda tenant: tenant.domain, state="suspended") == {"asleep": "asleep.localhost"}


def test_for_each_tenant_gives_everyone_a_turn_and_raises_at_the_end(tenants):
    seen = []

    def work(tenant):
        seen.append(tenant.key)
        raise ValueError("broken")

    with pytest.raises(ExceptionGroup, match="2 tenants failed") as caught:
        api.for_each_tenant(work)
    assert seen == ["blue-university", "maxi-academy"]
    assert caught.value.exceptions[0].__notes__ == ["in tenant 'blue-university'"]
