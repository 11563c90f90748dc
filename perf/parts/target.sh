# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# Who is measured, for how long, and where the results go. Sourced after say.sh by all scripts that look at a process.
# `target "$@"` sets pid or command, seconds, out, options[] (what is not known here: the script's own), and makes the folder.

readonly seconds_max=3600

target_help() {
  cat <<'TEXT'
  --pid PID        a running process, all its threads
  -- COMMAND ..    or a command, from its start to its end
  --seconds N      how long to look at a process; default 10, at most 3600
  --out FOLDER     where the results go; default: a new folder here
TEXT
}

# The script's own options; each takes a value.
own_options=()

target() {
  pid='' seconds='' out='' command=() options=()
  while [ $# -gt 0 ]; do
    case "$1" in
      --help | -h) usage; exit 0 ;;
      --) shift; command=("$@"); break ;;
      --pid | --seconds | --out)
        [ $# -gt 1 ] || refuse TR-3040 "$1 lacks its value; see $self --help"
        printf -v "${1#--}" '%s' "$2"
        shift 2 ;;
      *)
        local own known=''
        for own in "${own_options[@]}"; do [ "$own" != "$1" ] || known=1; done
        [ -n "$known" ] || refuse TR-3040 "no such option: $1; see $self --help"
        [ $# -gt 1 ] || refuse TR-3040 "$1 lacks its value; see $self --help"
        options+=("$1" "$2")
        shift 2 ;;
    esac
  done
  check_target
}

check_target() {
  if [ -n "$pid" ] && [ ${#command[@]} -gt 0 ]; then
    refuse TR-3040 "both --pid and a command: give one of them"
  elif [ -z "$pid" ] && [ ${#command[@]} -eq 0 ]; then
    refuse TR-3040 "nothing to look at: give --pid PID, or -- and a command; see $self --help"
  elif [ -n "$pid" ]; then
    is_count "$pid" 999999999 || refuse TR-3040 "--pid $pid: give the number of a process"
    [ -d "/proc/$pid" ] || refuse TR-3041 "no process $pid; find it by pgrep -n NAME"
    local owner
    owner=$(stat -c %u "/proc/$pid" 2>/dev/null || echo "$EUID")
    [ "$EUID" = 0 ] || [ "$EUID" = "$owner" ] || cannot TR-3043 "process $pid belongs to user id $owner, and you are $EUID: be that user, or root"
    : "${seconds:=10}"
    is_count "$seconds" "$seconds_max" || refuse TR-3040 "--seconds $seconds: give whole seconds from 1 to $seconds_max"
  else
    [ -z "$seconds" ] || refuse TR-3040 "--seconds goes with --pid; a command is measured to its end"
    command -v -- "${command[0]}" >/dev/null || refuse TR-3041 "no such command: ${command[0]}"
  fi
}

# The folder of the results: new, so that nothing is overwritten and no two runs are mixed.
make_out() {
  if [ -z "$out" ]; then
    out=tagring-$self-$(date +%Y%m%d-%H%M%S)
    out=${out//\//-}
  fi
  [ ! -e "$out" ] || refuse TR-3047 "$out exists already: choose another with --out"
  mkdir -p -- "$out" 2>/dev/null || refuse TR-3047 "$out cannot be made: choose another with --out"
}

# Takes the folder away again where nothing was recorded.
drop_out() {
  rm -f -- "$out"/perf.data "$out"/perf.log
  rmdir -- "$out" 2>/dev/null || true
}

# What perf is to run: the command, or a pause as long as was asked for.
measured() {
  if [ -n "$pid" ]; then
    printf '%s\0' --pid "$pid" -- sleep "$seconds"
  else
    printf '%s\0' -- "${command[@]}"
  fi
}

# record OPTION..: `perf record` with those options over the target. What perf says goes to perf.log; the command's own output is left alone.
record() {
  local words=() status=0
  mapfile -d '' -t words < <(measured)
  perf record --quiet --output "$out/perf.data" "$@" "${words[@]}" 2>"$out/perf.log" || status=$?
  # perf.log has the command's standard error too.
  if [ ! -s "$out/perf.data" ]; then
    local said
    said=$(head -n 3 "$out/perf.log" | tr '\n' ' ')
    drop_out
    cannot TR-3043 "perf could not record: $said$(permissions)"
  fi
  command_status=0
  [ -n "$pid" ] || command_status=$status
}

# What the kernel would have to be told. Only said, never done.
permissions() {
  local paranoid
  paranoid=$(cat /proc/sys/kernel/perf_event_paranoid 2>/dev/null || echo unknown)
  printf '(kernel.perf_event_paranoid is %s, user id %s: ' "$paranoid" "$(id -u)"
  printf 'at most 2 is needed to look at your own processes, 1 to look into the kernel, -1 or CAP_PERFMON for everything; '
  printf 'sudo sysctl kernel.perf_event_paranoid=1)'
}

# One line of what is missing, for those who are not root; nothing where all is there.
tell_limits() {
  [ "$(id -u)" != 0 ] || return 0
  local paranoid
  paranoid=$(cat /proc/sys/kernel/perf_event_paranoid 2>/dev/null || echo 4)
  if [ "$paranoid" -gt 1 ]; then
    note "$self: without the kernel's side: kernel.perf_event_paranoid is $paranoid, needed 1 (or CAP_PERFMON, or root)"
  elif [ "$(cat /proc/sys/kernel/kptr_restrict 2>/dev/null || echo 1)" != 0 ]; then
    note "$self: kernel functions without names: kernel.kptr_restrict is not 0"
  fi
}

# What was measured, for whoever opens the folder later.
write_about() {
  {
    if [ -n "$pid" ]; then
      printf 'process   %s (%s), %s s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null || echo ended)" "$seconds"
    else
      printf 'command   %s\n' "${command[*]}"
    fi
    printf 'script    %s %s\n' "$self" "${options[*]}"
    printf 'kernel    %s, %s cores\n' "$(uname -r)" "$(nproc)"
    printf 'date      %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  } >"$out/about.txt"
}
