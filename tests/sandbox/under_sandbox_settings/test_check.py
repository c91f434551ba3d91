"""The check of the pages finds what is wrong with one."""

import io
from email.message import Message

import pytest

from sandbox.check import Page, Report

PAGE = Page(200, "Maxi's Academy, Introduction", "/there", "text/html", Message())


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ({"status": 404}, "status 200 in place of 404"),
        ({"shows": ["Academy", "Robots"]}, "does not show 'Robots'"),
        ({"hides": ["Introduction"]}, "shows 'Introduction'"),
        ({"location": "/here"}, "redirects to '/there' in place of '/here'"),
        ({"kind": "text/css"}, "is text/html in place of text/css"),
    ],
)
def test_a_wrong_page_is_named_with_what_is_wrong(expected, found):
    out = io.StringIO()
    report = Report(out)
    report.page("the page", PAGE, **expected)
    assert report.wrong == ["the page"]
    assert f"WRONG  the page: {found}" in out.getvalue()


def test_a_right_page_is_counted():
    report = Report(io.StringIO())
    report.page("the page", PAGE, shows=["Academy"], hides=["Robots"], location="/there", kind="text/html")
    assert (report.right, report.wrong) == (1, [])
