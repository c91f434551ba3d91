#!/bin/sh
# Print the path of a Python that this project runs on, or say what is missing and exit 1.
#
# usage: find_python.sh [VERSION ...]      e.g. `find_python.sh 3.12`; without a version: 3.11, 3.12, then newer
#
# A candidate is run, not only looked for: a version manager leaves commands on the PATH that start nothing. It has to
# bring `venv` and `ensurepip` too. What is printed is the interpreter below any virtual environment that is active, so
# that our own environment can be made anew while it is. CCX_TENANCY_PYTHON names an interpreter and ends the search.

no_ensurepip=""

check='
import sys
wanted = tuple(int(part) for part in sys.argv[1].split(".")) if len(sys.argv) > 1 else ()
if sys.version_info < (3, 11) or wanted and sys.version_info[: len(wanted)] != wanted:
    sys.exit(1)
try:
    import ensurepip, venv
except ImportError:
    print("python%d.%d" % sys.version_info[:2])
    sys.exit(2)
print(getattr(sys, "_base_executable", None) or sys.executable)
'

try() {  # try COMMAND [VERSION]: print the interpreter and leave, or come back
    command -v "$1" >/dev/null 2>&1 || return 0
    found=$("$1" -I -c "$check" $2 2>/dev/null </dev/null)
    case $? in
        0) printf '%s\n' "$found"; exit 0 ;;
        2) no_ensurepip="$found" ;;
    esac
}

search() {  # search VERSION
    try "python$1" "$1"
    for directory in "$HOME"/.pyenv/versions/"$1" "$HOME"/.pyenv/versions/"$1".* /opt/python"$1" /opt/python/"$1"* /usr/local /usr; do
        try "$directory/bin/python$1" "$1"
    done
}

if [ -n "${CCX_TENANCY_PYTHON:-}" ] && [ $# -eq 0 ]; then
    try "$CCX_TENANCY_PYTHON"
    echo "CCX_TENANCY_PYTHON is '$CCX_TENANCY_PYTHON', which is no Python >= 3.11 with venv and ensurepip." >&2
    exit 1
fi

if [ $# -gt 0 ]; then
    for version in "$@"; do search "$version"; done
    wanted=$(printf '%s' "$*" | sed 's/ / or /g')
else
    for version in 3.11 3.12 3.13 3.14; do search "$version"; done
    try python3
    try python
    wanted="3.11 or 3.12"
fi

if [ -n "$no_ensurepip" ]; then
    echo "$no_ensurepip is here, but it cannot make a virtual environment: its 'venv' or 'ensurepip' is missing." >&2
    echo "On Debian and Ubuntu: apt-get install $no_ensurepip-venv" >&2
else
    echo "No Python $wanted was found (looked on the PATH, in ~/.pyenv/versions, /opt, /usr/local and /usr)." >&2
    echo "Install one (Debian and Ubuntu: apt-get install python3 python3-venv), or name it: CCX_TENANCY_PYTHON=/path/to/python3" >&2
fi
exit 1
