# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# What /proc/PID/task/TID/schedstat tells of every thread, ten times a second: ns run, ns ready to run and not let, times it was put on a
# core. Works for one's own processes on every kernel. Sourced by perf/offcpu and perf/sched-latency, after target.sh.

# Starts the command where there is one, and writes a line for each thread and look: `look tid run_ns wait_ns times waited preempted name`.
sample_schedstat() {
  local process=$pid looks=0 until=''
  command_status=0
  if [ -z "$pid" ]; then
    "${command[@]}" &
    process=$!
    # Nobody is left behind when the script is interrupted.
    trap 'kill "$process" 2>/dev/null || true' EXIT
  else
    until=$((seconds * 10))
  fi
  : >"$out/schedstat.txt"
  while [ -d "/proc/$process/task" ]; do
    look_at "$process" "$looks" >>"$out/schedstat.txt"
    [ "$(process_state "$process")" != Z ] || break
    [ -z "$until" ] || [ "$looks" -lt "$until" ] || break
    looks=$((looks + 1))
    sleep 0.1
  done
  if [ -z "$pid" ]; then
    wait "$process" || command_status=$?
    trap - EXIT
  fi
  [ -s "$out/schedstat.txt" ] || cannot TR-3043 "/proc/$process/task/*/schedstat cannot be read: the kernel lacks CONFIG_SCHED_INFO, or the process is another user's"
}

process_state() {
  awk '/^State:/ { print $2; exit }' "/proc/$1/status" 2>/dev/null || true
}

look_at() {
  local task
  for task in "/proc/$1/task"/*; do
    # A thread may end between any two of these.
    awk -v look="$2" -v tid="${task##*/}" '
      FILENAME ~ /schedstat$/ { run = $1; wait = $2; times = $3; good = 1 }
      /^voluntary_ctxt_switches/ { waited = $2 }
      /^nonvoluntary_ctxt_switches/ { preempted = $2 }
      FILENAME ~ /comm$/ { name = $0 }
      END { if (good && name != "") print look, tid, run, wait, times, waited, preempted, name }
    ' "$task/schedstat" "$task/status" "$task/comm" 2>/dev/null || true
  done
}

# By thread: how much of the time it ran, was kept waiting for a core, and the worst tenth of a second.
schedstat_table() {
  awk '
    function name_of(  i, text) { text = $8; for (i = 9; i <= NF; i++) text = text " " $i; return text }
    !($2 in first) { first[$2] = 1; run0[$2] = $3; wait0[$2] = $4; times0[$2] = $5; out0[$2] = $6; pre0[$2] = $7; look0[$2] = $1; order[++n] = $2; last[$2] = $4 }
    { if ($4 - last[$2] > worst[$2]) { worst[$2] = $4 - last[$2]; at[$2] = $1 }
      last[$2] = $4; run[$2] = $3; wait[$2] = $4; times[$2] = $5; out[$2] = $6; pre[$2] = $7; look[$2] = $1; name[$2] = name_of() }
    END {
      printf "%-16s %9s %9s %12s %14s %9s %12s %16s\n", "thread", "preempted", "waited", "ran ms", "kept from it us", "times", "mean us", "worst 100 ms, us"
      for (i = 1; i <= n; i++) {
        t = order[i]; times_in = times[t] - times0[t]; kept = (wait[t] - wait0[t]) / 1000
        printf "%-16s %9d %9d %12.1f %15.1f %9d %12.1f %9.1f at %.1f s\n", name[t], pre[t] - pre0[t], out[t] - out0[t], (run[t] - run0[t]) / 1e6, kept, times_in, times_in ? kept / times_in : 0, worst[t] / 1000, at[t] / 10
      }
    }' "$out/schedstat.txt"
  echo "From /proc: preempted: put aside for another; waited: by itself; kept from it: ready to run, on no core."
}
