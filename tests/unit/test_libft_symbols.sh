#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What libft shows to the world is what its headers declare, no more and no less; and none of it
# prints, exits, starts threads or touches signals. TAP.
src=${FT_TEST_SRCDIR:-.}
build=${FT_TEST_BUILDDIR:-.}
library=$build/.libs/libft.so.0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0
failed=0

result() { # STATUS NAME: one line of TAP
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        failed=1
    fi
}

# Functions of a header: comments and preprocessor taken out, then every name before "(" in what
# ends with ");".
declared() {
    sed -e '/^#/d' -e 's|//.*||' "$@" | tr '\n' ' ' |
        sed -e 's|/\*|\n&|g' -e 's|\*/|&\n|g' | sed -e '/^\/\*/d' | tr '\n' ' ' | tr ';' '\n' |
        sed -n 's/^.*[ *]\([A-Za-z_][A-Za-z0-9_]*\)(.*)[^)]*$/\1/p' | sort -u
}

echo 1..4
declared "$src/include/ft.h" "$src/include/ft_admin.h" "$src/include/ft_runtime.h" >"$work/declared"
nm -D --defined-only "$library" | awk '{ print $NF }' | sort -u >"$work/exported"
[ "$(wc -l <"$work/declared")" -ge 35 ] && grep -qx requestFT "$work/declared"
result $? "the headers' functions are found"
diff "$work/declared" "$work/exported" | sed 's/^/# /' >"$work/diff"
[ ! -s "$work/diff" ]
result $? "exactly the headers' functions are exported"
cat "$work/diff"

for object in "$build"/src/libft/.libs/libftapi_la-*.o; do
    nm -u "$object"
done | awk '{ print $NF }' | sort -u >"$work/used"
prints='v?d?f?printf|puts|fputs|putchar|fwrite|stdout|stderr|perror|syslog'
ends='_?exit|abort|__assert_fail|atexit'
meddles='pthread_create|pthread_atfork|signal|sigaction|pthread_sigmask|u?sleep|nanosleep'
grep -Ex "($prints|$ends|$meddles)(@.*)?" "$work/used" | sed 's/^/# used: /' >"$work/forbidden"
grep -q '^ppoll' "$work/used" && [ ! -s "$work/forbidden" ]
result $? "it neither prints nor exits, and leaves threads and signals alone"
cat "$work/forbidden"

readelf -d "$library" | grep -q 'SONAME.*\[libft.so.0\]'
result $? "its soname is libft.so.0"
exit $failed
