# shellcheck shell=bash
# Finds a Python that Handover runs on. Sourced by scripts/test and scripts/demo; it changes nothing.

# works_as_python COMMAND: true when it is a Python from 3.11 to 3.13. (A name on PATH may be a shim of a version
# manager with nothing behind it, so it is run, not only found.)
works_as_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

# find_python [VERSION]: prints the command of Python VERSION (3.13, a path, …), or of the newest that will do.
find_python() {
    local wanted=${1:-} candidate
    local -a candidates
    if [[ $wanted == */* ]]; then
        candidates=("$wanted")
    elif [[ -n $wanted ]]; then
        candidates=("python${wanted#python}" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"${wanted#python}"*/bin/python)
    else
        candidates=(python3.13 python3.12 python3.11 python3)
    fi
    for candidate in "${candidates[@]}"; do
        if works_as_python "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    echo "No Python ${wanted:-3.11, 3.12 or 3.13} found. On Debian 12: apt-get install python3 python3-venv." >&2
    echo "Another one: put it on PATH, or name it with --python /path/to/python." >&2
    return 1
}

# make_environment PYTHON FOLDER REQUIREMENT...: FOLDER is a virtual environment with these installed by pip, and with
# what the array ALONE names beside them, without what those depend on. Made again only when one of these, or setup.cfg, has changed.
make_environment() {
    local python=$1 folder=$2 stamp
    shift 2
    stamp=$("$python" -VV; printf '%s\n' "$PWD" "$@" "${ALONE[@]}"; cat setup.cfg pyproject.toml)
    if [[ -f $folder/stamp && $(<"$folder/stamp") == "$stamp" ]]; then
        return
    fi
    rm -f "$folder/stamp"
    "$python" -m venv --clear "$folder"
    "$folder/bin/python" -m pip install --quiet --no-input "$@"
    if ((${#ALONE[@]})); then
        "$folder/bin/python" -m pip install --quiet --no-input --no-deps "${ALONE[@]}"
    fi
    printf '%s\n' "$stamp" >"$folder/stamp"
}
