#!/usr/bin/env bash
# The chain as scripts for PBS and LSF, as docs/cluster.md prints them: two jobs that run out of time, one that finishes.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 64 1
make_idx val 16 2
make_settings tiny.yaml
run tec pretrain -c tiny.yaml pretrain.objective=mae pretrain.epochs=1 run.dir=base

# Stand-ins in the path: two ranks for 32, and schedulers that note what they are sent.
mpirun=$(command -v mpirun)
mkdir bin
ln -s "$program" bin/tec
cat >bin/mpirun <<'SH'
#!/bin/bash
[[ $1 == -n && $2 == 32 && $3 == --map-by && $5 == tec ]] || { echo "mpirun $*: not as expected" >&2; exit 1; }
shift 5
echo "$1" >>"$HERE/commands"
[[ $1 == targets || ! -f $HERE/stop ]] || set -- "$@" "$1.stop_after_steps=2"
set -- "${@/run.threads=4/run.threads=1}"
exec "$MPIRUN" -n 2 tec "$@"
SH
cat >bin/qsub <<'SH'
#!/bin/bash
echo "$* $(head -n 2 | tail -n 1)" >>"$HERE/sent"
SH
cp bin/qsub bin/bsub
chmod +x bin/mpirun bin/qsub bin/bsub

# chain KIND: cuts the script of `chain.KIND` out of the page, and runs it as that scheduler would.
chain() {
    PATH=$here/$1/bin:$PATH HERE=$here/$1 MPIRUN=$mpirun PBS_O_WORKDIR=$here/$1 LS_SUBCWD=$here/$1 \
        bash "$here/$1/chain.$1" >output 2>&1
}

for kind in pbs lsf; do
    say "$kind: out of time, then done"
    mkdir $kind
    cp -r bin $kind/bin
    awk -v name="chain.$kind" '/^For / { found = index($0, name) } /^#!/ { on = found } !/^[#a-zA-Z(}\[ ]/ { on = 0 } on' \
        "$repository/docs/cluster.md" >$kind/chain.$kind
    { cat tiny.yaml; printf "base: {model: %s}\nfinetune: {batch: 32, epochs: 1, warmup_epochs: 0}\n" "$here/base/checkpoint.h5"; } >$kind/birds.yaml
    touch $kind/stop $kind/sent
    [[ -s $kind/chain.$kind ]] || fail "the page has no chain.$kind"
    chain $kind || fail "the first job fails: $(grep error output)"
    [[ -f $kind/runs/targets/manifest.json && ! -f $kind/runs/new/DONE ]] || fail "the first job does not stop in training"
    (($(wc -l <$kind/sent) == 1)) || fail "the first job is not sent again"
    rm $kind/stop
    chain $kind || fail "the second job fails: $(grep error output)"
    [[ -f $kind/runs/new/DONE && -f $kind/runs/tuned/DONE ]] || fail "the second job does not finish the chain"
    (($(wc -l <$kind/sent) == 1)) || fail "a chain that is done is sent again"
    [[ $(paste -sd ' ' $kind/commands) == 'targets pretrain pretrain finetune' ]] || fail "commands: $(paste -sd ' ' $kind/commands)"
    rm -r $kind/runs/tuned
    echo 'pretrain: {batch: 0}' >$kind/birds.yaml
    chain $kind && fail "a mistake in the settings does not end the chain"
    (($(wc -l <$kind/sent) == 1)) || fail "a chain with a mistake is sent again"
done
