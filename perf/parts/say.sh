# shellcheck shell=bash
# shellcheck disable=SC2154
# How the scripts speak: every refusal has what, why, remedy and a code of docs/errors.md. Sourced by all of them, which set `self`.
# Exit codes: 0 done, 1 the measured command failed (or --strict found something), 2 asked for wrongly, 3 this machine cannot do it.

perf_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

note() {
  printf '%s\n' "$*" >&2
}

# refuse CODE TEXT: asked for wrongly.
refuse() {
  note "$self: $2 [$1]"
  exit 2
}

# cannot CODE TEXT: not on this machine, or not by this user.
cannot() {
  note "$self: $2 [$1]"
  exit 3
}

# need TOOL HOW: a program that must be there.
need() {
  command -v "$1" >/dev/null || cannot TR-3042 "$1 is missing: $2"
}

need_perf() {
  need perf "install perf (Debian: apt-get install linux-perf; Ubuntu: linux-tools-\$(uname -r); Fedora: dnf install perf)"
}

# What draws and counts: built by cargo on first use, into the workspace's own target folder. A test gives one that is built already.
flame() {
  local program=${TAGRING_FLAME:-}
  if [ -z "$program" ]; then
    need cargo "install Rust from rustup.rs"
    cargo build --quiet --release --locked --manifest-path "$perf_root/flame/Cargo.toml" --target-dir "$perf_root/../target" >&2
    program=$perf_root/../target/release/tagring-flame
  fi
  "$program" "$@"
}

# Whether a word is a whole number from 1 to a limit.
is_count() {
  [[ $1 =~ ^[1-9][0-9]{0,8}$ ]] && [ "$1" -le "$2" ]
}
