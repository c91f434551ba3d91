"""The JSON editor in a real browser: one page with the admin's own style sheets, and nothing else of the admin."""

from __future__ import annotations

import json
import re

import pytest

from ccx_tenancy.site_config.widgets import EditorError, JSONEditorWidget
from tests.browser.site import Site

pytestmark = pytest.mark.browser

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; img-src 'self'"
)

TALK = """{
  "PLATFORM_NAME": "Maxi's Academy",
  "SITE_NAME": "maxi-academy.example.com",
  "course_org_filter": "maxi-academy",
  "ENABLE_COMBINED_LOGIN_REGISTRATION": true,
}"""

KEYS = {
    "PLATFORM_NAME": {
        "schema": {"type": "string"},
        "meaning": "The name of the platform.",
        "default": "Your Platform",
        "secret": False,
        "tenant_writable": True,
    },
    "SITE_NAME": {"schema": {"type": "string"}, "meaning": "The site's <b>domain</b>.", "tenant_writable": False},
    "course_org_filter": {
        "schema": {"type": ["string", "array"], "items": {"type": "string"}},
        "meaning": "Whose courses are shown.",
    },
    "ENABLE_COMBINED_LOGIN_REGISTRATION": {"schema": {"type": "boolean"}, "meaning": "One page.", "default": False},
    "LANGUAGE_CODE": {"schema": {"enum": ["en", "de", "es"]}, "meaning": "The language.", "default": "en"},
    "SECRET_KEY": {"schema": {}, "meaning": "", "denied": "no site may set SECRET_KEY: it is a credential."},
}


@pytest.fixture(scope="module")
def site():
    with Site() as running:
        running.show("/schema/", json.dumps({"keys": KEYS}), kind="application/json")
        yield running


def html(widget: JSONEditorWidget, value: str, *, head: str = "", html_attributes: str = "") -> str:
    sheets = [f"admin/css/{name}.css" for name in ("base", "dark_mode", "forms", "responsive")] + widget.media._css[
        "all"
    ]
    links = "".join(f'<link rel="stylesheet" href="/static/{sheet}">' for sheet in sheets)
    scripts = "".join(f'<script src="/static/{script}"></script>' for script in widget.media._js)
    return f"""<!doctype html><html lang="en" {html_attributes}><head><title>Values</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="icon" href="/static/admin/img/icon-yes.svg">
    {head}{links}{scripts}</head>
    <body class="change-form"><div id="container"><main id="main"><div id="content"><form method="post" action="/save/">
    <fieldset class="module aligned"><div class="form-row"><div class="flex-container">
    <label for="id_reason">Reason:</label><input type="text" name="reason" id="id_reason"></div></div>
    <div class="form-row"><div class="flex-container"><label for="id_values">Values:</label>
    {widget.render("values", value, {"id": "id_values"})}</div></div></fieldset>
    <div class="submit-row"><input type="submit" value="Save" id="save"><input type="reset" id="reset"></div>
    </form></div></main></div></body></html>"""


class Editor:
    """The editor on a page, as a person meets it."""

    def __init__(self, page) -> None:
        self.page = page
        self.content = page.locator(".cm-content")
        self.status = page.locator("[role=status].ccx-je-status")

    def js(self, expression: str):
        # A page's text can be seen before its script, at its end, has put an editor there.
        self.content.first.wait_for()
        area = "document.querySelector('textarea.ccx-json-editor')"
        return self.page.evaluate(
            f"(() => {{ const editor = ccxTenancyJsonEditor.get({area}); return {expression} }})()"
        )

    @property
    def text(self) -> str:
        return self.js("editor.text()")

    @property
    def field(self) -> str:
        return self.js("editor.textarea.value")

    @property
    def cursor(self) -> tuple[int, int]:
        """The line and column of the cursor, from 1."""
        head = self.js("editor.view.state.selection.main.head")
        before = self.text[:head].split("\n")
        return len(before), len(before[-1]) + 1

    def put_cursor(self, needle: str) -> None:
        """Put the cursor behind a piece of the text, as a click would."""
        at = self.text.index(needle) + len(needle)
        self.js(f"editor.view.dispatch({{selection: {{anchor: {at}}}, scrollIntoView: true}}), editor.view.focus()")

    def problems(self) -> list[str]:
        return [
            f"{one['severity']} {one['line']}:{one['column']} {one['code']}"
            for one in self.js("editor.currentProblems()")
        ]

    def says(self, text: str) -> None:
        """Wait until the status line has a text."""
        self.status.filter(has_text=text).wait_for()

    def type(self, text: str) -> None:
        self.page.keyboard.type(text, delay=10)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture
def open_editor(site, new_page):
    """A function that opens the editor with a text: ``open_editor(text, read_only=True)``."""

    def opened(value, *, policy=POLICY, head="", html_attributes="", options=None, **arguments):
        arguments.setdefault("schema_url", "/schema/")
        page = new_page(**(options or {}))
        page.violations = []
        page.expose_function("violated", lambda what: page.violations.append(what))
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " (event) => violated(`${event.violatedDirective} ${event.blockedURI}`))"
        )
        body = html(JSONEditorWidget(**arguments), value, head=head, html_attributes=html_attributes)
        address = site.show("/editor/", body, headers={"Content-Security-Policy": policy} if policy else {})
        if arguments["schema_url"] == "/schema/":
            with page.expect_response(site.url("/schema/")):
                page.goto(address)
        else:
            page.goto(address)
        page.locator(".cm-content").wait_for()
        return Editor(page)

    return opened


# ---- text and field ------------------------------------------------------------------------------------------------


def test_valid_json_is_formatted_and_keeps_order_numbers_and_doubled_keys(open_editor):
    editor = open_editor('{"z": 1.0,"a":[1e3,12345678901234567890],  "z":"\\u00e9", "10": {}, "2":[ ]}')
    expected = (
        '{\n  "z": 1.0,\n  "a": [\n    1e3,\n    12345678901234567890\n  ],\n'
        '  "z": "\\u00e9",\n  "10": {},\n  "2": []\n}'
    )
    assert editor.text == expected
    assert editor.field == expected


@pytest.mark.parametrize("text", [TALK, '{"a":1', "not json  at all", "  ", "{'a':1}\n\n"])
def test_a_text_that_is_not_json_is_left_as_it_is(open_editor, text):
    editor = open_editor(text)
    assert editor.text == text
    assert editor.field == text


def test_the_form_posts_what_was_typed_with_its_mistakes(open_editor, site):
    editor = open_editor("{}")
    editor.content.click()
    editor.press("Control+a")
    editor.type("{'a': 1,, // caf\u00e9 \U0001f600 </textarea>")
    assert editor.field == editor.text
    assert editor.text.startswith("{'a': 1,, // caf\u00e9 \U0001f600 </textarea>")
    typed = editor.text
    editor.page.locator("#save").click()
    editor.page.wait_for_url("**/save/")
    assert site.posted.pop()["values"].replace("\r\n", "\n") == typed


def test_the_search_panel_posts_no_fields_of_its_own(open_editor, site):
    editor = open_editor('{"a": 1}')
    editor.content.click()
    editor.press("Control+f")
    editor.page.locator(".cm-search").wait_for()
    editor.page.locator("#save").click()
    editor.page.wait_for_url("**/save/")
    assert sorted(site.posted.pop()) == ["reason", "values"]


def test_without_javascript_the_textarea_works(site, new_page):
    page = new_page(java_script_enabled=False)
    page.goto(site.show("/plain/", html(JSONEditorWidget(schema_url="/schema/"), TALK), headers={}))
    assert page.locator("textarea").input_value() == TALK
    page.locator("textarea").fill('{"a": 1,}')
    page.locator("#save").click()
    page.wait_for_url("**/save/")
    assert site.posted.pop()["values"] == '{"a": 1,}'


def test_undo_and_redo_work(open_editor):
    editor = open_editor('{"a": 1}')
    before = editor.text
    editor.put_cursor('"a": 1')
    editor.type("23")
    assert '"a": 123' in editor.field
    editor.press("Control+z")
    assert editor.text == editor.field == before
    editor.press("Control+y")
    assert '"a": 123' in editor.field


def test_resetting_the_form_resets_the_editor(open_editor):
    editor = open_editor(TALK)
    editor.put_cursor("{")
    editor.type(" ")
    assert editor.text != TALK
    editor.page.locator("#reset").click()
    editor.page.wait_for_function("document.querySelector('textarea').value.startsWith('{\\n')")
    assert editor.text == editor.field == TALK


def test_the_field_says_input_at_a_change_and_change_when_it_is_left(open_editor):
    editor = open_editor("{}")
    editor.page.evaluate(
        "window.said = []; for (const name of ['input', 'change'])"
        " document.querySelector('form').addEventListener(name, () => said.push(name))"
    )
    editor.put_cursor("{")
    editor.type("1")
    assert editor.page.evaluate("said") == ["input"]
    editor.page.locator("#id_reason").focus()
    assert editor.page.evaluate("said") == ["input", "change"]


def test_a_row_that_a_formset_adds_gets_its_editor_and_the_template_row_none(open_editor):
    editor = open_editor("{}")
    answer = editor.page.evaluate(
        """() => {
          const row = document.createElement("div")
          row.className = "empty-form"
          row.innerHTML = '<textarea class="ccx-json-editor">{"a":1}</textarea>'
          document.querySelector("form").append(row)
          const area = row.firstChild
          row.dispatchEvent(new CustomEvent("formset:added", {bubbles: true}))
          const before = ccxTenancyJsonEditor.get(area)
          row.className = ""
          row.dispatchEvent(new CustomEvent("formset:added", {bubbles: true}))
          const after = ccxTenancyJsonEditor.get(area)
          return [before, after === ccxTenancyJsonEditor.enhance(area), area.value]
        }"""
    )
    assert answer == [None, True, '{\n  "a": 1\n}']


# ---- mistakes ------------------------------------------------------------------------------------------------------


def test_the_trailing_comma_of_the_talk_is_shown_at_its_own_place(open_editor):
    editor = open_editor(TALK)
    editor.says("1 error: line 5, column 45: a comma may not stand before the closing brace: remove it")
    assert editor.problems() == ["error 5:45 trailing-comma"]
    assert editor.page.locator(".cm-lintRange-error").inner_text() == ","
    assert editor.page.locator(".cm-lint-marker-error").count() == 1
    assert editor.content.get_attribute("aria-invalid") == "true"
    editor.page.locator(".cm-lintRange-error").hover()
    tip = editor.page.locator(".cm-tooltip .cm-diagnostic-error")
    assert tip.inner_text().startswith("Line 5, column 45: a comma may not stand before the closing brace: remove it")


def test_the_status_line_moves_the_cursor_to_the_mistake(open_editor):
    editor = open_editor(TALK)
    editor.says("1 error")
    editor.status.get_by_role("button", name=re.compile("^1 error: line 5, column 45")).click()
    assert editor.cursor == (5, 45)
    assert editor.page.evaluate("document.activeElement.classList.contains('cm-content')")


def test_the_offered_fix_mends_the_text_and_can_be_undone(open_editor):
    editor = open_editor(TALK)
    editor.status.get_by_role("button", name="Remove the comma").click()
    editor.says("No mistakes found.")
    assert editor.field == TALK.replace("true,", "true")
    assert editor.content.get_attribute("aria-invalid") == "false"
    editor.press("Control+z")
    editor.says("1 error")
    assert editor.field == TALK


def test_a_mistake_is_found_while_it_is_typed_and_goes_when_it_is_mended(open_editor):
    editor = open_editor('{"PLATFORM_NAME": "x"}')
    editor.says("No mistakes found.")
    editor.put_cursor('"x"')
    editor.type(",")
    editor.says("1 error: line 2, column 23: a comma may not stand before the closing brace")
    editor.press("Backspace")
    editor.says("No mistakes found.")


def test_what_is_not_json_is_told_with_line_and_column(open_editor):
    editor = open_editor("{}", schema_url="")
    for text, problem in [
        ('{"a": 1 // x\n}', "line 1, column 9: JSON has no comments"),
        ("{'a': 1}", "line 1, column 2: a text stands in straight double quotation marks"),
        ("{a: 1}", 'line 1, column 2: a key stands in double quotation marks: write "a"'),
        ('{"a": NaN}', "line 1, column 7: NaN is not a number of JSON"),
        ('{"a": -Infinity}', "line 1, column 7: -Infinity is not a number of JSON"),
        ('{"a": 1\n"b": 2}', "line 1, column 8: a comma is missing here"),
        ('{"a" 1}', "line 1, column 5: a colon is missing"),
        ('{"a": "x\n}', "line 1, column 7: this text has no closing quotation mark"),
        ('{"a": 1', "line 1, column 1: this { is never closed"),
        ('{"a": 1} b', "line 1, column 10: nothing may follow the closing brace"),
        ("[1]", "line 1, column 1: the whole must be one object"),
    ]:
        editor.js(f"editor.setText({json.dumps(text)})")
        editor.says(problem)


def test_a_key_that_stands_twice_is_told_at_the_second(open_editor):
    editor = open_editor('{"a": 1, "b": {"a": 1}, "a": 2}', schema_url="")
    editor.says('1 error: line 6, column 3: the key "a" stands already on line 2, column 3')


def test_several_mistakes_are_listed_and_each_leads_to_its_place(open_editor):
    editor = open_editor("{\n  'a': 1,\n  b: 2,\n}", schema_url="")
    editor.says("3 errors: line 2, column 3")
    rows = editor.page.locator(".ccx-je-list li")
    assert [row.split(":")[0] for row in rows.all_inner_texts()] == ["Line 3, column 3", "Line 3, column 7"]
    rows.nth(1).get_by_role("button", name=re.compile("^Line 3, column 7")).click()
    assert editor.cursor == (3, 7)


def test_f8_goes_from_mistake_to_mistake(open_editor):
    editor = open_editor("{\n  'a': 1,\n  b: 2\n}", schema_url="")
    editor.says("2 errors")
    editor.put_cursor("{")
    editor.press("F8")
    first = editor.js("editor.view.state.selection.main.from")
    editor.press("F8")
    assert [first, editor.js("editor.view.state.selection.main.from")] == [4, 14]


def test_the_servers_errors_are_shown_until_the_text_changes(open_editor):
    text = '{"course_org_filter": "other-org"}'
    editor = open_editor(text, errors=[EditorError(1, 23, "other-org is not an organization of this tenant.")])
    assert editor.text == text, "lines and columns of the server's errors count in the text as it is"
    editor.says("1 error: line 1, column 23: other-org is not an organization of this tenant.")
    assert editor.page.locator(".cm-lintRange-error").inner_text() == '"other-org"'
    editor.put_cursor("other-org")
    editor.type("s")
    editor.says("No mistakes found.")


def test_a_mistake_that_the_server_found_too_is_counted_once(open_editor):
    editor = open_editor(TALK, errors=[EditorError(5, 45, "line 5, column 45: this comma is too much.")])
    editor.says("1 error: line 5, column 45: this comma is too much.")
    editor.status.get_by_role("button", name="Remove the comma").click()
    editor.says("No mistakes found.")


# ---- the known keys ------------------------------------------------------------------------------------------------


def test_an_unknown_key_is_a_warning_with_the_nearest_known_one(open_editor):
    editor = open_editor('{"PLATFROM_NAME": "x"}')
    editor.says('1 warning: line 2, column 3: "PLATFROM_NAME" is not a known key: did you mean "PLATFORM_NAME"?')
    assert editor.page.locator(".cm-lint-marker-warning").count() == 1
    assert editor.content.get_attribute("aria-invalid") == "false"
    editor.status.get_by_role("button", name="Write PLATFORM_NAME").click()
    editor.says("No mistakes found.")
    assert json.loads(editor.field) == {"PLATFORM_NAME": "x"}


def test_a_value_of_the_wrong_type_and_a_denied_key_are_errors(open_editor):
    editor = open_editor('{"ENABLE_COMBINED_LOGIN_REGISTRATION": "true"}')
    editor.says('1 error: line 2, column 41: the value of "ENABLE_COMBINED_LOGIN_REGISTRATION" must be true or false')
    editor = open_editor('{"SECRET_KEY": "x"}')
    editor.says("1 error: line 2, column 3: no site may set SECRET_KEY: it is a credential.")


def test_a_key_is_completed_while_it_is_typed(open_editor):
    editor = open_editor('{"SITE_NAME": "x"}')
    editor.put_cursor('"x"')
    editor.type(',\n"PLAT')
    editor.page.locator(".cm-tooltip-autocomplete li[aria-selected]", has_text="PLATFORM_NAME").wait_for()
    about = editor.page.locator(".cm-completionInfo").inner_text()
    assert "The name of the platform." in about
    assert 'Default: "Your Platform"' in about
    editor.page.wait_for_timeout(150)  # CodeMirror takes no Enter for a choice so soon after the list opened.
    editor.press("Enter")
    editor.type("Maxi")
    assert json.loads(editor.field) == {"SITE_NAME": "x", "PLATFORM_NAME": "Maxi"}


def test_keys_that_are_there_already_and_denied_ones_are_not_proposed(open_editor):
    editor = open_editor('{\n  "SITE_NAME": "x",\n  \n}')
    editor.put_cursor('"x",\n  ')
    editor.press("Control+Space")
    editor.page.locator(".cm-tooltip-autocomplete").wait_for()
    labels = editor.page.locator(".cm-tooltip-autocomplete .cm-completionLabel").all_inner_texts()
    assert sorted(labels) == [
        "ENABLE_COMBINED_LOGIN_REGISTRATION",
        "LANGUAGE_CODE",
        "PLATFORM_NAME",
        "course_org_filter",
    ]


def test_values_are_proposed_by_type_and_the_default_first(open_editor):
    editor = open_editor('{\n  "LANGUAGE_CODE": \n}')
    editor.put_cursor('"LANGUAGE_CODE": ')
    editor.press("Control+Space")
    editor.page.locator(".cm-tooltip-autocomplete").wait_for()
    labels = editor.page.locator(".cm-tooltip-autocomplete .cm-completionLabel").all_inner_texts()
    assert labels == ['"en"', '"de"', '"es"']
    editor.page.wait_for_timeout(150)
    editor.press("ArrowDown", "Enter")
    assert json.loads(editor.field) == {"LANGUAGE_CODE": "de"}


def test_choosing_a_key_that_is_true_or_false_goes_on_to_its_value(open_editor):
    editor = open_editor("{}")
    editor.put_cursor("{")
    editor.type('"ENABLE')
    editor.page.locator(".cm-tooltip-autocomplete li[aria-selected]", has_text="ENABLE_COMBINED").wait_for()
    editor.page.wait_for_timeout(150)
    editor.press("Enter")
    editor.page.locator(".cm-tooltip-autocomplete li", has_text="true").wait_for()
    editor.page.wait_for_timeout(150)
    editor.press("ArrowDown", "Enter")
    assert json.loads(editor.field) == {"ENABLE_COMBINED_LOGIN_REGISTRATION": True}


def test_help_comes_with_the_mouse_and_with_the_cursor_and_is_never_markup(open_editor):
    editor = open_editor('{"SITE_NAME": "x"}')
    editor.says("No mistakes found.")
    editor.page.locator(".cm-line .tok-propertyName").hover()
    tip = editor.page.locator(".cm-tooltip .ccx-je-about")
    assert "The site's <b>domain</b>." in tip.inner_text()
    assert "Only a platform operator may set it." in tip.inner_text()
    editor.put_cursor('"x')
    about = editor.page.locator(".ccx-je-help")
    about.wait_for()
    assert about.inner_text().startswith("SITE_NAME a text")
    editor.put_cursor("{")
    about.wait_for(state="hidden")


def test_a_schema_that_does_not_come_leaves_the_json_checked(open_editor):
    editor = open_editor('{"PLATFROM_NAME": 1,}', schema_url="/no-such-schema/")
    editor.page.locator(".ccx-je-note", has_text="could not be loaded (the server answered 404)").wait_for()
    assert editor.problems() == ["error 1:20 trailing-comma"]


def test_a_schema_of_another_server_is_not_asked_for(open_editor):
    # Neither the policy nor the network stops it here: the editor itself does, and new_page fails on a request out.
    editor = open_editor("{}", schema_url="http://192.0.2.1/schema/", policy="")
    editor.page.locator(".ccx-je-note", has_text="The known keys could not be loaded").wait_for()


# ---- keys, names, looks --------------------------------------------------------------------------------------------


def test_tab_leaves_the_editor_in_both_directions(open_editor):
    editor = open_editor('{"a": 1}', schema_url="")
    before = editor.text
    editor.page.locator("#id_reason").focus()
    reached = []
    for _ in range(5):
        editor.press("Tab")
        reached.append(
            editor.page.evaluate(
                "document.activeElement.title || document.activeElement.className || document.activeElement.id"
            )
        )
    assert [name.split(" ")[0] for name in reached] == ["Format", "Search", "cm-content", "save", "reset"]
    editor.press("Shift+Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab")
    assert editor.page.evaluate("document.activeElement.id") == "id_reason"
    assert editor.text == before


def test_escape_closes_the_proposals_and_tab_then_leaves(open_editor):
    editor = open_editor("{}")
    editor.put_cursor("{")
    editor.press("Control+Space")
    editor.page.locator(".cm-tooltip-autocomplete").wait_for()
    editor.press("Escape")
    editor.page.locator(".cm-tooltip-autocomplete").wait_for(state="detached")
    editor.press("Tab")
    assert not editor.page.evaluate("document.activeElement.classList.contains('cm-content')")
    assert editor.text == "{}"


def test_brackets_with_control_indent(open_editor):
    editor = open_editor('{"a": 1}', schema_url="")
    editor.put_cursor('"a"')
    editor.press("Control+]")
    assert editor.field == '{\n    "a": 1\n}'
    editor.press("Control+[")
    assert editor.field == '{\n  "a": 1\n}'


def test_the_keys_are_said_in_a_visible_hint(open_editor):
    hint = open_editor("{}").page.locator(".ccx-je-hint")
    assert hint.is_visible()
    assert "Tab leaves the editor" in hint.inner_text()
    assert "Ctrl+]" in hint.inner_text()


def test_the_editor_has_a_name_a_description_and_a_live_status(open_editor):
    editor = open_editor("{}")
    box = editor.page.get_by_role("textbox", name="Values", exact=True)
    assert box.get_attribute("aria-multiline") == "true"
    described = [editor.page.locator(f"#{name}") for name in box.get_attribute("aria-describedby").split()]
    assert all(part.is_visible() for part in described)
    assert editor.status.get_attribute("aria-live") == "polite"
    named = open_editor("{}", label="Values of maxi-academy")
    assert named.page.get_by_role("textbox", name="Values of maxi-academy", exact=True).count() == 1


def test_a_click_on_the_label_goes_to_the_editor(open_editor):
    editor = open_editor("{}")
    editor.page.locator("label[for=id_values]").click()
    assert editor.page.evaluate("document.activeElement.classList.contains('cm-content')")


def test_format_formats_and_keeps_the_cursor_at_its_word(open_editor):
    editor = open_editor(TALK)
    editor.js('editor.setText(\'{"a":1.0,"a":[2]}\')')
    editor.put_cursor('"a":[')
    editor.page.get_by_role("button", name="Format").click()
    assert editor.field == '{\n  "a": 1.0,\n  "a": [\n    2\n  ]\n}'
    assert editor.cursor[0] in (3, 4)
    editor.press("Control+z")
    assert editor.field == '{"a":1.0,"a":[2]}'
    editor.press("Shift+Alt+F")
    assert editor.field == '{\n  "a": 1.0,\n  "a": [\n    2\n  ]\n}'


def test_format_of_what_is_not_json_says_why_and_changes_nothing(open_editor):
    editor = open_editor(TALK)
    editor.page.get_by_role("button", name="Format").click()
    editor.says("Not formatted, since it is not JSON yet: line 5, column 45")
    assert editor.text == TALK
    assert editor.cursor == (5, 45)


def test_why_a_text_was_not_formatted_stays_until_the_text_changes(open_editor):
    """A check that follows, as when the known keys come late, does not take the answer away, nor put another in it."""
    editor = open_editor('{"SITE_NAME": 1,\n}', schema_url="")
    editor.page.get_by_role("button", name="Format").click()
    refused = "Not formatted, since it is not JSON yet: line 1, column 16"
    editor.says(refused)
    editor.js("editor.loadKeys('/schema/')")
    editor.page.locator(".ccx-je-list li").filter(has_text="Line 1, column 15").wait_for()
    assert editor.status.inner_text().startswith(refused)
    editor.content.press("Control+End")
    editor.type(" ")
    editor.says("2 errors: line 1, column 15")


def test_search_finds_and_escape_returns(open_editor):
    editor = open_editor('{"a": "needle", "b": "needle"}', schema_url="")
    editor.content.click()
    editor.press("Control+f")
    editor.type("needle")
    editor.press("Enter", "Enter")
    assert editor.page.url.endswith("/editor/"), "Enter in the search field does not submit the form"
    selected = editor.js(
        "editor.view.state.sliceDoc(editor.view.state.selection.main.from, editor.view.state.selection.main.to)"
    )
    assert selected == "needle"
    editor.press("Escape")
    assert editor.page.locator(".cm-search").count() == 0
    assert editor.page.evaluate("document.activeElement.classList.contains('cm-content')")


def test_a_read_only_text_is_shown_and_reached_but_not_changed(open_editor, site):
    value = '{"PLATFORM_NAME":"x", "b":NaN}'
    editor = open_editor(value, read_only=True)
    editor.page.locator("#id_reason").focus()
    editor.press("Tab", "Tab")
    assert editor.page.evaluate("document.activeElement.getAttribute('aria-readonly')") == "true"
    editor.type("xyz")
    editor.press("Delete", "Enter")
    editor.says("1 error")
    assert editor.text == editor.field == value
    assert editor.page.get_by_role("button", name="Format").count() == 0
    assert editor.page.get_by_role("button", name="Write null").count() == 0
    formatted = open_editor('{"a":1.0}', read_only=True, schema_url="")
    assert (formatted.text, formatted.field) == ('{\n  "a": 1.0\n}', '{"a":1.0}')


def test_a_strict_policy_without_a_nonce_is_met(open_editor):
    editor = open_editor(TALK)
    editor.says("1 error")
    editor.page.locator(".cm-lintRange-error").hover()
    editor.page.locator(".cm-diagnostic-error").wait_for()
    editor.put_cursor('"maxi-academy.example.com",')
    editor.type('\n"LANG')
    editor.page.locator(".cm-tooltip-autocomplete").wait_for()
    editor.page.wait_for_timeout(200)
    editor.press("Escape", "Control+f")
    assert editor.page.violations == []
    assert editor.page.evaluate("getComputedStyle(document.querySelector('.cm-editor')).display") == "flex"
    assert editor.page.evaluate("document.querySelectorAll('style').length") == 0


@pytest.mark.parametrize("place", ["meta", "attribute"])
def test_a_nonce_is_put_on_the_style_element(open_editor, place):
    nonce = "c2VjcmV0"
    editor = open_editor(
        TALK,
        policy=POLICY.replace("style-src 'self'", f"style-src 'self' 'nonce-{nonce}'"),
        head=f'<meta name="csp-nonce" content="{nonce}">' if place == "meta" else "",
        attrs={"data-csp-nonce": nonce} if place == "attribute" else None,
    )
    editor.says("1 error")
    assert editor.page.violations == []
    assert editor.page.evaluate("document.querySelector('style').nonce") == nonce
    assert editor.page.evaluate("getComputedStyle(document.querySelector('.cm-editor')).display") == "flex"


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("scheme", "theme", "is_dark"),
    [
        ("light", "", False),
        ("dark", "", True),
        ("light", "dark", True),
        ("dark", "light", False),
        ("dark", "auto", True),
    ],
)
def test_it_is_readable_in_the_light_and_the_dark_theme(open_editor, scheme, theme, is_dark):
    editor = open_editor(
        '{"PLATFORM_NAME": "x", "n": 1, "t": true, "z": [null]}',
        options={"color_scheme": scheme},
        html_attributes=f'data-theme="{theme}"' if theme else "",
    )
    editor.says("3 warnings")
    editor.put_cursor('"x')
    editor.page.locator(".ccx-je-help").wait_for()

    def style(selector: str, name: str) -> str:
        return editor.page.evaluate(f"getComputedStyle(document.querySelector({selector!r}))[{name!r}]")

    background = style(".cm-editor", "backgroundColor")
    assert (luminance(background) < 0.2) == is_dark
    tokens = ["propertyName", "string", "number", "bool", "keyword", "punctuation"]
    for selector in [*(f".cm-content .tok-{token}" for token in tokens), ".cm-line"]:
        assert contrast(style(selector, "color"), background) >= 4.5, selector
    for selector, behind in [
        (".ccx-je-status", ".ccx-je-status"),
        (".cm-lineNumbers", ".cm-gutters"),
        (".ccx-je-help .ccx-je-about-type", ".ccx-je-help"),
        (".ccx-je-help code", ".ccx-je-help"),
        (".ccx-je-button", ".ccx-je-button"),
        (".ccx-je-hint", "body"),
    ]:
        assert contrast(style(selector, "color"), style(behind, "backgroundColor")) >= 4.5, selector


def test_a_phone_shows_it_without_scrolling_sideways(open_editor):
    options = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    editor = open_editor(TALK.replace("true,", f'"{"long " * 60}",'), options=options)
    editor.says("2 errors")
    assert editor.page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
    box = editor.page.locator(".ccx-je-frame").bounding_box()
    assert box["width"] > 300
    assert editor.page.get_by_role("button", name="Format").bounding_box()["height"] >= 40
    assert (
        float(editor.page.evaluate("parseFloat(getComputedStyle(document.querySelector('.cm-content')).fontSize)"))
        >= 16
    )


def test_a_large_text_opens_and_can_be_typed_in(open_editor, site):
    values = {f"KEY_{number}": {"a": [1, 2.5, "x" * 20]} for number in range(10_000)}
    editor = open_editor(json.dumps(values))
    assert editor.text == json.dumps(values, indent=2)
    editor.says("at least 100 warnings")
    editor.js("editor.view.dispatch({selection: {anchor: 1}}), editor.view.focus()")
    editor.type("!")
    editor.says("1 error and at least 100 warnings: line 1, column 2")
    editor.page.wait_for_function("document.querySelector('textarea').value.startsWith('{!')")
    # Sent by a script, between two pauses: what was typed is sent all the same.
    editor.js("editor.view.dispatch({changes: {from: 1, insert: '?'}}), document.querySelector('form').submit()")
    editor.page.wait_for_url("**/save/")
    assert site.posted.pop()["values"].replace("\r\n", "\n") == "{?!" + json.dumps(values, indent=2)[1:]
