"""`larder put` for tests: the command, an agent of its own, and what both say.

    put = Putter(lab)
    put.run(file, inbox.url(), "--transaction", "t")
    process = put.start(file, proxy.url("/in/builds/"))
    put.end(process, status=130)
"""

import json
import signal
import subprocess

from larder_lab import expect, expect_equal, seeded_bytes

# A test's server comes back at once, so waiting long between two tries would be waiting for nothing.
QUICK = ("--retry-delay", "100ms", "--retry-for", "60s")
# docs/exit-status.md
USAGE, LIMIT, DIGEST_MISMATCH, SOURCE_CHANGED, OUTCOME_UNKNOWN, REJECTED = 2, 9, 40, 60, 61, 62
UNAUTHORIZED, HTTP_FATAL, ALREADY_EXISTS, AGENT_UNREACHABLE, BUSY, INTERRUPTED = 27, 30, 8, 56, 58, 130


class Putter:
    def __init__(self, lab, name="agent", **sections):
        self.lab, self.agent = lab, lab.agent(name, **sections)

    def file(self, name, size, seed=1):
        """A seeded file in a folder of its own: (path, its bytes)."""
        data = seeded_bytes((name, seed), size)
        path = self.lab.folder("sources") / name
        path.write_bytes(data)
        return path, data

    def command(self, *words, quick=QUICK):
        return self.agent.larder_command("put", *words, *quick)

    def start(self, *words, quick=QUICK, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
                   "cwd": self.agent.directory, **options}
        process = subprocess.Popen(self.command(*words, quick=quick), **options)
        self.lab.undo.append(lambda: (process.kill(), process.wait()))
        return process

    def end(self, process, status=0, timeout=90):
        """(standard output, standard error) of one that ended with `status`."""
        output, errors = process.communicate(timeout=timeout)
        expect_equal(process.returncode, status, f"exit status of larder put, which said {errors[-1500:]}")
        return output, errors

    def run(self, *words, status=0, timeout=90, quick=QUICK, **options):
        """Standard error."""
        return self.end(self.start(*words, quick=quick, **options), status, timeout)[1]

    def report(self, *words, status=0, **options):
        """What --json says."""
        output, errors = self.end(self.start(*words, "--json", **options), status)
        expect(output, f"no JSON, but {errors}")
        return json.loads(output)

    def jobs(self):
        """Those that are not over."""
        return [job for job in self.agent.api.jobs() if job["state"] not in ("acknowledged", "cancelled")]

    def no_jobs(self):
        """Nothing is left of what was put."""
        expect_equal([(job["id"], job["state"], job["name"]) for job in self.jobs()], [], "jobs that are left")


def interrupt(process):
    process.send_signal(signal.SIGINT)
