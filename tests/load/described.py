"""Every address answers as /openapi.json says: `python -m tests.load.described`.

Schemathesis makes requests out of the description, right ones and wrong ones: first every border of
every key, then whatever it thinks of. All its checks are made (and two of ours: see
`tests.load.description_hooks`). `--every` asks all addresses instead of one of every sort.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from tests.app.samples import OF_EVERY_SORT
from tests.conftest import TOP
from tests.load.serving import serving
from tests.load.tables import leave

LEAST_CASES = 2000
REPLACED_CHECKS = "positive_data_acceptance,negative_data_rejection"
PATHS = [*OF_EVERY_SORT, "/plot/compare", "/healthz", "/readyz"]


def cases(address: str, paths: Sequence[str], *options: str) -> tuple[int, bool, str]:
    """How many requests schemathesis made, whether all checks passed, and what it told.

    Args:
        address: of a running server.
        paths: the addresses to ask; all that are described where there are none.
        options: more words for `schemathesis run`.
    """
    asked = [word for path in paths for word in ("--include-path", path)]
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run"),
                *(f"{address}/openapi.json", "--checks", "all"),
                *("--exclude-checks", REPLACED_CHECKS, "--continue-on-failure"),
                *("--generation-database", "none", "--no-color", "--seed", "1", *asked, *options),
            ],
            cwd=folder,
            env=os.environ
            | {
                "SCHEMATHESIS_HOOKS": "tests.load.description_hooks",
                "PYTHONPATH": str(TOP),
                "NO_PROXY": "127.0.0.1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    counted = re.search(r"(\d+) generated", told.stdout)
    return int(counted[1]) if counted else 0, told.returncode == 0, told.stdout + told.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", action="store_true", help="all addresses that are described")
    parser.add_argument("--examples", type=int, default=100, help="of free ones, an address")
    parser.add_argument("paths", nargs="*", default=PATHS, help="the addresses to ask")
    chosen = parser.parse_args()
    paths = [] if chosen.every else chosen.paths
    with serving(WORK_LIMIT_S="2") as server:
        made, passed, told = cases(server.address, paths, "--max-examples", str(chosen.examples))
    print(told)
    broken = [] if passed else ["an address does not answer as it is described; see above"]
    if paths == PATHS and made < LEAST_CASES:
        broken.append(f"{made} cases only")
    leave(broken)


if __name__ == "__main__":
    main()
