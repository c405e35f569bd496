"""Each rule of house_rules.py catches what it is for, and lets the ordinary through."""

import tempfile
import unittest
from pathlib import Path

import house_rules

CLEAN_CMAKE = "leveret_library(x SOURCES a.cc LIBRARIES y)\n"


class HouseRules(unittest.TestCase):
    def breaches(self, files):
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return house_rules.check(root)[0].breaches

    def assert_breach(self, words, files):
        found = self.breaches(files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_lets_the_ordinary_through(self):
        self.assertEqual([], self.breaches({
            "broker/net/CMakeLists.txt": CLEAN_CMAKE,
            "broker/net/a.cc": '#include "broker/session/c.h"\n#include <boost/asio.hpp>\n'
                               "// system_clock::now is not called\nint f(int x) { return x; }\n"}))

    def test_folders_look_left_only(self):
        self.assert_breach("storage must not include broker/core/queue.h", {
            "storage/a.h": '#pragma once\n#include "broker/core/queue.h"\n'})
        self.assert_breach("broker/core must not include broker/session/channel.h", {
            "broker/core/a.h": '#pragma once\n#include "broker/session/channel.h"\n'})
        self.assert_breach("broker/include must not include protocol/base/bytes.h", {
            "broker/include/leveret/a.h": '#pragma once\n#include "protocol/base/bytes.h"\n'})

    def test_heavy_headers_stay_in_few_files(self):
        files = {f"storage/f{n}.cc": '#include "storage/far.h"\n' for n in range(26)}
        files["storage/near.h"] = "#pragma once\n#include <rocksdb/db.h>\n"
        files["storage/far.h"] = '#pragma once\n#include "storage/near.h"\n'
        files["storage/CMakeLists.txt"] = " ".join(f"f{n}.cc" for n in range(26)) + "\n"
        self.assert_breach("26 files see", files)

    def test_lengths(self):
        cmake = {"storage/CMakeLists.txt": CLEAN_CMAKE}
        self.assert_breach("101 columns", {"storage/a.cc": "x" * 101 + "\n", **cmake})
        self.assert_breach("more than 500 lines", {"storage/a.cc": "int x;\n" * 501, **cmake})
        body = "int f()\n{\n" + "    g();\n" * 70 + "}\n"
        self.assert_breach("a function of 72 lines", {"storage/a.cc": body, **cmake})
        nested = "namespace n {\nclass C {\n" + "    void f() { g(); }\n" * 90 + "};\n}\n"
        self.assertEqual([], self.breaches({"storage/a.cc": nested, **cmake}))

    def test_banned_calls(self):
        cmake = {"broker/core/CMakeLists.txt": CLEAN_CMAKE}
        for call, words in (("std::chrono::system_clock::now()", "the wall clock"),
                            ("rand()", "C's randomness"), ("std::thread t", "a thread"),
                            ("std::this_thread::sleep_for(x)", "a sleep"), ("sleep(1)", "a sleep"),
                            ("std::abort()", "an exit")):
            self.assert_breach(words, {"broker/core/a.cc": f"int x = {call};\n", **cmake})
        self.assertEqual([], self.breaches({
            "broker/core/a.cc": 'strand(x); queue.sleep(1); "rand()";\n', **cmake}))

    def test_todo_needs_an_issue(self):
        cmake = {"storage/CMakeLists.txt": CLEAN_CMAKE}
        self.assert_breach("TODO", {"storage/a.cc": "// TO" "DO: later\n", **cmake})
        self.assertEqual([], self.breaches({"storage/a.cc": "// TO" "DO(#12): later\n", **cmake}))

    def test_cmake_and_disk_agree(self):
        self.assert_breach("a.cc is listed but not there",
                           {"storage/CMakeLists.txt": CLEAN_CMAKE, "storage/b.h": "#pragma once\n"})
        self.assert_breach("no CMakeLists.txt builds it", {"storage/a.cc": "int x;\n"})


if __name__ == "__main__":
    unittest.main()
