"""Everything that is measured, one after the other: `python -m bench [--quick]`.

Each part is a process of its own, so that one BLAS thread and a clean start hold for each.
"""

import subprocess
import sys

PARTS = ("engine", "training", "work", "service", "page")


def main() -> int:
    for part in PARTS:
        print(f"\n== {part}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"bench.{part}", *sys.argv[1:]])
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
