"""A name server for dns.sh: dns_upstream.py ADDRESS MODE. Answers every A question with 192.0.2.7 over UDP and
TCP, and prints the name of each question. MODE truncate: UDP answers are cut; silent: never answers; servfail: says
that it cannot; large: a UDP answer that nobody allowed; rebind: answers with 10.77.1.2; rebind6: a record for
fd77:1::2; loop: asks 10.77.1.1 what it is asked."""
import socket
import struct
import sys
import threading

address, mode = sys.argv[1:]


def question_end(query):
    return query.index(b"\0", 12) + 5


def name_of(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode(errors="replace"))
        at += 1 + query[at]
    return ".".join(labels)


def answer(query, kind):
    """The query's own header and question, and records behind them."""
    record = struct.pack(">HHHIH", 0xc00c, 1, 1, 60, 4)
    records = [record + bytes([192, 0, 2, 7])]
    flags = 0x8180
    if kind == "truncate":
        flags, records = flags | 0x0200, []
    elif kind == "servfail":
        flags, records = 0x8182, []
    elif kind == "large":
        records = [record + bytes([192, 0, 2, i]) for i in range(100)]
    elif kind == "rebind":
        records.append(record + bytes([10, 77, 1, 2]))
    elif kind == "rebind6":
        records = [struct.pack(">HHHIH", 0xc00c, 28, 1, 60, 16) + socket.inet_pton(socket.AF_INET6, "fd77:1::2")]
    return query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + query[12:question_end(query)] + b"".join(records)


def serve_tcp(server):
    while True:
        client, _ = server.accept()
        with client:
            stream = client.makefile("rb")
            query = stream.read(struct.unpack(">H", stream.read(2))[0])
            reply = answer(query, "" if mode == "truncate" else mode)
            client.sendall(struct.pack(">H", len(reply)) + reply)


udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
udp.bind((address, 53))
tcp = socket.create_server((address, 53))
if mode not in ("silent", "loop"):
    threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
print("ready", flush=True)
while True:
    data, asker = udp.recvfrom(4096)
    print(name_of(data), data[question_end(data):].hex(), flush=True)
    if mode == "silent":
        continue
    if mode == "loop":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.bind((address, 0))
            ours.sendto(b"\x12\x34" + data[2:], ("10.77.1.1", 53))
            reply = ours.recv(4096)
        udp.sendto(data[:2] + reply[2:], asker)
        continue
    forged = bytearray(answer(data, ""))
    forged[0] ^= 0xFF  # an answer to nobody's question comes first
    udp.sendto(bytes(forged), asker)
    udp.sendto(answer(data, mode), asker)
