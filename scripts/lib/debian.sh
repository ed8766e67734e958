# shellcheck shell=bash
# Brings programs from Debian that a script needs. Sourced by scripts/test and scripts/bench.

# install_programs WHAT PACKAGE...: those that are not there are installed, where root or a sudo without questions may;
# elsewhere it is said what is missing, and that WHAT will fail without it. False when something is missing still.
install_programs() {
    local what=$1 package
    local -a missing=() as_root=()
    shift
    if ! command -v apt-get >/dev/null; then
        echo "This is not Debian: see to it that these are there: $*"
        return 0
    fi
    for package in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        as_root=(sudo --non-interactive)
        if ! "${as_root[@]}" true 2>/dev/null; then
            echo "Missing, and only root may install them; $what will fail until you run:"
            echo "    sudo apt-get install --no-install-recommends ${missing[*]}"
            return 1
        fi
    fi
    printf '\n== installing from Debian: %s\n' "${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >/dev/null
}
