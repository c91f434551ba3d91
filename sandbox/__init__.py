"""A host of its own that shows the library: one process, one port, sites told apart by their host names."""

from sandbox.celery import app as celery_app

__all__ = ["celery_app"]
