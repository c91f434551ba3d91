#!/usr/bin/env python
"""Run the sandbox, or check that it shows what it should.

    python sandbox/run.py serve [--port PORT] [--no-serve]
    python sandbox/run.py check

``serve`` migrates, loads the seed files, prints the addresses and logins, and serves on 127.0.0.1 until Ctrl-C.
``--no-serve`` stops before serving. ``check`` does all of it with a database of its own, fetches each page as a browser
would, and exits with 1 where one is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say, and return the exit code: 0, or 1 where something is refused or wrong."""
    parser = argparse.ArgumentParser(prog="sandbox/run.py", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="set everything up and serve it")
    serve.add_argument("--port", type=_port, help="default: the first free one from 8000 on; 0: any that is free")
    serve.add_argument("--no-serve", action="store_true", help="set up, print addresses and logins, and stop")
    commands.add_parser("check", help="set everything up in a fresh place, fetch each page, stop")
    options = parser.parse_args(arguments)

    # The repository in place of this folder, whose modules are those of the package `sandbox`.
    sys.path[0] = str(ROOT)
    if options.command == "check":
        from sandbox import check

        return check.main()
    return _serve(options.port, serves=not options.no_serve)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed is a number from 0 to 65535")
    return int(text)


def _serve(port: int | None, *, serves: bool) -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"
    import django
    from django.core.management import CommandError

    from sandbox import paths, server

    try:
        # The port first: where it is taken nothing is done, and the settings want to know it.
        with server.bind(port) if serves else nullcontext() as listening:
            shown = listening.server_port if listening else port or paths.DEFAULT_PORT
            if listening:
                paths.VAR.mkdir(parents=True, exist_ok=True)
                paths.PORT_FILE.write_text(str(shown), encoding="utf-8")
            django.setup()
            from sandbox import prepare

            prepare.prepare(sys.stdout, shown)
            print(f"\n{prepare.describe(shown)}\n", flush=True)
            if listening:
                server.serve(listening)
                print("Stopped.", flush=True)
    except (CommandError, server.PortTaken) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # While it was set up.
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
