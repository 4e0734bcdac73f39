# SPDX-License-Identifier: BSD-3-Clause
# generate.awk - the wrappers of the preloaded layer, from the prototypes of the installed mpi.h.
#
#     awk -v what=WHAT -v own="own.h handlers.h" -f generate.awk classes.txt PREPROCESSED
#
# PREPROCESSED is what `$(CC) -E -P all.h` gives. `own` names the headers that declare the wrappers
# written by hand, ftm_own_X for MPI_X.
#
# WHAT is one of
#
#   functions   functions.h  struct ftm_functions: a pointer for each function that has both names,
#                            MPI_ and PMPI_; PMPI_X is in it as .X, PMPIX_X as .X_X
#   entries     entries.c    what libftmpi.so exports for the wrapped ones: MPI_X and PMPI_X, one
#                            indirect jump each; at first the jump leads to a finder
#   real_h      real.h       PMPI_X inside the layer is Open MPI's own function, never our wrapper
#   real_c      real.c       ... found by name once
#   wrappers    wrappers.c   the wrappers, by class (classes.txt), and the table of all
#   report      wrapped.txt  what is wrapped, what passes through, and why
#
# The same input gives the same output, byte by byte. POSIX awk: nothing else is needed to build.
# A function that takes a handle behind which a process can have failed, and that is in no class, is
# an error: the build stops, and says where to put it.

function fail(text) {
    print "generate.awk: " text | "cat 1>&2"
    failed = 1
}

# ---------------------------------------------------------------- classes.txt

function read_classes_line(line,   colon, bar, class, why, n, i, names, later) {
    sub(/#.*/, "", line)
    if (line ~ /^[ \t]*$/) return
    colon = index(line, ":")
    if (!colon) { fail(FILENAME ":" FNR ": CLASS: NAME... expected"); return }
    class = substr(line, 1, colon - 1)
    if (sub(/^later /, "", class)) later = 1; else later = 0
    if (index(KNOWN_CLASSES, " " class " ") == 0) {
        fail(FILENAME ":" FNR ": no class is called \"" class "\"; they are:" KNOWN_CLASSES)
        return
    }
    line = substr(line, colon + 1)
    why = ""
    if (bar = index(line, "|")) {
        why = substr(line, bar + 1); line = substr(line, 1, bar - 1)
        gsub(/^[ \t]+|[ \t]+$/, "", why)
    }
    n = split(line, names, /[ \t]+/)
    for (i = 1; i <= n; i++) if (names[i] != "") {
        if (names[i] in class_of_name) fail(FILENAME ":" FNR ": " names[i] " stands in two places")
        class_of_name[names[i]] = class
        why_of_name[names[i]] = why
        later_of_name[names[i]] = later
    }
}

# Which functions are written by hand: ftm_own_X of the headers named.
function read_own(   n, i, headers, line, name) {
    n = split(own, headers, " ")
    for (i = 1; i <= n; i++) {
        while ((got = (getline line < headers[i])) > 0)
            if (match(line, /^int ftm_own_[A-Za-z_0-9]+\(/)) {
                name = substr(line, RSTART + 12, RLENGTH - 13)
                is_own[name] = headers[i]
            }
        if (got < 0) fail(headers[i] " cannot be read")
        close(headers[i])
    }
}

# The entry of classes.txt that is meant for this function: its name, or the longest pattern.
function entry_for(id,   i, pattern) {
    if (id in class_of_name) return id
    for (i = length(id); i > 0; i--) {
        pattern = substr(id, 1, i) "*"
        if (pattern in class_of_name) return pattern
    }
    return ""
}

# ---------------------------------------------------------------- prototypes

# Takes __attribute__((...)) out, however deep its parentheses.
function without_attributes(text,   at, i, depth, c) {
    while (at = index(text, "__attribute__")) {
        depth = 0
        for (i = at + 13; i <= length(text); i++) {
            c = substr(text, i, 1)
            if (c == "(") depth++
            else if (c == ")" && --depth == 0) break
        }
        text = substr(text, 1, at - 1) " " substr(text, i + 1)
    }
    return text
}

function squeeze(text) {
    gsub(/[ \t\r\n]+/, " ", text)
    sub(/^ /, "", text); sub(/ $/, "", text)
    return text
}

# Splits "const void *buf, int count" into args[f, 1..]: declaration, name, type.
function read_parameters(f, text,   n, i, parts, name, type, dims) {
    text = squeeze(text)
    nargs[f] = 0
    if (text == "void" || text == "") return
    n = split(text, parts, ",")
    for (i = 1; i <= n; i++) {
        text = squeeze(parts[i])
        if (text == "...") { variadic[f] = 1; continue }
        if (text ~ /[()]/) { fail("the prototype of " f " is not understood at \"" text "\""); return }
        dims = ""
        if (match(text, /\[.*\]/)) { dims = substr(text, RSTART); text = squeeze(substr(text, 1, RSTART - 1)) }
        match(text, /[A-Za-z_][A-Za-z_0-9]*$/)
        name = RSTART ? substr(text, RSTART) : ""
        type = RSTART ? squeeze(substr(text, 1, RSTART - 1)) : text
        if (name == "" || type == "" || type ~ /^(const|struct|enum|unsigned)$/) {
            name = "arg" i                      # a parameter without a name
            type = text
        }
        type_of[f, i] = type dims
        name_of[f, i] = name
        declared[f, i] = type (type ~ /\*$/ ? "" : " ") name dims
        nargs[f] = i
    }
}

function read_statement(text,   open, close_at, head, name, returns) {
    text = squeeze(without_attributes(text))
    if (text !~ /^(extern )?[A-Za-z_][A-Za-z_0-9 *]*[ *]P?MPIX?_[A-Za-z_0-9]+ ?\(/) return
    if (text ~ /^typedef /) return
    open = index(text, "(")
    head = squeeze(substr(text, 1, open - 1))
    sub(/^extern /, "", head)
    match(head, /P?MPIX?_[A-Za-z_0-9]+$/)
    name = substr(head, RSTART)
    returns = squeeze(substr(head, 1, RSTART - 1))
    close_at = length(text)
    while (close_at > open && substr(text, close_at, 1) != ")") close_at--
    if (name ~ /^PMPI/) { has_profiling[substr(name, 2)] = 1; return }
    if (name in returns_of) return              # declared again
    order[++functions] = name
    returns_of[name] = returns
    read_parameters(name, substr(text, open + 1, close_at - open - 1))
}

# ---------------------------------------------------------------- what a function has

function id_of(f) {                             # MPI_Send: Send, MPIX_Comm_agree: X_Comm_agree
    if (f ~ /^MPIX_/) return "X_" substr(f, 6)
    return substr(f, 5)
}

function handle_in(f,   i) {
    for (i = 1; i <= nargs[f]; i++)
        if (type_of[f, i] ~ /(^|[^A-Za-z_])MPI_(Comm|Group|Message|Request|Session|Win|File)($|[^A-Za-z_])/)
            return type_of[f, i] " " name_of[f, i]
    return ""
}

# The first parameter of exactly this type; "" if there is none.
function parameter(f, type,   i) {
    for (i = 1; i <= nargs[f]; i++) if (type_of[f, i] == type) return name_of[f, i]
    return ""
}

function has_name(f, name,   i) {
    for (i = 1; i <= nargs[f]; i++) if (name_of[f, i] == name) return 1
    return 0
}

function parameters(f,   i, text) {
    for (i = 1; i <= nargs[f]; i++) text = text (i > 1 ? ", " : "") declared[f, i]
    return text == "" ? "void" : text
}

# The arguments handed on; with `in_use`, the name of a function, each communicator as what that gives.
function arguments(f, in_use,   i, text, name) {
    for (i = 1; i <= nargs[f]; i++) {
        name = name_of[f, i]
        if (in_use && type_of[f, i] == "MPI_Comm") name = in_use "(" name ")"
        text = text (i > 1 ? ", " : "") name
    }
    return text
}

function is_wrapped(class) { return class != "entry" && class != "nothing" }

# Does everything that the templates below count on hold for this function?
function check_shape(f, class,   bad) {
    if (!is_wrapped(class)) return
    if (f ~ /_(c2f|f2c)$/) bad = "it returns a handle, no error" # MPI_Fint is int, too
    else if (returns_of[f] != "int") bad = "it does not return int"
    else if (variadic[f]) bad = "it takes any number of arguments"
    else if ((class == "collective" || class == "local") && parameter(f, "MPI_Comm") == "")
        bad = "it takes no communicator"
    else if (class == "create" && parameter(f, "MPI_Comm*") == "" && parameter(f, "MPI_Comm *") == "")
        bad = "it gives no communicator"
    else if (class == "window" && parameter(f, "MPI_Win") == "" && parameter(f, "MPI_Win *") == "") bad = "it takes no window"
    else if (class == "file" && parameter(f, "MPI_File") == "" && parameter(f, "MPI_File *") == "") bad = "it takes no file"
    if (bad) fail(f " cannot be of class " class ": " bad)
}

function classify(   i, f, id, entry, kept) {
    kept = 0
    for (i = 1; i <= functions; i++) {
        f = order[i]
        id = id_of(f)
        entry = entry_for(id)
        class_of[f] = entry == "" ? "checked" : class_of_name[entry]
        why_of[f] = entry == "" ? "" : why_of_name[entry]
        if (entry == "" && returns_of[f] != "int") {
            class_of[f] = "nothing"
            why_of[f] = "takes no handle behind which a process can fail"
        }
        if (entry == "" && handle_in(f) != "")
            fail(f " takes \"" handle_in(f) "\" and is in no class.\n" \
                 "  Add " id " to one of the classes in mpi-ext/generate/classes.txt, which says what each means.")
        if (id in is_own) class_of[f] = "own"
        else if (class_of[f] == "own" && later_of_name[entry]) {
            class_of[f] = "nothing"
            why_of[f] = "not yet"
        } else if (class_of[f] == "own")
            fail(f " is of class own, and no header declares ftm_own_" id ":" \
                 "\n  write it, and declare it in one of: " own)
        if (!(f in has_profiling)) {
            if (entry != "" && is_wrapped(class_of[f])) fail(f " has no PMPI_ name, but class " class_of[f])
            continue
        }
        check_shape(f, class_of[f])
        order_kept[++kept] = f
    }
    for (i = 1; i <= functions; i++) if (!(order[i] in has_profiling)) without[++withouts] = order[i]
    functions = kept
    for (i = 1; i <= kept; i++) order[i] = order_kept[i]
    if (functions < 1) fail("there is no prototype of an MPI function in the input")
}

# ---------------------------------------------------------------- output

function begin(about) {
    print "/* SPDX-License-Identifier: BSD-3-Clause */"
    print "/* Made by mpi-ext/generate/generate.awk from the installed mpi.h; do not change it here."
    print " * " about " */"
}

function emit_functions(   i, f) {
    begin("A pointer for each function of MPI.")
    print "#ifndef FTM_FUNCTIONS_H\n#define FTM_FUNCTIONS_H\n\n#include <mpi.h>\n#include <mpi-ext.h>\n"
    print "#define FTM_FUNCTIONS " functions "\n"
    print "struct ftm_functions {"
    for (i = 1; i <= functions; i++) {
        f = order[i]
        if (variadic[f]) print "    void (*" id_of(f) ")(void); /* never called from here */"
        else print "    " returns_of[f] " (*" id_of(f) ")(" parameters(f) ");"
    }
    print "};\n"
    for (i = 1; i <= functions; i++) print "#define FTM_HAS_" id_of(order[i]) " 1"
    print "\n#endif"
}

function emit_entry(f, prefix, table,   name, id) {
    name = prefix f
    id = id_of(f)
    print "\nstatic int find_" name "(" parameters(f) ")"
    print "{"
    print "    int (*next)(" parameters(f) ");\n"
    print "    if (!find(\"" name "\", (void *) &" table "." id ", (void *) find_" name ", (void *) &next))"
    print "        return MPI_ERR_OTHER;"
    print "    return next(" arguments(f) ");"
    print "}\n"
    print "EXPORT int " name "(" parameters(f) ")"
    print "{"
    print "    return " table "." id "(" arguments(f) ");"
    print "}"
}

function emit_entries(   i, f) {
    begin("Part of preload.c, which says what find() does.")
    for (i = 1; i <= functions; i++) {
        f = order[i]
        if (!is_wrapped(class_of[f])) continue
        emit_entry(f, "", "entries")
        emit_entry(f, "P", "profiling")
    }
    emit_initial("entries", "")
    emit_initial("profiling", "P")
}

function emit_initial(table, prefix,   i) {
    print "\nstatic struct ftm_functions " table " = {"
    for (i = 1; i <= functions; i++)
        if (is_wrapped(class_of[order[i]]))
            print "    ." id_of(order[i]) " = find_" prefix order[i] ","
    print "};"
}

function emit_real_h(   i, f) {
    begin("Inside the layer PMPI_X is Open MPI's function, which would have been called without us.")
    print "#ifndef FTM_REAL_H\n#define FTM_REAL_H\n\n#include <stdbool.h>\n\n#include \"../hooks.h\"\n#include \"functions.h\"\n"
    print "extern struct ftm_functions ftm_real;\n"
    print "/* Finds all of them by `next`. False: this is not the MPI that FT was built for. */"
    print "bool ftm_real_find(ftm_next_fn *next);\n"
    print "/* The name of the i-th function of struct ftm_functions, \"MPI_Send\". */"
    print "extern const char *const ftm_names[FTM_FUNCTIONS];\n"
    for (i = 1; i <= functions; i++) {
        f = order[i]
        if (!variadic[f]) print "#undef P" f "\n#define P" f " (*ftm_real." id_of(f) ")"
    }
    print "\n#endif"
}

function emit_real_c(   i) {
    begin("Open MPI's functions, found by name.")
    print "#include \"config.h\"\n\n#include \"real.h\"\n\n#include <stdio.h>\n#include <string.h>\n"
    print "struct ftm_functions ftm_real;\n"
    print "const char *const ftm_names[FTM_FUNCTIONS] = {"
    for (i = 1; i <= functions; i++) print "    \"" order[i] "\","
    print "};\n"
    print "bool ftm_real_find(ftm_next_fn *next)\n{"
    print "    char name[64];\n    bool all = true;\n"
    print "    for (size_t i = 0; i < FTM_FUNCTIONS; i++) {"
    print "        void *found;\n"
    print "        snprintf(name, sizeof name, \"P%s\", ftm_names[i]);"
    print "        found = next(name);"
    print "        all = all && found;"
    print "        memcpy((char *) &ftm_real + i * sizeof found, &found, sizeof found);"
    print "    }\n    return all;\n}"
}

# One wrapper, by class.

function emit_collective(f,   comm, request) {
    comm = parameter(f, "MPI_Comm")
    request = parameter(f, "MPI_Request *")
    print "    int rc;\n"
    print "    do {\n        rc = P" f "(" arguments(f, "ftm_collective") ");"
    print "        if (LIKELY(rc == MPI_SUCCESS)) {"
    if (request != "") print "            ftm_request_collective(*" request ", " comm ");"
    print "            return rc;\n        }"
    print "    } while (ftm_again(" comm ", \"" f "\", &rc));\n    return rc;"
}

function emit_create(f,   comm, made) {
    comm = parameter(f, "MPI_Comm")
    made = parameter(f, "MPI_Comm *")
    if (comm == "") comm = "MPI_COMM_NULL"
    print "    int rc = ftm_derived_refused(" comm ", \"" f "\");\n"
    print "    if (UNLIKELY(rc != MPI_SUCCESS))\n        return ftm_raise(" comm ", rc);"
    print "    rc = P" f "(" arguments(f, "ftm_uncounted") ");"
    print "    if (LIKELY(rc == MPI_SUCCESS))"
    print "        rc = ftm_derived(" comm ", \"" f "\", " made ");"
    print "    return LIKELY(rc == MPI_SUCCESS) ? rc : ftm_failed(" comm ", rc);"
}

function emit_local(f) {
    print "    int rc = P" f "(" arguments(f) ");\n"
    print "    return LIKELY(rc == MPI_SUCCESS) ? rc : ftm_raise(" parameter(f, "MPI_Comm") ", rc);"
}

function emit_checked(f) {
    print "    int rc = P" f "(" arguments(f) ");\n"
    print "    return LIKELY(rc == MPI_SUCCESS) ? rc : ftm_raise(MPI_COMM_WORLD, rc);"
}

function emit_guarded(f, type, guard,   handle, given) {
    handle = parameter(f, type)
    if (handle == "") {
        given = parameter(f, type " *")
        handle = "*" given
    }
    print "    if (UNLIKELY(ftm_changed)" (given ? " && " given : "") ") {"
    print "        int rc = " guard "(" handle ");\n"
    print "        if (rc != MPI_SUCCESS)\n            return rc;"
    print "    }"
    print "    return P" f "(" arguments(f) ");"
}

function emit_wrapper(f,   class) {
    class = class_of[f]
    if (class == "own") return
    print "\nstatic int wrap_" id_of(f) "(" parameters(f) ")\n{"
    if (class == "collective") emit_collective(f)
    else if (class == "create") emit_create(f)
    else if (class == "local") emit_local(f)
    else if (class == "checked") emit_checked(f)
    else if (class == "window") emit_guarded(f, "MPI_Win", "ftm_window_lost")
    else if (class == "file") emit_guarded(f, "MPI_File", "ftm_file_lost")
    print "}"
}

function emit_wrappers_c(   i, f, id) {
    begin("The wrappers, by class.")
    print "#include \"config.h\"\n\n#include \"wrap.h\"\n"
    for (i = 1; i <= functions; i++) if (is_wrapped(class_of[order[i]])) emit_wrapper(order[i])
    print "\nconst struct ftm_functions ftm_wrappers = {"
    for (i = 1; i <= functions; i++) {
        f = order[i]
        id = id_of(f)
        if (is_wrapped(class_of[f])) print "    ." id " = " (class_of[f] == "own" ? "ftm_own_" : "wrap_") id ","
    }
    print "};"
}

function what_is_done(f,   class) {
    class = class_of[f]
    if (class == "own") return "written by hand (" is_own[id_of(f)] ")"
    if (class == "collective") return "on the communicator in use"
    if (class == "create") return "the new communicator is made known"
    if (class == "checked") return "errors go to the handler of the application's world"
    if (class == "local") return "errors go to the application's handler"
    if (class == "window" || class == "file") return "a clear error after a failure; not recovered"
    return "by hand in libftmpi.so"
}

function emit_report(   i, f, n, passed) {
    for (i = 1; i <= functions; i++) if (class_of[order[i]] == "nothing") passed++
    print "What the preloaded layer of FT does with each function of the mpi.h that it was built with."
    print functions " functions: " functions - passed " wrapped, " passed " passed through.\n"
    print "WRAPPED (C, and Fortran through mpif.h, use mpi and use mpi_f08)"
    for (i = 1; i <= functions; i++) {
        f = order[i]
        if (class_of[f] != "nothing") printf "  %-36s %-10s %s\n", f, class_of[f], what_is_done(f)
    }
    print "\nPASSED THROUGH"
    for (i = 1; i <= functions; i++) {
        f = order[i]
        if (class_of[f] == "nothing") printf "  %-36s %s\n", f, why_of[f] == "" ? "-" : why_of[f]
    }
    if (withouts) print "\nWITHOUT A PROFILING NAME, and so out of reach"
    for (i = 1; i <= withouts; i++) printf "  %s\n", without[i]
}

BEGIN {
    KNOWN_CLASSES = " own collective create local window file checked entry nothing "
    statement = ""
}

NR == FNR { read_classes_line($0); next }
/^[ \t]*#/ { next }
{
    statement = statement " " $0
    while (at = index(statement, ";")) {
        read_statement(substr(statement, 1, at - 1))
        statement = substr(statement, at + 1)
    }
}

END {
    read_own()
    if (!failed) classify()
    if (failed) exit 1
    if (what == "functions") emit_functions()
    else if (what == "entries") emit_entries()
    else if (what == "real_h") emit_real_h()
    else if (what == "real_c") emit_real_c()
    else if (what == "wrappers") emit_wrappers_c()
    else if (what == "report") emit_report()
    else { fail("unknown output \"" what "\""); exit 1 }
}
