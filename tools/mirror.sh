# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Which Debian mirror to make the Debian 13 root from: FT_DEBIAN_MIRROR, else the first mirror in
# this machine's own apt configuration that carries Debian's trixie, else deb.debian.org.
# Needs say.sh.

# apt_uris DIR: every http(s) URI in apt's sources, both formats, in their order. The suites are left aside:
# a mirror for this machine's Debian 12 carries 13 too, other vendors' repositories do not.
apt_uris() {
    local dir=$1
    cat "$dir"/sources.list "$dir"/sources.list.d/*.list 2>/dev/null |
        sed -nE 's/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]*)?(https?:[^[:space:]]+).*/\2/p'
    cat "$dir"/sources.list "$dir"/sources.list.d/*.sources 2>/dev/null |
        sed -nE 's/^URIs:[[:space:]]*//Ip' | tr -s '[:space:]' '\n' | grep -E '^https?:'
}

# mirror_works URI: it answers, and what it calls trixie is Debian's.
mirror_works() {
    local release answer=1
    release=$(mktemp) || return 1
    if apt_get_file "${1%/}/dists/trixie/InRelease" "$release" &&
        grep -q '^Origin: Debian$' "$release" && grep -q '^Codename: trixie$' "$release"; then
        answer=0
    fi
    rm -f "$release"
    return $answer
}

# apt's own downloader, where there is one, knows this machine's proxies; wget is what debootstrap uses.
apt_get_file() {
    if [ -x /usr/lib/apt/apt-helper ]; then
        timeout 60 /usr/lib/apt/apt-helper -o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15 \
            -o Acquire::Retries=1 download-file "$1" "$2"
    else
        timeout 60 wget -q -T 15 -t 2 -O "$2" "$1"
    fi >/dev/null 2>&1
}

# Prints the mirror's address, or gives up with what was tried.
find_mirror() {
    local uri tried='' default=http://deb.debian.org/debian
    if [ "${FT_DEBIAN_MIRROR-}" ]; then
        mirror_works "$FT_DEBIAN_MIRROR" && printf '%s\n' "$FT_DEBIAN_MIRROR" && return
        no_env "the Debian mirror $FT_DEBIAN_MIRROR (from FT_DEBIAN_MIRROR) does not answer with" \
            "  Debian 13 (trixie). Set FT_DEBIAN_MIRROR to one that does, or unset it."
    fi
    for uri in $(apt_uris /etc/apt | sed 's:/*$::' | awk '!seen[$0]++') $default; do
        case " $tried " in *" $uri "*) continue ;; esac
        mirror_works "$uri" && printf '%s\n' "$uri" && return
        tried="$tried $uri"
    done
    no_env "no Debian mirror with Debian 13 (trixie) answers. Tried:$tried" \
        "  Check the network, or set FT_DEBIAN_MIRROR to a mirror that this machine reaches."
}
