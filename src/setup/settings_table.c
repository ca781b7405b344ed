/* The settings table, which drives reading, checking, printing and help. */
#include "settings_table.h"

#include "tec/import.h"
#include "tec/settings.h"

#include <math.h>

#define AT(section_, key_) .section = #section_, .key = #key_, .offset = offsetof(tec_settings, section_.key_)
#define ONE(type_, default_) .type = type_, .length = 1, .default_text = default_
#define TEXT(default_) ONE(TEC_SETTING_TEXT, default_)
#define SWITCH(default_) ONE(TEC_SETTING_SWITCH, default_)
#define CHOICE(choices_, default_) ONE(TEC_SETTING_CHOICE, default_), .choices = choices_
#define INT(low_, high_, default_) ONE(TEC_SETTING_INT, default_), .low = low_, .high = high_
#define INT64(default_) ONE(TEC_SETTING_INT64, default_), .low = 0, .high = 1e15
#define UINT64(default_) ONE(TEC_SETTING_UINT64, default_)
#define NUMBER(low_, high_, default_) ONE(TEC_SETTING_NUMBER, default_), .low = low_, .high = high_
#define LIST(type_, length_, low_, high_, default_)                                                                    \
    .type = type_, .length = length_, .low = low_, .high = high_, .default_text = default_
#define ABOVE .low_open = true
#define BETWEEN .low_open = true, .high_open = true
#define BELOW .high_open = true
#define KEPT .kept = true
#define PER_CHANNEL(low_, high_, default_)                                                                             \
    LIST(TEC_SETTING_NUMBERS, TEC_BANDS_MOST, low_, high_, default_), .one_for_all = true, .fewer = true,              \
                                                                      .per_channel = true

/* clang-format off */
const tec_setting tec_settings_table[] = {
    {AT(data, train), TEXT(""),
     .help = "training images: a folder (with class folders, or unlabelled), a pack of one, tar archives (set.tar, "
             "set.tar/train, data-{000..999}.tar), a list file (.csv: path,label), a file of arrays (.npy, .npz, .h5, each also "
             "as FILE:IMAGES or FILE:IMAGES:LABELS, CIFAR's binary form), or an IDX file, gzipped or not; what of a folder is no "
             "image that is read (JPEG, PNG, WebP, TIFF, GIF, JPEG 2000, BMP, PNM), "
             "by name or content, is counted in a warning"},
    {AT(data, val), TEXT(""),
     .help = "validation images, in the same forms"},
    {AT(data, labels), TEXT("auto"), .choices = "auto|folders|none",
     .help = "where class labels come from: folders: the first folder level; none: nowhere; auto: whatever is found; anything "
             "else: a file with lines of an image of data.train and its label (CSV, tabs or blanks)"},
    {AT(data, val_labels), TEXT(""),
     .help = "file with the labels of data.val: one a line, in the order of the images' names (as ILSVRC2012's), or lines of "
             "a file and its label (CSV, tabs or blanks); a label is a class of data.train, or a number"},
    {AT(data, val_classes), TEXT(""),
     .help = "file that says which class a number in data.val_labels means: lines such as `n02119789 1`, or names only"},
    {AT(data, val_numbers), CHOICE(TEC_NUMBERING_WORDS, "ask"),
     .help = "from where numbers count the classes (data.val_classes without numbers, else data.train's, sorted); "
             "ask: numbers of which nothing says what they mean are an error"},
    {AT(data, on_bad_image), CHOICE("stop|skip", "stop"),
     .help = "what to do about images that cannot be decoded: stop, or leave them out and list them"},
    {AT(data, strict_images), SWITCH("false"),
     .help = "treat every damaged image as one that cannot be decoded; false: those that Pillow decodes "
             "are decoded as there, and so are JPEGs that lack only their end; they are counted in a warning"},
    {AT(data, exif_orientation), CHOICE("ignore|apply", "ignore"),
     .help = "ignore: images are taken as they are stored, as torchvision does; apply: they are turned upright "
             "by the orientation in their EXIF data"},
    {AT(data, image_size), LIST(TEC_SETTING_INTS, 2, 1, 4096, "224"), .one_for_all = true,
     .help = "side of the square that the model sees, in pixels, or height and width of a rectangle ([192, 256]), each a multiple "
             "of model.patch"},
    {AT(data, channels), INT(1, TEC_BANDS_MOST, "3"),
     .help = "1 (grey), 3 (RGB), or as many bands as images have or data.bands chooses"},
    {AT(data, bands), TEXT(""), .listed = true,
     .help = "which bands of images are taken, in which order, such as 4,3,2, counted from 1; none given: all, of which there "
             "must be data.channels (but that alpha is dropped, and that grey and RGB become each other)"},
    {AT(data, range), TEXT("bytes"), .listed = true,
     .help = "how values become the numbers that are normalised: bytes: images have 8 bits (of 16-bit PNGs the upper 8 are "
             "kept), divided by 255; type: 8, 16 or 32 bits, divided by the largest number of their type; LOW,HIGH: what "
             "becomes 0 and 1, for any values, also floats, which are not clipped. All but bytes keep their precision"},
    {AT(data, mean), PER_CHANNEL(-1000, 1000, "0.485,0.456,0.406"), KEPT,
     .help = "subtracted from pixel / 255 (or what data.range makes of it), per channel or one number for all, for the model "
             "that is trained (base.mean: for one that is read); default unless data.channels is 3: 0.5"},
    {AT(data, std), PER_CHANNEL(0, 1000, "0.229,0.224,0.225"), ABOVE, KEPT,
     .help = "divides pixel / 255 - data.mean, per channel or one number for all; default unless data.channels is 3: 0.5"},
    {AT(data, crop_scale), LIST(TEC_SETTING_NUMBERS, 2, 0, 1, "0.2,1"), ABOVE,
     .help = "smallest and largest area of a random crop, as shares of the image"},
    {AT(data, crop_ratio), LIST(TEC_SETTING_NUMBERS, 2, 0, 100, "0.75,1.3333333333333333"), ABOVE,
     .help = "smallest and largest width / height of a random crop"},
    {AT(data, flip), SWITCH("true"),
     .help = "mirror half of the views, chosen at random"},
    {AT(data, max_train), INT64("0"),
     .help = "use only so many training images, evenly spaced; 0: all"},
    {AT(data, max_val), INT64("0"),
     .help = "use only so many validation images, evenly spaced; 0: all"},
    {AT(data, workers), INT(1, 1024, "1"),
     .help = "decoding threads per rank"},
    {AT(data, prefetch), INT(1, 1024, "2"),
     .help = "micro-batches prepared ahead of the computation, per rank"},

    {AT(model, preset), CHOICE("none|vit_tiny|vit_small|vit_base|vit_large|vit_huge", "vit_base"),
     .help = "supplies the settings of this section that are 0"},
    {AT(model, patch), INT(0, 1024, "0"),
     .help = "side of a patch, in pixels; 0: the preset's (16; vit_huge 14)"},
    {AT(model, width), INT(0, 65536, "0"),
     .help = "width of the encoder (numbers per token); 0: the preset's"},
    {AT(model, depth), INT(0, 1000, "0"),
     .help = "transformer blocks of the encoder; 0: the preset's"},
    {AT(model, heads), INT(0, 1024, "0"),
     .help = "attention heads of the encoder; 0: the preset's"},
    {AT(model, mlp_ratio), NUMBER(0, 64, "4"), ABOVE,
     .help = "hidden width of the MLPs / width"},
    {AT(model, adaptor_groups), INT(0, 1000, "0"),
     .help = "groups of blocks that the encoder adaptor fuses; "
             "0: as many of equal size as have at least 3 blocks each"},
    {AT(model, adaptors), SWITCH("true"),
     .help = "the class token's MLP and the encoder adaptor of objective tec; false: the paper's ablation"},
    {AT(model, decoder_width), INT(0, 65536, "0"),
     .help = "width of the decoder (numbers per token); 0: the preset's"},
    {AT(model, decoder_depth), INT(0, 1000, "0"),
     .help = "blocks of the decoder; 0: the preset's (2; 8 with objective mae)"},
    {AT(model, decoder_heads), INT(0, 1024, "0"),
     .help = "attention heads of the decoder; 0: the preset's"},

    {AT(base, model), TEXT(""),
     .help = "file of the base model: tec checkpoint (.h5), .safetensors, PyTorch (.pth, .pt, .bin), Google's .npz"},
    {AT(base, heads), INT(0, 32768, "0"),
     .help = "attention heads of the model that is read (base.model, "
             "eval.model); 0: as its file says, or as known for its family"},
    {AT(base, activation), CHOICE("auto|" TEC_ACTIVATION_WORDS, "auto"),
     .help = "activation of its MLPs; auto: as its file or config.json says, or as known for its family"},
    {AT(base, architecture), TEXT(""),
     .help = "what timm calls its architecture, such as vit_base_patch16_clip_quickgelu_224, if there is no config.json "
             "beside its file; vit: a plain ViT, whatever config.json calls it"},
    {AT(base, interpolation), CHOICE("auto|" TEC_INTERPOLATION_WORDS, "auto"),
     .help = "how its position embeddings become those of another image size: bicubic with antialiasing (timm, DINOv2 "
             "with registers), plain bicubic (Hugging Face, MAE), with DINO's offset of 0.1, or with the corners "
             "aligned (torchvision); auto: as the family's own code"},
    {AT(base, image_size), LIST(TEC_SETTING_INTS, 2, 0, 4096, "0"), .one_for_all = true,
     .help = "size of the images that its position embeddings were made for (height, width); 0: as its file or a config.json "
             "beside it says, else a square; asked for where the positions do not form one"},
    {AT(base, norm_eps), NUMBER(0, 1, "0"), BELOW,
     .help = "eps of its layer norms; 0: as its file says, or as known for its family"},
    {AT(base, mean), PER_CHANNEL(-1000, 1000, "0"),
     .help = "normalisation of its images, given together with base.std"},
    {AT(base, std), PER_CHANNEL(0, 1000, "0"),
     .help = "likewise; 0: as its file says, or as known for its family; asked for where nothing tells"},

    {AT(targets, dir), TEXT("targets/default"),
     .help = "directory of the target store"},
    {AT(targets, online), SWITCH("false"),
     .help = "compute targets from base.model in the training step, on a new crop in every epoch, instead of reading a store"},
    {AT(targets, type), CHOICE(TEC_TARGET_TYPE_WORDS, "float16"),
     .help = "storage type of targets; attention is float16 or, with int8, int8"},
    {AT(targets, topk), INT(0, 4096, "15"),
     .help = "patch queries whose attention is a target, besides the class query"},
    {AT(targets, last_layers), INT(1, 1000, "2"),
     .help = "last blocks of the base model whose outputs are averaged to the feature target"},
    {AT(targets, standardise), SWITCH("true"),
     .help = "standardise each channel of the feature target over the image's patches; false: the paper's ablation"},
    {AT(targets, views), INT(0, 65536, "1"),
     .help = "random crops stored per image; epoch e trains on crop e mod views; 0, which is what targets.online does "
             "unless this is given: a new crop in every epoch"},
    {AT(targets, shard_mb), INT(1, 1048576, "1024"),
     .help = "approximate size of a file of the store, in megabytes; less if there would be fewer files than ranks"},
    {AT(targets, batch), INT(1, 65536, "32"),
     .help = "images that the base model computes at once, per rank"},
    {AT(targets, store_images), SWITCH("false"),
     .help = "store the cropped images too, so that training does not read the originals"},
    {AT(targets, verify_samples), INT(0, 1000000000, "16"),
     .help = "rows that `tec targets --verify` recomputes"},

    {AT(pretrain, objective), CHOICE("tec|mae", "tec"),
     .help = "tec: predict stored targets of a base model; mae: predict pixels"},
    {AT(pretrain, epochs), INT(1, 1000000, "100"),
     .help = "passes over the training images"},
    {AT(pretrain, batch), INT(1, 100000000, "256"),
     .help = "global batch: images per step over all ranks; what is left at the end of an epoch is left out of it"},
    {AT(pretrain, micro_batch), INT(0, 65536, "0"),
     .help = "masked images that a rank computes at once; 0: chosen by the model's size"},
    {AT(pretrain, mask_ratio), NUMBER(0, 1, "0.75"), BETWEEN,
     .help = "share of the patches that is hidden"},
    {AT(pretrain, masks_per_image), INT(1, 256, "1"),
     .help = "masks drawn per image in each step"},
    {AT(pretrain, attention_tau), NUMBER(0, INFINITY, "1.8"), ABOVE,
     .help = "temperature of the softmax of the attention targets"},
    {AT(pretrain, feature_weight), NUMBER(0, INFINITY, "1"),
     .help = "weight of the feature loss"},
    {AT(pretrain, attention_weight), NUMBER(0, INFINITY, "1"),
     .help = "weight of the attention loss; 0: no attention decoder"},
    {AT(pretrain, more_targets), TEXT(""), .listed = true,
     .help = "directories of further target stores, each of another base model, made with the same images, crops and seed as "
             "targets.dir; the new model learns from all, by an encoder adaptor and decoders for each; base.* and "
             "targets.store_images are about targets.dir"},
    {AT(pretrain, base_weights), LIST(TEC_SETTING_NUMBERS, TEC_MAX_BASES, 0, INFINITY, "1"), .one_for_all = true, .fewer = true,
     .help = "with pretrain.more_targets: weights of the losses of each base model, that of targets.dir first; one for each, "
             "or one for all"},
    {AT(pretrain, norm_pix), SWITCH("true"),
     .help = "with objective mae: predict the standardised pixels of each patch"},
    {AT(pretrain, blr), NUMBER(0, INFINITY, "1.5e-4"), ABOVE,
     .help = "base learning rate, for 256 masked images per step"},
    {AT(pretrain, lr), NUMBER(0, INFINITY, "0"),
     .help = "learning rate; 0: blr * batch * masks_per_image / 256"},
    {AT(pretrain, min_lr), NUMBER(0, INFINITY, "0"),
     .help = "learning rate at the end of the cosine"},
    {AT(pretrain, warmup_epochs), NUMBER(0, INFINITY, "5"),
     .help = "epochs of linear warm-up, fractions allowed"},
    {AT(pretrain, weight_decay), NUMBER(0, INFINITY, "0.05"),
     .help = "weight decay of AdamW, except for biases and one-dimensional tensors"},
    {AT(pretrain, beta1), NUMBER(0, 1, "0.9"), BELOW,
     .help = "decay of AdamW's first moment"},
    {AT(pretrain, beta2), NUMBER(0, 1, "0.95"), BELOW,
     .help = "decay of AdamW's second moment"},
    {AT(pretrain, clip_norm), NUMBER(0, INFINITY, "0"),
     .help = "maximum norm of the gradient; 0: no clipping"},
    {AT(pretrain, log_steps), INT(1, 1000000000, "20"),
     .help = "steps per line of log.jsonl"},
    {AT(pretrain, compare_steps), INT(0, 1000000000, "100"),
     .help = "steps between checks that all ranks have the same weights and moments, which "
             "are checked before every checkpoint too; 0: only there"},
    {AT(pretrain, progress_seconds), NUMBER(0, INFINITY, "10"),
     .help = "seconds between progress lines, if stderr is not a terminal"},
    {AT(pretrain, checkpoint_epochs), INT(1, 1000000, "1"),
     .help = "epochs between checkpoints; there is one at the end in any case"},
    {AT(pretrain, checkpoint_minutes), NUMBER(0, INFINITY, "30"),
     .help = "minutes between further checkpoints; 0: none"},
    {AT(pretrain, stop_after_steps), INT64("0"),
     .help = "write a checkpoint at this step and stop, as at a time limit; 0: off"},

    {AT(finetune, model), TEXT(""),
     .help = "model file that fine-tuning begins with, in any form that base.model takes; scratch: none, but the "
             "architecture that `model` describes"},
    {AT(finetune, recipe), CHOICE(TEC_TUNING_WORDS, "none"),
     .help = "supplies the settings of this section that are not given: mae_base, mae_large and mae_huge those of MAE's "
             "published runs on ImageNet, small_data some for a few thousand images; given on the command line, it "
             "also replaces what the settings file says of them"},
    {AT(finetune, pooling), CHOICE(TEC_POOLING_WORDS, "mean"),
     .help = "what is classified: the class token behind the final norm, or the mean of the patches, with a norm of its own"},
    {AT(finetune, labels_per_class), INT64("0"),
     .help = "train on so many images of each class only, chosen by run.seed, the same for every model; 0: as "
             "finetune.label_fraction says"},
    {AT(finetune, label_fraction), NUMBER(0, 1, "1"), ABOVE,
     .help = "train on this share of each class only, at least one image, chosen likewise"},
    {AT(finetune, epochs), INT(1, 1000000, "100"),
     .help = "passes over the training images"},
    {AT(finetune, batch), INT(1, 100000000, "1024"),
     .help = "global batch: images per step over all ranks; what is left at the end of an epoch is left out of it"},
    {AT(finetune, repeats), INT(1, 64, "1"),
     .help = "repeated augmentation: how often an image is in an epoch, in the same batch but altered differently; an epoch "
             "has as many steps as without, and so a part of the images"},
    {AT(finetune, micro_batch), INT(0, 65536, "0"),
     .help = "images that a rank computes at once; 0: chosen by the model's size"},
    {AT(finetune, blr), NUMBER(0, INFINITY, "5e-4"), ABOVE,
     .help = "base learning rate, for 256 images per step"},
    {AT(finetune, lr), NUMBER(0, INFINITY, "0"),
     .help = "learning rate of the head; 0: blr * batch / 256"},
    {AT(finetune, min_lr), NUMBER(0, INFINITY, "1e-6"),
     .help = "learning rate at the end of the cosine"},
    {AT(finetune, warmup_epochs), NUMBER(0, INFINITY, "5"),
     .help = "epochs of linear warm-up, fractions allowed"},
    {AT(finetune, layer_decay), NUMBER(0, 1, "0.75"), ABOVE,
     .help = "each layer's learning rate / that of the layer behind it, from the head to the patch embedding; the default is "
             "that of MAE's program, its published run of ViT-Base has 0.65 (finetune.recipe=mae_base)"},
    {AT(finetune, weight_decay), NUMBER(0, INFINITY, "0.05"),
     .help = "weight decay of AdamW, except for biases, one-dimensional tensors, tokens and positions"},
    {AT(finetune, beta1), NUMBER(0, 1, "0.9"), BELOW,
     .help = "decay of AdamW's first moment"},
    {AT(finetune, beta2), NUMBER(0, 1, "0.999"), BELOW,
     .help = "decay of AdamW's second moment"},
    {AT(finetune, clip_norm), NUMBER(0, INFINITY, "0"),
     .help = "maximum norm of the gradient; 0: no clipping"},
    {AT(finetune, ema), NUMBER(0, 1, "0"), BELOW,
     .help = "decay of a running mean of the weights after each step, which then is what is validated, exported and used for "
             "predictions; 0: none, the weights themselves are"},
    {AT(finetune, drop_path), NUMBER(0, 1, "0.1"), BELOW,
     .help = "stochastic depth: probability that a branch of the last block is left out for an image, growing linearly "
             "from 0 at the first block"},
    {AT(finetune, label_smoothing), NUMBER(0, 1, "0.1"), BELOW,
     .help = "probability that is spread evenly over all classes"},
    {AT(finetune, mixup), NUMBER(0, INFINITY, "0.8"),
     .help = "mixup: alpha of the Beta distribution of the images' shares; 0: no mixup"},
    {AT(finetune, cutmix), NUMBER(0, INFINITY, "1"),
     .help = "CutMix: likewise; 0: no CutMix"},
    {AT(finetune, mix_probability), NUMBER(0, 1, "1"),
     .help = "probability that the images of a step are mixed"},
    {AT(finetune, cutmix_probability), NUMBER(0, 1, "0.5"),
     .help = "probability of CutMix where mixup is possible too"},
    {AT(finetune, crop_scale), LIST(TEC_SETTING_NUMBERS, 2, 0, 1, "0.08,1"), ABOVE,
     .help = "smallest and largest area of a random crop, as shares of the image (data.crop_scale is for pretraining)"},
    {AT(finetune, rand_augment), TEXT("rand-m9-mstd0.5-inc1"),
     .help = "RandAugment, in timm's words: magnitude, its deviation, and so on; \"\": none"},
    {AT(finetune, color_jitter), NUMBER(0, INFINITY, "0"),
     .help = "strength of changes of brightness, contrast and saturation, if there is no RandAugment; 0: none"},
    {AT(finetune, erase), NUMBER(0, 1, "0.25"),
     .help = "probability that a rectangle of an image is replaced by noise (random erasing)"},
    {AT(finetune, validate_epochs), INT(1, 1000000, "1"),
     .help = "epochs between validations; there is one at the end in any case"},
    {AT(finetune, log_steps), INT(1, 1000000000, "20"),
     .help = "steps per line of log.jsonl"},
    {AT(finetune, compare_steps), INT(0, 1000000000, "100"),
     .help = "steps between checks that all ranks have the same weights and moments, which "
             "are checked before every checkpoint too; 0: only there"},
    {AT(finetune, progress_seconds), NUMBER(0, INFINITY, "10"),
     .help = "seconds between progress lines, if stderr is not a terminal"},
    {AT(finetune, checkpoint_epochs), INT(1, 1000000, "1"),
     .help = "epochs between checkpoints; there is one at the end in any case"},
    {AT(finetune, checkpoint_minutes), NUMBER(0, INFINITY, "30"),
     .help = "minutes between further checkpoints; 0: none"},
    {AT(finetune, stop_after_steps), INT64("0"),
     .help = "write a checkpoint at this step and stop, as at a time limit; 0: off"},

    {AT(eval, model), TEXT(""),
     .help = "model file to evaluate; `pixels`: raw pixels as features, a baseline"},
    {AT(eval, pooling), CHOICE(TEC_POOLING_WORDS, "cls"),
     .help = "features: the class token, or the mean of the patch tokens"},
    {AT(eval, batch), INT(1, 65536, "64"),
     .help = "images that the model computes at once, per rank"},
    {AT(eval, resize), CHOICE(TEC_RESIZE_WORDS, "auto"),
     .help = "how an image is resized to image_size / crop_pct before its central square is evaluated: shorter: its shorter "
             "side; squash: both sides; whole: as shorter, but an image that has data.image_size already is used as it is; "
             "of a rectangle, shorter resizes it to cover both sides, as timm's ResizeKeepRatio; "
             "auto: as a sidecar of the model says, else shorter, as MAE does (IDX: whole)"},
    {AT(eval, crop_pct), NUMBER(0, 1, "0"),
     .help = "share of the resized image that is evaluated; 0: as a sidecar of the model says, else MAE's: "
             "0.875 where no side is above 224 pixels, else 1"},
    {AT(eval, interpolation), CHOICE(TEC_FILTER_WORDS, "auto"),
     .help = "filter of that resizing; auto: as a sidecar of the model says, else bicubic"},
    {AT(eval, features), TEXT(""),
     .help = "features of training images, a file (.h5) of `tec features`, in place of eval.model and data.train"},
    {AT(eval, val_features), TEXT(""),
     .help = "features of validation images by the same model, likewise"},

    {AT(features, layer), INT(-1000, 1000, "0"),
     .help = "block behind which features are taken: 1 is the first, -1 the last, -2 the one before it; 0: the last"},
    {AT(features, tokens), CHOICE(TEC_TOKENS_WORDS, "cls"),
     .help = "the class token, the mean of the patch tokens, or all patch tokens, row by row of the image"},
    {AT(features, norm), SWITCH("true"),
     .help = "apply the model's final norm, behind whatever block; false: tokens as the block gives them"},
    {AT(features, type), CHOICE(TEC_FEATURE_TYPE_WORDS, "float32"),
     .help = "storage type; float16 keeps 3 digits in half the bytes"},

    {AT(knn, k), LIST(TEC_SETTING_INTS, 2, 1, 100000, "10,20"), .one_for_all = true,
     .help = "neighbours that vote: one number, or two for two evaluations"},
    {AT(knn, temperature), NUMBER(0, INFINITY, "0.07"), ABOVE,
     .help = "the weight of a neighbour's vote is exp(similarity / temperature)"},

    {AT(probe, epochs), INT(1, 1000000, "90"),
     .help = "passes over the training features"},
    {AT(probe, batch), INT(0, 100000000, "0"),
     .help = "global batch: features per step over all ranks; 0: a tenth of the training images, at most 16384"},
    {AT(probe, blr), NUMBER(0, INFINITY, "0"),
     .help = "base learning rate, for 256 features per step; 0: 0.1 or, with fewer than 163840 training images, "
             "16384 / images"},
    {AT(probe, lr), NUMBER(0, INFINITY, "0"),
     .help = "learning rate; 0: blr * batch / 256"},
    {AT(probe, min_lr), NUMBER(0, INFINITY, "0"),
     .help = "learning rate at the end of the cosine"},
    {AT(probe, warmup_epochs), NUMBER(0, INFINITY, "10"),
     .help = "epochs of linear warm-up, fractions allowed"},
    {AT(probe, weight_decay), NUMBER(0, INFINITY, "0"),
     .help = "weight decay of LARS"},
    {AT(probe, momentum), NUMBER(0, 1, "0.9"), BELOW,
     .help = "momentum of LARS"},

    {AT(report, images), TEXT(""),
     .help = "where the images of the pictures come from, in the forms of data.train; \"\": the run's data.val, else its "
             "data.train"},
    {AT(report, pictures), INT(0, 64, "6"),
     .help = "images that are shown, evenly spaced over the set; 0: no pictures"},
    {AT(report, among), INT(0, 10000, "300"),
     .help = "the nearest images are looked for among so many, evenly spaced over the run's data.train; 0: not at all"},

    {AT(run, dir), TEXT("runs/default"),
     .help = "run directory: log, checkpoints, resolved settings"},
    {AT(run, seed), UINT64("0"),
     .help = "seed of all random draws"},
    {AT(run, threads), INT(0, 4096, "0"),
     .help = "compute threads per rank; 0: OMP_NUM_THREADS, or 1"},
    {AT(run, max_minutes), NUMBER(0, INFINITY, "0"),
     .help = "time limit in minutes, before which a run writes a checkpoint and stops; "
             "0: none but SLURM_JOB_END_TIME, if set"},
    {AT(run, watchdog_minutes), NUMBER(0, INFINITY, "30"),
     .help = "end all ranks if one makes no progress for so many minutes; 0: off"},
    {AT(run, lock_minutes), NUMBER(0, INFINITY, "5"),
     .help = "a restarted job waits so many minutes for another process that still trains in run.dir; "
             "other jobs wait 15 seconds at most"},
    {AT(run, stage), TEXT(""),
     .help = "directory on a disk of the node (such as $TMPDIR) to "
             "which pretrain copies store and pack; \"\": no copies"},
    {AT(run, overlap), CHOICE(TEC_OVERLAP_WORDS, "off"),
     .help = "thread: a helper thread per rank sums gradients over the ranks "
             "during the computation; for slow networks, such as Ethernet"},
    {AT(run, gradient_type), CHOICE(TEC_GRADIENT_TYPE_WORDS, "float32"),
     .help = "how gradients go from node to node: bfloat16: rounded, in half the bytes, for slow networks; what rounding leaves is "
             "added to the next step's. Checkpoints are then written after every eighth step at the soonest"},
    {AT(run, exact_sums), SWITCH("false"),
     .help = "sum gradients in integers: the same weights, bit for bit, on any number of ranks and threads of one kind of "
             "processor. micro_batch then decides how a step is cut (0: batch / 16 images, 32 at most)"},
    {AT(run, node_memory), CHOICE(TEC_NODE_MEMORY_WORDS, "private"),
     .help = "shared: the ranks of a node have one copy of weights, moments and running mean, of which each updates a part, and "
             "which takes less memory; private: each rank has its own"},
    {AT(run, bucket_mb), INT(1, 1024, "4"),
     .help = "megabytes of gradients per allreduce"},
    {AT(run, tensorboard), SWITCH("false"),
     .help = "write the numbers of log.jsonl to event files in run.dir, too, which TensorBoard shows while the run goes on"},
    {AT(run, pictures), INT(0, 64, "0"),
     .help = "with run.tensorboard: the pictures of `tec report` of so many images of data.val, else data.train, after every "
             "epoch that has a checkpoint; rank 0 opens that and the base model for it, which takes the memory of both, and "
             "the other ranks wait"},
};
/* clang-format on */

const int tec_settings_count = sizeof tec_settings_table / sizeof tec_settings_table[0];
_Static_assert(sizeof tec_settings_table / sizeof tec_settings_table[0] <= TEC_SETTINGS_MOST,
               "TEC_SETTINGS_MOST is too small");
