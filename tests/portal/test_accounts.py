"""Registering, activating, signing in, and the login link."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from ccx_tenancy.portal import accounts, catalogue, links
from ccx_tenancy.portal.models import Identity, Profile, Registration, UsedLink
from tests.portal import world
from tests.portal.world import PASSWORD, api, client_of, make_user

pytestmark = pytest.mark.django_db

FORM = {"full_name": "Grace H", "organization": "School", "email": "Grace@Example.com", "password": PASSWORD}


@pytest.fixture(autouse=True)
def _mails_go_out(monkeypatch):
    """Nothing is committed in these tests; a mail goes when it would be sent after the commit."""
    monkeypatch.setattr("django.db.transaction.on_commit", lambda function, **_: function())


def token_in_the_mail():
    return re.search(r"token=([\w-]+)", mail.outbox[-1].body)[1]


def registered(client, **fields):
    answer = client.post("/register/", {**FORM, **fields})
    assert answer.status_code == 200
    return token_in_the_mail()


def test_an_account_is_made_by_the_link_and_the_password_and_not_before(client):
    token = registered(client, next="/orders/")
    assert not User.objects.exists()
    page = client.get(f"/activate/?token={token}")
    assert "grace@example.com" in page.content.decode()
    assert not User.objects.exists()
    wrong = client.post("/activate/", {"token": token, "password": "another"})
    assert wrong.status_code == 200
    assert not User.objects.exists()
    answer = client.post("/activate/", {"token": token, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/orders/")
    user = User.objects.get()
    assert (user.username, user.email, user.first_name) == ("grace@example.com", "grace@example.com", "Grace")
    assert Profile.objects.get(user=user).organization == "School"
    assert client.get("/orders/").status_code == 200


def test_a_link_is_good_once(client):
    token = registered(client)
    client.post("/activate/", {"token": token, "password": PASSWORD})
    assert Client().get(f"/activate/?token={token}").status_code == 403
    assert api(Client(), "post", "/api/v1/activate/", {"token": token}).status_code == 403


def test_a_link_expires(client):
    token = registered(client)
    Registration.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert client.post("/activate/", {"token": token, "password": PASSWORD}).status_code == 403
    assert not User.objects.exists()


def test_a_link_gives_no_life_to_an_account_that_was_switched_off(client):
    token = registered(client)
    other = registered(client)
    client.post("/activate/", {"token": token, "password": PASSWORD})
    User.objects.update(is_active=False)
    for again in (token, other):
        assert api(Client(), "post", "/api/v1/activate/", {"token": again}).status_code == 403
    assert not User.objects.get().is_active
    assert not Client().login(portal_email="grace@example.com", portal_password=PASSWORD)


def test_nothing_tells_who_has_an_account(client):
    make_user("grace@example.com")
    known = client.post("/register/", FORM)
    unknown = client.post("/register/", {**FORM, "email": "new@example.com"})
    strip = re.compile(r"grace@example.com|new@example.com|Grace@Example.com|csrfmiddlewaretoken\" value=\"\w+")
    assert strip.sub("", known.content.decode()) == strip.sub("", unknown.content.decode())
    assert [len(mail.outbox), "token=" in mail.outbox[0].body] == [2, False]
    assert "You have one already" in mail.outbox[0].body


def test_the_links_host_is_the_settings_and_not_the_requests(client):
    client.post("/register/", FORM, HTTP_HOST="evil.example.com")
    client.post("/password/", {"email": make_user("a@example.com").email}, HTTP_HOST="evil.example.com")
    assert len(mail.outbox) == 2
    for one in mail.outbox:
        assert "https://portal.example.com/" in one.body
        assert "evil" not in one.body


@pytest.mark.parametrize(
    "target", ["https://evil.example.com/", "//evil.example.com/", "/\\evil.example.com", "javascript:alert(1)", "///x"]
)
def test_no_page_leads_to_another_site(client, target):
    make_user("a@example.com")
    form = {"email": "a@example.com", "password": PASSWORD, "next": target}
    assert client.post("/sign-in/", form)["Location"] == "/"
    token = registered(client, next=target)
    answer = Client().post("/activate/", {"token": token, "password": PASSWORD})
    assert answer["Location"] == "/"


def test_an_address_gets_a_few_mails_an_hour(client):
    for _ in range(8):
        client.post("/register/", FORM)
    assert len(mail.outbox) == 5


def test_a_weak_password_and_an_empty_field_are_refused_by_name(client, settings):
    settings.AUTH_PASSWORD_VALIDATORS = [
        {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}}
    ]
    assert "too short" in client.post("/register/", {**FORM, "password": "x"}).content.decode()
    body = {**FORM, "redirect": "/"}
    answer = api(client, "post", "/api/v1/register/", {**body, "full_name": ""})
    assert (answer.status_code, answer.json()) == (400, ["Empty value for full_name"])
    del body["organization"]
    assert api(client, "post", "/api/v1/register/", body).json() == ["Missing key organization"]
    assert not mail.outbox


def test_a_forgotten_password_is_replaced_once(client):
    user = make_user("a@example.com")
    client.post("/password/", {"email": "A@example.com"})
    path = re.search(r"https://portal.example.com(/password/\S+)", mail.outbox[0].body)[1]
    form = {"password": "another long 2", "again": "another long 2"}
    assert client.post(path, {**form, "again": "x"}).status_code == 200
    assert client.post(path, form)["Location"] == "/sign-in/"
    assert client.post(path, form).status_code == 403
    user.refresh_from_db()
    assert user.check_password("another long 2")
    client.post("/password/", {"email": "nobody@example.com"})
    assert len(mail.outbox) == 1


def test_the_session_api_of_the_original(client):
    body = {**FORM, "redirect": "/courses/x"}
    assert api(client, "post", "/api/v1/register/", body).status_code == 200
    login = {"username": "grace@example.com", "password": PASSWORD}
    assert api(client, "post", "/api/v1/login/", login).status_code == 403
    assert api(client, "post", "/api/v1/activate/", {"token": "nope"}).status_code == 403
    assert api(client, "post", "/api/v1/activate/", {"token": token_in_the_mail()}).status_code == 200
    assert api(client, "post", "/api/v1/login/", {**login, "password": "no"}).status_code == 403
    assert api(client, "post", "/api/v1/login/", {}).json() == ["Missing key"]
    answer = api(client, "post", "/api/v1/login/", login)
    assert (answer.status_code, answer.json()) == (200, {"name": "Grace H"})
    assert client.get("/orders/").status_code == 200
    assert api(client, "post", "/api/v1/logout/", {}).status_code == 200
    assert client.get("/orders/").status_code == 302


def test_a_form_of_another_site_cannot_use_the_api():
    make_user("a@example.com")
    strict = Client(enforce_csrf_checks=True)
    body = '{"username": "a@example.com", "password": "a long secret 1"}'
    assert strict.post("/api/v1/login/", body, content_type="text/plain").status_code == 415
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(), backend=accounts.BACKEND)
    assert api(client, "post", "/api/v1/logout/", {}).status_code == 403


def link(hub, token="body.signature", uid=world.TEACHER_UID, nonce="n1", instance=world.INSTANCE):
    hub.links[token] = {"uid": uid, "instance": instance, "nonce": nonce, "expires": 4_000_000_000}
    return token


def test_the_mails_link_makes_the_account_the_owner(hub, source, client):
    course = world.make_course(source, live=False)
    token = link(hub)
    answer = client.get(f"/link/?token={token}")
    assert answer["Location"] == "/link/"
    page = client.get("/link/").content.decode()
    assert "1 course waits for its price" in page
    assert token not in page
    make_user("grace@example.com")
    form = {"email": "grace@example.com", "password": PASSWORD, "next": "/link/"}
    assert client.post("/sign-in/", form)["Location"] == "/link/"
    assert not Identity.objects.exists()
    assert client.post("/link/")["Location"] == "/teach/"
    user = User.objects.get()
    assert catalogue.owned(user).get() == course
    assert course.title in client.get("/teach/").content.decode()
    edit = client.post(f"/teach/{course.uuid}/", {"title": "Mine", "currency": "USD", "live": "on"})
    assert edit.status_code == 302
    course.refresh_from_db()
    assert (course.title, course.live) == ("Mine", True)


def test_following_the_link_uses_nothing_up_and_the_button_does_so_once(hub, source):
    token = link(hub)
    first, second = make_user("a@example.com"), make_user("b@example.com")
    for _ in range(3):
        client_of(first).get(f"/link/?token={token}", follow=True)
    assert not UsedLink.objects.exists()
    links.use(token, first)
    with pytest.raises(links.LinkRefused, match="used already"):
        links.use(token, second)
    assert [one.user for one in Identity.objects.all()] == [first]


def test_an_instructor_that_is_linked_is_not_taken_by_another_link(hub, source):
    first, second = make_user("a@example.com"), make_user("b@example.com")
    links.use(link(hub), first)
    with pytest.raises(Exception, match="another account"):
        links.use(link(hub, "c.d", nonce="n2"), second)
    assert UsedLink.objects.count() == 1
    assert Identity.objects.get().user == first


def test_an_id_of_one_instance_owns_nothing_of_another(hub, source):
    world.make_course(source)
    user = make_user("a@example.com")
    links.use(link(hub, instance="https://evil.example.com"), user)
    assert not catalogue.owned(user).exists()


def test_an_instance_that_moves_takes_its_courses_and_owners_along(hub, source):
    course = world.make_course(source)
    user = make_user("a@example.com")
    links.use(link(hub), user)
    links.move_instance(source, world.INSTANCE, "https://new.example.com")
    world.receive(source, "Course", world.course_payload(course.uuid, instance="https://new.example.com", title="New"))
    assert [one.title for one in catalogue.owned(user)] == ["New"]
    with pytest.raises(links.LinkRefused):
        links.use(link(hub, instance="https://new.example.com"), make_user("b@example.com"))


def test_a_link_that_the_hub_refuses_is_refused(hub, source, client):
    answer = client.get("/link/?token=un.known", follow=True)
    assert answer.status_code == 400
    assert "The link has expired." in answer.content.decode()
    for token in ("", "x" * 3000 + ".y", "no-dot", "ü.ü"):
        assert client.get("/link/", {"token": token}, follow=True).status_code in (400, 404)
    assert len([one for one in hub.server.received if one.path == "/api/v1/login_links/"]) == 1


def test_a_hub_that_is_away_keeps_the_link_good(hub, source, client):
    token = link(hub)
    hub.refusals.append(("/api/v1/login_links/", 503, {}, {}))
    answer = client.get(f"/link/?token={token}", follow=True)
    assert answer.status_code == 503
    assert client.get("/link/").status_code == 200


def test_the_portals_accounts_sign_in_by_their_address_in_any_case_and_only_there(client):
    make_user("a@example.com")
    assert client.post("/sign-in/", {"email": "A@Example.COM", "password": PASSWORD}).status_code == 302
    wrong = Client().post("/sign-in/", {"email": "a@example.com", "password": "no"})
    assert "wrong" in wrong.content.decode()
    assert not Client().login(username="a@example.com", password=PASSWORD)


def test_who_guesses_a_password_too_often_is_told_to_wait_and_others_are_not(client, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PORTAL_SIGN_IN_TRIES": 3}
    make_user("a@example.com")
    make_user("b@example.com")
    form = {"email": "a@example.com", "password": "wrong wrong"}
    for _ in range(2):
        assert client.post("/sign-in/", form).status_code == 200
    right = {**form, "password": PASSWORD}
    # What was right is no guess.
    for _ in range(5):
        assert Client().post("/sign-in/", {**right, "email": "A@example.com"}).status_code == 302
    assert api(Client(), "post", "/api/v1/login/", {"username": "A@EXAMPLE.com", "password": "x"}).status_code == 403
    answer = client.post("/sign-in/", right)
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert "try again in 15 minutes" in answer.content.decode()
    answer = api(Client(), "post", "/api/v1/login/", {"username": "a@example.com", "password": PASSWORD})
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert Client().post("/sign-in/", {**right, "email": "b@example.com"}).status_code == 302
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert elsewhere.post("/sign-in/", right).status_code == 302


def test_one_client_address_guesses_at_no_more_than_so_many_accounts(client, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PORTAL_SIGN_IN_TRIES": 1}
    statuses = [
        client.post("/sign-in/", {"email": f"n{number}@example.com", "password": "x"}).status_code
        for number in range(11)
    ]
    assert statuses == [200] * 10 + [429]


def test_a_stranger_has_five_mails_an_hour_sent_to_somebody(client):
    make_user("a@example.com")
    for _ in range(8):
        assert client.post("/password/", {"email": "A@example.com"}).status_code == 200
    assert len(mail.outbox) == 5


def test_one_client_address_asks_for_so_many_accounts_an_hour(client, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PORTAL_SIGN_IN_TRIES": 1}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    forms = [{**FORM, "email": f"n{number}@example.com"} for number in range(11)]
    assert [client.post("/register/", form).status_code for form in forms] == [200] * 10 + [429]
    assert Registration.objects.count() == 10


def test_a_password_is_not_guessed_with_the_link_of_a_registration(client, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PORTAL_SIGN_IN_TRIES": 2}
    token = registered(client)
    statuses = [
        client.post("/activate/", {"token": token, "password": f"wrong {number}"}).status_code for number in range(3)
    ]
    assert statuses == [200, 200, 429]
    assert not User.objects.exists()


def test_a_cache_that_is_away_keeps_nobody_out(client, monkeypatch):
    make_user("a@example.com")

    def away(*arguments, **values):
        raise ConnectionError("refused")

    for name in ("add", "incr", "decr"):
        monkeypatch.setattr(f"ccx_tenancy.portal.throttle.cache.{name}", away, raising=False)
    assert client.post("/sign-in/", {"email": "a@example.com", "password": PASSWORD}).status_code == 302


def test_registrations_that_ended_long_ago_are_pruned_and_no_others(client, capsys):
    from django.core.management import CommandError, call_command

    now = timezone.now()
    for name, days in (("old", 91), ("new", 89), ("open", -1)):
        Registration.objects.create(email=name, digest=name, expires=now - timedelta(days=days))
    call_command("portal", "prune", "--dry-run")
    assert Registration.objects.count() == 3
    call_command("portal", "prune")
    assert capsys.readouterr().out.splitlines() == ["Would delete 1 registrations.", "Deleted 1 registrations."]
    assert set(Registration.objects.values_list("email", flat=True)) == {"new", "open"}
    with pytest.raises(CommandError, match="no age"):
        call_command("portal", "prune", "--older-than", "0")
