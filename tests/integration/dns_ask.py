"""Sends what dig does not: dns_ask.py SERVER WHAT.
opcode, two, none, class: one odd question each; prints the rcode of the answer.
case: asks in a mixture of cases and compares the question byte by byte; prints "same" or what came.
flood COUNT: asks for so many names at once, without waiting; prints how many of the answers in the next second are
REFUSED.
burst COUNT NAME: so many questions over UDP at once; prints how many got a whole answer of their own.
pipeline COUNT: so many questions in one write over one TCP connection; prints how many were answered in order."""
import socket
import struct
import sys
import time

server, what = sys.argv[1:3]
family = socket.AF_INET6 if ":" in server else socket.AF_INET


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def question(name, number=1, flags=0x0100, count=1, kind=1, klass=1):
    return struct.pack(">HHHHHH", number, flags, count, 0, 0, 0) + (wire(name) + struct.pack(">HH", kind, klass)) * count


def ask(message):
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(3)
        udp.connect((server, 53))
        udp.send(message)
        return udp.recv(4096)


if what == "case":
    asked = question("wEB.sHoP.vM")
    reply = ask(asked)
    print("same" if reply[12:len(asked)] == asked[12:] and reply[7] else reply.hex())
elif what == "flood":
    count = int(sys.argv[3])
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        udp.connect((server, 53))
        for i in range(count):
            udp.send(question(f"flood{i}.example.org", i))
            if i % 64 == 63:
                time.sleep(0.001)
        deadline, rcodes = time.monotonic() + 1, []
        while time.monotonic() < deadline:
            udp.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                rcodes.append(udp.recv(4096)[3] & 15)
            except TimeoutError:
                break
    print(rcodes.count(5))
elif what == "burst":
    count, name = int(sys.argv[3]), sys.argv[4]
    opt = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        udp.settimeout(3)
        udp.connect((server, 53))
        for i in range(count):  # with an additional record
            message = question(name, i)
            udp.send(message[:11] + b"\1" + message[12:] + opt)
        replies = [udp.recv(4096) for _ in range(count)]
    print(len({r[:2] for r in replies if r[2] & 0x82 == 0x80 and r[3] & 15 == 0 and r[7] and r.endswith(opt[:1] + b"\0\51\4\xd0\0\0\0\0\0\0")}))
elif what == "pipeline":
    count = int(sys.argv[3])
    with socket.create_connection((server, 53), 5) as tcp:
        messages = [question("web", i) for i in range(count)]
        tcp.sendall(b"".join(struct.pack(">H", len(m)) + m for m in messages))
        stream, ids = tcp.makefile("rb"), []
        for _ in range(count):
            reply = stream.read(struct.unpack(">H", stream.read(2))[0])
            ids.append(struct.unpack(">H", reply[:2])[0])
    print(sum(a == b for a, b in zip(ids, range(count))))
else:
    messages = {"opcode": question("web", flags=0x2900), "two": question("web", count=2),
                "none": question("web", count=0), "class": question("web", klass=3)}
    print(ask(messages[what])[3] & 15)
