"""A project of its own: what a real worker process loads, and what publishes to it."""

import os

import django
from celery import Celery, chain, group
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "test_settings")
django.setup()

from ccx_tenancy import api  # noqa: E402
from ccx_tenancy.site_config import helpers  # noqa: E402

# Not the address as it is given: the settings add the number of the database that only our process of pytest flushes.
app = Celery("project", broker=settings.CELERY_BROKER_URL, backend=settings.CELERY_RESULT_BACKEND)
app.conf.update(task_default_queue=os.environ["CCX_TENANCY_QUEUE"], broker_connection_retry_on_startup=True)


@app.task
def where(*args):
    tenant = api.current_tenant()
    return [tenant.key if tenant else None, helpers.get_value("PLATFORM_NAME"), os.getpid()]


@app.task(bind=True, max_retries=1)
def again(self):
    if self.request.retries == 0:
        raise self.retry(countdown=0)
    return where()


def publish(count):
    """Publish in both tenants and in none, in turn; return what the worker saw and what was due."""
    keys = ["maxi-academy", "blue-university", None]
    sent = []
    for number in range(count):
        key = keys[number % 3]
        job = [where.si(), again.si(), chain(where.si(), again.si()), group(where.si(), where.si())][number % 4]
        if key is None:
            sent.append((key, job.apply_async()))
        else:
            with api.tenant_context(key):
                sent.append((key, job.apply_async()))
    return [[key, result.get(timeout=240)] for key, result in sent]
