#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""memcheck_ours.py [--killed RANK,...] OBJECTS FILE... - of what Valgrind found, what is the fault of
OBJECTS.

FILE is what `valgrind --xml=yes --xml-file=FILE` wrote; OBJECTS is a regular expression that names
libraries and programs. An error is theirs if the innermost frame that is not of the C library's or
Valgrind's own is in one of them: in the stack where it happened, or in those where the memory in
question was allocated or freed. Theirs, too: what Open MPI freed because they called one of its
MPI_..._free, and touches again as they call it again: a handle of theirs that is out of date. What
was still reachable at the end is no error.

A process that was killed leaves half a file: what stands in it counts; or, where it has killed itself,
a whole one: that it had no time to give memory back is no leak (--killed, by the RANK that stands last
in FILE's name, memory.PID.RANK.xml). Prints each error once, with
how often it was seen, and a last line "N errors, M by others, in P processes"; the exit code is 0 if
N is 0. Why not suppressions: their stacks begin at the innermost frame too, but need an entry for
each kind of error and each library of Open MPI's.
"""
from __future__ import annotations

import os
import re
import sys
import xml.etree.ElementTree as ElementTree

NOBODY = re.compile(r"/(libc|libm|vgpreload_[^/]*)[-.][^/]*so")
OPEN_MPI = re.compile(r"/lib(mpi|open-pal)[-.][^/]*so")
FREES = re.compile(r"P?MPI_\w+_free\b")


def frames(stack: ElementTree.Element) -> list[tuple[str, str]]:
    """(object, what to print) of each, from the innermost"""
    found = []
    for frame in stack.iter("frame"):
        obj = frame.findtext("obj", "")
        where = frame.findtext("fn") or frame.findtext("ip", "?")
        if frame.findtext("file"):
            where += f" ({frame.findtext('file')}:{frame.findtext('line', '?')})"
        found.append((obj, f"{where} in {os.path.basename(obj) or '?'}"))
    return found


def is_theirs(stacks: list[list[tuple[str, str]]], objects: re.Pattern[str]) -> bool:
    for stack in stacks:
        culprit = next((obj for obj, _ in stack if obj and not NOBODY.search(obj)), "")
        if objects.search(culprit):
            return True
    return False


def is_stale_handle(stacks: list[list[tuple[str, str]]], objects: re.Pattern[str]) -> bool:
    """Touched (the first stack) and freed (the second) by Open MPI at their calls"""
    calls = []
    for stack in stacks[:2]:
        at = next((i for i, (obj, _) in enumerate(stack)
                   if obj and not NOBODY.search(obj) and not OPEN_MPI.search(obj)), 0)
        if at == 0 or not objects.search(stack[at][0]):
            return False
        calls.append(stack[at - 1][1])
    return len(calls) == 2 and bool(FREES.match(calls[1]))


def errors(path: str):
    """(kind, what, stacks) of each error in a file"""
    try:
        for _, element in ElementTree.iterparse(path):
            if element.tag != "error":
                continue
            what = element.findtext("what") or element.findtext("xwhat/text", "?")
            yield element.findtext("kind", ""), what, [frames(s) for s in element.iter("stack")]
            element.clear()
    except ElementTree.ParseError:
        pass  # it was killed


def main() -> int:
    arguments = sys.argv[1:]
    killed: list[str] = []
    if arguments[0] == "--killed":
        killed = arguments[1].split(",")
        arguments = arguments[2:]
    objects, paths = re.compile(arguments[0]), arguments[1:]
    seen: dict[str, int] = {}
    others = 0
    for path in paths:
        was_killed = path.split(".")[-2] in killed
        for kind, what, stacks in errors(path):
            if kind == "Leak_StillReachable" or (was_killed and kind.startswith("Leak_")):
                continue
            if not is_theirs(stacks, objects) and not is_stale_handle(stacks, objects):
                others += 1
                continue
            what = re.sub(r"[0-9,]+( \([^)]*\))? bytes in [0-9,]+ blocks", "bytes", what)
            what = re.sub(r" in loss record .*|0x[0-9A-F]+", "", what)
            words = "\n".join([f"{kind}: {what}", *(f"    {w}" for s in stacks for _, w in s[:12])])
            seen[words] = seen.get(words, 0) + 1
    for words, n in sorted(seen.items()):
        print(f"{n} x {words}")
    print(f"{sum(seen.values())} errors, {others} by others, in {len(paths)} processes")
    return 0 if not seen else 1


if __name__ == "__main__":
    sys.exit(main())
