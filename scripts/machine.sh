# shellcheck shell=bash
# What ./run needs of the machine: packages, Python, a container engine, a browser.
# Sourced by ./run, whose ROOT, VENV, LOGS, SELF and ARGUMENTS it uses.

say() { printf '==> %s\n' "$*"; }

die() {
  printf '==> %s\n' "$*" >&2
  exit 1
}

# Run a command with its output in .run/NAME.log; when it fails, show the end of it and stop.
logged() {
  local name=$1
  shift
  if ! "$@" >"$LOGS/$name.log" 2>&1; then
    tail -n 25 "$LOGS/$name.log" >&2
    die "Failed: $* (all of its output: $LOGS/$name.log)"
  fi
}

can_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

APT_UPDATED=

# need_packages PURPOSE PACKAGE...: install what is missing if we may, else say what to type.
need_packages() {
  local purpose=$1 package missing=()
  shift
  command -v apt-get >/dev/null ||
    die "For $purpose, install the equivalent of Debian's $* first: this machine has no apt."
  for package in "$@"; do
    installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  can_be_root || die "For $purpose, type: sudo apt-get install ${missing[*]}"
  say "Installing ${missing[*]} with apt, for $purpose"
  if [ -z "$APT_UPDATED" ]; then
    logged apt as_root apt-get update
    APT_UPDATED=yes
  fi
  logged apt as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "${missing[@]}"
}

# need_command COMMAND PURPOSE PACKAGE...: install the packages where the command is absent.
need_command() { command -v "$1" >/dev/null || need_packages "${@:2}"; }

# need_unpacked COMMAND PURPOSE PACKAGE: have the command, in .run/PACKAGE where this machine does not;
# for packages that would start a service when they are installed.
need_unpacked() {
  local folder=$LOGS/$3
  PATH=$PATH:$folder/usr/bin
  if command -v "$1" >/dev/null; then
    return
  fi
  command -v apt-get >/dev/null || die "For $2, $1 is needed: install what has it on this system."
  say "Unpacking $3 into .run/$3, for $2"
  if [ -z "$APT_UPDATED" ] && can_be_root; then
    logged apt as_root apt-get update
    APT_UPDATED=yes
  fi
  rm -rf "$folder"
  mkdir -p "$folder"
  (cd "$folder" && logged apt apt-get download "$3" && logged apt dpkg-deb --extract "$3"_*.deb .)
  command -v "$1" >/dev/null || die "The package $3 has no $1"
}

# --- Python ----------------------------------------------------------------------------------------

good_python() {
  command -v "$1" >/dev/null &&
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    if good_python "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# --- container engine ------------------------------------------------------------------------------

# Look for an engine; its address goes to DOCKER_HOST, the reason why not to $LOGS/engine.log.
find_engine() {
  local found status=0
  found=$("$VENV/bin/python" "$ROOT/scripts/engine.py" find 2>"$LOGS/engine.log") || status=$?
  [ "$status" != 0 ] || export DOCKER_HOST=$found
  return "$status"
}

need_engine() {
  local status=0
  find_engine || status=$?
  case $status in
    0) say "Container engine: $DOCKER_HOST" ;;
    4) join_docker_group ;;
    *) provide_engine ;;
  esac
}

# No engine answers: start the one that is installed, or install one. Never touches a running one.
provide_engine() {
  [ -z "${DOCKER_HOST:-}" ] || die "$(cat "$LOGS/engine.log"). Correct or unset DOCKER_HOST."
  if ! command -v dockerd >/dev/null; then
    if command -v podman >/dev/null; then
      no_engine "Podman is installed but its socket does not answer. Type: systemctl --user start podman.socket"
    fi
    if ! command -v apt-get >/dev/null || ! can_be_root; then
      no_engine "No container engine is installed. Type: sudo apt-get install docker.io"
    fi
    need_packages "running kernels in containers" docker.io iptables ca-certificates
  fi
  can_be_root || no_engine "Docker is installed but not running. Type: sudo systemctl start docker"
  start_docker
  need_engine
}

no_engine() { die "$1
    To look at the user interface without an engine, type: ./run lab --demo"; }

start_docker() {
  local log=$LOGS/dockerd.log
  # a package may have started its own service when it was installed
  if [ -d /run/systemd/system ]; then
    say "Starting Docker (systemctl start docker)"
    logged systemctl as_root systemctl start docker
  elif [ ! -e /var/run/docker.pid ] || ! as_root kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then
    say "Starting dockerd in the background, log in $log (no systemd here to do it)"
    as_root rm -f /var/run/docker.pid
    # not with `&`: such jobs ignore Ctrl-C, and so would everything in every container
    as_root setsid --fork env --default-signal dockerd >"$log" 2>&1 </dev/null
  fi
  wait_for_engine "$log"
}

# An engine is ready when its socket answers (status 4: to others than us, which will be told).
wait_for_engine() {
  local status tries
  for ((tries = 0; tries < 120; tries++)); do
    status=0
    find_engine || status=$?
    [ "$status" = 3 ] || return 0
    sleep 0.5
  done
  [ ! -e "$1" ] || tail -n 15 "$1" >&2
  no_engine "Docker was started but does not answer after a minute"
}

# Docker's socket belongs to group docker. Who has sudo without a password is root's equal already.
join_docker_group() {
  local user
  user=$(id -un)
  if [ -n "${JGC_JOINED:-}" ] || ! getent group docker >/dev/null; then
    no_engine "$(cat "$LOGS/engine.log")"
  fi
  if getent group docker | grep -qw "$user"; then
    say "You joined group docker after you logged in: going on as its member"
  elif can_be_root; then
    say "Adding $user to group docker (sudo usermod -aG docker $user), and going on as its member"
    as_root usermod -aG docker "$user"
  else
    no_engine "$(cat "$LOGS/engine.log"). Type: sudo usermod -aG docker $user, then log in again"
  fi
  export JGC_JOINED=yes
  # the inner sg makes the user's own group the first one again: files are to belong to it
  exec sg docker -c "exec sg $(id -gn) -c $(printf %q "$(same_command)")"
}

# What was typed, as text for a shell.
same_command() { printf 'cd %q && exec %s' "$CALLER" "$(printf '%q ' "$SELF" "${ARGUMENTS[@]}")"; }

# --- for tests -------------------------------------------------------------------------------------

# need_chromium [without-windows]: a Chromium to drive. Debian's without windows, for tests, takes a
# third less of the processor than the one with them, which is measured and photographed.
need_chromium() {
  local name names=(chromium google-chrome) headless=chromium-headless-shell
  if [ "${1:-}" = without-windows ]; then
    names=("$headless" "${names[@]}")
    if [ -z "${CHROMIUM:-}" ] && is_debian_with_headless_shell && can_be_root; then
      need_packages "browser tests" "$headless"
    fi
  fi
  for name in ${CHROMIUM:+"$CHROMIUM"} "${names[@]}"; do
    if command -v "$name" >/dev/null; then
      CHROMIUM=$(command -v "$name")
      export CHROMIUM
      return
    fi
  done
  if grep -q '^ID=ubuntu' /etc/os-release; then
    # Ubuntu's package only points to a snap, which cannot be driven everywhere
    say "Installing Playwright's Chromium, for browser tests"
    logged chromium "$VENV/bin/playwright" install --with-deps chromium
    CHROMIUM=$("$VENV/bin/python" -c 'from playwright.sync_api import sync_playwright as s
with s() as p: print(p.chromium.executable_path)')
  else
    need_packages "browser tests" chromium
    CHROMIUM=$(command -v chromium)
  fi
  export CHROMIUM
}

is_debian_with_headless_shell() {
  (
    # shellcheck source=/dev/null
    . /etc/os-release
    [ "$ID" = debian ] && [ "${VERSION_ID:-99}" -ge 12 ]
  )
}
