#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every event that the sources write is in doc/events.md, and no other. Events are the names in the
# calls that write the log, and in "decision_made" and the like that are put together by hand.
src=${FT_TEST_SRCDIR:-.}
n=0
failed=0

check() { # check TEXT COMMAND...
    text=$1
    shift
    n=$((n + 1))
    if "$@" >/dev/null 2>&1; then
        echo "ok $n - $text"
    else
        echo "not ok $n - $text"
        failed=1
    fi
}

# Those that a node's unit writes, by the central unit's hand, are in its calls of report functions.
written=$(cat "$src"/src/core/*.c "$src"/src/centrald/*.c "$src"/src/noded/*.c | tr -s '\n ' ' ' |
    grep -Eo '(ft_central_logf|ft_fleet_log|ft_detector_logf|ft_decision_log|log_error|begin_event|ranks->report|tell_of|ft_voter_say|env_say|log_text|log_session|say|tell|events->event|events\.event)\([^"()]*"[a-z_]+"( : "[a-z_]+")?|\.name = "[a-z]+_[a-z]+"' |
    grep -Eo '"[a-z_]+"' | tr -d '"' | sort -u)
documented=$(sed -n 's/^| `\([a-z_]*\)` |.*/\1/p' "$src/doc/events.md" |
    grep -Ev '^(seq|time|ms|event|text|resource|node|decision|lost_node|epoch|owner)$' | sort -u)

# The list above is worth nothing if the pattern no longer finds anything.
check "events are found in the sources" test "$(echo "$written" | wc -l)" -gt 30
for event in $written; do
    check "$event is documented" sh -c "echo '$documented' | grep -qx '$event'"
done
for event in $documented; do
    check "$event is written somewhere" sh -c "echo '$written' | grep -qx '$event'"
done
echo "1..$n"
exit $failed
