#!/usr/bin/env python3
"""The client library as a program of its own finds it: cpp_test.py BUILD_DIRECTORY BIN_DIRECTORY

It is installed below a prefix, the example updater is built against what is there, and the updater installs what is signed and gives
up on what is not, with the real agent.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(ROOT / "tests/support")]

from larder_lab import Lab, expect  # noqa: E402
from updater_story import tell_updater_story  # noqa: E402


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build_dir", type=pathlib.Path)
    parser.add_argument("bin_dir", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        run("cmake", "--install", arguments.build_dir, "--component", "development", "--prefix", folder / "prefix")
        run("cmake", "-S", ROOT / "packaging/client/example", "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={folder}/prefix")
        run("cmake", "--build", folder / "build")
        with Lab(arguments.bin_dir) as lab:
            agent = lab.agent()
            updates = pathlib.Path(lab.folder("updates"))
            tell_updater_story(lab, [folder / "build/updater"], {"LARDER_SOCKET": str(agent.api.socket_path)}, updates)
    print("the updater in C++: well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
