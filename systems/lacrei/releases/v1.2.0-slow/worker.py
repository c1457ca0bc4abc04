"""Beside the API, from the same variables: counts the appointments of the next day, for whoever reminds.

`python worker.py`, with PORT for its health. It needs no framework: a pass is one query.
"""

import json
import logging
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

from lacrei import __version__, limits, variables

_LOG = logging.getLogger("lacrei.worker")
_EVERY_SECONDS = 60.0
_NEXT_DAY = """
SELECT count(*) FROM appointments_appointment
WHERE starts_at BETWEEN now() AND now() + interval '1 day' AND status <> 'cancelled'
"""
_TIMEOUT = limits.seconds(os.environ.get(variables.DATABASE_TIMEOUT, "5"))


def ask(query: str) -> object:
    """The first value of a query, on a connection of its own."""
    address = os.environ.get(variables.DATABASE, "postgres://localhost/lacrei")
    with psycopg.connect(address, connect_timeout=_TIMEOUT, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def work(stop: threading.Event) -> None:
    """A pass a minute; one that fails is left to the next."""
    while True:
        try:
            _LOG.info("appointments of the next day: %s", ask(_NEXT_DAY))
        except psycopg.Error as error:
            _LOG.warning("a pass failed: %s", type(error).__name__)
        if stop.wait(_EVERY_SECONDS):
            return


class Health(BaseHTTPRequestHandler):
    """200 when the database can be used, else 503."""

    def do_GET(self) -> None:
        try:
            ask("SELECT 1")
            status = 200
        except psycopg.Error:
            status = 503
        body = json.dumps({"status": "ok" if status == 200 else "unavailable", "version": __version__})
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        _LOG.debug(format, *arguments)


def main() -> None:
    """Serves until it is told to end. Raises ValueError for a variable that it does not understand."""
    logging.basicConfig(level=os.environ.get(variables.LOG_LEVEL, "INFO"))
    threading.Thread(target=work, args=(threading.Event(),), daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8001"))), Health).serve_forever()


if __name__ == "__main__":
    main()
