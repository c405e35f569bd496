"""Celery with its defaults: a real worker, results over rpc, retries, remote control, events, a killed worker."""

import os
import signal
import sys
import time
import unittest

import leveret_broker
from leveret_broker import BrokerCase


class CeleryCase(BrokerCase):
    def setUp(self):
        super().setUp()
        self.marks = self.directory / "marks"
        self.marks.mkdir()
        os.environ.update(CELERY_URL=self.kombu_url, CELERY_QUEUE=self.name,
                          CELERY_MARKS=str(self.marks), PYTHONWARNINGS="ignore")
        sys.modules.pop("celery_app", None)
        import celery_app
        self.tasks = celery_app
        self.addCleanup(celery_app.app.close)

    def start_worker(self, *options):
        log = open(self.directory / "worker.log", "ab")
        self.addCleanup(log.close)
        worker = leveret_broker.spawn(
            [sys.executable, "-B", "-m", "celery", "-A", "celery_app", "worker", "-c", "2",
             "--loglevel", "INFO", *options],
            cwd=leveret_broker.ROOT / "tests/integration", stdout=log, stderr=log,
            start_new_session=True)
        self.addCleanup(self.kill_worker, worker)
        return worker

    @staticmethod
    def kill_worker(worker):
        """The pool's children with it: kill -9 of the whole group."""
        try:
            os.killpg(worker.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        worker.wait()

    def worker_log(self):
        return (self.directory / "worker.log").read_text(errors="replace")

    def result(self, pending):
        return pending.get(timeout=leveret_broker.WATCHDOG_S)


class Celery(CeleryCase):
    def test_tasks_retries_and_failures(self):
        self.start_worker()
        sums = [self.tasks.add.delay(number, 1) for number in range(50)]
        self.assertEqual(list(range(1, 51)), [self.result(pending) for pending in sums])
        self.assertEqual(2, self.result(self.tasks.fails_twice.delay()))
        with self.assertRaises(ValueError):
            self.result(self.tasks.fails.delay())

    def test_countdown(self):
        self.start_worker()
        self.assertEqual(3, self.result(self.tasks.add.apply_async((1, 2), countdown=1)))

    def test_remote_control(self):
        self.start_worker("-n", "one@leveret")
        self.result(self.tasks.add.delay(1, 1))
        control = self.tasks.app.control
        self.assertEqual([{"one@leveret": {"ok": "pong"}}], control.ping(timeout=30, limit=1))
        inspect = control.inspect(timeout=30, limit=1)
        self.assertIn("celery_app.add", inspect.registered()["one@leveret"])
        self.assertEqual(1, inspect.stats()["one@leveret"]["total"]["celery_app.add"])
        self.assertEqual([self.name], [
            each["name"] for each in inspect.active_queues()["one@leveret"]])

    def test_events(self):
        self.start_worker("-E")
        seen = []
        with self.tasks.app.connection_for_read() as connection:
            receiver = self.tasks.app.events.Receiver(connection)

            def on_event(event):
                seen.append(event["type"])
                if seen.count("worker-heartbeat") == 1 and "task-received" not in seen:
                    self.tasks.add.delay(1, 1)  # the receiver's queue is there
                receiver.should_stop = "task-succeeded" in seen

            receiver.handlers = {"*": on_event}
            receiver.capture(limit=None, timeout=None, wakeup=True)
        self.assertIn("task-received", seen)

    def test_killed_worker_s_task_runs_again(self):
        worker = self.start_worker("-n", "first@leveret")
        pending = self.tasks.outlives_its_worker.delay("task")
        while not (self.marks / "task.first").exists():
            self.assertIsNone(worker.poll(), self.worker_log())
            time.sleep(0.05)
        self.kill_worker(worker)
        self.start_worker("-n", "second@leveret")
        self.assertEqual("done", self.result(pending))
        self.assertTrue((self.marks / "task.redelivered.True").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
