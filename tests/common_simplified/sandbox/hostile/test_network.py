"""Programs that reach for networks and other sockets."""

from pathlib import Path

import pytest
from hostile_checks import assert_it_gets_nowhere, assert_it_succeeds_unheld
from hostile_programs import LINUX, Hostile, group_of, name_of, provable
from sentinels import Sentinels

PROGRAMS = [
    *group_of(
        "network",
        {
            "TCP": """
import socket
attack(*[lambda address=address: socket.create_connection(address, 0.3) for address in TCP])
""",
            "TCP without connecting first": """
import socket
def send(kind, address):
    with socket.socket(kind, socket.SOCK_STREAM) as s:
        s.settimeout(0.3)
        s.sendto(b"x", socket.MSG_FASTOPEN, address)
attack(*[lambda address=address: send(2 if "." in address[0] else 10, address) for address in TCP])
""",
            "UDP": """
import socket
def send(address):
    kind = socket.AF_INET if "." in address[0] else socket.AF_INET6
    with socket.socket(kind, socket.SOCK_DGRAM) as s: s.sendto(b"x", address)
attack(*[lambda address=address: send(address) for address in UDP])
""",
            "a name server of its own": """
import socket
query = bytes.fromhex("1234 0100 0001 0000 0000 0000")
query += b"\\x06secret\\x07example\\x00" + bytes.fromhex("0001 0001")
def look_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(UDP[0])
        s.send(query)
attack(look_up)
""",
            "asyncio": """
import asyncio
async def talk(): await asyncio.wait_for(asyncio.open_connection(*TCP[0]), 0.3)
attack(lambda: asyncio.run(talk()))
""",
            "a UNIX socket": """
import socket
def send(kind, path):
    with socket.socket(socket.AF_UNIX, kind) as s:
        s.connect(path)
        s.send(b"x")
attack(
    lambda: send(socket.SOCK_STREAM, UNIX),
    lambda: send(socket.SOCK_DGRAM, UNIX_DATAGRAM),
)
""",
            "an abstract UNIX socket": """
import socket
def send():
    with socket.socket(socket.AF_UNIX) as s: s.connect(ABSTRACT)
attack(send)
""",
            "urllib": """
import urllib.request
attack(lambda: urllib.request.urlopen("http://%s:%d" % TCP[0], timeout=0.3).read())
""",
            "serves": """
import socket
def serve():
    with socket.create_server(("127.0.0.1", LISTEN)) as s:
        s.settimeout(0.3)
        return s.accept()
attack(serve)
""",
        },
        expects=("exception",),
        provable=True,
    ),
    *group_of(
        "network",
        {
            "TCP on many paths": """
import socket
def send(address):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as s:
        s.settimeout(0.3)
        s.connect(address)
attack(lambda: send(TCP[0]))
""",
            "raw": """
import socket, struct
def send():
    port = UDP[0][1]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as s:
        s.sendto(struct.pack("!4H", port, port, 9, 0) + b"x", ("127.0.0.1", 0))
attack(send)
""",
            "packets": """
import socket
attack(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300), forbidden=True)
""",
            "netlink": """
import socket, struct
def interfaces():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as s:
        s.settimeout(0.3)
        s.sendto(struct.pack("IHHIIBxHiII", 32, 18, 0x301, 1, 0, 0, 0, 0, 0, 0), (0, 0))
        heard = s.recv(2**16)
    found = [name for name in INTERFACES if name.encode() in heard]
    return ["BREACH", *found] if found else "nothing"
attack(interfaces)
""",
            "vsock": "import socket\nattack(lambda: socket.socket(40), forbidden=True)",
            "every other family": """
import socket
known = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
def make(family, kind): return socket.socket(family, kind).family
attack(
    *[lambda f=f, k=k: make(f, k) for f in range(1, 50) if f not in known for k in (1, 2, 3, 5)],
    forbidden=True,
)
""",
            "names": """
import socket
attack(lambda: socket.getaddrinfo("example.com", 80), forbidden=True)
""",
        },
        expects=("exception",),
    ),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_hostile_program_gets_nowhere(program: Hostile, sentinels: Sentinels | None) -> None:
    assert_it_gets_nowhere(program, sentinels)


@pytest.mark.long
@pytest.mark.skipif(not LINUX, reason="nothing but Linux can hold them")
@pytest.mark.parametrize("program", provable(PROGRAMS), ids=name_of)
def test_it_succeeds_where_nothing_holds_it(
    program: Hostile, sentinels: Sentinels, tmp_path: Path
) -> None:
    assert_it_succeeds_unheld(program, sentinels, tmp_path)
