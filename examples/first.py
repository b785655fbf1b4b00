# SPDX-License-Identifier: MIT
"""A child writes into an arena and reports to its parent through a ring where it did."""

import os

import karena

with karena.Device() as device:
    arena = device.create_arena(1 << 40)
    ring = device.create_ring(65536)

child = os.fork()
if not child:
    with arena.map() as view:
        offset = arena.alloc()
        text = b"hello from %d" % os.getpid()
        view.at(offset, len(text))[:] = text
    ring.output(offset.to_bytes(8, "little") + len(text).to_bytes(8, "little"))
    os._exit(0)
os.waitpid(child, 0)

with arena.map() as view:
    for record in ring.consume():
        offset = int.from_bytes(record[:8], "little")
        length = int.from_bytes(record[8:], "little")
        print(bytes(view.at(offset, length)).decode())
