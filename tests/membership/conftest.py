"""The fixtures of :mod:`tests.people`."""

from tests.people import acme, empty_memory, globex, make_user

__all__ = ["acme", "empty_memory", "globex", "make_user"]
