"""What the originals said, as tests read it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

#: What the hub of the recordings signed its webhooks with.
SECRET = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Answer:
    """An answer of an original: its status, headers and body."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answers(name: str) -> dict[str, Answer]:
    """Return the answers in a file, by the title of what was asked."""
    text = (HERE / name).read_text().partition("What came back:")[2]
    found = {}
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = section.partition("\n")
        head, _, body = rest.partition("\n\n")
        match = re.match(r"HTTP/1\.\d (\d+)", head)
        if match:
            headers = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
            found[title] = Answer(int(match[1]), headers, body.strip().partition("\n\n")[0])
    return found


def sent(path: str, *, method: str = "POST") -> list[dict[str, Any]]:
    """Return what the originals sent to a path, in order: method, path, headers, body, and what they were answered."""
    lines = (HERE / "requests-received-by-edx-and-receivers.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if row["path"].partition("?")[0] == path and row["method"] == method]
