"""Where the sandbox reads and writes. Everything that it writes lies in one folder."""

import os
from pathlib import Path

BASE = Path(__file__).resolve().parent
SEED = Path(os.environ.get("SANDBOX_SEED") or BASE / "seed").resolve()
VAR = Path(os.environ.get("SANDBOX_VAR") or BASE / "var").resolve()
# The port of the server that runs, or ran last: for the links in mails.
PORT_FILE = VAR / "port"
DEFAULT_PORT = 8000
