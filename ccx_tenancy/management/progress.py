"""A progress bar for commands that take long."""

from __future__ import annotations

from typing import Any

_WIDTH = 30


class ProgressBar:
    """Draws how far something is, on one line of a terminal. Where there is no terminal it draws nothing.

    It is called with the number of steps done and of all steps. Leaving it as a context manager ends the line.
    """

    def __init__(self, stream: Any, label: str) -> None:
        self._stream = stream
        self._label = label
        self._is_terminal = bool(getattr(stream, "isatty", lambda: False)())
        self._drawn = ""

    def __call__(self, done: int, of: int) -> None:
        """Draw, where what is to be seen has changed."""
        if not self._is_terminal or of <= 0:
            return
        filled = _WIDTH * done // of
        line = f"\r{self._label} [{'#' * filled}{'.' * (_WIDTH - filled)}] {done}/{of}"
        if line != self._drawn:
            self._drawn = line
            self._stream.write(line, ending="")
            self._stream.flush()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        if self._drawn:
            self._stream.write("")
