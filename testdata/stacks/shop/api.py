"""The shop's api: counts visits in redis and says which visit this is."""
import os
import socket

CACHE = (os.environ.get("CACHE_HOST", "cache"), 6379)


def count_visit():
    """One INCR, in redis's own protocol (RESP): the answer is ":<number>"."""
    with socket.create_connection(CACHE, timeout=5) as connection:
        connection.sendall(b"*2\r\n$4\r\nINCR\r\n$6\r\nvisits\r\n")
        return int(connection.makefile("rb").readline()[1:])


def answer(client):
    """Reads one request up to its empty line and answers it."""
    request = client.makefile("rb")
    first = request.readline().decode("latin-1").strip()
    while request.readline() not in (b"\r\n", b"\n", b""):
        pass
    try:
        status, body = "200 OK", f"Hello from {socket.gethostname()}. You are visitor number {count_visit()}.\n"
    except OSError as problem:
        status, body = "503 Service Unavailable", f"The cache does not answer: {problem}\n"
    client.sendall(
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n\r\n{body}".encode()
    )
    print(f"{first} -> {status}", flush=True)


with socket.create_server(("", 8000)) as server:
    print("listening on port 8000", flush=True)
    while True:
        visitor, _ = server.accept()
        with visitor:
            try:
                answer(visitor)
            except OSError as problem:
                print(f"a visitor left: {problem}", flush=True)
