"""Course keys in URLs: importing this module makes them known."""

from __future__ import annotations

from django.urls import register_converter
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey


class CourseKeyConverter:
    """``<course_key:key>``: a course key in the path, the old form with slashes too. Anything else is not found."""

    regex = r"[^/+]+[/+][^/+]+[/+][^/?]+"

    def to_python(self, value: str) -> CourseKey:
        """Return the key. Raises ValueError, which Django takes as "no such page"."""
        try:
            return CourseKey.from_string(value)
        except InvalidKeyError as error:
            raise ValueError(value) from error

    def to_url(self, value: CourseKey) -> str:
        """Return the key as text."""
        return str(value)


register_converter(CourseKeyConverter, "course_key")
