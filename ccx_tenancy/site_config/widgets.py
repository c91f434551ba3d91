"""The form field's side of the JSON editor: a textarea that the editor's script takes over where there is one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from django import forms


class PlacedError(Protocol):
    """An error with its place; :class:`ccx_tenancy.errors.InvalidDocument` is one."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...

    @property
    def message(self) -> str: ...


class EditorError(NamedTuple):
    """What is wrong at a line and column, both counted from 1; 0 and 0 stand for the whole text."""

    line: int
    column: int
    message: str


class JSONEditorWidget(forms.Textarea):
    """A textarea for a JSON object, with an editor in its place where the browser runs our script.

    The editor formats what is valid, marks mistakes as they are typed, and proposes keys and values. The form posts
    what was typed, letter by letter: reading and refusing it stays the form field's work.
    """

    #: What the server found wrong with the text shown; the editor marks it until the text changes.
    errors: tuple[PlacedError, ...]

    class Media:
        css = {"all": ["ccx_tenancy/json-editor/json-editor.css"]}
        js = ["ccx_tenancy/json-editor/json-editor.js"]

    def __init__(
        self,
        attrs: Mapping[str, Any] | None = None,
        *,
        schema_url: str = "",
        errors: Iterable[PlacedError] = (),
        label: str = "",
        read_only: bool = False,
    ) -> None:
        """Make the widget.

        ``schema_url`` answers with the known keys (what ``schema.for_editor()`` returns, as JSON); it may be lazy
        (``reverse_lazy``) and must be of the page's own origin; without one the editor knows JSON alone. ``errors``
        may also be set later, when a bound form has found them. ``label`` is the editor's name for a screen reader;
        without one it is the text of the field's label. ``attrs`` are the textarea's attributes, a
        ``data-csp-nonce`` among them where the page's policy has a nonce for styles.
        """
        super().__init__({"rows": "20", "spellcheck": "false", "autocomplete": "off", **(attrs or {})})
        self.schema_url = schema_url
        self.errors = tuple(errors)
        self.label = label
        self.read_only = read_only

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return the context of the textarea's template, with what the editor's script reads from the element."""
        context = super().get_context(name, value, attrs)
        found = context["widget"]["attrs"]
        found["class"] = f"{found.get('class', '')} ccx-json-editor".strip()
        if schema_url := str(self.schema_url):
            found["data-schema-url"] = schema_url
        if label := str(self.label):
            found["data-label"] = label
        if self.errors:
            found["data-errors"] = json.dumps(
                [{"line": error.line, "column": error.column, "message": str(error.message)} for error in self.errors]
            )
        if self.read_only:
            found["data-readonly"] = found["readonly"] = True
        return context
