"""``python -m app``: serve on HOST and PORT (default 127.0.0.1:8000)."""

import uvicorn

from app.main import create_app
from app.settings import settings


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; running requests get ten seconds to finish."""
    chosen = settings()
    uvicorn.run(
        create_app(chosen),
        host=chosen.host,
        port=chosen.port,
        timeout_graceful_shutdown=10,
        server_header=False,
        log_level="warning" if chosen.port == 0 else "info",
    )


if __name__ == "__main__":
    main()
