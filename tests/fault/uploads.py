"""Uploads to a real larder-inbox: what breaks, and what must hold afterwards (docs/uploads.md).

once_DIALECT_WAY: server, client and application are killed (-9) at each step of an upload, from its creation until it is
forgotten; the checker (tests/support/upload_checker.py) compares all answers, the application's own log and the ledger.
"""

import functools

from larder_lab import Skip, named
from upload_once import Once

PROGRAMS = ("larder-inbox",)
DIALECTS = ("tus", "bits", "put")
WAYS = ("directory", "keeps", "forgets")
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def once(dialect, way, seed, lab):
    return Once(seed, lab, dialect, way).run()


for _dialect in DIALECTS:
    for _way in WAYS:
        CASES[f"once_{_dialect}_{_way}"] = functools.partial(once, _dialect, _way)


def run(seed, lab, name):
    try:
        return CASES[name](seed, lab) or name
    except Skip:
        raise
    except Exception as error:
        raise named(name, error) from error
