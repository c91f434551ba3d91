"""The textarea that the JSON editor takes over."""

import json
from html.parser import HTMLParser

import pytest
from django import forms
from django.contrib.staticfiles import finders
from django.urls import reverse_lazy

from ccx_tenancy.errors import InvalidDocument
from ccx_tenancy.site_config.documents import parse
from ccx_tenancy.site_config.widgets import EditorError, JSONEditorWidget

pytestmark = pytest.mark.once


class _Textarea(HTMLParser):
    """Reads the one textarea of a rendered widget: its attributes and its text."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.attributes, self.text, self._inside = {}, "", False
        self.feed(html)
        self.close()
        # A parser of HTML drops the line break right after the tag, as Django's template has it.
        self.text = self.text.removeprefix("\n")

    def handle_starttag(self, tag, attrs):
        self._inside = tag == "textarea"
        self.attributes = dict(attrs)

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.text += data


def rendered(widget, value="{}", attrs=None):
    return _Textarea(widget.render("values", value, attrs or {"id": "id_values"}))


def test_it_is_a_plain_textarea_that_the_script_can_find():
    area = rendered(JSONEditorWidget())
    assert area.attributes["class"] == "ccx-json-editor"
    assert area.attributes["name"] == "values"
    assert area.attributes["id"] == "id_values"
    assert not [name for name in area.attributes if name.startswith("data-")]


def test_what_was_typed_is_shown_again_to_the_letter():
    typed = '\n{"a": "</textarea><script>alert(1)</script> & \'x\'",}\n\n'
    assert rendered(JSONEditorWidget(), typed).text == typed


def test_its_class_joins_the_classes_it_is_given():
    assert rendered(JSONEditorWidget({"class": "wide", "rows": "5"})).attributes["class"] == "wide ccx-json-editor"
    assert rendered(JSONEditorWidget({"rows": "5"})).attributes["rows"] == "5"
    attrs = {"class": "vLargeTextField"}
    assert rendered(JSONEditorWidget(), attrs=attrs).attributes["class"] == "vLargeTextField ccx-json-editor"
    assert attrs == {"class": "vLargeTextField"}


def test_the_schema_address_may_be_lazy():
    class Lazy:
        def __str__(self):
            return "/later/"

    assert rendered(JSONEditorWidget(schema_url="/now/?a=1&b=2")).attributes["data-schema-url"] == "/now/?a=1&b=2"
    assert rendered(JSONEditorWidget(schema_url=Lazy())).attributes["data-schema-url"] == "/later/"
    # Not yet resolvable where the widget is made, as in a module that the URLs import.
    JSONEditorWidget(schema_url=reverse_lazy("no-such-view"))


def test_errors_travel_with_their_places():
    widget = JSONEditorWidget(errors=[EditorError(5, 45, 'a comma "," may not <stand> here')])
    assert json.loads(rendered(widget).attributes["data-errors"]) == [
        {"line": 5, "column": 45, "message": 'a comma "," may not <stand> here'}
    ]


def test_the_error_of_the_parser_is_taken_as_it_is():
    widget = JSONEditorWidget()
    try:
        parse('{\n  "a": true,\n}')
    except InvalidDocument as error:
        widget.errors = (error,)
    (told,) = json.loads(rendered(widget).attributes["data-errors"])
    assert (told["line"], told["column"]) == (2, 12)
    assert told["message"].startswith("a comma may not stand before the closing")


def test_errors_of_one_form_do_not_reach_another():
    class Form(forms.Form):
        values = forms.CharField(widget=JSONEditorWidget())

    first, second = Form(), Form()
    first.fields["values"].widget.errors = (EditorError(1, 1, "only here"),)
    assert "only here" in str(first["values"])
    assert "data-errors" not in str(second["values"])


def test_a_label_and_read_only_are_said():
    area = rendered(JSONEditorWidget(label="Values of maxi-academy", read_only=True))
    assert area.attributes["data-label"] == "Values of maxi-academy"
    assert "readonly" in area.attributes
    assert "data-readonly" in area.attributes


def test_the_media_are_files_of_the_package():
    media = JSONEditorWidget().media
    assert media._js == ["ccx_tenancy/json-editor/json-editor.js"]
    assert media._css == {"all": ["ccx_tenancy/json-editor/json-editor.css"]}
    for path in [*media._js, *media._css["all"], "ccx_tenancy/json-editor/LICENSES.txt"]:
        assert finders.find(path), path
