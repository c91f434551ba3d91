"""What our commands have in common: how they end, what they read, who they act for.

They end with 0, with 1 where the library refuses (one line on stderr says what, where and what is allowed), or with 2
where the call itself is wrong: unknown options, a file that is not there. ``call_command`` gets the same number as the
``returncode`` of the CommandError.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import PARSER, REMAINDER, SUPPRESS, ArgumentTypeError
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, time
from typing import Any, NoReturn, TextIO

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_aware, make_aware

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidDocument, InvalidValues, TenancyError
from ccx_tenancy.management.output import printable

REFUSED = 1
USAGE = 2
#: What a shell reports of a process that its reader (``head``, a pager) left: 128 and the number of SIGPIPE.
NOBODY_READS = 141

_SHOWN_PROBLEMS = 20
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
#: Arguments that are no texts of ours: names of files, and the words of another command.
_NOT_OURS = frozenset(("file", "values_file", "configuration_file", "words"))


class UsageError(CommandError):
    """The command was called in a way that it does not understand."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=USAGE)


class Parser(CommandParser):
    """A parser whose errors are usage errors also for ``call_command``, and that takes options among the arguments.

    argparse alone gives ``set DOMAIN --dry-run NAME=1`` no NAME: it takes an argument that may be missing for missing
    at the first option.
    """

    _inner = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse options first, then the arguments, where no action and no other command's words are among them."""
        if self._inner or any(action.nargs in (PARSER, REMAINDER) for action in self._actions):
            return super().parse_known_args(args, namespace)
        self._inner = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inner = False

    def error(self, message: str) -> NoReturn:
        """End the process with 2, or raise UsageError for ``call_command``."""
        if self.called_from_command_line:
            super().error(message)
        raise UsageError(f"Error: {message}")


class TenancyCommand(BaseCommand):
    """A command that answers a :class:`TenancyError` with one line and the exit code 1."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return Django's parser for this command, with our way to end."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.__class__ = Parser  # Django offers no way to name another class.
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command as a process of its own."""
        try:
            super().run_from_argv(argv)
            sys.stdout.flush()
        except BrokenPipeError:
            # Python flushes once more at the end: that shall find somebody who takes it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(NOBODY_READS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        self._refuse_no_text(options)
        try:
            self.run(options)
        except InvalidValues as error:
            shown = InvalidValues(error.problems[:_SHOWN_PROBLEMS], source=error.source)
            more = len(error.problems) - _SHOWN_PROBLEMS
            message = f"{shown}; and {more} more" if more > 0 else str(shown)
            raise CommandError(printable(message), returncode=REFUSED) from error
        except TenancyError as error:
            raise CommandError(printable(str(error)), returncode=REFUSED) from error

    def run(self, options: dict[str, Any]) -> None:
        """Do what the options say. May raise TenancyError (refused) or UsageError."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Write to stdout."""
        self.stdout.write(text)

    def warn(self, text: str) -> None:
        """Write a warning to stderr."""
        self.stderr.write(f"warning: {printable(text)}", style_func=self.style.WARNING)

    def _refuse_no_text(self, options: dict[str, Any]) -> None:
        for name, value in options.items():
            for one in [value] if isinstance(value, str) else value if isinstance(value, list) else ():
                if name not in _NOT_OURS and isinstance(one, str) and _NO_TEXT.search(one):
                    raise UsageError(f"The argument {one!r} has a byte that is no text in UTF-8, or a NUL.")


class SubcommandsCommand(TenancyCommand):
    """A command of several actions: ``manage.py tenancy create``, each a method that gets the options."""

    def actions(self, parser: CommandParser) -> Callable[..., CommandParser]:
        """Return a function that adds an action by name, help and method, and returns its parser."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=Parser)

        def add(name: str, help_text: str, method: Callable[[dict[str, Any]], None]) -> CommandParser:
            found: CommandParser = actions.add_parser(name, help=help_text, description=help_text)
            found.set_defaults(method=method)
            _add_base(found)
            return found

        return add

    def run(self, options: dict[str, Any]) -> None:
        """Call the action's method."""
        options["method"](options)


def _add_base(parser: CommandParser) -> None:
    """Allow Django's own options after the action too; before it, they are in its help."""
    for flags, arguments in (
        (("--settings",), {}),
        (("--pythonpath",), {}),
        (("--traceback",), {"action": "store_true"}),
        (("--no-color",), {"action": "store_true"}),
        (("--force-color",), {"action": "store_true"}),
        (("--skip-checks",), {"action": "store_true"}),
        (("-v", "--verbosity"), {"type": int, "choices": range(4)}),
    ):
        parser.add_argument(*flags, **arguments, default=SUPPRESS, help=SUPPRESS)


# Options that several commands share


def add_format(parser: CommandParser) -> None:
    """Add ``--format``."""
    parser.add_argument("--format", choices=("table", "json"), default="table", help="How to show it. Default: table.")


def add_dry_run(parser: CommandParser) -> None:
    """Add ``--dry-run``."""
    parser.add_argument("--dry-run", action="store_true", help="Show what would change, and change nothing.")


def add_who_and_why(parser: CommandParser, *, reason: bool = True) -> None:
    """Add ``--actor`` and ``--reason``."""
    parser.add_argument("--actor", metavar="USERNAME", help="The user the record names. Default: the system.")
    if reason:
        parser.add_argument("--reason", default="", help="Why; it stands in the history and the audit record.")


def number(low: int) -> Callable[[str], int]:
    """Return the type of an argument that is a whole number from ``low`` to 2147483647."""

    def whole_number(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= 2**31 - 1:
            raise ArgumentTypeError(f"{text!r} is not a whole number from {low} to {2**31 - 1}")
        return int(text)

    return whole_number


def moment(text: str) -> datetime:
    """Return a moment, or a day's beginning, in the project's time zone where the text names none. For ``type=``."""
    try:
        day = parse_date(text)
        found = datetime.combine(day, time.min) if day is not None else parse_datetime(text)
        if found is not None:
            return found if is_aware(found) else make_aware(found)
    except (ValueError, OverflowError):
        pass
    raise ArgumentTypeError(f"{text!r} is no day such as 2026-11-01, and no time such as 2026-11-01T08:30:00Z")


def new_file(path: str) -> TextIO:
    """Open a file that is not there yet for text. Raises UsageError where it is, or cannot be made."""
    try:
        return open(path, "x", encoding="utf-8", newline="")  # noqa: PTH123 - see read_file
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"The file {path!r} cannot be written: {why}.") from error


def actor_of(options: dict[str, Any]) -> Any:
    """Return the user that ``--actor`` names, or None. Raises UsageError."""
    return user_of(options, "actor")


def user_of(options: dict[str, Any], name: str) -> Any:
    """Return the user that an option names, or None. Raises UsageError where there is none such."""
    username = options[name]
    if username is None:
        return None
    model = get_user_model()
    user = model._default_manager.filter(**{model.USERNAME_FIELD: username}).first()
    if user is None:
        raise UsageError(f"--{name}: there is no user {username!r}.")
    return user


def read_file(path: str) -> tuple[bytes | str, str]:
    """Return what a file holds, or stdin for ``-``, and the name to call it by.

    Raises UsageError where it cannot be read, InvalidDocument where it is larger than ``MAX_DOCUMENT_BYTES``.
    """
    source = "stdin" if path == "-" else path
    most = conf.max_document_bytes
    try:
        if path == "-":
            if sys.stdin is None:
                raise UsageError("stdin is closed.")
            content: bytes | str = getattr(sys.stdin, "buffer", sys.stdin).read(most + 1)
        else:
            with open(path, "rb") as file:  # noqa: PTH123 - a Path refuses a NUL with another error in each Python
                content = file.read(most + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"The file {source!r} cannot be read: {why}.") from error
    if len(content) > most:
        message = f"the document has more than {most:,} bytes; allowed are {most:,} (MAX_DOCUMENT_BYTES)."
        raise InvalidDocument(message, source=source)
    return content, source


@contextmanager
def only_looking(dry_run: bool) -> Iterator[None]:
    """Do what stands inside in one transaction, and undo it at the end where ``dry_run`` says so."""
    with transaction.atomic():
        yield
        if dry_run:
            transaction.set_rollback(True)


def some(count: int, one: str, many: str = "") -> str:
    """Return ``"1 tenant"``, ``"2 tenants"``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def listed(names: Iterable[str]) -> str:
    """Return names with commas, or ``none``."""
    return ", ".join(names) or "none"
