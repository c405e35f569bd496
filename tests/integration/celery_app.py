"""The tasks of test_celery.py; the broker's URL and what the tasks leave behind come from the environment."""

import os
import time
from pathlib import Path

from celery import Celery

app = Celery("leveret", broker=os.environ["CELERY_URL"], backend="rpc://")
app.conf.task_default_queue = os.environ["CELERY_QUEUE"]
marks = Path(os.environ["CELERY_MARKS"])


@app.task
def add(left, right):
    return left + right


@app.task(bind=True, max_retries=3, default_retry_delay=0)
def fails_twice(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task
def fails():
    raise ValueError("as it should")


@app.task(acks_late=True, bind=True)
def outlives_its_worker(self, name):
    """The first run leaves a mark and waits to be killed, the second leaves another."""
    first = marks / f"{name}.first"
    if not first.exists():
        first.touch()
        while True:
            time.sleep(0.1)
    second = marks / f"{name}.redelivered.{self.request.delivery_info['redelivered']}"
    second.touch()
    return "done"
