#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""keep_damage.py PID RANK STEP: flips one bit of what process PID keeps of keep_app's rank RANK.

What keep_app commits in a step is known: its head, filled up to 64 bytes, and its field. So it is
looked for in the process's memory, and a bit of the field is turned over wherever it is found."""
import re
import struct
import sys

FIELD_AT = 64
TURNED_AT = FIELD_AT + 1000

pid, rank, step = (int(word) for word in sys.argv[1:4])
head = struct.pack("<qq", step, rank).ljust(FIELD_AT, b"\0")
pattern = head + bytes((step * 31 + rank * 7 + (i >> 3)) & 0xFF for i in range(4096))
turned = 0
with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "r+b", 0) as memory:
    for line in maps:
        begin, end, rights = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....)", line).groups()
        begin, end = int(begin, 16), int(end, 16)
        if rights != "rw-p" or line.split()[-1].startswith("["):
            continue
        memory.seek(begin)
        try:
            bytes_there = memory.read(end - begin)
        except OSError:
            continue
        for match in re.finditer(re.escape(pattern), bytes_there):
            memory.seek(begin + match.start() + TURNED_AT)
            memory.write(bytes([bytes_there[match.start() + TURNED_AT] ^ 4]))
            turned += 1
print("turned", turned)
sys.exit(turned == 0)
