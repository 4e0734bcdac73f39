#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# ./dev: the command's exit code and surroundings; clear words and nothing half-made where the
# environment cannot be had. Other systems are imitated by another /etc/os-release, seen by that
# ./dev alone. Making the root itself is what ./check did on its way here, or apt.
test_description='the development environment'
. "$(dirname "$0")/lib/ft-sharness.sh"
mkdir ft && cp -r "$FT_TOP/dev" "$FT_TOP/tools" ft/ && chmod -R a+rX .   # the checkout may be roots alone
dev=$PWD/ft/dev

# on_release FILE CMD...: CMD on a machine whose /etc/os-release is FILE.
on_release() {
    unshare --mount sh -c 'mount --bind "$1" "$(readlink -f /etc/os-release)" && shift && exec "$@"' - "$@"
}
as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
printf 'ID=debian\nVERSION_ID="12"\n' >debian12
printf 'ID=ubuntu\nVERSION_ID="26.04"\n' >ubuntu
printf 'ID=debian\nVERSION_CODENAME=forky\n' >testing

test_expect_success 'stdin, output and exit code are the commands' '
    test "$(echo through | "$dev" cat)" = through && test_expect_code 42 "$dev" sh -c "exit 42"
'

test_expect_success 'the folder stays, also below the checkout' '
    (cd ft/tools && "$dev" pwd) >where && test "$(cat where)" = "$PWD/ft/tools"
'

test_expect_success 'SIGTERM reaches the command' '
    { "$dev" sh -c "echo \$\$ >pid; exec sleep 1000" & } && wait_until 60 test -s pid &&
    kill $(cat pid) && test_expect_code 143 wait $!
'

test_expect_success 'no command: the usage, and a failure' '
    test_expect_code 2 "$dev" 2>err && grep -q "^usage: ./dev" err
'

test_expect_success 'Debian 13, and what comes after it, is used as it is, without root too' '
    on_release testing "$dev" true && as_nobody "$dev" true
'

test_expect_success 'elsewhere without root: says so, makes nothing' '
    test_expect_code 77 on_release debian12 setpriv --reuid 65534 --regid 65534 --clear-groups \
        env FT_CACHE_DIR="$PWD/cache" "$dev" true 2>err &&
    grep -q "needs root" err && test ! -e cache
'

for system in debian12 ubuntu; do
    test_expect_success "no mirror ($system): names it, and the next try starts clean" '
        for try in 1 2; do
            test_expect_code 77 on_release $system env FT_DEBIAN_MIRROR=http://127.0.0.1:9/debian \
                FT_CACHE_DIR="$PWD/cache" "$dev" true 2>err &&
            grep -q "http://127.0.0.1:9/debian .*does not answer" err && test ! -e cache/trixie* || return 1
        done
    '
done

test_expect_success 'a cache folder that cannot be made: named' '
    test_expect_code 77 on_release debian12 env FT_CACHE_DIR=/proc/no "$dev" true 2>err && grep -q /proc/no err
'

test_expect_success 'root without mount namespaces: says so' '
    test_expect_code 77 on_release debian12 setpriv --bounding-set=-sys_admin "$dev" true 2>err &&
    grep -q privileged err
'

test_expect_success 'the mirror is looked up in both of apts formats; comments and sources are left out' '
    mkdir -p apt/sources.list.d &&
    cat >apt/sources.list <<-E &&
	# deb http://comment.example/debian x
	deb [arch=amd64 signed-by=/x] https://vendor.example/node x main
	deb-src http://source.example/debian x main
	deb http://first.example/debian x main
	E
    printf "Types: deb\nURIs: http://second.example/debian\nSuites: x\n" >apt/sources.list.d/debian.sources &&
    bash -c ". \"$FT_TOP/tools/mirror.sh\"; apt_uris apt" >uris &&
    printf "https://vendor.example/node\nhttp://first.example/debian\nhttp://second.example/debian\n" >expected &&
    test_cmp expected uris
'

ft_done
