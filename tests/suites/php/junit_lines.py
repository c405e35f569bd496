"""junit_lines.py FILE: a JUnit report as lines PASS/FAIL/SKIP name."""

import sys
import xml.etree.ElementTree

for case in xml.etree.ElementTree.parse(sys.argv[1]).iter("testcase"):
    failed = case.find("failure") is not None or case.find("error") is not None
    verdict = "FAIL" if failed else "SKIP" if case.find("skipped") is not None else "PASS"
    name = " ".join(case.get("name").split())
    print(f"{verdict} php-amqplib {case.get('class').rsplit(chr(92), 1)[-1]}::{name}")
