# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The package list: which of it is missing here, and its installation with apt. Works on the system
# that it runs in: natively on Debian 13, or inside the Debian 13 root (tools/inroot).
# The caller sets `top`, the checkout.
# shellcheck disable=SC2154

package_list() { sed 's/#.*//' "$top/tools/packages.txt" | xargs -n1; }

missing_packages() {
    local -A have=()
    local name status
    while read -r name status; do
        [ "$status" = installed ] && have[$name]=1
    done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n')
    for name in $(package_list); do
        [ "${have[$name]-}" ] || printf '%s\n' "$name"
    done
}

# install_packages NAME...: returns apt's verdict. Daemons that come along (sshd) are not started:
# the virtual nodes start their own, and this machine should not open a port because of us. A
# policy-rc.d of ours that a killed run left behind is known by its second line, and replaced.
install_packages() (
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ] || grep -q '^# temporary: ft dev' $policy; then
        trap 'rm -f $policy' EXIT
        trap 'exit 130' INT TERM HUP
        printf '#!/bin/sh\n# temporary: ft dev\nexit 101\n' >$policy && chmod 755 $policy
    fi
    opts=(-q -y -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=120)
    dpkg --configure -a &&
        apt-get "${opts[@]}" update &&
        apt-get "${opts[@]}" install --no-install-recommends "$@"
)
