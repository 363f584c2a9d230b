#!/usr/bin/env python3
"""`make bench-sim`: the crowd's rules with 1 to 5,000 simulated hosts that want the same 2 GiB within two seconds.

The real deciding classes in virtual time (tests/sim/crowd_world.h says what is modelled): an origin behind 500 Mbit/s, a
LAN of 1 Gbit/s for each host, one datagram in a thousand lost for each host, chosen by the seed alone. Times are ÷ (size ÷
line). Every host hears every datagram, so what is heard is also the control traffic of each."""

import argparse
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from document_parts import write_section  # noqa: E402

HEADING = "## Simulated offices of up to 5,000 hosts"
COPIES, SPREAD = 1.1, 1.3
LARGE = 500  # hosts: from here on the targets hold


def verdicts(table):
    for line in table.splitlines()[2:]:
        hosts, copies, _, spread = (float(cell) for cell in line.strip("| ").split("|")[:4])
        if hosts >= LARGE:
            yield f"{hosts:.0f} hosts: copies ≤ {COPIES} {'met' if copies <= COPIES else 'NOT met'}", copies <= COPIES
            yield f"p99 ÷ p50 ≤ {SPREAD} {'met' if spread <= SPREAD else 'NOT met'}", spread <= SPREAD


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", default=ROOT / "build" / "release" / "bin", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="FILE", help="put the table into this Markdown file, as a section of its own")
    arguments = parser.parse_args()
    command = ["larder_crowd_sim", "--table", "--seed", str(arguments.seed)]
    rows = []
    with subprocess.Popen([arguments.bin_dir / command[0], *command[1:]], stdout=subprocess.PIPE, text=True) as run:
        for row in run.stdout:
            print(row, end="", flush=True)
            rows.append(row)
    table = "".join(rows).strip()
    found = list(verdicts(table))
    told = "; ".join(text for text, _ in found) + "."
    print(f"\n{told}")
    if arguments.write and run.returncode == 0:
        about = " ".join(" ".join(__doc__.split("\n\n")[1:]).split())
        write_section(ROOT / arguments.write, HEADING,
                      f"Made by `{' '.join(command)}` (`make bench-sim`). {about}\n\n{table}\n\nTargets: {told}")
    return int(run.returncode != 0 or not all(met for _, met in found))


if __name__ == "__main__":
    sys.exit(main())
