#!/usr/bin/env python3
"""The conformance suite: scripts of raw clients, their transcripts compared with RabbitMQ's.

    run.py [--topic T]... [--case C]...        against LEVERET's binary; exit 1 where something is not as declared
    run.py --url URL [--ctl COMMAND] --record  takes the transcripts of a RabbitMQ that is there
    run.py --live                              starts a RabbitMQ and compares it with what is recorded
    run.py --report | --rows                   writes REPORT.md | checks that every row has a case

A case must equal its recording, unless it declares why it differs (then it must differ, exactly as recorded below
recorded/leveret/), or is named in pending.txt (then it must differ: who makes it the same takes its name out).
"""

import argparse
import collections
import difflib
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import brokers
import cases
import report
import rows

HERE = Path(__file__).resolve().parent
AT_ONCE = 24


def read_recording(path):
    """{case: lines}"""
    found, name = collections.OrderedDict(), None
    for line in path.read_text().split("\n") if path.exists() else ():
        if line.startswith("== "):
            name = line[3:]
            found[name] = []
        elif name and line:
            found[name].append(line)
    return found


def write_recording(path, header, recording):
    path.parent.mkdir(exist_ok=True)
    if not recording:
        path.unlink(missing_ok=True)
        return
    parts = [header]
    for name in sorted(recording):
        parts.append("\n".join([f"== {name}", *recording[name]]))
    path.write_text("\n\n".join(parts) + "\n")


def recording_path(topic, broker="rabbitmq"):
    return HERE / ("recorded" if broker == "rabbitmq" else "recorded/leveret") / f"{topic}.txt"


def pending_names():
    path = HERE / "pending.txt"
    lines = path.read_text().split("\n") if path.exists() else []
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def is_as_declared(info, got):
    return info.differs and \
        read_recording(recording_path(info.topic, "leveret")).get(info.name) == got


def write_pending(transcripts):
    """Names every case that ran and is not the same; those that did not run stay as they are."""
    names = pending_names() - set(transcripts)
    for name, lines in transcripts.items():
        info = cases.CASES[name]
        if read_recording(recording_path(info.topic)).get(name) != lines and not is_as_declared(info, lines):
            names.add(name)
    (HERE / "pending.txt").write_text(
        "# Cases that are to become the same as RabbitMQ and are not yet. Who makes one the same takes its name out.\n"
        + "".join(f"{name}\n" for name in sorted(names)))


def run_case(info, broker):
    try:
        return cases.Case(info, broker).run()
    except Exception:
        return [f"the script failed: {line}" for line in traceback.format_exc().split("\n") if line]


def run_topic(topic, chosen, broker):
    """{case: lines}; cases run side by side, those that want the broker for themselves after the others."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        together = [info for info in chosen if not info.alone]
        got = dict(zip([info.name for info in together],
                       pool.map(lambda info: run_case(info, broker), together)))
    for info in chosen:
        if info.alone:
            got[info.name] = run_case(info, broker)
    return got


def start_leveret(topic):
    """With a data directory where the topic's file says DURABLE."""
    return brokers.Leveret(durable=getattr(sys.modules[f"{topic}_cases"], "DURABLE", False)).start()


def rabbitmq_settings(topic):
    """(lines of rabbitmq.conf, advanced.config) as the topic's file asks for."""
    module = sys.modules[f"{topic}_cases"]
    return getattr(module, "RABBITMQ_SETTINGS", ()), getattr(module, "RABBITMQ_ADVANCED", "[].")


def diff(expected, got, of="RabbitMQ", and_of="Leveret"):
    return "\n".join(difflib.unified_diff(expected, got, of, and_of, lineterm="", n=3))


def judge(info, got, recorded, pending):
    """None where a case is as declared, else what is wrong."""
    expected = recorded.get(info.name)
    if expected is None:
        return "there is no recording of it"
    if info.name in pending:
        return None if got != expected else "is the same now: take its name out of pending.txt"
    if info.differs:
        if got == expected:
            return "is the same now: it must not declare a difference any more"
        expected = read_recording(recording_path(info.topic, "leveret")).get(info.name)
        if expected is None:
            return "declares a difference that is not recorded (run.py --record-differences)"
        return None if got == expected else diff(expected, got, "Leveret, recorded", "Leveret, now")
    return None if got == expected else diff(expected, got)


def select(options):
    found = cases.load_all()
    topics = collections.OrderedDict()
    for info in found.values():
        if (not options.topic or info.topic in options.topic) and \
                (not options.case or info.name in options.case):
            topics.setdefault(info.topic, []).append(info)
    return topics


def against_leveret(topics, options):
    failures, total, transcripts = 0, 0, {}
    pending = pending_names()
    for topic, chosen in topics.items():
        broker = start_leveret(topic)
        try:
            got = run_topic(topic, chosen, broker)
        finally:
            problem = broker.stop()
        transcripts.update(got)
        recorded = read_recording(recording_path(topic))
        if options.print:
            for name, lines in got.items():
                print(f"== {name}\n" + "\n".join(lines) + "\n")
        if options.record_differences:
            record_differences(topic, chosen, got)
        for info in chosen:
            total += 1
            wrong = judge(info, got[info.name], recorded, pending)
            if wrong:
                failures += 1
                print(f"FAILED {info.name}: {info.title}\n{wrong}\n")
        if problem:
            failures += 1
            print(f"FAILED {topic}: {problem}")
    print(f"{total} cases, {failures} failures")
    return failures, transcripts


def record_differences(topic, chosen, got):
    path = recording_path(topic, "leveret")
    kept = read_recording(path)
    declared = {info.name for info in cases.CASES.values() if info.topic == topic and info.differs}
    kept.update({info.name: got[info.name] for info in chosen if info.differs})
    write_recording(path, "# Leveret, where it differs on purpose",
                    {name: lines for name, lines in kept.items() if name in declared})


def against_rabbitmq(topics, options):
    """Records, or with --live compares and then records."""
    changed = 0
    for settings, group in by_rabbitmq_settings(topics).items():
        broker = (brokers.Foreign(options.url, options.ctl) if options.url
                  else brokers.RabbitMq(*settings).start())
        try:
            for topic, chosen in group:
                changed += record_topic(topic, chosen, broker, options)
        finally:
            broker.stop()
    print(f"{changed} recordings changed")
    return changed


def by_rabbitmq_settings(topics):
    groups = collections.OrderedDict()
    for topic, chosen in topics.items():
        groups.setdefault(rabbitmq_settings(topic), []).append((topic, chosen))
    return groups


def record_topic(topic, chosen, broker, options):
    got = run_topic(topic, chosen, broker)
    path = recording_path(topic)
    recorded, changed = read_recording(path), 0
    for name, lines in got.items():
        if options.print:
            print(f"== {name}\n" + "\n".join(lines) + "\n")
        if recorded.get(name) != lines:
            changed += 1
            if name in recorded or not options.print:
                print(f"CHANGED {name}\n{diff(recorded.get(name, []), lines, 'recorded', 'now')}\n")
    recorded.update(got)
    known = {info.name for info in cases.CASES.values() if info.topic == topic}
    if options.record or options.live:
        write_recording(path, "# RabbitMQ 3.10.8, recorded by `./dev conformance --live`",
                        {name: lines for name, lines in recorded.items() if name in known})
    return changed


def check_rows():
    cases.load_all()
    covered = {row for info in cases.CASES.values() for row in info.rows}
    missing = [row for row, (need, _) in rows.ROWS.items()
               if need != "rare" and row not in covered and row not in rows.WITHOUT_CASE]
    for row in missing:
        print(f"no case covers {row}: {rows.ROWS[row][1]}")
    unknown = pending_names() - set(cases.CASES)
    for name in sorted(unknown):
        print(f"pending.txt names {name}, which is no case")
    return len(missing) + len(unknown)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--topic", action="append")
    parser.add_argument("--case", action="append")
    parser.add_argument("--url")
    parser.add_argument("--ctl", help="the command that administers the broker at --url")
    for flag in ("--write-pending", "--record", "--live", "--report", "--rows", "--print", "--record-differences"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args()
    if options.report and (options.topic or options.case):
        parser.error("a report is of all cases")
    sys.stdout.reconfigure(line_buffering=True)
    threading.stack_size(1 << 20)
    if options.rows:
        return check_rows() != 0
    topics = select(options)
    if not topics:
        print("no such case")
        return 1
    if options.live or options.url:
        changed = against_rabbitmq(topics, options)
        return options.live and changed != 0
    failures, transcripts = against_leveret(topics, options)
    if options.write_pending:
        write_pending(transcripts)
    if options.report:
        report.write(transcripts, read_recording, recording_path, pending_names())
    return failures != 0 and not options.write_pending


if __name__ == "__main__":
    sys.exit(main())
