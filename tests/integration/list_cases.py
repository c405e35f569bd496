#!/usr/bin/env python3
"""Prints FILE.CLASS.METHOD for every case of the given files, for CMakeLists.txt; imports none of them."""

import ast
import sys
from pathlib import Path

for name in sys.argv[1:]:
    for node in ast.parse(Path(name).read_text()).body:
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name.startswith("test_"):
                    print(f"{Path(name).stem}.{node.name}.{method.name}")
