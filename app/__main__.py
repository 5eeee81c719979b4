"""``python -m app``: serve on HOST and PORT (default 127.0.0.1:8000)."""

import uvicorn

from app.main import create_app
from app.settings import settings


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; running requests get seven seconds to finish."""
    chosen = settings()
    uvicorn.run(
        create_app(chosen),
        host=chosen.host,
        port=chosen.port,
        timeout_graceful_shutdown=7,  # whoever started it waits ten as a rule
        server_header=False,
        access_log=False,  # an address holds one's own text
        h11_max_incomplete_event_size=2**18,  # so that a long address is told so
    )


if __name__ == "__main__":
    main()
