# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for `tc netem delay`, for kernels without netem: packets that leave containers wait for some milliseconds.

    python -m tests.doubles.slow_link MILLISECONDS PID…

runs on this machine as root until it is ended, for the network namespaces of these processes. The kernel gives it the packets that it
shall hold (iptables' NFQUEUE), and sends each of them on when its time has come. They are real packets of real connections: TCP
sees a slower network, and nothing that speaks in its place.
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator

QUEUE = 50
LENGTH = 20_000  # packets that may wait; more are dropped
NETLINK_NETFILTER = 12
# linux/netfilter/nfnetlink_queue.h
PACKET, CONFIG, VERDICT_BATCH = 0x300, 0x302, 0x303
CFG_CMD, CFG_PARAMS, CFG_MAXLEN, CFG_MASK, CFG_FLAGS = 1, 2, 3, 4, 5
BIND, COPY_META, GSO, ACCEPT = 1, 1, 4, 1
PACKET_HDR = VERDICT_HDR = (1, 2)
CLONE_NEWNET = 0x40000000


class Line:
    """The packets that leave one network namespace."""

    def __init__(self, pid: int, delay: float) -> None:
        self.delay = delay
        self.waiting: deque[tuple[float, int]] = deque()  # when each may go, and its number
        self.netlink = socket_in_network_of(pid)
        command = struct.pack("=BBH", BIND, 0, 0)
        parameters = struct.pack(">IB", 0, COPY_META)
        for attributes in (
            attribute(CFG_CMD, command),
            attribute(CFG_PARAMS, parameters),
            attribute(CFG_MAXLEN, struct.pack(">I", LENGTH)),
            attribute(CFG_MASK, struct.pack(">I", GSO)) + attribute(CFG_FLAGS, struct.pack(">I", GSO)),
        ):
            self.tell(CONFIG, attributes)

    def tell(self, kind: int, attributes: bytes) -> None:
        """Send the kernel a message about the queue."""
        body = struct.pack(">BBH", 0, 0, QUEUE) + attributes
        self.netlink.send(struct.pack("=IHHII", 16 + len(body), kind, 1, 0, 0) + body)

    def take(self) -> None:
        """Take note of the packets that have come."""
        due = time.monotonic() + self.delay
        try:
            while True:
                self.waiting.extend((due, number) for number in numbers(self.netlink.recv(1 << 16)))
        except BlockingIOError:
            return

    def release(self, now: float) -> None:
        """Send on what has waited long enough; the kernel takes one word for all packets up to a number."""
        last = None
        while self.waiting and self.waiting[0][0] <= now:
            last = self.waiting.popleft()[1]
        if last is not None:
            self.tell(VERDICT_BATCH, attribute(VERDICT_HDR[1], struct.pack(">II", ACCEPT, last)))


def attribute(kind: int, value: bytes) -> bytes:
    """Return a netlink attribute."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def numbers(messages: bytes) -> Iterator[int]:
    """Return the numbers of the packets that netlink messages tell of."""
    at = 0
    while at < len(messages):
        length, kind = struct.unpack_from("=IH", messages, at)
        if (
            kind == PACKET
        ):  # its first attribute is the packet's header, behind 16 bytes of netlink's and 4 of netfilter's
            yield struct.unpack_from(">I", messages, at + 24)[0]
        at += (length + 3) & ~3


def socket_in_network_of(pid: int) -> socket.socket:
    """Return a netlink socket in the network namespace of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as own, open(f"/proc/{pid}/ns/net") as other:
        if libc.setns(other.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"the network of process {pid}")
        try:
            found = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
            found.bind((0, 0))
        finally:
            libc.setns(own.fileno(), CLONE_NEWNET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    found.setblocking(False)
    return found


def main(delay: float, pids: list[int]) -> None:
    """Hold packets until this process is ended."""
    lines = {line.netlink.fileno(): line for line in (Line(pid, delay) for pid in pids)}
    poll = select.epoll()
    for number in lines:
        poll.register(number, select.EPOLLIN)
    os.write(1, b"ready\n")
    while True:
        now = time.monotonic()
        due = min((line.waiting[0][0] for line in lines.values() if line.waiting), default=now + 1)
        for number, _event in poll.poll(max(0.0, due - now)):
            lines[number].take()
        now = time.monotonic()
        for line in lines.values():
            line.release(now)


if __name__ == "__main__":
    main(int(sys.argv[1]) / 1000, [int(argument) for argument in sys.argv[2:]])
