"""REPORT.md: every case, what RabbitMQ and Leveret do, and whether that is the same."""

import os
from pathlib import Path

import cases
import rows

PATH = Path(__file__).resolve().parent / "REPORT.md"
_CELL = 150
_HEAD = 20


def first_difference(expected, got):
    """The first lines of the two transcripts that are not equal."""
    at = next((i for i, pair in enumerate(zip(expected, got)) if pair[0] != pair[1]),
              min(len(expected), len(got)))
    pair = [lines[at] if at < len(lines) else "(nothing more)" for lines in (expected, got)]
    same = len(os.path.commonprefix(pair))
    if same < _CELL // 2:
        return pair
    head = pair[0][:_HEAD]  # who said what; then from shortly before where they part
    return [f"{head}...{line[max(same - _HEAD, _HEAD):]}" for line in pair]


def cell(text):
    text = text.replace("|", "\\|")
    return f"`{text[:_CELL]}{'...' if len(text) > _CELL else ''}`"


def write(transcripts, read_recording, recording_path, pending):
    table, same = [], 0
    for info in sorted(cases.CASES.values(), key=lambda info: (info.topic, info.name)):
        expected = read_recording(recording_path(info.topic)).get(info.name, [])
        got = transcripts.get(info.name, [])
        verdict, theirs, ours = "same", "", ""
        if expected == got:
            same += 1
        else:
            theirs, ours = map(cell, first_difference(expected, got))
            verdict = info.differs or ("not built yet" if info.name in pending else "**differs**")
        table.append(f"| {info.topic} | `{info.name}`: {info.title} | {', '.join(info.rows)} | "
                     f"{theirs} | {ours} | {verdict} |")
    covered = {row for info in cases.CASES.values() for row in info.rows}
    total = len(table)
    lines = [
        "# Conformance report", "",
        "Written by `./dev conformance`. Scripts of raw clients run against Leveret; their transcripts are compared",
        "with those recorded of RabbitMQ 3.10.8. Where they are not the same, the first line that differs is shown.",
        "", f"**{same} of {total} cases are the same: {100 * same / total:.1f} %.** "
        f"{sum(1 for row in rows.ROWS if row in covered)} of {len(rows.ROWS)} rows have a case.", "",
        "| topic | case | rows | RabbitMQ | Leveret | same, or why not |", "|---|---|---|---|---|---|",
        *table, "", "## Rows", "", "| row | need | what | cases |", "|---|---|---|---|"]
    for row, (need, what) in rows.ROWS.items():
        of_row = [info.name for info in cases.CASES.values() if row in info.rows]
        shown = str(len(of_row)) if of_row else rows.WITHOUT_CASE.get(row, "**none**")
        lines.append(f"| {row} | {need} | {what} | {shown} |")
    PATH.write_text("\n".join(lines) + "\n")
    print(f"{same} of {total} the same: {100 * same / total:.1f} %")
