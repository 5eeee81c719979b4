"""``python -m app``: serve, as the environment says; ``--help`` lists what it may say."""

import argparse
import resource

from app.signals import exit_at_once, on_ending

OTHER_FILES = 256  # what is open beside connections


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; both are a good end."""
    # First of all: importing the rest takes a second, in which one may be asked to end.
    on_ending(exit_at_once)
    from app import logs, wire
    from app.main import create_app
    from app.settings import settings, table

    argparse.ArgumentParser(
        prog="python -m app",
        description="Serve Gradient Highways until SIGTERM or Ctrl-C.",
        epilog=table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    chosen = settings()
    logs.configure(chosen)
    open_files(chosen.connections + OTHER_FILES)
    app = create_app(chosen)
    wire.serve(app, chosen, app.state.compute)


def open_files(wanted: int) -> None:
    """Have so many files open at once as connections may need, or as many as may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))


if __name__ == "__main__":
    main()
