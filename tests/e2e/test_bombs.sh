#!/usr/bin/env bash
# Decompression bombs: small files that claim or unpack to something huge are refused in one line, with at most 64 MB more
# than a tiny good file needs, and left out as data.on_bad_image says; large images that are what they say are taken.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

python=${PYTHON:-/usr/bin/python3}
"$python" -c '' 2>/dev/null || skip "Python is not there (make deps-tests)"
export OMPI_MCA_ess_singleton_isolated=1
"$python" "$repository/tests/data/make_bombs.py" bombs
cd bombs

# measured ARGUMENT ...: tec, whose peak of memory in KB is in .peak afterwards.
measured() {
    timeout -k 10 "$limit" "$python" -c '
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
open(".peak", "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)' "$program" "$@"
}

# expect_small CODE PATTERN ARGUMENT ...
expect_small() {
    local more
    expect_exit "$1" "$2" measured "${@:3}"
    more=$((($(<.peak) - few) >> 10))
    sanitized || ((more <= 64)) || fail "tec ${*:3}: $more MB more than for a tiny image"
}

few=0
expect_exit 0 ' 0 bad' measured check good data.image_size=16
few=$(<.peak)

say "images, as bytes and as values"
count=$(find images -type f | wc -l)
for how in data.channels=3 'data.channels=1 data.range=type' 'data.channels=5 data.range=type'; do
    # shellcheck disable=SC2086 # several words
    expect_small 1 "$count of $count images cannot be read" check images data.image_size=16 $how
    ! grep -E 'no memory' "$out" "$err" || fail "a bomb was not refused, but memory for it refused"
done

say "arrays, archives and files with holes"
expect_small 2 'it needs 507000000000128 bytes, but the file has 192' check arrays/huge.npy
expect_small 2 'with more than 178956970 pixels an image' check arrays/wide.npy
expect_small 2 'is compressed, and 10240 MB unpacked, more than the 2048 MB' check arrays/zeros.npz
expect_small 2 'with more than 178956970 pixels an image' check arrays/one.npz
expect_small 2 'more.npz:images: damaged after 384 of 384 bytes' check arrays/more.npz
expect_small 2 'is compressed, and 10240 MB unpacked, more than the 2048 MB' check idx/zeros-images-idx3-ubyte.gz
expect_small 2 'truncated: its header promises 60000 items' check idx/short-images-idx3-ubyte.gz
expect_small 2 'holds more than the 1 items that its header promises' check idx/more-images-idx3-ubyte.gz
for file in tars/*.tar; do
    expect_small 2 'is truncated|is stored with holes' check "$file"
    expect_small 2 'is truncated|is stored with holes' inspect "$file"
done
expect_small 1 '1 of 1 images cannot be read' check holes/tar/hole.tar
expect_small 1 '2 of 2 images cannot be read' check holes/folder
expect_small 2 'shard-00000.index is damaged at byte 0' check holes/pack
if [[ -e arrays/one.h5 ]]; then
    expect_small 2 'with more than 178956970 pixels an image' check arrays/one.h5
    expect_small 2 'its chunks hold 1024 images each, 1024 MB unpacked, but a rank keeps at most 256 MB' check arrays/many.h5
    expect_small 2 'inflates.h5:/images: a chunk from row 0 on unpacks to more than the 256 bytes' check arrays/inflates.h5
    expect_small 2 'inflates_more.h5:/images: a chunk from row 0 on unpacks to more' check arrays/inflates_more.h5
    expect_small 2 'compressed by gzip twice' check arrays/twice.h5
    expect_small 2 'it, unpacked, needs 10000000000000 bytes, but the file has 0' check arrays/nothing.h5
else
    echo "SKIPPED: HDF5, without h5py (make deps-tests)"
fi

say "a run names the bomb, or leaves it out"
make_settings tiny.yaml
make_folder photos 20
cp images/arithmetic.jpg photos/left/bomb.jpg
mae=(pretrain -c tiny.yaml data.train=photos data.val= pretrain.objective=mae pretrain.epochs=1 pretrain.batch=20 run.dir=run)
expect_small 2 'bomb.jpg: the header says 13000 x 13000 pixels, but the file is too short' "${mae[@]}"
expect_small 0 '1 image' "${mae[@]}" data.on_bad_image=skip

say "a large image that is what it says is taken"
mkdir large
"$python" - "$repository/tests/data" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
import make_bombs as m
open("large/1.png", "wb").write(m.png(13000, m.zeros(13000 * 1626), 0, 1))
PYTHON
expect_exit 0 '1 image, 0 bad' tec check large data.image_size=16 data.channels=1
