#!/usr/bin/env bash
# Data sets for evaluation: how images become squares, what is probably not the folder that was meant, labels from a file.
# shellcheck disable=SC2016 # the backquotes are those of the messages
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

# Many short jobs: one process needs no daemon of Open MPI, and ranks that end by themselves no second to do so.
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

make_idx train 40 1
make_idx val 20 2
make_settings tiny.yaml
make_folder photos 6
make_folder others 3
knn=(knn -c tiny.yaml eval.model=pixels knn.k=1 run.dir=run)
photos=(data.train=photos data.val=others)

# used WORD: what knn.json says of the resizing.
used() {
    grep -q "\"$1\"" run/knn.json || fail "run/knn.json has no \"$1\""
}

say "evaluation resizes and cuts as MAE does, but keeps IDX images whole; settings win"
expect_exit 0 'evaluation: shorter side resized to 32 pixels \(bicubic\), central 28 x 28 kept, as MAE does' \
    tec "${knn[@]}" "${photos[@]}"
used shorter
expect_exit 0 'evaluation: images of 28 x 28 pixels as they are' ranks 2 "${knn[@]}"
used whole
expect_exit 0 'both sides resized to 28 pixels \(lanczos\)' tec "${knn[@]}" eval.resize=squash eval.crop_pct=1 \
    eval.interpolation=lanczos
used squash
expect_exit 0 'shorter side resized to 35 pixels \(bicubic\)' tec "${knn[@]}" eval.crop_pct=0.8
expect_exit 2 'eval.crop_pct' tec "${knn[@]}" eval.crop_pct=1.1

say "the parent of train/ and val/: what was probably meant; one class is not evaluated"
mkdir parent && mv photos parent/train && mv others parent/val
photos=(data.train=parent/train data.val=parent/val)
pretrain=(pretrain -c tiny.yaml pretrain.objective=mae pretrain.batch=8 pretrain.epochs=1 run.dir=new --fresh --fresh)
meant='warning: data.train parent: its folders are called train, val, .*probably data.train=parent/train and data.val=parent/val were meant'
expect_exit 0 "$meant" tec "${pretrain[@]}" data.train=parent
expect_exit 0 "$meant" tec "${pretrain[@]}" data.train=parent/ data.labels=none
expect_exit 0 'data.val parent: its folders .*and data.val=parent/val were meant' tec "${knn[@]}" data.train=parent \
    data.val=parent
mkdir whole && ln -s ../parent whole/set
expect_exit 0 "data.train whole/set: its folders .*probably data.train=whole/set/train and" tec "${pretrain[@]}" data.train=whole
mkdir Test-2024 && cp -r parent/val Test-2024/validation
expect_exit 0 'probably data.train=Test-2024/validation was meant' tec "${pretrain[@]}" data.train=Test-2024 pretrain.batch=6
ln -s parent/train/left left
mkdir one && cp -r parent/train/left one/left
expect_exit 0 'warning: data.train one has only one class, left: of no matter for training' tec "${pretrain[@]}" \
    data.train=one pretrain.batch=6
expect_exit 2 'data.train one: all 6 images are of one class, left' ranks 2 "${knn[@]}" data.train=one data.val=one
mkdir set && cp -r parent/train set/images
expect_exit 2 'all 12 images are of one class, images' tec "${knn[@]}" data.train=set data.val=set
grep -q 'only one class, images, with 2 folders in it: probably data.train=set/images was meant' "$err" ||
    fail "the folder that was meant is not named"
# `train` is a class among many, and so is `test` beside it.
mkdir vehicles && for class in bus car train tram van; do cp -r parent/train/left vehicles/$class; done
run tec "${knn[@]}" data.train=vehicles data.val=vehicles
! grep -q 'probably' "$err" || fail "a class called train is taken for a part of a data set"

mkdir stations && for class in 'train station' 'subway train'; do cp -r parent/train/left "stations/$class"; done
run tec "${pretrain[@]}" data.train=stations
! grep -q 'probably' "$err" || fail "two classes with trains are taken for parts of a data set"
mkdir signals && for class in train_station test_tube; do cp -r parent/train/left signals/$class; done
run tec "${pretrain[@]}" data.train=signals
! grep -q 'probably' "$err" || fail "two classes with different other words are taken for parts of a data set"
mkdir -p sets && cp -r parent/train "sets/Training Set" && cp -r parent/val sets/test_images
expect_exit 0 'its folders are called Training Set, test_images, which look like parts' tec "${pretrain[@]}" data.train=sets

say "the same images in data.train and data.val, by link, copy, pack or as a part"
shared='warning: data.val .* data.train .*: images are evaluated by themselves'
expect_exit 0 "$shared" tec "${knn[@]}" data.train=parent/train data.val=parent/train
ln -s train parent/again
expect_exit 0 'parent/again is the same as data.train' tec "${knn[@]}" data.train=parent/train data.val=parent/again
cp -r parent/train copy
expect_exit 0 'copy holds the same images as data.train' tec "${knn[@]}" data.train=parent/train data.val=copy data.max_val=4
run tec pack parent/train pack
expect_exit 0 'pack holds the same images as data.train' tec "${knn[@]}" data.train=parent/train data.val=pack
expect_exit 0 "$shared" tec "${knn[@]}" data.val="$here/train/images-idx3-ubyte"
cp -r parent/train nested && cp -r parent/val nested/val
expect_exit 0 'nested/val lies inside data.train nested' tec "${knn[@]}" data.train=nested data.val=nested/val
run tec "${knn[@]}"
! grep -q 'evaluated by themselves' "$err" || fail "two different sets are taken for one"
holds "$(number shared_images <run/knn.json) == 0" || fail "two different sets share images"
mkdir -p leak/left leak/right
cp "$repository/tests/data/images/ycck.jpg" leak/left && cp parent/train/right/0.png leak/right/of-another-name.png
cp "$repository/tests/data/images/palette.png" leak/right
for n in 1 2; do
    expect_exit 0 '1 of the 3 images of data.val is in data.train too.* first is leak/right/of-another-name.png' \
        ranks $n "${knn[@]}" data.train=parent/train data.val=leak data.channels=3
    holds "$(number shared_images <run/knn.json) == 1" || fail "knn.json does not count the images that are shared"
done

say "top-5 of few classes, a stray picture"
expect_exit 0 'warning: there are only 2 classes: top-5 says nothing' tec "${knn[@]}" "${photos[@]}"
cp -r parent/train stray && cp stray/left/0.jpg stray/cover.jpg
expect_exit 2 'stray has no labels, because 1 of its images lies beside the class folders \(stray/cover.jpg\)' \
    ranks 2 "${knn[@]}" data.train=stray data.val=parent/val
expect_exit 0 'warning: stray: 1 of its 13 images lies beside its folders \(cover.jpg\)' tec "${pretrain[@]}" data.train=stray
expect_exit 0 'warning: stray: 1 image outside of class folders is left out \(cover.jpg\)' tec "${knn[@]}" \
    data.train=stray data.val=parent/val data.labels=folders

say "labels of a flat data.val from a file: in the order of names, by file, by number"
# Four classes, in sorted order b, d, e, k, each of copies of one picture; val/ has one of each and one more of the first.
declare -A picture=([n02100735]=rgb.png [n02110185]=grey.png [n02119789]=progressive.jpg [n01440764]=grey1.png)
sequence=(n02119789 n02100735 n01440764 n02110185 n02119789)
mkdir flat
for class in "${!picture[@]}"; do
    mkdir -p "wordnet/$class"
    for i in 1 2; do cp "$repository/tests/data/images/${picture[$class]}" "wordnet/$class/$i.${picture[$class]##*.}"; done
done
for i in "${!sequence[@]}"; do
    file=${picture[${sequence[i]}]}
    cp "$repository/tests/data/images/$file" "flat/ILSVRC2012_val_0000000$i.${file##*.}"
done
printf '%s\n' "${sequence[@]}" >in-order.txt
# id CLASS: as ILSVRC2012 counts, where n01440764 is 449.
id() {
    case $1 in n02119789) echo 1 ;; n02100735) echo 2 ;; n02110185) echo 3 ;; *) echo 449 ;; esac
}
place() {
    case $1 in n01440764) echo "$2" ;; n02100735) echo $(($2 + 1)) ;; n02110185) echo $(($2 + 2)) ;; *) echo $(($2 + 3)) ;; esac
}
truth=ILSVRC2012_validation_ground_truth.txt
for class in "${sequence[@]}"; do
    id "$class" >>$truth
    place "$class" 0 >>from-0
    place "$class" 1 >>from-1
done
printf '%s\r\n' 'n02119789 1 kit_fox' 'n02100735 2 English_setter' 'n02110185 3 Siberian_husky' 'n01440764 449 tench' \
    'n01443537 450 goldfish' >map
printf '%s\n' 'n01440764 tench, Tinca tinca' n02100735 n02110185 n02119789 >names
echo 'ImageId,PredictionString' >kaggle.csv
echo 'file;label' >semicolons.csv
for i in 4 1 3 2 0; do
    stem=ILSVRC2012_val_0000000$i class=${sequence[i]}
    file=$(basename flat/$stem.*)
    echo "$stem,$class $i 2 3 4 $class 5 6 7 8" >>kaggle.csv
    printf '"%s";"%s"\n' "$file" "$class" >>semicolons.csv
    printf '%s\t%s\t0\t0\t62\t62\n' "$file" "$class" >>tabbed
    echo "flat/$file $(place "$class" 0)" >>places
    echo "$class ./$file" >>reversed
done
labels=("${knn[@]}" data.train=wordnet data.val=flat data.channels=3)
for given in in-order.txt kaggle.csv semicolons.csv tabbed reversed "places data.val_numbers=from_0" "from-0 data.val_numbers=from_0" \
    "from-1 data.val_numbers=from_1" "$truth data.val_classes=map" "from-0 data.val_classes=names data.val_numbers=from_0"; do
    read -r file more <<<"$given"
    # shellcheck disable=SC2086 # words
    run ranks 2 "${labels[@]}" data.val_labels="$file" $more
    holds "$(number top1 <run/knn.json) == 100" || fail "$given: k-NN of copies is $(number top1 <run/knn.json) %"
done
run tec "${labels[@]}" data.val_labels=in-order.txt data.max_val=3
holds "$(number test_images <run/knn.json) == 3 && $(number top1 <run/knn.json) == 100" || fail "labels and data.max_val"
grep -q '"val_labels": "in-order.txt"' run/knn.json || fail "knn.json does not name the labels"

say "what cannot be told is asked for"
refused() {
    local pattern=$1 file=$2
    shift 2
    expect_exit 2 "$pattern" ranks 2 "${labels[@]}" data.val_labels="$file" "$@"
}
for numbers in ask from_0 from_1; do
    refused "$truth:1: ILSVRC2012's numbers, here 1, are not in the order of its classes but in that of its meta.mat.*n02119789 1" $truth \
        data.val_numbers=$numbers
done
refused 'from-0:1: which class of data.train is number 3.*data.val_numbers=from_0' from-0
refused 'from-0:3: number 0, but the 4 classes of data.train are 1 to 4' from-0 data.val_numbers=from_1
refused 'names has names without numbers: .*from_0.*from_1' from-0 data.val_classes=names
echo goldfish 1 >other-classes
refused 'other-classes: no line names a class of data.train, such as n01440764' $truth data.val_classes=other-classes
sed 3s/764/765/ in-order.txt >typo
refused 'typo:3: `n01440765` is no class of data.train; did you mean `n01440764`' typo
head -n 4 in-order.txt >short
refused 'short has 4 labels, one a line, but data.val flat has 5 images' short
head -n 4 tabbed >short
refused 'short has no label for 1 of the 5 images of data.val flat .*00000000.jpg' short
{ cat tabbed && sed -n '1s/n02119789/n02100735/p' tabbed; } >twice
refused 'twice:6: .*another class, n02119789' twice
printf 'a.jpg n02119789\nb.jpg n02119789\n' >strange
refused 'no line names an image of data.val flat: its line 1 is `a.jpg n02119789`, the first image is flat/ILSVRC' strange
: >empty
refused 'empty is empty' empty
refused 'absent: No such file' absent
{ cat tabbed && printf 'other.jpg\tn02119789\n'; } >further
expect_exit 0 'warning: data.val_labels further: 1 line names no image' tec "${labels[@]}" data.val_labels=further
expect_exit 2 'data.val_numbers has no effect without data.val_labels' tec "${labels[@]}" data.val_numbers=from_1
expect_exit 2 'data.val flat has no labels.*data.val_labels=FILE' tec "${labels[@]}"

say "label files that are no text, contradict class folders, or are for another command"
iconv -f UTF-8 -t UTF-16 in-order.txt >wide
refused 'data.val_labels wide is UTF-16: save it as UTF-8' wide
echo '{"1.jpg": "n02119789"}' >json
refused 'data.val_classes json is JSON' from-0 data.val_classes=json
for class in "${!picture[@]}"; do echo "$class/1.${picture[$class]##*.} $class"; echo "$class/2.${picture[$class]##*.} n02119789"; done >some
expect_exit 2 'data.val_labels some: 3 of 8 labels differ from the class folder' ranks 2 "${labels[@]}" data.val=wordnet \
    data.val_labels=some
expect_exit 0 'warning: data.val_labels is of no effect on the sets that are named' tec check flat data.val_labels=in-order.txt
expect_exit 2 'data.val_labels gives classes of data.train, which is not given' tec check data.val=flat data.val_labels=in-order.txt
expect_exit 0 'warning: data.val_labels is not read: data.train flat has no classes' tec check data.train=flat data.val=flat \
    data.val_labels=in-order.txt
expect_exit 2 'absent/x.json' ranks 2 check flat --json absent/x.json
! grep -q 'images' "$out" || fail "tec check reads images before it looks whether --json can be written"

say "classes of data.val that are some of data.train's, or one only, or without a training image"
mkdir some-classes && cp -r wordnet/n02100735 wordnet/n02119789 some-classes
run ranks 2 "${knn[@]}" data.train=wordnet data.val=some-classes data.channels=3
holds "$(number top1 <run/knn.json) == 100" || fail "some of the classes: k-NN of copies is $(number top1 <run/knn.json) %"
cp -r wordnet/n01440764 some-classes/n09999999
expect_exit 2 '1 of the 3 classes of data.val some-classes is none of the 4 classes of data.train wordnet \(n09999999\)' \
    ranks 2 "${knn[@]}" data.train=wordnet data.val=some-classes
rm -r some-classes/n09999999 some-classes/n02119789
expect_exit 2 'data.val some-classes: all 2 images are of one class, n02100735.*no other of its 4 classes has an image as it is used' ranks 2 "${knn[@]}" data.train=wordnet \
    data.val=some-classes
sed 's/n0[0-9]*/n02119789/' in-order.txt >all-alike
refused 'data.val flat: all 5 images are of one class, n02119789' all-alike
expect_exit 0 'warning: 2 classes of data.val flat \(.*, ...\) have no image in data.train wordnet as it is used' \
    tec "${labels[@]}" data.val_labels=in-order.txt data.max_train=2 knn.k=1
expect_exit 2 'data.labels=none leaves out the classes of data.train' ranks 2 "${knn[@]}" data.train=wordnet data.val=wordnet \
    data.labels=none

say "a list file is the set that it lists: the same run as from the folder, to the bit"
make_folder listed 6
for file in listed/*/*; do echo "${file#listed/},$(basename "${file%/*}")"; done | sort -r >listed/all.csv
listed=(pretrain -c tiny.yaml pretrain.objective=mae pretrain.batch=4 pretrain.epochs=2)
run ranks 2 "${listed[@]}" data.train=listed run.dir=from-folder
run ranks 2 "${listed[@]}" data.train=listed/all.csv run.dir=from-list
expect_same_log from-folder/log.jsonl from-list/log.jsonl
run ranks 2 "${knn[@]}" data.train=listed/all.csv data.val=listed/all.csv
sed -i 's|^left/0.jpg,left|left/0.jpg,right|; s|^right/0.jpg,right|right/0.jpg,left|' listed/all.csv
expect_exit 2 'files or labels have changed: .* the files are the same but the labels of the list file' \
    ranks 2 "${listed[@]}" data.train=listed/all.csv run.dir=from-list pretrain.epochs=3
expect_exit 2 'listed/all.csv: a list file, whose labels a pack has no place for: pack the folder' tec pack listed/all.csv listed-pack
echo 'left/gone.jpg,left' >>listed/all.csv
expect_exit 2 'listed/all.csv: line 13: there is no file left/gone.jpg in listed; data.on_bad_image=skip' \
    ranks 2 "${listed[@]}" data.train=listed/all.csv run.dir=gone
run ranks 2 "${listed[@]}" data.train=listed/all.csv run.dir=gone data.on_bad_image=skip
grep -q '1 of 13 images that all.csv lists are not there' "$err" || fail "images that are not there are not counted"
