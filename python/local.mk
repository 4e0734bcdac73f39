# SPDX-License-Identifier: BSD-3-Clause
# The Python package: nothing is compiled. _installed.py tells it where its libraries are.
ftpackagedir = $(ftpythondir)/ft
dist_ftpackage_DATA = python/ft/__init__.py python/ft/_api.py python/ft/_c.py python/ft/_errors.py \
    python/ft/mpi.py python/ft/py.typed
nodist_ftpackage_DATA = python/ft/_installed.py
EXTRA_DIST += python/pyproject.toml
CLEANFILES += $(nodist_ftpackage_DATA)

python/ft/_installed.py: Makefile
	$(AM_V_GEN)$(MKDIR_P) python/ft && printf '%s\n' '# SPDX-License-Identifier: BSD-3-Clause' \
	    '"""Where the libraries of this installation are."""' 'LIBDIR = "$(libdir)"' >$@.new && mv $@.new $@
