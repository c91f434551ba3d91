"""Call a command and look at what it wrote and how it ended."""

import io
import json

import pytest
from django.core.management import CommandError, call_command


def run(*words, **options):
    """Return what the command wrote to stdout and to stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command(*words, stdout=out, stderr=err, no_color=True, **options)
    return out.getvalue(), err.getvalue()


def said(*words, **options):
    """Return the one line, or the lines, that the command wrote to stdout."""
    return run(*words, **options)[0].rstrip("\n")


def data(*words):
    """Return the JSON that the command wrote."""
    return json.loads(said(*words, "--format", "json"))


def refused(*words, code=1):
    """Return the message with which the command is refused, which is one line."""
    with pytest.raises(CommandError) as caught:
        run(*words)
    assert caught.value.returncode == code, caught.value
    message = str(caught.value)
    assert "\n" not in message
    return message


def misused(*words):
    """Return the message with which a wrong call ends."""
    return refused(*words, code=2)
