#!/usr/bin/env bash
# Base models whose features nothing in the file determines: refused or asked about, and the check against another program.
# shellcheck disable=SC2016 # the backquotes are those of the messages
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import h5py, torch' 2>"$err" ||
    skip "base models: there are no PyTorch and h5py to make them (Debian: python3-torch python3-h5py)"
"$python" "$repository/tests/data/make_families.py" families

# expects CODE PATTERN FAMILY SETTING ...: of its model against what PyTorch computed.
expects() {
    local code=$1 pattern=$2 folder=families/$3 model
    shift 3
    model=$(find "$folder" -type f ! -name expect.safetensors ! -name '*.json')
    expect_exit "$code" "$pattern" tec inspect "$model" --expect "$folder/expect.safetensors" "$@"
}

say "features agree with PyTorch's, or the model is refused"
asked='nothing in the file tells its attention heads \(base.heads=N; 2 would be a guess'
for family in mae dinov2 timm_average hf_dinov2 dino_larger dinov2_smaller hf_dinov2_smaller torchvision_smaller; do
    case $family in
    dino_*) heads=6 ;;
    *) heads=2 ;;
    esac
    expects 2 'tells its attention heads \(base.heads=N' $family
    expects 0 'the features agree with those of' $family base.heads=$heads
done
expects 0 'cls: relative error [0-9.]+e-0[6-9]' hf_vit # config.json says its heads
grep -Eq '^mean: relative error [0-9.]+e-0[6-9] \(the largest of 2 images\)$' "$out" || fail "the mean is not compared"
expects 0 'quick_gelu \(known of this architecture\)' clip_quickgelu base.heads=2
expects 0 'gelu_tanh \(known of this architecture\)' siglip base.heads=2

say "towers of vision-language models"
expects 0 'quick_gelu \(config.json: as usual\); .*; its text tower passed over \([0-9]+ tensors\)' hf_clip
expects 0 'its text tower passed over \([0-9]+ tensors\)' hf_llava
expects 2 'tells its activation \(base.activation=gelu' open_clip base.heads=2
expects 0 'the features agree' open_clip base.heads=2 base.activation=gelu
expects 0 'quick_gelu \(known of this family\)' openai_clip base.heads=2
expects 2 'which its tensor `visual.ln_pre.weight` leaves open \(base.architecture=NAME' tower base.heads=2
expects 0 'the features agree' tower base.heads=2 base.activation=gelu base.architecture=vit

pools='its head that pools by attention passed over \([0-9]+ tensors\): features are of its patches'
expects 0 "gelu_tanh \\(known of this family\\).*; $pools" hf_siglip base.heads=2
expects 0 "$pools" timm_siglip base.heads=2
expects 2 'of positions for images of any shape \(NaFlex\) has two dimensions, and is not supported' naflex base.heads=2

say "blocks on PyTorch's own modules, whose norms may stand elsewhere, and I-JEPA"
expects 2 '`blocks.0.attn.in_proj_weight` leaves open \(base.architecture=NAME.* its activation \(base.activation' \
    multihead base.heads=2
expects 0 'the features agree' transformer_encoder base.heads=2 base.architecture=vit base.activation=gelu
expects 0 'the features agree' hf_ijepa base.heads=2

say "Google's arrays, and Fortran's order among them"
expects 0 '4 heads \(its queries\).*; gelu_tanh \(known of this family\)' google
expects 0 'the features agree' google_larger
"$python" - <<'PYTHON'
import numpy as np

arrays = dict(np.load("families/google/B_16.npz"))
np.savez("half.npz", **{name: x.astype(np.float16) for name, x in arrays.items()})
arrays["cls"] = np.asfortranarray(arrays["cls"].repeat(2, axis=1))
np.savez("fortran.npz", **arrays)
PYTHON
expect_exit 0 'agree' tec inspect half.npz --expect families/google/expect.safetensors --tol 0.01
expect_exit 0 "cls: \[1, 2, 128\] of float32 in Fortran's order, not read" tec inspect fortran.npz

say "features that differ"
expects 1 'its features \(cls\) differ from those of families/mae/expect.safetensors by .*, more than --tol 0.0001' mae \
    base.heads=4
expects 1 'its features \(mean\) differ' siglip base.heads=2 base.activation=gelu
expects 1 'its features \(cls\) differ' dinov2_smaller base.heads=2 base.interpolation=antialias
expect_exit 0 'within 0.9' tec inspect families/mae/mae.pth --expect families/mae/expect.safetensors base.heads=4 --tol 0.9

say "files that cannot be compared with"
expect_exit 2 'has no tensor `images`: a file for --expect holds' tec inspect families/mae/mae.pth base.heads=2 \
    --expect families/timm/vit_augreg.safetensors
expect_exit 2 '`cls` is not \[2, 128\], a row of the model.s width' tec inspect families/mae/mae.pth base.heads=2 \
    --expect families/dino/expect.safetensors
expect_exit 2 'it has `cls`, but the model has no class token' tec inspect families/timm_average/vit_gap.safetensors \
    base.heads=2 --expect families/mae/expect.safetensors
expect_exit 2 'command line: --expect compares one model' tec inspect families/mae/mae.pth families/ema/last.pth.tar \
    --expect families/mae/expect.safetensors

# What is not finite in the file is the file's fault, whatever the model gives.
"$python" - <<'PYTHON'
import json
import struct

data = open("families/mae/expect.safetensors", "rb").read()
start = 8 + struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:start])
for name, value in ("images", "nan"), ("cls", "inf"):
    at = start + header[name]["data_offsets"][0] + 8
    open(f"{name}.safetensors", "wb").write(data[:at] + struct.pack("<f", float(value)) + data[at + 4:])
PYTHON
expect_exit 2 'images.safetensors: `images` holds a number that is not finite \(-?nan, number 3 of' \
    tec inspect families/mae/mae.pth base.heads=2 --expect images.safetensors
expect_exit 2 'cls.safetensors: `cls` holds a number that is not finite \(inf, number 3 of' \
    tec inspect families/mae/mae.pth base.heads=2 --expect cls.safetensors

say "config.json says what is computed, and the file alone does not"
# architecture FOLDER NAME: the model of FOLDER, called so by a config.json.
architecture() {
    mkdir -p "$2"
    cp "families/$1/"*.safetensors "$2/"
    [[ -f $2/model.safetensors ]] || mv "$2"/vit*.safetensors "$2/model.safetensors"
    echo "{\"architecture\": \"$2\", \"num_features\": 128}" >"$2/config.json"
}
for name in vit_dpwee_patch16_reg1_gap_256 vit_relpos_base_patch16_rpn_224 vit_base_patch16_18x2_224 \
    vit_base_patch16_xp_224; do
    architecture no_bias $name
    expect_exit 2 "which is not supported \\(config.json beside it says so: architecture = $name\\)" \
        tec inspect $name/model.safetensors --expect $name/expect.safetensors base.heads=2
    rm $name/config.json # the directory is called so, too
    expect_exit 2 'which is not supported \(the name of the file or its directory says so' \
        tec inspect $name/model.safetensors --expect $name/expect.safetensors base.heads=2
done
cp families/clip/vit_clip.safetensors tower.safetensors
expect_exit 2 'tells its activation \(base.activation=gelu, gelu_tanh or quick_gelu\): give' tec inspect \
    tower.safetensors --expect families/clip/expect.safetensors base.heads=2
expect_exit 0 'agree' tec inspect tower.safetensors --expect families/clip/expect.safetensors base.heads=2 \
    base.activation=gelu
expect_exit 2 'leaves open \(base.architecture=NAME' tec inspect families/beit/beit.pth base.heads=2 \
    --expect families/beit/expect.safetensors
expect_exit 0 'agree' tec inspect families/beit/beit.pth base.heads=2 base.architecture=beit_base_patch16_224 \
    --expect families/beit/expect.safetensors

say "inspect warns, and commands ask"
make_folder photos 6
images=(data.train=photos data.val=photos data.image_size=16)
evaluate=(knn "${images[@]}" run.dir=eval knn.k=3)
base=families/timm_registers/vit_reg4.safetensors
run tec inspect $base
grep -Eq "^tec: warning: $base: $asked" "$err" || fail "inspect does not warn of guessed heads"
# asks COMMAND ...: for heads and normalisation, then for the latter.
asks() {
    expect_exit 2 "$asked.* and how its images are normalised \\(base.mean=R,G,B base.std=R,G,B\\)" ranks 2 "$@"
    expect_exit 2 'nothing in the file tells how its images are normalised' tec "$@" base.heads=2
    run tec "$@" base.heads=2 base.mean=0.5 base.std=0.5
}
asks targets "${images[@]}" targets.dir=store targets.topk=3 base.model=$base
asks "${evaluate[@]}" eval.model=$base

say "what a sidecar says of the images is printed and used"
mkdir -p beside
cp families/hf_vit/model.safetensors beside/
config='"model_type": "vit", "hidden_size": 128, "num_attention_heads": 4, "layer_norm_eps": 0.05'
echo "{$config}" >beside/config.json
echo '{"do_resize": true, "size": {"height": 20, "width": 20}, "resample": 2, "crop_size": 16, "do_center_crop": true,
       "rescale_factor": 0.00392156862745098, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4]}' \
    >beside/preprocessor_config.json
expect_exit 0 'mean 0.4,0.5,0.6 .*images resized to a square by bilinear, crop_pct 0.8 \(preprocessor_config.json\)' \
    tec "${evaluate[@]}" eval.model=beside
grep -q 'both sides resized to 20 pixels (bilinear), central 16 x 16 kept' "$err" || fail "the sidecar is not used"
rm beside/preprocessor_config.json
echo "{$config, \"pretrained_cfg\": {\"crop_pct\": 0.5, \"interpolation\": \"bicubic\", \"crop_mode\": \"center\",
      \"mean\": [0.5, 0.5, 0.5], \"std\": [0.5, 0.5, 0.5]}}" >beside/config.json
expect_exit 0 'shorter side resized to 32 pixels \(bicubic\)' tec "${evaluate[@]}" eval.model=beside
expect_exit 0 'shorter side resized to 16 pixels \(bicubic\)' tec "${evaluate[@]}" eval.model=beside eval.crop_pct=1
echo '{"do_rescale": false, "do_normalize": false}' >beside/preprocessor_config.json
expect_exit 0 'mean 0,0,0 std 0.00392157,' tec inspect beside
echo '{' >beside/config.json
expect_exit 2 'config.json beside it is damaged \(line [12]: ' tec "${evaluate[@]}" eval.model=beside

say "rotary positions"
expects 0 '2 heads \(of its rotary periods\).* rotary positions \(base 100, no others\)' dinov3
expects 0 '16 x 16 x 3 pixels, .*rotary positions \(base 50, no others\)' hf_dinov3 # config.json: image_size
# base_said THETA OWN: hf_dinov3, whose config.json says so at the top and in rope_parameters.
base_said() {
    rm -rf said && cp -r families/hf_dinov3 said
    "$python" - "$1" "$2" <<'PYTHON'
import json
import sys

config = json.load(open("said/config.json"))
config["rope_theta"], config["rope_parameters"] = map(json.loads, sys.argv[1:])
json.dump(config, open("said/config.json", "w"))
PYTHON
}
base_said null '{"rope_theta": 50.0}'
expect_exit 0 'rotary positions \(base 50, no others\)' tec inspect said --expect said/expect.safetensors
base_said null '{"rope_theta": -50}'
expect_exit 2 'config.json beside it says rope_theta = -50, where a number above 0 is expected' tec inspect said \
    --expect said/expect.safetensors
base_said null null
expect_exit 1 'its features \(cls\) differ' tec inspect said --expect said/expect.safetensors
expects 0 'rotary positions \(base 10000\), norm in the attention, norm in the MLPs' eva02 base.heads=2
expects 0 'SwiGLU, rotary positions \(base 10000\)' eva02_tiny base.heads=2
expects 1 'its features \(cls\) differ' eva02_tiny base.heads=2 base.architecture=vit
"$python" - <<'PYTHON'
import torch

model = torch.load("families/eva02/eva02.pt")
model["visual.rope.freqs_cos"] = model["visual.rope.freqs_cos"].flip(0)
torch.save(model, "turned.pt")
torch.save({k: t for k, t in model.items() if "rope" not in k and "pos_embed" not in k}, "nowhere.pt")
PYTHON
expect_exit 2 'its rotary positions \(tensor `visual.rope.freqs_cos`\) are not those of EVA-02' tec inspect turned.pt \
    --expect families/eva02/expect.safetensors base.heads=2
expect_exit 2 'has no position embedding \(`pos_embed`\), and nothing says which other positions it has' tec inspect \
    nowhere.pt --expect families/eva02/expect.safetensors base.heads=2
rotary=families/dinov3/dinov3_vits16_pretrain_lvd1689m-08c60483.pth
run tec targets "${images[@]}" targets.dir=turned targets.topk=3 base.model=$rotary
! grep -q 'position embedding interpolated' "$err" || fail "$rotary has no position embedding"
run tec targets "${images[@]}" targets.dir=turned targets.topk=3 base.model=$rotary --verify
run tec finetune "${images[@]}" finetune.epochs=1 finetune.batch=4 run.dir=turned-tuned \
    finetune.model=families/eva02_tiny/eva02_tiny.safetensors base.heads=2 base.model=
expect_exit 0 'SwiGLU, rotary positions \(base 10000\), a head' tec inspect turned-tuned/checkpoint.h5
run tec predict turned-tuned/checkpoint.h5 photos -o classes.csv
expect_exit 2 'is a model with rotary positions, for which there are no names to export it by' tec export \
    turned-tuned/checkpoint.h5 -o turned.safetensors

say "Perception Encoders"
placed='rotary positions \(base 10000\)'
expects 0 "$placed.*; $pools" pe_core base.heads=2
expects 0 "no final norm, $placed" pe_spatial base.heads=2
expects 0 "$placed.*its text tower passed over \([0-9]+ tensors\); $pools" pe_own base.heads=2
expects 0 'rotary positions \(base 100, no others\)' rope_vit base.heads=2
learnt='rotary positions \(learnt by each head'
expects 0 "4 heads \\(of its rotary frequencies\\).*, $learnt, no others\\)" rope_mixed
expects 0 "$learnt\\)" rope_own base.heads=2
expects 0 "$learnt\\)" rope_own_larger base.heads=2
expects 1 'its features \(cls\) differ' rope_own_larger base.heads=2 base.interpolation=antialias
expects 2 'are of 4 heads, not 2 \(base.heads\)' rope_mixed base.heads=2
expects 2 'has rotary positions that it has learnt \(tensor `model.freqs`\), but its architecture' rope_own base.heads=2 \
    base.architecture=vit
run tec finetune "${images[@]}" finetune.epochs=1 finetune.batch=4 run.dir=learnt base.model= \
    finetune.model=families/rope_mixed/vit_small_patch16_rope_mixed_224.safetensors
expect_exit 0 "$learnt, no others\\), a head" tec inspect learnt/checkpoint.h5
run tec predict learnt/checkpoint.h5 photos -o classes.csv
# The frequencies are the base's to the bit, the weights around them are not, and PyTorch gives the same features of both.
"$python" - "$repository/tests/data" <<'PYTHON'
import sys

import h5py
import torch

sys.path.insert(0, sys.argv[1])
from make_families import adopt, load_safetensors, save_safetensors

base = load_safetensors("families/rope_mixed/vit_small_patch16_rope_mixed_224.safetensors")
with h5py.File("learnt/checkpoint.h5") as f:
    tuned = {name: torch.from_numpy(f["weights"][name][()]) for name in f["weights"] if not name.startswith("head.")}
assert torch.equal(tuned["rope.freqs"], base["rope.freqs"]) and base["rope.freqs"].std() > 0.1, "other frequencies"
for name in "cls_token", "blocks.0.attn.qkv.weight", "blocks.1.attn.qkv.bias":
    assert not torch.equal(tuned[name], base[name]), f"{name} has learnt nothing"
images = torch.randn(2, 3, 16, 16)
features = adopt(tuned, 4, 1e-6, 16).run(images)
save_safetensors("learnt.safetensors", {"images": images, "cls": features["cls"], "mean": features["mean"]})
PYTHON
expect_exit 0 'the features agree' tec inspect learnt/checkpoint.h5 --expect learnt.safetensors
cp families/pe_core/model.safetensors encoder.safetensors
expect_exit 2 'which its tensor `cls_token` leaves open \(base.architecture=NAME' tec inspect encoder.safetensors \
    --expect families/pe_core/expect.safetensors base.heads=2
expect_exit 2 'has positions for its own images only, and those of 20 x 20 pixels .* give data.image_size=16$' \
    tec "${evaluate[@]}" eval.model=families/pe_own/PE-Core-B16-224.pt base.heads=2 data.image_size=20
run tec finetune "${images[@]}" finetune.epochs=1 finetune.batch=4 run.dir=perceived finetune.pooling=mean base.model= \
    finetune.model=families/pe_spatial/vit_pe_spatial_gigantic_patch14_448.safetensors base.heads=2
expect_exit 0 "$placed, a head" tec inspect perceived/checkpoint.h5
run tec predict perceived/checkpoint.h5 photos -o classes.csv

expects 0 'no final norm' intern base.heads=2
expect_exit 2 'is a model with no final norm, for which there are no names to export it by' tec export \
    families/intern/model.safetensors -o intern.safetensors

say "norms behind the branches, and branches side by side"
post=families/rpn/vit_base_patch16_rpn_224.safetensors
expects 0 'norms behind their branches \(post-norm\)' rpn base.heads=2
expects 1 'its features \(mean\) differ' rpn base.heads=2 base.architecture=vit
expects 0 'norms behind their branches \(post-norm\)' eva02_post base.heads=2
cp $post model.safetensors
expect_exit 2 'its tensor `blocks.0.attn.qkv.weight` leaves open \(base.architecture=NAME' tec inspect model.safetensors \
    --expect families/rpn/expect.safetensors base.heads=2
expects 2 'base.architecture says architecture = vit_base_patch16_rpn_224, which is a model without a class token, but' \
    timm_registers base.heads=2 base.architecture=vit_base_patch16_rpn_224
expects 2 'have no LayerScale of this kind \(.ls1\), but it has one' dinov2_plain base.heads=2 \
    base.architecture=eva02_enormous_patch14_clip_224
mkdir vit_base_patch16_rpn_224 && cp families/timm/vit_augreg.safetensors vit_base_patch16_rpn_224/model.safetensors
expect_exit 2 'the name of the file or its directory says architecture = vit_base_patch16_rpn_224, .*; give base.architecture' \
    tec inspect vit_base_patch16_rpn_224/model.safetensors base.heads=2 --expect families/timm/expect.safetensors
expect_exit 0 'the features agree' tec inspect vit_base_patch16_rpn_224/model.safetensors base.heads=2 \
    base.architecture=vit --expect families/timm/expect.safetensors
cp families/hf_vit/model.safetensors vit_base_patch16_rpn_224/
expect_exit 2 "is a model with tensors under timm's names, but its tensors are those of one without" \
    tec inspect vit_base_patch16_rpn_224/model.safetensors base.heads=4 --expect families/hf_vit/expect.safetensors
expects 0 'attention and MLP side by side \(parallel\)' parallel base.heads=2
expects 0 'the features agree' parallel_bias base.heads=2
"$python" - <<'PYTHON'
import json
import struct

data = open("families/parallel_bias/vit.safetensors", "rb").read()
start = 8 + struct.unpack("<Q", data[:8])[0]
header, end = json.loads(data[8:start]), len(data) - start
header["blocks.1.norm2.weight"] = {"dtype": "F32", "shape": [128], "data_offsets": [end, end + 512]}
text = json.dumps(header).encode()
open("mixed.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data[start:] + bytes(512))
PYTHON
expect_exit 2 'tensor `blocks.1.norm2.weight` .* has no place in the model that the other tensors make' tec inspect \
    mixed.safetensors --expect families/parallel_bias/expect.safetensors base.heads=2
known=(base.mean=0.5 base.std=0.5 base.heads=2)
run tec targets "${images[@]}" targets.dir=behind targets.topk=3 base.model=$post "${known[@]}"
run tec targets "${images[@]}" targets.dir=behind targets.topk=3 base.model=$post "${known[@]}" --verify
expect_exit 2 "store behind was made with base = .* \\(base.model\\)" tec targets "${images[@]}" targets.dir=behind \
    targets.topk=3 base.model=$post "${known[@]}" base.architecture=vit --verify
expect_exit 2 'blocks with norms behind their branches \(post-norm\) cannot be trained' tec finetune "${images[@]}" \
    finetune.model=$post finetune.pooling=mean run.dir=untrained "${known[@]}" base.model=
expect_exit 2 'finetune.model families/parallel_bias/vit.safetensors: blocks with attention and MLP side by side .* cannot be' \
    tec finetune "${images[@]}" finetune.model=families/parallel_bias/vit.safetensors run.dir=untrained "${known[@]}" \
    base.model=
expect_exit 2 'is a model with norms behind their branches \(post-norm\), for which there are no names' tec export \
    $post -o behind.safetensors base.heads=2

say "a relative position bias"
expects 0 '4 heads \(of its relative position bias\).*, relative position bias, no other positions' beit_bias
expects 0 'relative position bias' hf_beit
beit=families/hf_data2vec
expect_exit 2 'a relative position bias for its own images only, and those of 20 x 20 pixels .* give data.image_size=16$' \
    tec "${evaluate[@]}" eval.model=$beit data.image_size=20
run tec finetune "${images[@]}" finetune.epochs=1 finetune.batch=4 run.dir=biased finetune.model=$beit/model.safetensors
run tec predict biased/checkpoint.h5 photos -o classes.csv
expect_exit 2 'is a model with a relative position bias, for which there are no names to export it by' tec export \
    biased/checkpoint.h5 -o biased.safetensors
