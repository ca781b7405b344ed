#!/usr/bin/env bash
# tec check: every image is read, over any number of ranks, with the same result.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

# Many short jobs: one process needs no daemon of Open MPI, and ranks that end by themselves no second to do so.
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0
images=$repository/tests/data/images

says() {
    grep -Eq "$1" "$out" || fail "the output does not say '$1'"
}

say "mean, deviation and sizes: black and white images, grey and as colours"
{
    printf '\0\0\x08\x03\0\0\0\x03\0\0\0\x02\0\0\0\x03' # 3 images, 2 high, 3 wide
    printf '\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0'
} >two-images-idx3-ubyte
run tec check two-images-idx3-ubyte data.channels=1
says '^two-images-idx3-ubyte: 3 images, 0 bad, no labels$'
says '^  sizes     all 3 x 2 pixels; 3 with a side shorter than data.image_size 224$'
says '^  settings  data: \{mean: 0.3333, std: 0.4714\}$'
says '^duplicates: 1 image has the pixels of another one \(groups: 1, of several classes: 0, in several sets: 0\)$'
says '^  same      two-images-idx3-ubyte\[0\] = two-images-idx3-ubyte\[2\]$'
run tec check data.train=two-images-idx3-ubyte
says 'data: \{mean: \[0.3333, 0.3333, 0.3333\], std: \[0.4714, 0.4714, 0.4714\]\}$'
says '3 images'

say "bad images, classes and duplicates, also between sets: exit code 1, the same on any number of ranks"
make_folder photos 5
echo '{' >note.txt
cp photos/left/0.jpg copy.jpg
head -c 700 copy.jpg >photos/left/3.jpg
ln -s nowhere.jpg photos/right/dead.jpg
mkdir -p val/left val/right
cp "$images/progressive.jpg" val/left/a.jpg
cp "$images/rgb444.jpg" val/left/b.jpg
cp "$images/rgba.png" val/right/c.png
for n in 1 2 3; do
    expect_exit 1 '2 of 14 images cannot be read: .*data.on_bad_image=skip' ranks $n check photos val --json check-$n.json
    cp "$out" out-$n
done
grep -q 'left out\|data.on_bad_image' <(grep -v '^tec: error' "$err") && fail "it is said that images are left out"
expect_exit 1 'repair or remove them, or keep data.on_bad_image=skip' tec check photos val data.on_bad_image=skip
expect_exit 1 'cannot be read: .*set data.on_bad_image=skip' tec check photos val
says '^photos: 11 images, 2 bad, 2 classes$'
says '^  bad       photos/left/3.jpg: '
says '^  bad       photos/right/dead.jpg: No such file'
says '^  class     left: 5 images, 1 bad$'
says '^  class     right: 6 images, 1 bad$'
says '^  same      photos/left/0.jpg = photos/left/1.jpg = photos/left/2.jpg = photos/left/4.jpg = val/left/a.jpg$'
says '^  sizes     (all 37 x 29 pixels|width .*); 9 with a side shorter than data.image_size 224$'
for n in 2 3; do
    cmp out-1 out-$n || fail "the results of 1 and $n ranks differ"
    cmp check-1.json check-$n.json || fail "the files of 1 and $n ranks differ"
done
if command -v jq >/dev/null; then
    [[ $(jq -c '[.sets[0].readable, .sets[0].bad[0].image, (.duplicates[0] | length), .sets[1].classes[1].images]' \
        check-1.json) == '[9,"photos/left/3.jpg",5,1]' ]] || fail "check-1.json holds something else"
fi

say "the settings it prints are taken; a set without bad images; mistakes"
rm photos/left/3.jpg photos/right/dead.jpg
run tec check photos
sed -n 's/^  settings  //p' "$out" >printed.yaml
run tec check -c printed.yaml data.train=photos data.val=val
says '^photos: 9 images, 0 bad'
says '^val: 3 images, 0 bad'
run tec pack photos pack
run tec check pack
says '^pack: 9 images, 0 bad, 2 classes$'
cp "$images/turned6.jpg" val/left && cp "$images/no_iend.png" val/right
run ranks 2 check val
for warning in 'val: 1 .*EXIF orientation that is ignored.*turned6.jpg' 'val: damaged images .*no_iend.png'; do
    grep -Eq "warning: $warning" "$err" || fail "there is no warning '$warning'"
done
expect_exit 1 '1 of 5 images cannot be read' tec check val data.strict_images=true
expect_exit 2 'no data set is given: tec check DATA' ranks 2 check
expect_exit 2 'absent: No such file' ranks 2 check photos absent

say "a rank whose images are small waits for the other one, but is not taken to hang; progress counts all"
if command -v python3 >/dev/null; then
    python3 - 1600 >large.png <<'PYTHON'
import struct, sys, zlib
side = int(sys.argv[1])
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rows = zlib.compress((b"\0" + bytes(range(256)) * (3 * side // 256 + 1))[: 3 * side + 1] * side, 1)
head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
sys.stdout.buffer.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
PYTHON
    mkdir -p uneven/a uneven/b
    cp "$images/rgb.png" small.png
    for ((i = 0; i < 640; i++)); do
        ln small.png "uneven/a/$i.png"
        ln large.png "uneven/b/$i.png"
    done
    start=$(date +%s%N)
    run tec check uneven/b data.workers=1
    expect_progress 'check uneven/b: 640 of 640 images'
    # Less than the half of what the second rank takes, and three times what it takes for a batch.
    minutes=$(awk -v start="$start" -v end="$(date +%s%N)" 'BEGIN { print (end - start) / 1e9 / 60 / 3 }')
    run ranks 2 check uneven data.workers=1 run.watchdog_minutes="$minutes"
    says '^uneven: 1280 images, 0 bad, 2 classes$'
    grep -q 'check uneven: 1280 of 1280 images' "$err" || fail "progress does not end with all images"
    first=$(grep -Eo 'check uneven: [0-9]+ of' "$err" | head -n 1)
    [[ $first == 'check uneven: 128 of' ]] || fail "progress begins with '$first', not with the first batch of both ranks"
else
    echo "SKIPPED: check of uneven ranks: there is no python3 to make large images"
fi
