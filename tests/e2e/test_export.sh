#!/usr/bin/env bash
# Models of other programs in, our models out: export, and exported files as base models and under evaluation.
# shellcheck disable=SC2016 # the backquotes are those of the messages
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 310 1
make_idx val 200 2
make_settings tiny.yaml
run tec pretrain -c tiny.yaml pretrain.objective=mae pretrain.epochs=2 pretrain.warmup_epochs=0 run.dir=base
targets=(targets -c tiny.yaml base.model=base/checkpoint.h5)
run tec "${targets[@]}" targets.dir=store
run tec pretrain -c tiny.yaml targets.dir=store run.dir=new pretrain.epochs=2

say "what tec export refuses"
expect_exit 2 'expected one: tec export MODEL -o OUT' tec export -o out.pth
expect_exit 2 'no output file is given: tec export base/checkpoint.h5 -o OUT' tec export base/checkpoint.h5
expect_exit 2 'option `-o` needs an argument: -o OUT' tec export base/checkpoint.h5 -o
expect_exit 2 'unknown option `-q`' tec export base/checkpoint.h5 -q out.pth
expect_exit 2 'out.onnx: the extension is none of .safetensors' tec export base/checkpoint.h5 -o out.onnx
expect_exit 2 '--names keras: expected one of timm' tec export base/checkpoint.h5 -o out.pth --names keras
expect_exit 2 'absent.h5: No such file' tec export absent.h5 -o out.pth
expect_exit 2 'no/such/directory/out.pth: cannot be written: No such file .*; name a file' \
    tec export base/checkpoint.h5 -o no/such/directory/out.pth
expect_exit 2 '/proc/out.safetensors: cannot be written: ' tec export base/checkpoint.h5 -o /proc/out.safetensors
expect_exit 2 '/proc/bench.json: cannot be written: ' ranks 2 bench --size tiny --json /proc/bench.json

say "an exported model has the features of the model; the export of an export is the same file"
for model in base new; do
    wanted=$(score $model/checkpoint.h5)
    for names in timm tec hf; do
        for ending in safetensors pth; do
            mkdir -p $names
            file=$names/$model.$ending
            run tec export $model/checkpoint.h5 -o $file --names $names
            run tec export $file -o $names/again.$ending --names $names
            cmp $file $names/again.$ending || fail "$file: the export of the export is another file"
            # What no tensor tells is only in some files.
            [[ $(score $file base.heads=2 base.mean=0.5 base.std=0.5) == "$wanted" ]] ||
                fail "$file has other features than $model/checkpoint.h5"
        done
    done
done
[[ -f hf/config.json && -f hf/preprocessor_config.json ]] || fail "no config.json beside the export for Hugging Face"
grep -q '"num_attention_heads": 2' hf/config.json || fail "hf/config.json does not say 2 heads"
cmp timm/new.safetensors tec/new.safetensors >"$out" && fail "under the names of TEC the class-token MLP is folded"
run tec inspect timm/new.safetensors
grep -q cls_token_mlp "$out" && fail "under the names of timm the class-token MLP is not folded"
run tec inspect tec/new.safetensors
grep -q 'cls_token_mlp.fc1.weight' "$out" || fail "under the names of TEC the class-token MLP is missing"
grep -q 'forward_att_decoder.decoder_qk.weight' "$out" || fail "under the names of TEC the decoders are missing"

say "heads, eps and normalisation come back from a file, but a flat .pth has no place for them"
for ending in safetensors pth; do
    expect_exit 0 "2 heads \(the file's metadata\).* mean 0.5 std 0.5 \(the file's metadata\)" \
        tec knn -c tiny.yaml run.dir=eval eval.model=timm/base.$ending
done
run tec export base/checkpoint.h5 -o flat.pth --flat
expect_exit 2 'give base.heads' tec knn -c tiny.yaml run.dir=eval eval.model=flat.pth
expect_exit 2 'nothing in the file tells how its images are normalised \(base.mean=' \
    tec knn -c tiny.yaml run.dir=eval eval.model=flat.pth base.heads=2
run tec inspect flat.pth base.heads=2
grep -Fqx '  cls_token  float32  [1, 1, 32]' "$out" || fail "flat.pth is not flat"
run tec inspect timm/base.pth
grep -Fqx '  model.cls_token  float32  [1, 1, 32]' "$out" || fail "timm/base.pth is not {\"model\": tensors}"
run tec inspect hf/base.pth base.heads=2
grep -Fqx '  embeddings.cls_token  float32  [1, 1, 32]' "$out" || fail "hf/base.pth is not flat"
expect_exit 2 '--flat is about .pth files, and flat.safetensors is a' tec export base/checkpoint.h5 --flat \
    -o flat.safetensors

say "an export overwrites neither its model nor what is about another one"
run tec export base/checkpoint.h5 -o own.safetensors
ln own.safetensors linked.safetensors
ln -s . folder
for name in own.safetensors ./own.safetensors linked.safetensors folder/own.safetensors; do
    expect_exit 2 "$name is the model that is exported: name another file by -o" tec export own.safetensors -o $name
done
expect_exit 0 'flat.pth was there and is overwritten' tec export base/checkpoint.h5 -o flat.pth --flat
mkdir public
cp timm/base.safetensors public/model.safetensors
echo '{"model_type": "vit", "num_attention_heads": 4}' >public/config.json
cp public/config.json public/preprocessor_config.json
cp public/config.json before.json
expect_exit 2 'public/config.json is about another model \(beside it lies model.safetensors\) and would be overwritten: give a dir' \
    tec export base/checkpoint.h5 -o public/b.safetensors --names hf
rm public/model.safetensors
expect_exit 2 'public/config.json is about another model and would be overwritten' \
    tec export base/checkpoint.h5 -o public/b.safetensors --names hf
cmp before.json public/config.json
cmp before.json public/preprocessor_config.json
[[ ! -e public/b.safetensors ]] || fail "a refused export is written"
rm public/config.json
expect_exit 2 'public/preprocessor_config.json is about another model' \
    tec export base/checkpoint.h5 -o public/b.safetensors --names hf
expect_exit 2 'public/preprocessor_config.json would be read as if it were about public/b.pth, whose normalisation' \
    tec export flat.pth -o public/b.pth --names hf base.heads=2
rm -r public && mkdir public
run tec export base/checkpoint.h5 -o public/b.safetensors --names hf
expect_exit 0 '^public/preprocessor_config.json$' tec export base/checkpoint.h5 -o public/b.safetensors --names hf
expect_exit 0 'public/config.json was there and is overwritten' \
    tec export flat.pth -o public/b.safetensors --names hf base.heads=4 base.mean=0 base.std=1

rm public/b.safetensors
expect_exit 0 'public/config.json lies beside public/c.pth and will be read as if it were about it' \
    tec export base/checkpoint.h5 -o public/c.pth

say "the same base in another file is the same base"
expect_exit 0 'made 0 views' tec "${targets[@]}" targets.dir=store base.model=timm/base.safetensors
expect_exit 0 'shards are sound' ranks 2 "${targets[@]}" targets.dir=store base.model=timm/base.pth --verify
run ranks 2 pretrain -c tiny.yaml targets.dir=store run.dir=other pretrain.epochs=2 base.model=tec/base.safetensors

say "other sizes of images"
expect_exit 0 'interpolated from 4 x 4 to 8 x 8 patches' ranks 2 knn -c tiny.yaml run.dir=eval data.image_size=56 \
    eval.model=base/checkpoint.h5
expect_exit 0 'interpolated' tec "${targets[@]}" targets.dir=larger data.image_size=42 base.model=timm/new.safetensors
expect_exit 2 'do not divide images of 54 x 54' tec "${targets[@]}" targets.dir=larger data.image_size=54

say "what is said of the base is not said of the new model"
wanted=$(score new/checkpoint.h5)
for setting in base.mean=0.2,0.2,0.2 base.heads=16 base.activation=quick_gelu; do
    told=("$setting")
    [[ $setting != base.mean* ]] || told+=(base.std=0.3)
    [[ $(score new/checkpoint.h5 base.model=other.pth "${told[@]}") == "$wanted" ]] || fail "$setting has an effect"
    grep -q 'what base.\* says is about base.model (other.pth), and not used for this one' "$err" || fail "not said"
done
expect_exit 2 'base.heads is 16, but its own configuration says 2' tec knn -c tiny.yaml run.dir=eval \
    eval.model=new/checkpoint.h5 base.heads=16

say "how the base's images are normalised is the base's affair"
shifted=("${targets[@]}" targets.dir=shifted targets.store_images=true base.mean=0.2 base.std=0.3)
run tec "${shifted[@]}"
expect_exit 0 'shards are sound' tec "${shifted[@]}" --verify
expect_exit 2 'made with mean = \[0.2\], this run wants \[0.5\] \(base.mean\)' tec "${shifted[@]}" base.mean=0 base.std=0
expect_exit 2 'base.mean and base.std must be given together' tec "${shifted[@]}" base.std=0
run tec pretrain -c tiny.yaml targets.dir=shifted run.dir=images pretrain.epochs=2
grep -q '^  store_images: true' images/settings.yaml || fail "settings.yaml does not say what the store is"
run tec "${shifted[@]}" targets.dir=bare targets.store_images=false
run tec pretrain -c tiny.yaml targets.dir=bare run.dir=files pretrain.epochs=2
expect_same_log images/log.jsonl files/log.jsonl

python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>"$err" || {
    echo "SKIPPED: export: there is no PyTorch to load what was exported (Debian: python3-torch)"
    exit 0
}
families=$repository/tests/data/make_families.py

say "PyTorch loads what is exported, and computes the same with it"
compared=()
"$python" "$families" families
for family in mae dinov2 timm_average timm_registers clip deit beit no_bias hf_vit hf_mae hf_dinov2_registers tec ijepa \
    open_clip timm_siglip; do
    model=$(find families/$family -type f ! -name expect.safetensors ! -name config.json)
    heads=2 eps=1e-6
    [[ $family != *clip ]] || eps=1e-5
    [[ $family != hf_* ]] || eps=1e-12
    [[ $family != hf_dinov2* ]] || eps=1e-6
    [[ $family != hf_vit ]] || heads=4 eps=0.05
    told=()
    if [[ $family == beit ]]; then # no tensor tells what its blocks compute
        expect_exit 2 'attn.q_bias. leaves open \(base.architecture=NAME' tec export "$model" -o $family.safetensors
        told=(base.architecture=beit_base_patch16_224)
    fi
    [[ $family != open_clip ]] || told=(base.activation=gelu)
    run tec export "$model" -o $family.safetensors "${told[@]}"
    run tec export $family.safetensors -o $family.pth
    run tec export $family.safetensors -o again.safetensors
    cmp $family.safetensors again.safetensors
    for file in "$family.safetensors" "$family.pth"; do
        compared+=("$file" "families/$family/expect.safetensors" "$heads" "$eps")
    done
done
for family in mae hf_vit hf_mae tec torchvision; do
    model=$(find families/$family -type f ! -name expect.safetensors ! -name config.json)
    told=(base.heads=2)
    [[ $family != hf_vit ]] || told=() # config.json says them
    run in_folder hf_$family tec export "$here/$model" -o model.safetensors --names hf "${told[@]}"
    compared+=("hf_$family/model.safetensors" "families/$family/expect.safetensors" 0 0) # config.json says them
done
"$python" "$families" --compare "${compared[@]}" >"$out" 2>"$err" || fail "PyTorch computes other features"
expect_exit 2 'with registers, which Hugging Face.s ViTModel cannot represent: use --names timm' \
    tec export families/dinov2/dinov2_vitg14_reg4_pretrain.pth -o no.safetensors --names hf base.heads=2
expect_exit 2 'tells its attention heads \(base.heads=N' tec export families/mae/mae.pth -o no.safetensors --names hf

say "a model without a class token: the mean of its patches' queries stands for the class query"
images=(-c tiny.yaml data.train=photos data.val=photos data.channels=3 data.image_size=16 base.heads=2 base.mean=0.5
    base.std=0.5)
make_folder photos 10
average=families/timm_average/vit_gap.safetensors
run tec knn "${images[@]}" run.dir=eval knn.k=3 eval.pooling=mean eval.model=$average
expect_exit 2 'has no class token: set eval.pooling=mean' ranks 2 knn "${images[@]}" run.dir=eval knn.k=3 \
    eval.model=$average
bare=("${images[@]}" targets.dir=no-class targets.topk=3 base.model="$average")
run ranks 2 targets "${bare[@]}"
expect_exit 0 'mean_query: true' tec inspect no-class
! grep -q mean_query store/manifest.json || fail "a store of a base with a class token names what it does not have"
expect_exit 0 'shards are sound' tec targets "${bare[@]}" --verify
run ranks 2 pretrain "${bare[@]}" model.patch=4 run.dir=from-average pretrain.batch=10 pretrain.epochs=1
expect_exit 0 '' tec pretrain "${bare[@]}" model.patch=4 run.dir=no-base pretrain.batch=10 pretrain.epochs=1 base.model=
tec inspect from-average/checkpoint.h5 >"$out" 2>"$err"
grep -q '  cls_token ' "$out" || fail "the new model has no class token"
expect_exit 0 '' tec report from-average no-class -o average.html
grep -q 'mean of the patches.* queries and 3 patches' average.html || fail "the report says it is the class token's"

say "targets of a foreign model, and a new model from them"
foreign=(-c tiny.yaml data.train=photos data.channels=3 data.image_size=16 targets.dir=foreign
    base.model=families/dinov2/dinov2_vitg14_reg4_pretrain.pth)
expect_exit 2 'nothing in the file tells its attention heads' ranks 2 targets "${foreign[@]}"
foreign+=(base.heads=2)
run ranks 2 targets "${foreign[@]}"
expect_exit 0 'shards are sound' tec targets "${foreign[@]}" --verify
run ranks 2 pretrain "${foreign[@]}" model.patch=4 run.dir=from-foreign pretrain.batch=10 pretrain.epochs=2
