"""The seed files: loaded once or twice, right or wrong."""

import json

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.membership import api as membership
from sandbox.courses.models import Course
from sandbox.courses.seeding import load_courses, load_users

COURSE = {"key": "course-v1:OpenedX+A+1", "name": "A", "start": "2026-01-01"}
USER = {"username": "somebody", "email": "somebody@example.com", "password": "long enough"}
OWN = [{"short_name": "OpenedX", "name": "Open edX"}]


@pytest.fixture
def write(tmp_path):
    def _write(document):
        file = tmp_path / "seed.json"
        file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return file

    return _write


def courses(*found, organizations=OWN):
    return {"organizations": organizations, "courses": list(found)}


@pytest.mark.django_db
def test_loading_again_changes_only_what_differs(write):
    other = {**COURSE, "key": "course-v1:OpenedX+B+1"}
    assert str(load_courses(write(courses(COURSE, other)))) == "2 created, 0 changed, 0 unchanged"
    assert str(load_courses(write(courses(COURSE, {**other, "name": "B"})))) == "0 created, 1 changed, 1 unchanged"
    assert sorted(Course.objects.values_list("display_name", "org")) == [("A", "openedx"), ("B", "openedx")]


@pytest.mark.django_db
def test_an_account_gets_the_password_and_the_rights_of_the_file(write):
    assert str(load_users(write({"users": [USER]}))) == "1 created, 0 changed, 0 unchanged"
    assert str(load_users(write({"users": [USER]}))) == "0 created, 0 changed, 1 unchanged"
    changed = {**USER, "staff": True, "password": "another one"}
    assert str(load_users(write({"users": [changed]}))) == "0 created, 1 changed, 0 unchanged"
    user = User.objects.get(username="somebody")
    assert user.is_staff and not user.is_superuser and user.check_password("another one")


@pytest.mark.django_db
def test_an_account_gets_the_role_of_the_file(write):
    load_courses(write(courses()))
    for role in ("learner", "author", "learner"):
        member = {**USER, "memberships": [{"organization": "openedx", "role": role}]}
        load_users(write({"users": [member]}))
        assert str(load_users(write({"users": [member]}))) == "0 created, 0 changed, 1 unchanged"
        user = User.objects.get(username="somebody")
        assert membership.has_role(user, "OpenedX", role)
    assert not membership.has_role(user, "OpenedX", "staff")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("[]", "line 1, column 1"),
        ('{"organizations": [], "courses": [],}', "line 1, column 36"),
        ({"courses": []}, "'organizations' is a required property"),
        (courses({**COURSE, "nmae": "A"}), "courses[0]: Additional properties"),
        (courses(COURSE, {**COURSE, "key": "OpenedX-A-1"}), "courses[1].key: 'OpenedX-A-1' is no course key"),
        (courses(COURSE, COURSE), "courses[1].key: 'course-v1:OpenedX+A+1' is in the file twice"),
        (courses({**COURSE, "start": "soon"}), "courses[0].start: 'soon' is no date"),
        (courses(COURSE, organizations=[]), "courses[0].key: there is no organization 'OpenedX'"),
    ],
)
def test_a_bad_file_of_courses_is_refused_by_place_and_changes_nothing(write, document, place):
    file = write(document)
    with pytest.raises(InvalidInput) as refused:
        load_courses(file)
    assert str(file) in str(refused.value) and place in str(refused.value)
    assert not Course.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("user", "place"),
    [
        ({**USER, "username": "some body"}, "users[0].username: 'some body'"),
        ({**USER, "email": "nowhere"}, "users[0].email: 'nowhere'"),
        ({**USER, "password": "short"}, "users[0].password: 'short' is too short"),
        ({**USER, "staff": "yes"}, "users[0].staff: 'yes' is not of type 'boolean'"),
        (
            {**USER, "memberships": [{"organization": "nowhere", "role": "owner"}]},
            "users[0].memberships[0].organization: there is no organization 'nowhere'",
        ),
        (
            {**USER, "memberships": [{"organization": "nowhere", "role": "king"}]},
            "users[0].memberships[0].role: 'king' is not one of ['learner', 'staff', 'author', 'admin', 'owner']",
        ),
    ],
)
def test_a_bad_file_of_accounts_is_refused_by_place_and_changes_nothing(write, user, place):
    with pytest.raises(InvalidInput) as refused:
        load_users(write({"users": [user]}))
    assert place in str(refused.value)
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"none\.json: cannot be read: No such file"):
        load_users(tmp_path / "none.json")


@pytest.mark.django_db
def test_a_bad_second_file_leaves_the_first_unloaded(write, tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("sandbox_seed", courses=write(courses(COURSE)), users=tmp_path / "none.json")
    assert not Course.objects.exists()
