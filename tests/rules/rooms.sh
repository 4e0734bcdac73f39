#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# rooms.sh - holds the sources against rooms.txt: who includes whom, and what pure rooms may call.
# Prints TAP. Usage: rooms.sh [SOURCE TREE]
set -u
top=${1:-$(dirname "$0")/../..}
cd "$top" || exit 2
rules=tests/rules/rooms.txt
exec awk -v rules="$rules" '
function complain(text) { bad[room] = bad[room] "#   " FILENAME ":" FNR ": " text "\n" }
function strip(line) {               # comments and strings say nothing of what is called
    gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
    sub(/\/\/.*/, "", line)
    gsub(/\/\*[^*]*\*\//, "", line)
    if (in_comment) { if (sub(/^.*\*\//, "", line)) in_comment = 0; else return "" }
    if (sub(/\/\*.*/, "", line)) in_comment = 1
    return line
}
function room_of(path,   r, best) {
    for (r in allowed) if (index(path, r "/") == 1 && length(r) > length(best)) best = r
    return best
}
BEGIN {
    while ((getline line < rules) > 0) {
        if (line ~ /^#/ || line ~ /^[ \t]*$/) continue
        n = split(line, f, /[ \t]+/)
        rest = " "
        for (i = 2 + (f[1] == "pure"); i <= n; i++) rest = rest f[i] " "
        if (f[1] == "but") { but[f[2] " " f[3]] = 1; continue }
        if (f[1] == "pure") { pure[f[2]] = rest; continue }
        if (substr(f[1], 1, 1) == "<") { claimed[f[1]] = rest; continue }
        allowed[f[1]] = rest
        rooms[++rooms_n] = f[1]
    }
    while (("find src include mpi-ext pmix-plugin examples -name \"*.[ch]\" | sort" | getline path) > 0)
        ARGV[ARGC++] = path
    if (ARGC < 2) { print "Bail out! no sources found"; exit 2 }
}
FNR == 1 { room = room_of(FILENAME); in_comment = 0; seen[room]++
           if (room == "" && FILENAME !~ /^include\//) { room = "?"; complain("is in no room of " rules) } }
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, q, "\""); split(q[2], p, "/"); other = "src/" p[1]
    if (other in allowed && other != room && index(allowed[room], " " other " ") == 0)
        complain("includes " q[2] ", which " (room == "" ? "a public header" : room) " may not")
    next
}
/^[ \t]*#[ \t]*include[ \t]*</ {
    where = (FILENAME ~ /^include\//) ? "include" : room
    match($0, /<[^>]*>/); what = substr($0, RSTART, RLENGTH)
    for (c in claimed) if (index(what, c) == 1 && index(claimed[c], " " where " ") == 0)
        complain("includes " what ", which belongs to" claimed[c])
    next
}
room in pure {
    code = strip($0)
    n = split(pure[room], names, " ")
    for (i = 1; i <= n; i++)
        if (names[i] != "" && !((FILENAME " " names[i]) in but) && code ~ "(^|[^A-Za-z0-9_>.])" names[i] "[ \t]*\\(")
            complain("calls " names[i] ", which " room " must not")
}
END {
    print "1.." rooms_n
    for (i = 1; i <= rooms_n; i++) {
        r = rooms[i]
        if (bad[r] != "") { failed++; print "not ok " i " - " r; printf "%s", bad[r] }
        else if (!seen[r]) { print "ok " i " - " r " # SKIP no sources" }
        else print "ok " i " - " r " (" seen[r] " files)"
    }
    if (bad["?"] != "") { printf "%s", bad["?"]; failed++ }
    exit failed > 0
}'
