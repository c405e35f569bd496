#!/usr/bin/env python3
"""The rules of the house that no compiler checks. Prints one line a breach; exit 1 if there is any.

    python3 tests/tidy/house_rules.py [ROOT]

Folders include only themselves and what stands before them; heavy headers stay in few files; files,
functions and lines stay short; clocks, randomness, threads and sleeps stay where they belong;
CMake and the disk know the same files; a TODO names its issue.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOTS = ("protocol", "storage", "cluster", "broker", "bench", "tests")

# What a folder may include. Folders of broker/ are named on their own.
SEES = {
    "protocol": {"protocol"},
    "storage": {"protocol", "storage"},
    "cluster": {"protocol", "storage", "cluster"},
}
BELOW_BROKER = {"protocol", "storage", "cluster"}
BROKER_SEES = {
    "config": set(),
    "auth": {"config"},
    "core": {"auth", "config"},
    "session": {"core", "auth", "config"},
    "metrics": {"core", "config"},
    "net": {"session", "core", "auth", "config", "metrics"},
    "http": {"core", "auth", "config", "metrics"},
    "management": {"http", "core", "auth", "config", "metrics"},
    "sqs": {"http", "core", "auth", "config", "metrics"},
    "ctl": {"core", "config"},
    "load": {"config"},
    "include": set(),
}
SEES_ALL = {"broker/app", "bench", "tests"}

# Headers that cost seconds in every translation unit that sees them, directly or through another.
HEAVY = re.compile(r"<(boost/asio|boost/beast|rocksdb|spdlog)\b")
HEAVY_FILES_MAX = 25

LINE_MAX = 100
COMMENT_LINE_MAX = 170
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70

# (what, pattern over code without comments and strings, the places that may)
BANNED = [
    ("the wall clock", re.compile(r"\bsystem_clock::now\b"), ("protocol/base/system_clock.cc",)),
    ("the steady clock", re.compile(r"\bsteady_clock::now\b"),
     # The reclaimer paces itself by how long its own work took; nothing that it decides depends on it.
     ("protocol/base/system_clock.cc", "storage/rocks_store_background.cc", "broker/load/", "bench/",
      "tests/")),
    ("C's randomness", re.compile(r"(?<![\w.>])s?rand\s*\("), ()),
    ("the system's randomness", re.compile(r"\brandom_device\b"),
     ("protocol/base/random.cc", "tests/", "bench/")),
    ("a thread", re.compile(r"\bstd::j?thread\b(?!::id)"),
     ("broker/net/", "storage/", "broker/app/", "broker/load/", "broker/ctl/", "tests/", "bench/")),
    ("a sleep", re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|(?<![\w.>:])sleep\s*\("),
     ()),
    ("an exit", re.compile(r"(?<![\w.>])(std::)?(abort|exit|_exit|quick_exit)\s*\("),
     ("broker/app/main.cc", "tests/", "bench/")),
]

TODO = re.compile(r"\b(TODO|FIXME|XXX)\b")
TODO_WITH_ISSUE = re.compile(r"\b(TODO|FIXME|XXX)\s*\(#\d+\)")


def without_comments_and_strings(text):
    """The same text, the same line breaks; comments and literals are blanked."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^\s()\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
        r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)


def folder_of(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "broker" and len(parts) > 2 else parts[0]


def may_include(folder, included):
    target = folder_of(included)
    if folder in SEES_ALL:
        return True
    if included.startswith("leveret/"):
        return folder == "broker/include"
    if not folder.startswith("broker"):
        return target in SEES.get(folder, set())
    name = folder.split("/")[1] if "/" in folder else ""
    if target in BELOW_BROKER:
        return name != "include"
    return target == folder or target in {"broker/" + seen for seen in BROKER_SEES.get(name, set())}


class Checker:
    def __init__(self, root):
        self.root = root
        self.breaches = []
        self.includes = {}  # path -> what it includes of ours
        self.heavy = set()  # paths that include a heavy header themselves

    def breach(self, path, line, what):
        self.breaches.append(f"{path}:{line}: {what}")

    def check_source(self, path):
        text = (self.root / path).read_text()
        lines = text.split("\n")
        code = without_comments_and_strings(text).split("\n")
        if text and not text.endswith("\n"):
            self.breach(path, len(lines), "no newline at the end")
        if len(lines) - 1 > FILE_LINES_MAX:
            self.breach(path, len(lines) - 1, f"more than {FILE_LINES_MAX} lines in a file")
        if path.endswith(".h") and "#pragma once" not in text:
            self.breach(path, 1, "a header without #pragma once")
        self.check_lines(path, lines, code)
        self.check_includes(path, lines)
        self.check_functions(path, code)

    def check_lines(self, path, lines, code):
        for number, (line, bare) in enumerate(zip(lines, code), 1):
            limit = LINE_MAX if len(bare.rstrip()) == len(line.rstrip()) else COMMENT_LINE_MAX
            if len(line) > limit:
                self.breach(path, number, f"{len(line)} columns, more than {limit}")
            if "\t" in line or line != line.rstrip():
                self.breach(path, number, "a tab or a blank at the end")
            if TODO.search(line) and not TODO_WITH_ISSUE.search(line):
                self.breach(path, number, "a TODO without its issue, as in TODO(#12)")
            for what, pattern, places in BANNED:
                if pattern.search(bare) and not path.startswith(places or ("\0",)):
                    self.breach(path, number, f"{what} is not taken here")

    def check_includes(self, path, lines):
        folder = folder_of(path)
        self.includes[path] = set()
        for number, line in enumerate(lines, 1):
            match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if not match:
                continue
            if match.group(1) == '"' and not may_include(folder, match.group(2)):
                self.breach(path, number, f"{folder} must not include {match.group(2)}")
            if match.group(1) == '"':
                self.includes[path].add(match.group(2))
            if HEAVY.search(line):
                self.heavy.add(path)

    def heavy_units(self):
        """The .cc files, tests apart, that see a heavy header, however far away."""
        seen = set(self.heavy)
        grown = True
        while grown:
            grown = {path for path, included in self.includes.items()
                     if path not in seen and included & seen}
            seen |= grown
        return sorted(path for path in seen
                      if path.endswith(".cc") and not path.startswith(("tests/", "bench/")))

    def check_functions(self, path, code):
        """Counts the lines of blocks that follow a `)` and are not nested in another such block."""
        depth, start, head = 0, None, ""
        stack = []  # True where the brace opened a function
        for number, line in enumerate(code, 1):
            for char in line if not line.lstrip().startswith("#") else "":
                if char == "{":
                    is_function = not any(stack) and self.opens_function(head)
                    stack.append(is_function)
                    if is_function:
                        start = number
                    head = ""
                elif char == "}" and stack:
                    if stack.pop():
                        length = number - start + 1
                        if length > FUNCTION_LINES_MAX:
                            self.breach(path, start, f"a function of {length} lines")
                    head = ""
                elif char == ";":
                    head = ""
                else:
                    head += char
            head += " "

    @staticmethod
    def opens_function(head):
        head = head.strip()
        if re.search(r"\b(namespace|class|struct|enum|union)\b[^()]*$", head):
            return False
        return ")" in head and not head.endswith("=")

    def check_cmake(self, sources):
        """Every .cc is built by the CMakeLists.txt of its folder or one above; every listed file is there."""
        listed = set()
        for path in files_below(self.root, ("CMakeLists.txt",)):
            folder = (self.root / path).parent
            text = re.sub(r"#[^\n]*", "", (self.root / path).read_text())
            for name in re.findall(r"[\w./+-]+\.(?:cc|cpp|c)\b", text):
                if name.startswith("/") or "$" in name:
                    continue  # what follows a ${variable}: generated
                if re.search(r"\}/?" + re.escape(name.lstrip("/")), text):
                    continue
                file = (folder / name).resolve()
                if file.is_file():
                    listed.add(str(file.relative_to(self.root.resolve())))
                else:
                    self.breach(path, 1, f"{name} is listed but not there")
            for glob in re.findall(r"[\w./-]*\*[\w.*-]*\.cc", text):
                listed.update(str(f.resolve().relative_to(self.root.resolve()))
                              for f in folder.glob(glob))
        for path in sources:
            if path.endswith(".cc") and path not in listed:
                self.breach(path, 1, "no CMakeLists.txt builds it")


def files_below(root, endings):
    """Tracked and new files, without what git ignores; the whole disk where there is no git."""
    try:
        out = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "-c", "-o", "--exclude-standard"],
            check=True, capture_output=True, text=True).stdout
        names = [name for name in out.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [str(f.relative_to(root)) for top in ROOTS for f in (root / top).rglob("*")]
    return sorted({n for n in names if n.split("/")[0] in ROOTS and n.endswith(endings)
                   and (root / n).is_file()})


def check(root):
    checker = Checker(root)
    sources = files_below(root, (".h", ".cc"))
    for path in sources:
        checker.check_source(path)
    heavy = checker.heavy_units()
    if len(heavy) > HEAVY_FILES_MAX:
        checker.breaches.append(
            f"{len(heavy)} files see Asio, Beast, RocksDB or spdlog, more than "
            f"{HEAVY_FILES_MAX}: {' '.join(heavy)}")
    checker.check_cmake(sources)
    return checker, sources


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    checker, sources = check(root)
    for line in checker.breaches:
        print(line)
    print(f"{len(sources)} files, {len(checker.heavy_units())} with heavy headers, "
          f"{len(checker.breaches)} breaches")
    return 1 if checker.breaches or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
