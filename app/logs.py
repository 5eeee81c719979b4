"""Logs: one line an event on standard error, as text or as JSON, each with its request's id.

No address of a client and no query is in them: a query may hold somebody's own text.
"""

import logging

from pythonjsonlogger.json import JsonFormatter

from app.door import request_id
from app.settings import Settings

TEXT = "%(asctime)s %(levelname)s %(request_id)s %(message)s"
JSON = "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s"


def configure(chosen: Settings) -> None:
    """Log everything, the web server's own lines too, as the settings say."""
    handler = logging.StreamHandler()
    handler.addFilter(with_request_id)
    handler.setFormatter(
        JsonFormatter(JSON, rename_fields={"asctime": "time", "levelname": "level"})
        if chosen.log_format == "json"
        else logging.Formatter(TEXT)
    )
    logging.basicConfig(level=chosen.log_level.upper(), handlers=[handler], force=True)


def with_request_id(record: logging.LogRecord) -> bool:
    """Write the id of the request under way into a record; keep all records."""
    record.request_id = request_id.get()
    return True
