"""A name server for dns.sh: dns_upstream.py ADDRESS MODE. Answers every A question with 192.0.2.7 over UDP and
TCP; MODE truncate: UDP answers are cut; silent: never answers."""
import socket
import struct
import sys
import threading

address, mode = sys.argv[1:]


def answer(query, cut):
    """The query's own header and question, one A record behind them."""
    end = query.index(b"\0", 12) + 5
    flags = 0x8180 | (0x0200 if cut else 0)
    head = query[:2] + struct.pack(">HHHHH", flags, 1, 0 if cut else 1, 0, 0) + query[12:end]
    return head if cut else head + b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 7])


def serve_tcp(server):
    while True:
        client, _ = server.accept()
        with client:
            stream = client.makefile("rb")
            query = stream.read(struct.unpack(">H", stream.read(2))[0])
            reply = answer(query, False)
            client.sendall(struct.pack(">H", len(reply)) + reply)


udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((address, 53))
tcp = socket.create_server((address, 53))
if mode != "silent":
    threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
print("ready", flush=True)
while True:
    data, asker = udp.recvfrom(4096)
    if mode == "silent":
        continue
    forged = bytearray(answer(data, False))
    forged[0] ^= 0xFF  # an answer to nobody's question comes first
    udp.sendto(bytes(forged), asker)
    udp.sendto(answer(data, mode == "truncate"), asker)
