#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The generator of the MPI layer's wrappers: what it makes of prototypes of every shape, what stops
# the build, and whether the libraries built from the installed mpi.h hold what it says. TAP.
# shellcheck disable=SC2319 # "result $?" is told of conditions, too
src=${FT_TEST_SRCDIR:-.}
build=${FT_TEST_BUILDDIR:-.}
awk=${AWK:-awk}
generate=$src/mpi-ext/generate/generate.awk
generated=$build/mpi-ext/generated
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

# make WHAT: from $work/classes and $work/mpi.i; what it complains of is in $work/said.
make_it() {
    "$awk" -v what="$1" -v own="$work/own.h" -f "$generate" "$work/classes" "$work/mpi.i" \
        >"$work/$1" 2>"$work/said"
}

makes() { make_it "$1" && grep -qF -- "$2" "$work/$1"; }

# stops TEXT...: it does not make the wrappers, and says each TEXT.
stops() {
    ! make_it wrappers || return 1
    for text; do
        grep -qF -- "$text" "$work/said" || return 1
    done
}

fresh() {
    cat >"$work/classes" <<'E'
collective: Bcast Bcast_* | everybody takes part
create: Comm_dup Intercomm_create
local: Comm_get_name
window: Win_fence Win_free
own: Send
later own: Recv
nothing: Comm_c2f Pcontrol
E
    cat >"$work/own.h" <<'E'
int ftm_own_Send(const void *buf, int count, MPI_Comm comm);
E
    cat >"$work/mpi.i" <<'E'
typedef int (MPI_Comm_copy_attr_function)(MPI_Comm, int, void *);
typedef struct s *MPI_Comm;
extern int MPI_Send(const void *buf, int count, MPI_Comm comm); extern int PMPI_Send(const void *buf, int count, MPI_Comm comm);
__attribute__((visibility("default"))) int MPI_Recv(void *, int,
        MPI_Comm comm);
int PMPI_Recv(void *, int, MPI_Comm comm);
int MPI_Bcast (void *buffer, int counts[], int ranges[][3], MPI_Comm comm) __attribute__((__deprecated__("use (it) not")));
int PMPI_Bcast (void *buffer, int counts[], int ranges[][3], MPI_Comm comm);
int MPI_Bcast_init(void *buffer, MPI_Comm comm, MPI_Request *request); int PMPI_Bcast_init(void *buffer, MPI_Comm comm, MPI_Request *request);
int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *newcomm); int PMPI_Comm_dup(MPI_Comm comm, MPI_Comm *newcomm);
int MPI_Intercomm_create(MPI_Comm local_comm, int leader, MPI_Comm bridge, MPI_Comm *made);
int PMPI_Intercomm_create(MPI_Comm local_comm, int leader, MPI_Comm bridge, MPI_Comm *made);
int MPI_Comm_get_name(MPI_Comm comm, char *name); int PMPI_Comm_get_name(MPI_Comm comm, char *name);
MPI_Fint MPI_Comm_c2f(MPI_Comm comm); MPI_Fint PMPI_Comm_c2f(MPI_Comm comm);
int MPI_Win_fence(int assertion, MPI_Win win); int PMPI_Win_fence(int assertion, MPI_Win win);
int MPI_Win_free(MPI_Win *win); int PMPI_Win_free(MPI_Win *win);
int MPI_Type_commit(MPI_Datatype *type); int PMPI_Type_commit(MPI_Datatype *type);
int MPI_Pcontrol(const int level, ...); int PMPI_Pcontrol(const int level, ...);
double MPI_Wtime(void); double PMPI_Wtime(void);
int MPIX_Query(void);
E
}

# --- prototypes
fresh
makes functions '    int (*Send)(const void *buf, int count, MPI_Comm comm);'
result $? "two prototypes in a line"
makes functions '    int (*Recv)(void *arg1, int arg2, MPI_Comm comm);'
result $? "attributes before, line breaks, parameters without a name"
makes functions '    int (*Bcast)(void *buffer, int counts[], int ranges[][3], MPI_Comm comm);'
result $? "arrays, a space before the parenthesis, attributes behind"
makes functions '    double (*Wtime)(void);' && makes functions '    MPI_Fint (*Comm_c2f)(MPI_Comm comm);'
result $? "functions that return something else than int"
makes functions '#define FTM_FUNCTIONS 13' && ! grep -q 'copy_attr\|Query' "$work/functions"
result $? "types and functions without a PMPI_ name are left out"
makes real_h '#define PMPI_Send (*ftm_real.Send)' && ! grep -q 'define PMPI_Pcontrol' "$work/real_h"
result $? "PMPI_X inside the layer is Open MPI's, but for one of any number of arguments"

# --- classes
makes wrappers 'rc = PMPI_Bcast(buffer, counts, ranges, ftm_collective(comm));' &&
    grep -qF 'while (ftm_again(comm, "MPI_Bcast", &rc));' "$work/wrappers"
result $? "collective: on the communicator in use, and again where a repair says so"
makes wrappers 'ftm_request_collective(*request, comm);'
result $? "a collective with a request (by a pattern) makes it known"
makes wrappers 'PMPI_Intercomm_create(ftm_uncounted(local_comm), leader, ftm_uncounted(bridge), made)' &&
    grep -qF 'ftm_derived(local_comm, "MPI_Intercomm_create", made)' "$work/wrappers"
result $? "create: every communicator that goes in, and the one that comes out"
makes wrappers 'ftm_window_lost(*win)' && makes wrappers 'ftm_window_lost(win)'
result $? "window: by handle and by its address"
makes wrappers 'if (UNLIKELY(ftm_changed) && win) {'
result $? "window: an address that is NULL is Open MPI's to refuse"
makes wrappers '    .Send = ftm_own_Send,' && ! grep -q 'wrap_Send\|\.Recv =\|\.Comm_c2f' "$work/wrappers"
result $? "own: the function by hand; later own and nothing: none"
sed -i 's/^nothing: .*/&\nnothing: Recv/; s/^later own.*//' "$work/classes"
echo 'int ftm_own_Recv(void *, int, MPI_Comm comm);' >>"$work/own.h"
makes wrappers '    .Recv = ftm_own_Recv,'
result $? "what a header declares is wrapped, whatever the classes say"
fresh
make_it entries && [ "$(grep -c '^EXPORT int' "$work/entries")" = 18 ] &&
    grep -q '^EXPORT int PMPI_Win_free(' "$work/entries" && ! grep -q 'Comm_c2f\|Wtime' "$work/entries"
result $? "both names of each wrapped function are exported, no others"
makes report '  MPI_Recv                             not yet' &&
    makes report '13 functions: 9 wrapped, 4 passed through.' && grep -q '^  MPIX_Query$' "$work/report"
result $? "the report says what is done, and why not"
make_it wrappers && cp "$work/wrappers" "$work/before" && make_it wrappers && cmp -s "$work/before" "$work/wrappers"
result $? "the same input gives the same output"

# --- what stops the build
echo 'int MPI_New(int n, MPI_Comm comm); int PMPI_New(int n, MPI_Comm comm);' >>"$work/mpi.i"
stops 'MPI_New takes "MPI_Comm comm" and is in no class' 'Add New to one of the classes in mpi-ext/generate/classes.txt'
result $? "an unknown function that takes a communicator: with words on what to do"
for type in MPI_Group 'MPI_Request *' 'MPI_Message *' MPI_Win 'MPI_File *' MPI_Session 'const MPI_Comm'; do
    fresh
    echo "int MPI_New($type x); int PMPI_New($type x);" >>"$work/mpi.i"
    stops "MPI_New takes \"$type x\"" || break
done
result $? "and one that takes a group, request, message, window, file or session"
fresh
echo 'int MPI_New(MPI_Comm_copy_attr_function *f, MPI_Info i); int PMPI_New(MPI_Comm_copy_attr_function *f, MPI_Info i);' >>"$work/mpi.i"
make_it wrappers
grep -qF 'ftm_raise(MPI_COMM_WORLD, rc)' "$work/wrappers"
result $? "one that takes none of them has its errors checked"
fresh; : >"$work/own.h"
stops 'MPI_Send is of class own' 'write it, and declare it'
result $? "a function of class own that no header declares"
fresh; echo 'colective: Scan' >>"$work/classes"
stops 'no class is called "colective"'
result $? "a class that there is not"
fresh; echo 'local: Bcast' >>"$work/classes"
stops 'Bcast stands in two places'
result $? "a function in two classes"
fresh; echo 'collective: Type_commit' >>"$work/classes"
stops 'MPI_Type_commit cannot be of class collective: it takes no communicator'
result $? "a class that does not fit the function"
fresh; sed -i 's/ Pcontrol//' "$work/classes"; echo 'local: Pcontrol' >>"$work/classes"
stops 'MPI_Pcontrol cannot be of class local: it takes any number of arguments'
result $? "a function of any number of arguments cannot be wrapped"
fresh; : >"$work/mpi.i"
stops 'no prototype of an MPI function'
result $? "an mpi.h of which nothing is understood"
fresh; rm "$work/own.h"
stops 'own.h cannot be read'
result $? "a header that is not there"

# --- the libraries, built from the installed mpi.h (not with sanitizers, where there are none)
if [ ! -e "$build/mpi-ext/.libs/libftmpi.so" ]; then
    echo "1..$number"
    exit $failed
fi
nm -D --defined-only "$build/mpi-ext/.libs/libftmpi.so" | awk '{ print $NF }' | sort >"$work/exported"
sed -n '/^WRAPPED/,/^$/s/^  \(MPI[A-Za-z_0-9]*\) .*/\1\nP\1/p' "$generated/wrapped.txt" | sort >"$work/wrapped"
test "$(wc -l <"$work/wrapped")" -gt 400 && test -z "$(comm -13 "$work/exported" "$work/wrapped")"
result $? "libftmpi.so has both names of all that wrapped.txt names"
test "$(grep -c '^P\?MPIX\?_' "$work/exported")" = "$(wc -l <"$work/wrapped")"
result $? "and of no other MPI function"
! nm -D --undefined-only "$build/mpi-ext/.libs/libftmpi.so" | grep -q 'MPI'
result $? "it needs none of MPI's symbols itself"
nm -D --undefined-only "$build/mpi-ext/.libs/ftmpi_layer.so" | grep ' P\?MPIX\?_' | sed 's/^/# refers to /' >"$work/direct"
test ! -s "$work/direct"
result $? "the layer calls MPI through its table only, never our own wrappers"
cat "$work/direct"
objdump -d --no-show-raw-insn "$build/mpi-ext/.libs/libftmpi.so" 2>/dev/null |
    awk '/<P?MPIX?_.*>:$/ { name = $2; next } name && $2 == "jmp" { n++ } name { name = "" } END { print n + 0 }' >"$work/jumps"
case $(uname -m) in
x86_64)
    # All but the fourteen names at which the layer comes in and goes.
    [ "$(cat "$work/jumps")" -ge "$(($(wc -l <"$work/wrapped") - 14))" ]
    result $? "each entry is one jump"
    ;;
esac
echo "1..$number"
exit $failed
