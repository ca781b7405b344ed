# shellcheck shell=bash
# What the end-to-end tests share. A test sources this file first; it then works in an empty directory of its own, which
# is removed at the end, and stops at the first thing that is not as it should be.
#
#   BUILD   where the program was built (build)
set -eEuo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=$(realpath -m "${BUILD:-$repository/build}")/tec
# shellcheck source=tests/e2e/environment.sh
source "$repository/tests/e2e/environment.sh"
export LC_ALL=C

limit=120 # seconds after which a command is taken to hang
here=$(mktemp -d "${TMPDIR:-/tmp}/tec-e2e-XXXXXX")
out=$here/.out err=$here/.err # what the last command printed
job=                          # process of start_ranks
cd "$here"

clean_up() {
    if [[ -n $job ]] && kill "$job" 2>/dev/null; then
        wait "$job" || true
    fi
    cd / && rm -rf "$here"
}
trap clean_up EXIT
trap 'echo "FAILED: line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND" >&2' ERR

# fail MESSAGE: ends the test, with what the last command printed.
fail() {
    trap - ERR
    echo "FAILED: $*" >&2
    for file in "$out" "$err"; do
        [[ ! -s $file ]] || sed "s/^/  ${file##*/.}: /" "$file" | tail -n 40 >&2
    done
    exit 1
}

skip() {
    echo "SKIPPED: $*"
    exit 77
}

say() {
    echo "-- $*"
}

[[ -x $program ]] || fail "there is no program $program: run make first"

# Is it built with SAN=address? Then it takes more memory, and time.
sanitized() {
    grep -qs __asan_init "$program"
}
! sanitized || limit=600

# ---- running the program ----

# tec ARGUMENT ...: one process.
tec() {
    timeout -k 10 "$limit" "$program" "$@"
}

# ranks N ARGUMENT ...: N processes.
ranks() {
    local n=$1
    shift
    timeout -k 10 "$limit" mpirun -n "$n" "$program" "$@"
}

# expect_exit CODE PATTERN COMMAND ...: the exit code; with a code other than 0 one line of error, which matches the
# extended regular expression, otherwise none, and something printed matches.
expect_exit() {
    local expected=$1 pattern=$2 code=0 errors
    shift 2
    "$@" >"$out" 2>"$err" </dev/null || code=$?
    ((code != 124)) || fail "$*: no end after $limit seconds"
    ((code == expected)) || fail "$*: exit code $code instead of $expected"
    errors=$(grep -c '^tec: error: ' "$err" || true)
    if ((expected == 0)); then
        ((errors == 0)) || fail "$*: an error is printed, but the exit code is 0"
        [[ -z $pattern ]] || grep -Eqe "$pattern" "$out" "$err" || fail "$*: nothing printed matches '$pattern'"
    else
        ((errors == 1)) || fail "$*: $errors lines of error instead of 1"
        grep -Eqe "^tec: error: .*($pattern)" "$err" || fail "$*: the error does not match '$pattern'"
    fi
}

run() {
    expect_exit 0 '' "$@"
}

# expect_progress PATTERN: the last command has said how far it is, how fast, and when it will be done. With PATTERN an
# extended regular expression.
expect_progress() {
    grep -Eq "^tec: $1, .*[0-9] [a-z]+/s, .* left$" "$err" || fail "no line of progress matches '$1'"
}

# in_folder DIR COMMAND ...: there, which is made if need be.
in_folder() (
    mkdir -p "$1"
    cd "$1" || exit
    shift
    "$@"
)

# start_ranks N ARGUMENT ...: in the background, as the process $job; pid.R holds the process of rank R and that of
# mpirun.
start_ranks() {
    local n=$1
    shift
    rm -f pid.*
    # shellcheck disable=SC2016 # for the inner shell
    timeout -k 10 "$limit" mpirun -n "$n" bash -c 'echo $$ $PPID >"pid.$OMPI_COMM_WORLD_RANK"; exec "$0" "$@"' \
        "$program" "$@" >"$out" 2>"$err" </dev/null &
    job=$!
}

# signal_rank SIGNAL R, signal_mpirun SIGNAL
signal_rank() {
    local process
    read -r process _ <"pid.$2"
    kill "-$1" "$process"
}

signal_mpirun() {
    local process
    read -r _ process <pid.0
    kill "-$1" "$process"
}

# end_of_job: waits; the exit code is in $code. mpirun does not wait for a rank that it killed while it wrote to the disk.
end_of_job() {
    local file process end=$((SECONDS + limit))
    code=0
    wait "$job" || code=$?
    job=
    ((code != 124)) || fail "the ranks did not end within $limit seconds"
    for file in pid.*; do
        [[ -f $file ]] || continue
        read -r process _ <"$file"
        while kill -0 "$process" 2>/dev/null && ((SECONDS < end)); do sleep 0.02; done
    done
}

# wait_for WHAT COMMAND ...: until the command succeeds, which it has to while the ranks run.
wait_for() {
    local what=$1 end=$((SECONDS + limit))
    shift
    until "$@"; do
        ((SECONDS < end)) || fail "waited $limit seconds for $what"
        kill -0 "$job" 2>/dev/null || "$@" || fail "the ranks ended before $what"
        sleep 0.02
    done
}

# A list is kept, and used again, only of files that are older than two seconds, their fractions not counted.
let_files_age() {
    sleep 3.1
}

has_lines() {
    [[ -f $1 ]] && (($(wc -l <"$1") >= $2))
}

has_file() {
    compgen -G "$1" >/dev/null
}

# ---- looking at results ----

expect_file() {
    [[ -s $1 ]] || fail "$1 is not there, or empty"
}

expect_no_temporaries() {
    local left
    left=$(find "$1" -name '*.tmp')
    [[ -z $left ]] || fail "left behind: $left"
}

# number KEY: that JSON gives it on standard input, of the first line that has it.
number() {
    sed -n "s/.*\"$1\": *\\([-+.0-9eE]*\\).*/\\1/p" | head -n 1
}

# holds EXPRESSION: of awk.
holds() {
    awk "BEGIN { exit !($1) }"
}

expect_loss_falls() {
    local key=$2 first last
    first=$(grep -m 1 '"kind":"epoch"' "$1" | number "$key")
    last=$(grep '"kind":"epoch"' "$1" | tail -n 1 | number "$key")
    holds "$last < $first" || fail "$1: $key does not fall: $first in the first epoch, $last in the last"
    say "$key: $first -> $last"
}

# What of a log has to be the same in every run of the same training: all but times, speeds, and settings such as those
# that stop a run.
lasting() {
    sed -e '/"kind":"settings"/d' -e 's/,"images_per_second".*//' "$1"
}

expect_same_log() {
    [[ -s $1 ]] || fail "$1 is empty"
    diff <(lasting "$1") <(lasting "$2") >"$out" || fail "$1 and $2 differ"
}

# All but the 8 bytes of the attribute `seconds` of /run.
expect_same_checkpoint() {
    local at different
    at=$(grep -obaP 'seconds\x00' "$1" | head -n 1 | cut -d: -f1)
    [[ -n $at ]] || fail "$1 has no attribute seconds"
    [[ $(stat -c %s "$1") == "$(stat -c %s "$2")" ]] || fail "$1 and $2 have different sizes"
    different=$(cmp -l "$1" "$2" | awk -v at="$at" '$1 <= at || $1 > at + 64' | wc -l || true)
    ((different == 0)) || fail "$1 and $2 differ in $different bytes"
}

# largest_difference KEY LOG LOG: of its values, relative, the largest over the log's lines.
largest_difference() {
    paste <(sed -n "s/.*\"$1\":\\([^,]*\\).*/\\1/p" "$2") <(sed -n "s/.*\"$1\":\\([^,]*\\).*/\\1/p" "$3") |
        awk 'NF != 2 { print "inf"; bad = 1; exit }
             { d = ($1 - $2) / $1; d = d < 0 ? -d : d; most = d > most ? d : most }
             END { if (!bad) print NR ? most + 0 : "inf" }'
}

# score MODEL SETTING ...: the line that knn of tiny.yaml prints, but for the seconds.
score() {
    local model=$1
    shift
    run tec knn -c tiny.yaml run.dir=eval knn.k=5 eval.model="$model" "$@"
    sed 's/, [0-9.]* s)//' "$out"
}

# ---- damaging files ----

# patch FILE OFFSET BYTE ...: overwrites bytes, given in octal.
patch() {
    local file=$1 offset=$2
    shift 2
    printf '%b' "$(printf '\\0%s' "$@")" | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
}

# ones_in FILE: the offset of eight float32 1.0 on end, which in a model file are the cosines of the first position.
ones_in() {
    local found
    found=$(grep -obaP '(\x00\x00\x80\x3f){8}' "$1" | head -n 1 | cut -d: -f1)
    [[ -n $found ]] || fail "$1: its position embedding cannot be found"
    echo "$found"
}

# damage_tensor FILE: a few bits of a number.
damage_tensor() {
    patch "$1" "$(ones_in "$1")" 1
}

# ---- making inputs ----

# make_idx FOLDER COUNT SEED: 28 x 28 grey images of four classes (stripes of four directions, with noise) and their
# labels.
make_idx() {
    mkdir -p "$1"
    awk -v n="$2" -v seed="$3" '
        function draw() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
        function word(w) { printf "%c%c%c%c", 0, 0, int(w / 256), w % 256 }
        BEGIN {
            seed += 1000
            word(2051); word(n); word(28); word(28)
            for (i = 0; i < n; i++) {
                angle = (i % 4) * 0.785398; phase = 6.2832 * draw(); pitch = 0.7 + 0.3 * draw()
                for (y = 0; y < 28; y++)
                    for (x = 0; x < 28; x++) {
                        wave = sin(pitch * (x * cos(angle) + y * sin(angle)) + phase)
                        printf "%c", int(128 + 90 * wave + 30 * draw())
                    }
            }
        }' >"$1/images-idx3-ubyte"
    awk -v n="$2" '
        BEGIN {
            printf "%c%c%c%c%c%c%c%c", 0, 0, 8, 1, 0, 0, int(n / 256), n % 256
            for (i = 0; i < n; i++)
                printf "%c", i % 4
        }' >"$1/labels-idx1-ubyte"
}

# make_folder FOLDER COUNT: two class folders of COUNT images each, JPEG in one and PNG, colour and grey, in the other.
make_folder() {
    local i png=(grey.png rgb.png)
    mkdir -p "$1/left" "$1/right"
    for ((i = 0; i < $2; i++)); do
        cp "$repository/tests/data/images/progressive.jpg" "$1/left/$i.jpg"
        cp "$repository/tests/data/images/${png[i % 2]}" "$1/right/$i.png"
    done
}

# make_settings FILE: a model that trains in no time, on the images that make_idx puts into train/ and val/.
make_settings() {
    cat >"$1" <<YAML
data: {train: $here/train/images-idx3-ubyte, val: $here/val/images-idx3-ubyte,
       channels: 1, image_size: 28, mean: 0.5, std: 0.5}
model: {preset: none, patch: 7, width: 32, depth: 3, heads: 2, decoder_width: 16, decoder_depth: 1, decoder_heads: 2}
targets: {topk: 3, batch: 16}
pretrain: {batch: 31, epochs: 3, warmup_epochs: 1, lr: 2.0e-3, log_steps: 1, progress_seconds: 60}
probe: {epochs: 20, batch: 128, blr: 20, warmup_epochs: 2}
YAML
}
