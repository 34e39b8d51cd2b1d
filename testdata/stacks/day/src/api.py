"""The api: counts visits in redis, keeps their names in postgres, and answers with a page of the source folder."""
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2

DATABASE = "host=db user=postgres dbname=postgres connect_timeout=5"
PAGE = Path(__file__).with_name("page.txt")


def count_visit():
    """One INCR, in redis's own protocol (RESP): the answer is ":<number>"."""
    with socket.create_connection(("cache", 6379), timeout=5) as connection:
        connection.sendall(b"*2\r\n$4\r\nINCR\r\n$6\r\nvisits\r\n")
        return int(connection.makefile("rb").readline()[1:])


def store_visit(number):
    with psycopg2.connect(DATABASE) as database, database.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS visits (number int, host text)")
        cursor.execute("INSERT INTO visits VALUES (%s, %s)", (number, socket.gethostname()))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            return self.answer(200, "fine\n")
        try:
            number = count_visit()
            store_visit(number)
        except (OSError, psycopg2.Error) as problem:
            return self.answer(503, f"{problem}\n")
        page = PAGE.read_text().format(
            greeting=os.environ["GREETING"], host=socket.gethostname(), number=number
        )
        print(f"visit {number}", flush=True)
        return self.answer(200, page)

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Health checks would fill the log."""


print("listening on port 8000", flush=True)
ThreadingHTTPServer(("", 8000), Handler).serve_forever()
