"""What a power cut would leave of a data directory: the harness around durable_files.c."""

import os
import random
import shutil
import subprocess
from pathlib import Path

PAGE = 4096
HERE = Path(__file__).resolve().parent


def compile_library(directory):
    library = Path(directory) / "durable_files.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, HERE / "durable_files.c",
                    "-ldl", "-lpthread"], check=True)
    return library


class PowerCut:
    """Watches one data directory from start to start."""

    def __init__(self, library, data_dir, shadow, seed):
        self.library = library
        self.data_dir = Path(data_dir)
        self.shadow = Path(shadow)
        self.random = random.Random(seed)

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self.library), "LEVERET_WATCH": str(self.data_dir),
                "LEVERET_SHADOW": str(self.shadow)}

    def _folders(self):
        for folder, _, names in os.walk(self.data_dir):
            path = Path(folder)
            relative = path.relative_to(self.data_dir)
            key = "%top" if relative == Path(".") else str(relative).replace("/", "%")
            yield key, path, [name for name in names if (path / name).is_file()]

    def begin(self):
        """What is there now is durable. Before every start."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        (self.shadow / "images").mkdir(parents=True)
        (self.shadow / "names").mkdir()
        self.data_dir.mkdir(exist_ok=True)
        number = 0
        ids = []
        for key, folder, names in self._folders():
            lines = []
            for name in names:
                number += 1
                subprocess.run(["cp", "--sparse=always", folder / name,
                                self.shadow / "images" / str(number)], check=True)
                ids.append(f"{(folder / name).stat().st_ino} {number}\n")
                lines.append(f"{number} {name}\n")
            (self.shadow / "names" / key).write_text("".join(lines))
        (self.shadow / "ids").write_text("".join(ids))

    def strike(self, torn):
        """After kill -9: what was not synced is undone, or (`torn`) undone for a random choice of pages."""
        ids = dict(line.split() for line in (self.shadow / "ids").read_text().splitlines())
        current = {}
        folders = list(self._folders())
        for _, folder, names in folders:
            for name in names:
                identity = ids.get(str((folder / name).stat().st_ino))
                if identity:
                    current[identity] = folder / name
        after = self.data_dir.with_name(self.data_dir.name + ".after")
        shutil.rmtree(after, ignore_errors=True)
        undone = 0
        for key, folder, _ in folders:
            target = after / folder.relative_to(self.data_dir)
            target.mkdir(parents=True, exist_ok=True)
            entries = self.shadow / "names" / key
            for line in entries.read_text().splitlines() if entries.exists() else ():
                identity, name = line.split(" ", 1)
                undone += self._write(target / name, self.shadow / "images" / identity,
                                      current.get(identity), torn)
        shutil.rmtree(self.data_dir)
        after.rename(self.data_dir)
        return undone

    def _write(self, target, image, now, torn):
        """Returns how many pages went back."""
        if image.exists():
            subprocess.run(["cp", "--sparse=always", image, target], check=True)
        else:
            target.touch()
        if not now:
            return 0
        undone = 0
        size = now.stat().st_size
        with open(now, "rb") as written, open(target, "r+b") as durable:
            if torn and size < os.fstat(durable.fileno()).st_size and self.random.random() < 0.5:
                durable.truncate(size)
            at = 0
            while at < size:
                at = self._next_data(written, at, size)
                block = written.read(1 << 20)
                durable.seek(at)
                before = durable.read(len(block))
                if block != before:
                    undone += self._tear(durable, at, block, before, torn)
                at += len(block)
                if not block:
                    break
        return undone

    @staticmethod
    def _next_data(file, at, size):
        """Skips what was never written."""
        try:
            at = os.lseek(file.fileno(), at, os.SEEK_DATA) // PAGE * PAGE
        except OSError:
            at = size
        file.seek(at)
        return at

    def _tear(self, durable, at, block, before, torn):
        undone = 0
        for page in range(0, len(block), PAGE):
            new, old = block[page:page + PAGE], before[page:page + PAGE]
            if new == old:
                continue
            if torn and self.random.random() < 0.5:
                durable.seek(at + page)
                durable.write(new)
            else:
                undone += 1
        return undone
