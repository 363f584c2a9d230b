"""Programs of Node and packages of npm for tests: pinned by a lock file, installed once for each edition of it.

Other people's programs are called by their full path, so that what is tested does not depend on the caller's PATH. Node is of a
package of Debian on some machines and beside it on others: /usr/bin/node where that exists, else the one of PATH.
"""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

PACKAGES = ("package.json", "package-lock.json")
NO_REGISTRY = re.compile(r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT"
                         r"|ENOTCACHED)\b")


class Missing(Exception):
    """A test that wants this cannot run here; the text says why."""


def find_node(name):
    """node or npm."""
    path = f"/usr/bin/{name}" if os.access(f"/usr/bin/{name}", os.X_OK) else shutil.which(name)
    if not path:
        raise Missing(f"there is no {name} (apt install npm)")
    return path


def run(command, folder):
    """(status, all of its output)."""
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def install(source, folder):
    """The packages that `source` pins, into folder/node_modules. Several processes may ask at once."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(pathlib.Path(source), folder)


def _install(source, folder):
    digest = hashlib.sha256(b"".join((source / name).read_bytes() for name in PACKAGES)).hexdigest()
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == digest:
        return
    for name in PACKAGES:
        shutil.copyfile(source / name, folder / name)
    status, output = run([find_node("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    if status != 0 and NO_REGISTRY.search(output):
        raise Missing(f"npm reaches no registry: {NO_REGISTRY.search(output)[1]}")
    if status != 0:
        raise RuntimeError(f"npm ci: exit status {status}\n{output[-4000:]}")
    stamp.write_text(digest)
