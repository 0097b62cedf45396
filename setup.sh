#!/usr/bin/env bash
# Sets heylook up in .venv of this checkout, and starts or tests it. Safe to run again.
# Settings: PYTHON names the interpreter; CMAKE_ARGS is passed on when llama.cpp is compiled.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
venv=$here/.venv
stamp=$venv/heylook-setup
log=$venv/heylook-setup.log

usage() {
    cat <<'TEXT'
usage: ./setup.sh                    asks what to install
       ./setup.sh serve [options]    installs what serving needs, then starts heylookllm with these options
       ./setup.sh test [arguments]   installs what the tests need, then runs them; arguments go to pytest
       ./setup.sh install NAME...    installs these plugins, or all of them: ./setup.sh install all
TEXT
    echo "plugins here: $(join "$(plugins)")"
}

say() { echo "setup.sh: $*"; }

fail() {
    echo "setup.sh: $*" >&2
    exit 1
}

join() { echo "$1" | tr '\n' ' ' | sed 's/  */ /g; s/ $//'; }

has_word() { case " $(join "$1") " in *" $2 "*) return 0 ;; *) return 1 ;; esac }

# --- what this machine can run ----------------------------------------------------------------------------------

# plugins whose code is here (a folder may hold only its packaging)
plugins() {
    local folder name
    for folder in "$here"/plugins/*/; do
        name=$(basename "$folder")
        if [ -f "$folder/pyproject.toml" ] && [ -f "$folder/heylook_$name/__init__.py" ]; then
            echo "$name"
        fi
    done
}

# the operating system must be one that the plugin's libraries are published for
runs_here() {
    case $1 in
        mlx) mlx_runs_here ;;
        coreml_*) [ "$(uname -s)" = Darwin ] ;;
        *) return 0 ;;
    esac
}

# one that only says why it does nothing here can be installed all the same, and is where the tests run
installs_here() {
    case $1 in
        coreml_*) return 0 ;;
        *) runs_here "$1" ;;
    esac
}

mlx_runs_here() {
    case "$(uname -s) $(uname -m)" in
        "Darwin arm64") return 0 ;;
        "Linux x86_64" | "Linux aarch64") glibc_is_at_least_2_35 ;;
        *) return 1 ;;
    esac
}

glibc_is_at_least_2_35() {
    local version
    version=$(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{print $2}')
    [ "$(printf '2.35\n%s\n' "$version" | sort -t . -k 1,1n -k 2,2n | head -n 1)" = 2.35 ]
}

why_not_here() {
    case $1 in
        mlx) echo "MLX needs macOS on Apple silicon, or Linux (x86_64, aarch64) with glibc 2.35 or newer" ;;
        *) echo "$1 needs macOS" ;;
    esac
}

plugins_for_this_machine() {
    local name
    for name in $(plugins); do
        if runs_here "$name"; then echo "$name"; else say "leaving out $name: $(why_not_here "$name")" >&2; fi
    done
}

plugins_to_test() {
    local name
    for name in $(plugins); do
        if installs_here "$name"; then echo "$name"; else say "leaving out $name: $(why_not_here "$name")" >&2; fi
    done
}

# the demo model, the pages of the API, the web app, and the first backend that runs here
plugins_to_serve() {
    local name
    for name in demo_model docs_ui playground; do
        if has_word "$(plugins)" "$name"; then echo "$name"; fi
    done
    for name in mlx gguf; do
        if has_word "$(plugins)" "$name" && runs_here "$name"; then
            echo "$name"
            return
        fi
    done
}

# --- the virtual environment ------------------------------------------------------------------------------------

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11 or newer; name another, or unset PYTHON."
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.14 python3.11 python; do
        if is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

how_to_get_python() {
    case $(uname -s) in
        Darwin) echo "install it with: brew install python@3.12" ;;
        *) echo "install it with your package manager (Debian, Ubuntu: apt-get install python3.11 python3.11-venv)" ;;
    esac
}

has_uv() { command -v uv >/dev/null 2>&1; }

# false also for one that was interrupted, or whose Python is gone, or that uv made where there is no uv now
venv_is_usable() {
    is_new_enough "$venv/bin/python" && { has_uv || "$venv/bin/python" -m pip --version >/dev/null 2>&1; }
}

make_venv() {
    local python found
    if venv_is_usable; then return; fi
    python=$(find_python)
    if [ -z "$python" ] && ! has_uv; then
        found=$(python3 --version 2>/dev/null || echo "none")
        fail "heylook needs Python 3.11 or newer (found: $found); $(how_to_get_python), or install uv, which brings one."
    fi
    rm -rf "$venv"
    if has_uv; then
        say "making .venv with uv"
        uv venv --quiet --python "${python:-3.12}" "$venv" ||
            fail "uv could not make .venv; its message is above. With no network, install Python 3.11 or newer first."
    else
        say "making .venv with $("$python" --version)"
        "$python" -m venv "$venv" >"$here/.venv.log" 2>&1 || {
            rm -rf "$venv"
            fail "'$python -m venv' failed (see .venv.log); on Debian and Ubuntu: apt-get install python3-venv, or install uv."
        }
        rm -f "$here/.venv.log"
    fi
}

# uv looks where pip is configured to look
same_index_as_pip() {
    if [ -n "${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"; fi
    if [ -n "${PIP_EXTRA_INDEX_URL:-}" ]; then export UV_INDEX="${UV_INDEX:-$PIP_EXTRA_INDEX_URL}"; fi
    if [ -n "${PIP_FIND_LINKS:-}" ]; then export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS// /,}}"; fi
}

# --- installing -------------------------------------------------------------------------------------------------

checksum() {
    (
        cd "$here"
        cat pyproject.toml plugins/*/pyproject.toml constraints.txt
        grep '__version__ =' heylook_core/__init__.py
        "$venv/bin/python" --version
    ) | cksum
}

stamped_names() { if [ -f "$stamp" ]; then sed -n 2p "$stamp"; fi; }

is_stamped() {
    local name
    if [ "$(sed -n 1p "$stamp" 2>/dev/null)" != "$(checksum)" ]; then return 1; fi
    for name in $1; do has_word "$(stamped_names)" "$name" || return 1; done
}

# requirement mlx "mlx tests": a plugin's folder, with its extra for images where it is to be tested
requirement() {
    if has_word "$2" tests && grep -q '^vision = ' "$here/plugins/$1/pyproject.toml"; then
        echo "plugins/$1[vision]"
    else
        echo "plugins/$1"
    fi
}

# install_names "mlx demo_model tests": the core, these plugins, and what tests need if "tests" is among them
install_names() {
    local wanted="$1" name arguments
    make_venv
    if is_stamped "$wanted"; then
        say "everything is installed already"
        build_playground "$wanted"
        return
    fi
    for name in $(stamped_names); do
        if ! has_word "$wanted" "$name" && has_word "$(plugins) tests" "$name"; then wanted="$wanted $name"; fi
    done
    rm -f "$stamp"
    arguments=(-c constraints.txt -e .)
    for name in $wanted; do
        if [ "$name" = tests ]; then arguments+=(--group dev); else arguments+=(-e "$(requirement "$name" "$wanted")"); fi
    done
    say "installing: heylook $(join "$wanted")"
    if has_word "$wanted" gguf && ! "$venv/bin/python" -c 'import llama_cpp' >/dev/null 2>&1; then
        say "where no wheel of llama-cpp-python is at hand it is compiled, silently, for ten minutes or more"
    fi
    run_installer "${arguments[@]}"
    printf '%s\n%s\n' "$(checksum)" "$(join "$wanted")" >"$stamp"
    build_playground "$wanted"
    say "done"
}

# the web app needs Node.js to be built; without it, or if that fails, the server is as good and /playground says how
build_playground() {
    if has_word "$1" playground && [ -f "$here/apps/HeylookPlayground-web/package.json" ]; then
        "$here/scripts/build-playground" || say "the playground could not be built; the lines above say why"
    fi
}

pip_install() { "$venv/bin/python" -m pip install --disable-pip-version-check --retries 2 "$@"; }

run_installer() {
    cd "$here"
    if has_uv; then
        same_index_as_pip
        uv pip install --python "$venv/bin/python" "$@" 2>&1 | tee "$log" || explain_failure
    else
        pip_install --quiet "pip>=25.1" 2>&1 | tee "$log" || explain_failure
        pip_install "$@" 2>&1 | tee "$log" || explain_failure
    fi
    cd - >/dev/null
}

# turns the installer's log into one sentence with a remedy
explain_failure() {
    local network='name resolution|dns error|Failed to fetch|Network is unreachable|Max retries|NewConnectionError'
    network="$network|Connection (refused|reset|broken)|Could not connect|error sending request|timed out|ProxyError"
    if grep -Eq 'No space left on device' "$log"; then
        fail "the disk is full; free some space (the whole set needs about 2 GB) and run this again."
    elif grep -Eq 'CMAKE_C(XX)?_COMPILER|No CMAKE_|C(XX)? compiler identification is unknown|command .?(gcc|g\+\+|clang)' "$log"; then
        fail "llama.cpp could not be compiled; $(how_to_get_compiler), then run this again."
    elif grep -Eiq "$network" "$log"; then
        fail "the package index could not be reached; check the network and proxy settings, then run this again."
    elif grep -Eiq 'No matching distribution|no wheels with a matching|no version of' "$log"; then
        fail "a package has no build for $("$venv/bin/python" --version) on $(uname -sm); try another one: rm -rf .venv; PYTHON=python3.12 ./setup.sh ..."
    fi
    fail "installing failed; the last lines above say why, and the whole log is $log."
}

how_to_get_compiler() {
    case $(uname -s) in
        Darwin) echo "install the compiler with: xcode-select --install" ;;
        *) echo "install a C++ compiler (Debian, Ubuntu: apt-get install build-essential)" ;;
    esac
}

# --- the menu ---------------------------------------------------------------------------------------------------

labels=()
choices=()

# offer LABEL NAME...: a line of the menu, if every plugin of it is here and runs here
offer() {
    local label=$1 name
    shift
    for name in "$@"; do
        if ! has_word "$(plugins)" "$name" || ! runs_here "$name"; then return 0; fi
    done
    labels+=("$label")
    choices+=("$*")
}

backends() {
    local name
    for name in $(plugins_for_this_machine 2>/dev/null); do
        case $name in mlx | gguf | *_stt | remote | ray) echo "$name" ;; esac
    done
}

fill_menu() {
    local demo="" everything
    if has_word "$(plugins)" demo_model; then demo=demo_model; fi
    everything=$(join "$(plugins_for_this_machine 2>/dev/null)")
    # shellcheck disable=SC2046,SC2086  # $demo and the lists are words
    {
        offer "MLX: models in the MLX format" mlx $demo
        offer "llama.cpp: models in the GGUF format" gguf $demo
        offer "speech recognition (CoreML)" coreml_stt
        offer "speech recognition (ONNX)" onnx_stt
        offer "MLX and llama.cpp" mlx gguf $demo
        if [ "$(backends | wc -l)" -gt 1 ]; then offer "all backends" $(backends) $demo; fi
        offer "everything" $everything
    }
}

ask_cuda() {
    local answer
    if ! command -v nvcc >/dev/null 2>&1 || [ -n "${CMAKE_ARGS:-}" ]; then return 0; fi
    read -r -p "Compile llama.cpp for the NVIDIA GPU? [y/N] " answer
    case $answer in [yY]*) export CMAKE_ARGS="-DGGML_CUDA=on" ;; esac
}

menu() {
    local number answer
    if [ ! -t 0 ]; then
        echo "setup.sh: this is not a terminal, so nothing is asked; say what to do instead:" >&2
        usage >&2
        exit 2
    fi
    fill_menu
    if [ "${#labels[@]}" -eq 0 ]; then fail "no plugin in plugins/ runs on this machine."; fi
    echo "What shall be installed?"
    for number in $(seq "${#labels[@]}"); do
        printf '  %d  %s  (%s)\n' "$number" "${labels[number - 1]}" "${choices[number - 1]}"
    done
    while true; do
        read -r -p "Number (1-${#labels[@]}), or q to leave: " answer || exit 1
        case $answer in
            q | Q) exit 0 ;;
            '' | *[!0-9]*) ;;
            *) if [ "${#answer}" -le 2 ] && [ "$answer" -ge 1 ] && [ "$answer" -le "${#labels[@]}" ]; then break; fi ;;
        esac
        echo "'$answer' is not one of the numbers."
    done
    if has_word "${choices[answer - 1]}" gguf; then ask_cuda; fi
    install_names "${choices[answer - 1]}"
    say "start it with: ./setup.sh serve"
}

# --- commands ---------------------------------------------------------------------------------------------------

install() {
    local name
    if [ $# -eq 0 ]; then fail "install what? Plugins here: $(join "$(plugins)"), or all."; fi
    if [ "$*" = all ]; then
        install_names "$(join "$(plugins_for_this_machine)")"
        return
    fi
    for name in "$@"; do
        has_word "$(plugins)" "$name" || fail "there is no plugin '$name'; plugins here: $(join "$(plugins)"), or all."
        installs_here "$name" || fail "$name cannot be installed: $(why_not_here "$name")."
    done
    install_names "$(join "$*")"
}

serve() {
    install_names "$(join "$(plugins_to_serve)")"
    exec "$venv/bin/heylookllm" "$@"
}

run_tests() {
    install_names "$(join "$(plugins_to_test) tests")"
    exec "$here/scripts/test" "$@"
}

case ${1:-} in
    '') menu ;;
    serve) shift && serve "$@" ;;
    test) shift && run_tests "$@" ;;
    install) shift && install "$@" ;;
    -h | --help | help) usage ;;
    *) usage >&2 && fail "'$1' is not a command of setup.sh." ;;
esac
