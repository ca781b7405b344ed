#!/usr/bin/env bash
# Ranks that cannot reach each other, from MPI_Init on: the watchdog ends them, and says where they were and what helps.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 310 1
make_settings tiny.yaml
echo 'run: {watchdog_minutes: 0.05}' >>tiny.yaml
train=(pretrain -c tiny.yaml pretrain.objective=mae pretrain.epochs=1)
ended='all ranks are ended \(run.watchdog_minutes\)$'

say "a rank never comes to MPI_Init"
cat >late <<'SH'
#!/bin/sh
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || exec sleep 100
exec "$@"
SH
chmod +x late
code=0
timeout -k 10 "$limit" mpirun -n 2 ./late "$program" "${train[@]}" run.dir=late-run >"$out" 2>"$err" </dev/null || code=$?
((code == 3)) || fail "exit code $code instead of 3"
grep -Eq "^tec: error: on host $(hostname): no progress for .* while starting MPI, .* in MPI_Init_thread: .*$ended" "$err" ||
    fail "no line about MPI_Init"

if ((EUID != 0)) || ! unshare --uts true || ! ip netns add "tec-$$-probe" 2>/dev/null; then
    echo "SKIPPED: network: network namespaces need root, and ip (iproute2)"
    exit
fi
ip netns delete "tec-$$-probe"
spaces=("tec-$$-0" "tec-$$-1")
net=10.213.78

remove_spaces() {
    local space pids
    for space in "${spaces[@]}"; do
        pids=$(ip netns pids "$space" 2>/dev/null) || continue
        # shellcheck disable=SC2086
        [[ -z $pids ]] || kill -KILL $pids 2>/dev/null || true
        ip netns delete "$space"
    done
}
trap 'remove_spaces; clean_up' EXIT

# Two hosts, joined by a pair of interfaces. Each also has one of its own, as Docker makes it, with the same address.
for space in "${spaces[@]}"; do
    ip netns add "$space"
done
ip link add tec0 netns "${spaces[0]}" type veth peer name tec1 netns "${spaces[1]}"
for i in 0 1; do
    ip -n "${spaces[i]}" address add "$net.$((i + 1))/24" dev "tec$i"
    ip -n "${spaces[i]}" link set "tec$i" up
    ip -n "${spaces[i]}" link set lo up
    ip -n "${spaces[i]}" link add docker0 type veth peer name behind
    ip -n "${spaces[i]}" address add 172.17.0.1/16 dev docker0
    ip -n "${spaces[i]}" link set docker0 up
    ip -n "${spaces[i]}" link set behind up
done
cat >inside <<'SH'
#!/bin/sh
space=$1
shift
exec ip netns exec "$space" unshare --uts sh -c 'hostname "$0" && exec "$@"' "$space" "$@"
SH
# In the place of ssh: AGENT HOST COMMAND ...
cat >agent <<SH
#!/bin/sh
shift
exec "$here/inside" "${spaces[1]}" sh -c "\$*"
SH
chmod +x inside agent

# on_both_hosts OPTION OF MPIRUN ... -- ARGUMENT ...
on_both_hosts() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    timeout -k 10 "$limit" ./inside "${spaces[0]}" mpirun --host "$net.1,$net.2" --mca plm_rsh_agent "$here/agent" \
        --mca oob_tcp_if_include "$net.0/24" --wdir "$here" "${options[@]}" "$program" "$@"
}

say "two hosts with an interface of the same address"
code=0
on_both_hosts -- "${train[@]}" run.dir=hosts >"$out" 2>"$err" </dev/null || code=$?
((code == 3)) || fail "exit code $code instead of 3"
for i in 0 1; do
    where="rank $i: on host ${spaces[i]}: no progress for .* while connecting to the other ranks"
    call='waiting for the other ranks in MPI_Allgather of host names, the first collective'
    grep -Eq "^tec: error: $where, $call: .* --mca btl_tcp_if_include .*$ended" "$err" || fail "no line of host $i"
done
grep -Eq "does not join the hosts ${spaces[0]},${net%%.*}.${net#*.}.2, such" "$err" || fail "no line names both hosts"

say "the remedy helps"
run on_both_hosts --mca btl_tcp_if_include "$net.0/24" -- "${train[@]}" run.dir=hosts
[[ -f hosts/DONE ]] || fail "the run did not come to its end"
for space in "${spaces[@]}"; do
    grep -q "\"$space\"" hosts/environment.json || fail "environment.json does not name $space"
done

say "the network fails in the middle of a run"
on_both_hosts --mca btl_tcp_if_include "$net.0/24" -- "${train[@]}" run.dir=cut pretrain.epochs=100000 \
    >"$out" 2>"$err" </dev/null &
job=$!
wait_for "step 20" has_lines cut/log.jsonl 20
ip -n "${spaces[0]}" link set tec0 down
wait_for "the watchdog" grep -Eq "while computing, waiting for the other ranks in MPI_Allreduce.*: .* the hosts ${spaces[0]}, ${spaces[1]}, .* --mca btl_tcp_if_include .*$ended" "$err"
ip -n "${spaces[0]}" link set tec0 up # mpirun, too, ends the other host's rank by way of it
code=0
wait "$job" || code=$?
job=
((code == 3)) || fail "exit code $code instead of 3"
