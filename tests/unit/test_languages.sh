#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_languages.sh - the types that Fortran and Python hand on to C have C's fields, in C's order.
# Prints TAP. Types of a header that a language does not have are not missed.
set -u
cd "${FT_TEST_SRCDIR:-$(dirname "$0")/../..}" || exit 2

# structs_of LANGUAGE FILE...: a line for each struct, its C name and the names of its fields.
structs_of() {
    language=$1
    shift
    awk -v language="$language" '
    function begin() { fields = ""; inside = 1 }
    function end(name) { print name fields; inside = 0 }
    function add(name) {                     # without its dimension
        gsub(/[\[(].*/, "", name); gsub(/[^A-Za-z0-9_]/, "", name)
        if (name != "") fields = fields " " name
    }
    function add_all(list,   names, n, i) {
        gsub(/\([^)]*\)/, "", list)
        n = split(list, names, ",")
        for (i = 1; i <= n; i++) add(names[i])
    }
    language == "c" {
        gsub(/\/\*[^*]*\*\//, "")
        if (in_comment) { if (sub(/^.*\*\//, "")) in_comment = 0; else next }
        if (sub(/\/\*.*/, "")) in_comment = 1
        if (/^typedef struct \{/) { begin(); next }
        if (inside && /^ +struct \{/) { outer = fields; fields = ""; next }
        if (inside && /^ +\} [a-z_]+/) {     # devices[4]: a type of its own elsewhere
            name = $2; sub(/[\[;].*/, "", name); print name fields; fields = outer; add(name); next
        }
        if (inside && match($0, /^\} [A-Za-z_]+;/)) { name = $2; sub(/;/, "", name); end(name); next }
        if (inside && /;/) {                 # "type a, b;": what is before the last word of a is its type
            sub(/;.*/, ""); n = split($0, names, ",")
            sub(/\[.*/, "", names[1]); k = split(names[1], words, /[ *]+/); add(words[k])
            for (i = 2; i <= n; i++) add(names[i])
        }
        next
    }
    language == "fortran" {
        sub(/!.*/, "")
        if (match($0, /type, *bind\(C\)[^:]*:: */)) { begin(); type = substr($0, RSTART + RLENGTH); gsub(/[^A-Za-z_]/, "", type); next }
        if (inside && /end type/) { end(type); next }
        if (inside && sub(/^.*:: */, "")) { sub(/ = .*/, ""); add_all($0) }
        next
    }
    /^class [A-Za-z]+\(ctypes\.Structure\)/ {
        type = $2; sub(/\(.*/, "", type); begin(); next
    }
    inside && match($0, /\("[a-z_]+",/) {
        line = $0
        while (match(line, /\("[a-z_]+",/)) {
            name = substr(line, RSTART + 2, RLENGTH - 4); sub(/_$/, "", name); add(name)
            line = substr(line, RSTART + RLENGTH)
        }
        if (/^    _fields_ = \[.*\]$/) end(type)
        next
    }
    inside && /^    \]/ { end(type) }
    ' "$@"
}

c=$(structs_of c include/ft.h include/ftmpi.h)
case_n=0
# held LANGUAGE NAME FIELDS: as the header has it?
held() {
    case_n=$((case_n + 1))
    wanted=$(echo "$c" | awk -v name="$2" '
        function plain(name) { sub(/^(ft|FTMPI_|c_)/, "", name); sub(/_t$/, "", name); return tolower(name) }
        plain($1) == plain(name) { $1 = ""; print tolower($0) }')
    if [ "$wanted" ] && [ "$wanted" = " $(echo "$3" | tr '[:upper:]' '[:lower:]')" ]; then
        echo "ok $case_n - $1: $2"
    else
        printf 'not ok %s - %s: %s\n# C:%s\n# %s: %s\n' $case_n "$1" "$2" "${wanted:- no such type}" "$1" "$3"
    fi
}
for language in fortran python; do
    case $language in fortran) files="fortran/ft.f90 fortran/ftmpi.f90" ;; *) files=python/ft/_c.py ;; esac
    # shellcheck disable=SC2086
    found=$(structs_of $language $files)
    while read -r name fields; do held $language "$name" "$fields"; done <<W
${found:-none}
W
done
echo "1..$case_n"
