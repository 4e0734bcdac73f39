# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Building from the scripts: out of tree, in folders of the checkout, with the log in the folder.
# Needs say.sh, and `top`, the checkout. To be run inside the development environment.
# shellcheck disable=SC2154

# build_in FOLDER [CONFIGURE OPTION]...: FOLDER configured with at least these options, and built.
# A folder configured with others is kept as it is if it has these too, else built anew. Ends with its
# caller.
build_in() {
    local folder=$top/$1 log=$top/$1/build.log start=$SECONDS
    shift
    mkdir -p "$folder"
    if ! { bootstrap && configure_in "$folder" "$@" &&
            setpriv --pdeathsig TERM make -C "$folder" -j"$(nproc)"; } >"$log" 2>&1; then
        grep -E -A4 'error:|undefined reference|\*\*\*' "$log" | tail -n 30 >&2
        say "the build in ${folder#"$top"/} failed; all of it is in $log"
        return 1
    fi
    say "built ${folder#"$top"/} in $((SECONDS - start)) s"
}

bootstrap() { [ -x "$top/configure" ] || (cd "$top" && autoreconf -fi); }

configure_in() {
    local folder=$1
    shift
    if [ -x "$folder/config.status" ] && [ -e "$folder/Makefile" ]; then
        has_options "$folder" "$@" && return
        make -C "$folder" clean
    fi
    (cd "$folder" && "$top/configure" --prefix=/usr --sysconfdir=/etc --localstatedir=/var \
        --libdir="/usr/lib/$(gcc -print-multiarch)" "$@")
}

has_options() {
    local option config
    config=" $("$1/config.status" --config) " || return
    shift
    for option; do
        case $config in *"'$option'"* | *" $option "*) ;; *) return 1 ;; esac
    done
}

# stage_in FOLDER: its installation in FOLDER/stage, without what an earlier one left there.
stage_in() {
    rm -rf "$top/$1/stage"
    make -C "$top/$1" stage >"$top/$1/stage.out" 2>&1 && return
    tail -n 20 "$top/$1/stage.out" >&2
    say "the installation into $1/stage failed (above)"
    return 1
}
