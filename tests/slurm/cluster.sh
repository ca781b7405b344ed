# shellcheck shell=bash
# A Slurm cluster of virtual nodes on this machine, in a directory of its own, on the loopback interface: munged,
# slurmctld and a slurmd for each node, none of them the system's.
#
#   start_cluster DIR NODES CPUS    nodes n1, n2, ... of so many CPUs each, whatever the machine has; sets and exports
#                                   SLURM_CONF
#   stop_cluster                    ends every process that belongs to it

daemons=()

# free_port: one that nobody listens on.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 10000))
        (: </dev/tcp/127.0.0.1/$port) 2>/dev/null || break
    done
    echo "$port"
}

# What differs from a real cluster: a directory per node where a node would have its own disk and shared memory; a
# requeued job waits 5 s for its old credential to expire and not 120; jobs are looked at once a second.
write_slurm_conf() {
    local dir=$1 nodes=$2 cpus=$3 host i
    host=$(hostname -s)
    cat >"$dir/prolog" <<SH
#!/bin/sh
echo "export OMPI_MCA_btl_vader_backing_directory=$dir/nodes/\$SLURMD_NODENAME"
echo "export TMPDIR=$dir/nodes/\$SLURMD_NODENAME"
SH
    chmod +x "$dir/prolog"
    cat >"$dir/slurm.conf" <<CONF
ClusterName=virtual
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmUser=root
AuthInfo=socket=$dir/munge.socket,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
TmpFS=$dir/nodes/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd-%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
TaskProlog=$dir/prolog
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=100000
ReturnToService=2
KillWait=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=2
CONF
    for ((i = 1; i <= nodes; i++)); do
        mkdir -p "$dir/spool/n$i" "$dir/nodes/n$i"
        echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port) CPUs=$cpus Sockets=1" \
            "CoresPerSocket=$cpus"
    done >>"$dir/slurm.conf"
}

# daemon NAME COMMAND ...
daemon() {
    local name=$1
    shift
    "$@" >"$SLURM_DIR/$name.out" 2>&1 </dev/null &
    daemons+=($!)
}

start_cluster() {
    local nodes=$2 end=$((SECONDS + 30)) i
    SLURM_DIR=$1
    export SLURM_CONF=$SLURM_DIR/slurm.conf
    mkdir -p "$SLURM_DIR/state"
    write_slurm_conf "$SLURM_DIR" "$nodes" "$3"
    (umask 077 && head -c 128 /dev/urandom >"$SLURM_DIR/munge.key")
    daemon munged munged --foreground --force --key-file="$SLURM_DIR/munge.key" --socket="$SLURM_DIR/munge.socket" \
        --pid-file="$SLURM_DIR/munged.pid" --log-file="$SLURM_DIR/munged.log" --seed-file="$SLURM_DIR/munged.seed"
    while [[ ! -S $SLURM_DIR/munge.socket ]] && ((SECONDS < end)); do
        sleep 0.05
    done
    daemon slurmctld slurmctld -D -i
    for ((i = 1; i <= nodes; i++)); do
        daemon "slurmd-n$i" slurmd -D -N "n$i"
    done
    until (($(sinfo -h -t idle -o %D 2>/dev/null || true) + 0 == nodes)); do
        ((SECONDS < end)) || fail "the virtual cluster does not come up: $(tail -n 3 "$SLURM_DIR"/*.out)"
        sleep 0.1
    done
}

# members: the processes of jobs, whose environment names this cluster.
members() {
    grep -lsaxzF "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ | tr -dc '0-9\n' | grep -vx "$$" || true
}

# Jobs first, so that nothing is restarted; what they were asked does not matter any more. Processes that belong to this
# shell are left alone: it is among those who have SLURM_CONF.
stop_cluster() {
    local left
    ((${#daemons[@]} > 0)) || return 0
    timeout 5 scancel --user=root >/dev/null 2>&1 || true
    kill "${daemons[@]}" 2>/dev/null || true
    mapfile -t left < <(members)
    kill -KILL "${left[@]}" 2>/dev/null || true
    wait "${daemons[@]}" 2>/dev/null || true
    daemons=()
}
