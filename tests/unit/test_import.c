/* Recognising model files: names, what is left out, what is refused and in which words, facts that no tensor tells,
 * interpolated position embeddings. What models compute is tested in test_import_families.c. */
#include "src/import/import_parts.h"

#include "capture.h"
#include "folder.h"

#include "tec/checkpoint.h"
#include "tec/files.h"
#include "tec/frozen.h"
#include "tec/memory.h"
#include "tec/tensor_write.h"
#include "tec/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { MOST = 128, LONGEST = 1 << 19 };

static char dir[200], path[260];
static real zeros[LONGEST];

/* -- names -- */

/* clang-format off */
static const struct {
    const char *theirs, *ours;
    int scheme, part, parts;
} names[] = {
    {"cls_token", "cls_token", 0, 0, 1},
    {"register_tokens", "reg_token", 0, 0, 1},
    {"patch_embed.proj.bias", "patch_embed.proj.bias", 0, 0, 1},
    {"blocks.11.norm1.weight", "blocks.11.norm1.weight", 0, 0, 1},
    {"blocks.2.17.attn.qkv.bias", "blocks.17.attn.qkv.bias", 0, 0, 1},
    {"blocks.3.attn.q_bias", "blocks.3.attn.qkv.bias", 0, 0, 3},
    {"blocks.3.attn.v_bias", "blocks.3.attn.qkv.bias", 0, 2, 3},
    {"blocks.0.ls2.gamma", "blocks.0.ls2", 0, 0, 1},
    {"blocks.0.gamma_1", "blocks.0.ls1", 0, 0, 1},
    {"blocks.0.mlp.w12.weight", "blocks.0.mlp.fc1.weight", 0, 0, 1},
    {"blocks.0.mlp.w3.bias", "blocks.0.mlp.fc2.bias", 0, 0, 1},
    {"blocks.0.mlp.fc1_x.weight", "blocks.0.mlp.fc1.weight", 0, 1, 2},
    {"fc_norm.weight", "fc_norm.weight", 0, 0, 1},
    {"encoder.layer.7.attention.attention.key.weight", "blocks.7.attn.qkv.weight", 1, 1, 3},
    {"encoder.layer.7.layernorm_after.bias", "blocks.7.norm2.bias", 1, 0, 1},
    {"encoder.layer.7.output.dense.bias", "blocks.7.mlp.fc2.bias", 1, 0, 1},
    {"encoder.layer.7.attention.output.dense.bias", "blocks.7.attn.proj.bias", 1, 0, 1},
    {"encoder.layer.7.layer_scale1.lambda1", "blocks.7.ls1", 1, 0, 1},
    {"encoder.layers.encoder_layer_5.self_attention.in_proj_bias", "blocks.5.attn.qkv.bias", 2, 0, 1},
    {"encoder.layers.encoder_layer_5.mlp.3.weight", "blocks.5.mlp.fc2.weight", 2, 0, 1},
};
static const char *const strangers[] = {"blocks.norm1.weight", "blocks.0.norm1", "blocks.0.norm1.weights", "blocks.1.2.3.norm1.weight",
    "blocks.1234567.norm1.weight", "blocks..norm1.weight", "cls_tokens", "xcls_token", "blocks.0.norm1.running_mean", ""};
/* clang-format on */

static void test_names(void **state)
{
    (void)state;
    char ours[OUR_NAME];
    int part, parts;
    for (size_t i = 0; i < LENGTH(names); i++) {
        assert_true(tec_import_translate(&tec_import_namings[names[i].scheme], names[i].theirs, ours, &part, &parts));
        assert_string_equal(ours, names[i].ours);
        assert_int_equal(part, names[i].part);
        assert_int_equal(parts, names[i].parts);
    }
    for (size_t i = 0; i < LENGTH(strangers); i++)
        for (int s = 0; tec_import_namings[s].name; s++)
            if (tec_import_translate(&tec_import_namings[s], strangers[i], ours, &part, &parts))
                fail_msg("`%s` is taken for %s", strangers[i], ours);
}

static void test_names_back(void **state)
{
    (void)state;
    char theirs[THEIR_NAME];
    assert_int_equal(tec_import_translate_back(&tec_import_namings[0], "blocks.4.attn.qkv.bias", 0, theirs), 1);
    assert_string_equal(theirs, "blocks.4.attn.qkv.bias");
    assert_int_equal(tec_import_translate_back(&tec_import_namings[0], "reg_token", 0, theirs), 1);
    assert_string_equal(theirs, "reg_token");
    assert_int_equal(tec_import_translate_back(&tec_import_namings[1], "blocks.4.attn.qkv.bias", 2, theirs), 3);
    assert_string_equal(theirs, "encoder.layer.4.attention.attention.value.bias");
    assert_int_equal(tec_import_translate_back(&tec_import_namings[1], "blocks.4.norm2.weight", 0, theirs), 1);
    assert_string_equal(theirs, "encoder.layer.4.layernorm_after.weight");
    assert_int_equal(tec_import_translate_back(&tec_import_namings[1], "norm_pre.weight", 0, theirs), 0);
}

/* -- files -- */

/* A plain ViT of width 64 on 8 x 8 pixels, and how the file differs from that. */
typedef struct file_plan {
    const char *prefix;
    const char *extra[6]; /* further tensors of 64 numbers, with their whole names */
    const char *drop;     /* every tensor whose name ends so */
    const char *misfit;   /* the first dimension of this tensor is 32 */
    int width, tokens;    /* 0: 64, 5 */
    tec_vit_variant variant;
    const char *const *metadata;
} file_plan;

static int add_tensor(tec_tensor_out *tensor, int count, const char *prefix, const char *name, int dims, const int *dim)
{
    assert_true(count < MOST);
    tensor[count] = (tec_tensor_out){.name = tec_string_format("%s%s", prefix, name), .dims = dims, .value = zeros};
    for (int i = 0; i < dims; i++)
        tensor[count].dim[i] = dim[i];
    return count + 1;
}

/* Parallel blocks have the rows of the MLP's first linear above those of queries, keys and values. */
static void join_linears(tec_param *p, int hidden)
{
    char *linear = strstr(p->name, "attn.qkv.");
    if (!linear)
        return;
    const bool bias = strcmp(linear, "attn.qkv.bias") == 0;
    snprintf(linear, strlen(linear) + 1, "%s", bias ? "in_proj.bias" : "in_proj.weight");
    p->dim[0] += hidden;
}

static bool dropped(const file_plan *plan, const char *name)
{
    if (plan->variant.block == TEC_BLOCK_PARALLEL && strstr(name, "mlp.fc1."))
        return true;
    size_t end = plan->drop ? strlen(plan->drop) : 0, length = strlen(name);
    return end && end <= length && strcmp(name + length - end, plan->drop) == 0;
}

static void write_file(const file_plan *plan)
{
    tec_model_config c = {
        .kind = TEC_MODEL_VIT, .image_size = {8, 8}, .patch = 4, .channels = 3, .depth = 2, .heads = 1};
    tec_params params = {0};
    tec_tensor_out tensor[MOST];
    int count = 0;
    c.width = plan->width ? plan->width : 64;
    c.mlp_ratio = 2;
    c.variant = plan->variant;
    tec_frozen_list(&c, &params);
    for (int i = 0; i < params.count; i++) {
        tec_param *p = &params.param[i];
        if (plan->tokens && strcmp(p->name, "pos_embed") == 0)
            p->dim[1] = plan->tokens;
        if (plan->misfit && strcmp(p->name, plan->misfit) == 0)
            p->dim[0] = 32;
        if (c.variant.block == TEC_BLOCK_PARALLEL)
            join_linears(p, 2 * c.width);
        if (!dropped(plan, p->name))
            count = add_tensor(tensor, count, plan->prefix ? plan->prefix : "", p->name, p->dims, p->dim);
    }
    for (int i = 0; i < 6 && plan->extra[i]; i++)
        count = add_tensor(tensor, count, "", plan->extra[i], 1, (int[]){64});
    assert_int_equal(tec_safetensors_write(path, tensor, count, plan->metadata), TEC_OK);
    for (int i = 0; i < count; i++)
        free((char *)(uintptr_t)tensor[i].name);
    tec_params_free(&params);
}

static tec_import *open_file(const tec_import_options *options)
{
    tec_import *import;
    if (tec_import_open(&import, path, options) != TEC_OK)
        fail_msg("%s", tec_error_message());
    return import;
}

static const tec_import_options nothing = {0};

static void assert_refused(const tec_import_options *options, const char *message)
{
    tec_import *import;
    assert_int_equal(tec_import_open(&import, path, options), TEC_USER_ERROR);
    assert_null(import);
    if (!strstr(tec_error_message(), message) || !strstr(tec_error_message(), path))
        fail_msg("`%s` is not in: %s", message, tec_error_message());
}

static void test_wrappers(void **state)
{
    (void)state;
    static const char *const prefix[] = {"",
                                         "model.",
                                         "state_dict.",
                                         "module.",
                                         "teacher.",
                                         "student.",
                                         "backbone.",
                                         "encoder.",
                                         "teacher.backbone.",
                                         "state_dict.module.base_encoder.",
                                         "model_ema.module.",
                                         "net.visual.trunk."};
    for (size_t i = 0; i < LENGTH(prefix); i++) {
        write_file(&(file_plan){.prefix = prefix[i]});
        tec_import *import = open_file(&nothing);
        const tec_import_facts *facts = tec_import_get_facts(import);
        assert_string_equal(facts->prefix, prefix[i]);
        assert_int_equal(facts->config.width, 64);
        assert_int_equal(facts->config.depth, 2);
        assert_int_equal(facts->config.heads, 1);
        assert_int_equal(facts->config.patch, 4);
        assert_true(tec_size_equal(facts->config.image_size, tec_size_square(8)));
        assert_int_equal(tec_model_hidden(&facts->config), 128);
        assert_int_equal(facts->unused, 0);
        tec_import_close(import);
    }
}

static void test_unused(void **state)
{
    (void)state;
    static const file_plan plan[] = {
        {.prefix = "model.",
         .extra = {"model.head.weight", "model.fc.bias", "model.mask_token", "model.decoder_norm.bias"}},
        {.prefix = "model.", .extra = {"history.2", "calibration"}},
        {.prefix = "vit.", .extra = {"classifier.weight", "decoder.mask_token", "vit.pooler.dense.bias"}},
        {.prefix = "teacher.backbone.",
         .extra = {"teacher.head.mlp.0.weight", "student.module.head.last.weight", "dino_loss.center",
                   "optimizer.state.0.exp_avg", "fp16_scaler.scale"}},
        {.extra = {"head.weight", "head_dist.bias", "pre_logits.fc.weight", "optimizer.state.0.exp_avg"}},
        {.extra = {"encoder_adaptor.adap_before.weight", "forward_att_decoder.decoder_qk.weight",
                   "decoder_blocks.1.norm1.weight"}},
    };
    for (size_t i = 0; i < LENGTH(plan); i++) {
        int extra = 0;
        while (plan[i].extra[extra])
            extra++;
        write_file(&plan[i]);
        tec_import *import = open_file(&nothing);
        assert_int_equal(tec_import_get_facts(import)->unused, extra);
        assert_string_equal(tec_import_get_facts(import)->unused_example, plan[i].extra[0]);
        tec_import_close(import);
    }
}

/* A vision tower among other parts: what those compute does not matter. */
static void test_passed_over(void **state)
{
    (void)state;
    static const file_plan plan[] = {
        {.prefix = "visual.",
         .extra = {"token_embedding.weight", "transformer.resblocks.0.ln_1.weight", "logit_scale"}},
        {.prefix = "vision_tower.",
         .extra = {"language_model.layers.0.self_attn.rotary_emb.inv_freq", "model.embed_tokens.weight",
                   "lm_head.weight"}},
        {.prefix = "visual.trunk.",
         .extra = {"text.token_embedding.weight", "text.positional_embedding", "text_projection.weight"}},
    };
    for (size_t i = 0; i < LENGTH(plan); i++) {
        write_file(&plan[i]);
        tec_import *import = open_file(&nothing);
        char *line = tec_import_describe(import);
        assert_int_equal(tec_import_get_facts(import)->text, 3);
        assert_int_equal(tec_import_get_facts(import)->unused, 0);
        assert_non_null(strstr(line, "; its text tower passed over (3 tensors)"));
        free(line);
        tec_import_close(import);
    }
    const tec_vit_variant bare = {.no_class_token = true};
    write_file(&(file_plan){.variant = bare, .extra = {"attn_pool.latent", "attn_pool.q.weight"}});
    tec_import *import = open_file(&nothing);
    char *line = tec_import_describe(import);
    assert_non_null(strstr(line, "; its head that pools by attention passed over (2 tensors)"));
    free(line);
    tec_import_close(import);
}

#define BLOCK_0 "blocks.0."

static const struct {
    file_plan plan;
    const char *message;
} refused_files[] = {
    {{.extra = {BLOCK_0 "attn.relative_position_bias_table"}},
     "the table of a relative position bias is [distances + 3, heads]"},
    {{.extra = {"rel_pos_bias.relative_position_bias_table"}}, "the table of a relative position bias is"},
    {{.extra = {BLOCK_0 "attn.relative_position_bias_table", "rel_pos_bias.relative_position_bias_table"}},
     "has a relative position bias for each block and one for all: one of them cannot be in use"},
    {{.extra = {BLOCK_0 "attn.rel_pos.relative_position_bias_table"}},
     "a relative position bias, which is not supported (its tensor `blocks.0.attn.rel_pos.relative"},
    {{.extra = {"rope.freqs_cos"}},
     "its rotary positions (tensor `rope.freqs_cos`) are not those of EVA-02, which is not supported"},
    {{.extra = {"rope.freqs"}},
     "tensor `rope.freqs` does not have the shape [2, 2, heads, width of a head / 2] of rotary positions"},
    {{.prefix = "model.", .extra = {"model.rope_embed.periods"}},
     "has the rotary positions of DINOv3, which has no others, but also a position embedding (`pos_embed`)"},
    {{.extra = {BLOCK_0 "attn.q_norm.weight"}}, "normalised queries and keys"},
    {{.extra = {BLOCK_0 "attn.rel_pos.mlp.fc1.weight"}}, "a relative position bias"},
    {{.extra = {BLOCK_0 "in_norm.weight"}},
     "`blocks.0.in_norm.weight` are the same tensor of the model (blocks.0.norm1"},
    {{.drop = "blocks.0.norm1.weight", .extra = {BLOCK_0 "in_norm.weight"}},
     "tensor `blocks.0.in_norm.weight` is one of parallel blocks, but their first linear (`in_proj`) is missing"},
    {{.drop = "blocks.1.attn.proj.bias", .extra = {"blocks.1.attn_out_proj.bias"}},
     "tensor `blocks.1.attn_out_proj.bias` is one of parallel blocks"},
    {{.extra = {BLOCK_0 "in_proj.weight"}}, "does not have the shape of a parallel block's first linear"},
    {{.extra = {BLOCK_0 "attns.0.norm.weight"}}, "several branches side by side (parallel blocks)"},
    {{.extra = {BLOCK_0 "attn.lambda_q1"}}, "differential attention"},
    {{.extra = {"patch_embed.norm.weight"}}, "a norm of its patches (AIMv2)"},
    {{.drop = "weight", .extra = {"preprocessor.patchifier.proj.weight"}},
     "RMS norms, one of them of its patches (AIMv2), which is not supported (its tensor `preprocessor.patchifier"},
    {{.drop = "weight", .extra = {"encoder.layers.0.rms_norm1.weight"}}, "the model has RMS norms (AIMv2), which"},
    {{.drop = "patch_embed", .extra = {"modality_encoders.IMAGE.local_encoder.proj.weight"}},
     "norms behind the branches of its blocks (data2vec 2.0), which is not supported"},
    {{.drop = "patch_embed", .extra = {"embeds.proj.weight"}}, "positions for images of any shape (NaFlex)"},
    {{.extra = {BLOCK_0 "mlp.norm.weight"}},
     "tensor `blocks.0.mlp.norm.weight` does not have the shape that the other tensors require"},
    {{.extra = {"patch_embed.backbone.stem.conv.weight"}}, "a convolutional backbone"},
    {{.drop = "patch_embed.proj.weight", .extra = {"patch_embed.proj.0.weight"}}, "a convolutional stem"},
    {{.extra = {"layers.0.downsample.reduction.weight"}}, "a hierarchy of resolutions"},
    {{.drop = "weight", .extra = {"text_model.embeddings.token_embedding.weight"}}, "a text tower"},
    {{.extra = {"modality_encoders.IMAGE.extra_tokens"}}, "norms behind the branches of its blocks (data2vec 2.0)"},
    {{.drop = "weight", .extra = {"model.embed_tokens.weight"}}, "a language model"},
    {{.extra = {BLOCK_0 "gate"}}, ": 1 tensor is not part of any ViT that tec knows: `blocks.0.gate`"},
    {{.prefix = "m.", .extra = {"a", "m.b", "m.c", "m.d", "m.e"}},
     "4 tensors are not part of any ViT that tec knows: `m.b`, `m.c`, `m.d` and 1 more"},
    {{.drop = "blocks.1.norm2.bias"}, ": 1 tensor of the ViT is missing (in our names): `blocks.1.norm2.bias`"},
    {{.drop = "norm2.bias"},
     "2 tensors of the ViT are missing (in our names): `blocks.0.norm2.bias`, `blocks.1.norm2.bias`"},
    {{.drop = "norm.weight"}, "missing (in our names): `norm.weight`"},
    {{.drop = "cls_token"}, "its patches do not form a square"},
    {{.drop = "blocks.1.attn.qkv.bias"}, "is missing (in our names): `blocks.1.attn.qkv.bias`"},
    {{.drop = "qkv.bias", .extra = {BLOCK_0 "attn.v_bias"}}, "missing (in our names): `blocks.0.attn.qkv.bias`"},
    {{.drop = "mlp.fc2.weight"}, "the MLP of the first block is missing"},
    {{.drop = "patch_embed.proj.bias"}, "is missing (in our names): `patch_embed.proj.bias`"},
    {{.drop = "pos_embed"}, "has no position embedding (`pos_embed`)"},
    {{.tokens = 7}, "tensor `pos_embed` has the shape [1, 7, 64]; its patches do not form a square"},
    {{.extra = {"fc_norm.weight", "fc_norm.bias"}}, "has both a final norm (`norm`) and `fc_norm`"},
    {{.extra = {"register_tokens", "reg_token"}}, "`register_tokens` and `reg_token` are the same tensor of the model"},
    {{.extra = {BLOCK_0 "ls1.gamma"}}, "1 of 2 blocks have a LayerScale (.ls1): the others have none"},
    {{.extra = {BLOCK_0 "ls.gamma"}},
     "blocks with norms before their branches have no LayerScale of this kind (.ls), but it has one"},
    {{.extra = {"blocks.1.mlp.norm.weight"}},
     "tensor `blocks.1.mlp.norm.weight` (`blocks.1.mlp.norm.weight` of a ViT) has no place in the model that"},
    {{.extra = {"blocks.1.attn.k_bias"}}, "(`blocks.1.attn.qkv.bias` of a ViT) has no place in the model"},
    {{.extra = {"blocks.1.attn.relative_position_bias_table"}}, "has no place in the model"},
    {{.extra = {BLOCK_0 "attn.q_bias"}}, "are the same tensor of the model (blocks.0.attn.qkv.bias)"},
    {{.prefix = "a.", .extra = {"b.patch_embed.proj.weight"}},
     "holds 2 models, and nothing says which is meant: `a.patch_embed.proj.weight`, `b.patch"},
    {{.drop = "patch_embed.proj.weight"}, "holds no ViT: none of its tensors is called patch_embed.proj.weight"},
    {{.misfit = "blocks.1.norm1.weight"},
     "tensor `blocks.1.norm1.weight` does not have the shape that the other tensors require (width 64, 2 blocks)"},
    {{.misfit = "blocks.1.mlp.fc2.weight"}, "tensor `blocks.1.mlp.fc2.weight` does not have the shape"},
    {{.misfit = "blocks.0.mlp.fc1.weight"}, "it matches neither fc2 nor"},
    {{.width = 60},
     "no tensor says how many attention heads there are, and the width 60 is not a multiple of 64: give base.heads"},
    {{.extra = {"blocks.999999.norm1.weight"}}, "tensors of the ViT are missing"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(refused_files); i++) {
        write_file(&refused_files[i].plan);
        assert_refused(&nothing, refused_files[i].message);
    }
    write_file(&(file_plan){.width = 64});
    assert_refused(
        &(tec_import_options){.heads = 7},
        "7 attention heads (base.heads) do not divide the width 64: base.heads has to be a divisor of it, such as "
        "4 or 8,");
}

/* -- facts -- */

static void test_options(void **state)
{
    (void)state;
    write_file(&(file_plan){.width = 60});
    tec_import *import =
        open_file(&(tec_import_options){.heads = 3, .norm_eps = 1e-3, .mean = {1, 2, 3}, .std = {4, 5, 6}});
    const tec_import_facts *f = tec_import_get_facts(import);
    assert_int_equal(f->config.heads, 3);
    assert_true(f->config.variant.norm_eps == 1e-3 && f->normalised && f->mean[2] == 3 && f->std[0] == 4);
    char *line = tec_import_describe(import);
    assert_non_null(strstr(line, "3 heads (base.heads), MLP 120, patch 4, 8 x 8 x 3 pixels"));
    assert_non_null(strstr(line, "norm eps 0.001 (base.norm_eps); mean 1,2,3 std 4,5,6 (base.mean, base.std)"));
    free(line);
    tec_import_close(import);
}

static void test_metadata(void **state)
{
    (void)state;
    static const char *const metadata[] = {"tec_heads",   "4",       "tec_norm_eps", "1e-5", "tec_mean",
                                           "0.1,0.2,0.3", "tec_std", "1,2,3",        NULL};
    write_file(&(file_plan){.width = 60, .metadata = metadata});
    tec_import *import = open_file(&nothing);
    const tec_import_facts *f = tec_import_get_facts(import);
    assert_int_equal(f->config.heads, 4);
    assert_true(f->config.variant.norm_eps == 1e-5 && f->normalised && f->mean[1] == 0.2 && f->std[2] == 3);
    tec_import_close(import);
}

static void write_beside(const char *name, const char *text)
{
    char *file = tec_path_join(dir, name);
    assert_int_equal(tec_file_write(file, text, strlen(text)), TEC_OK);
    free(file);
}

static void remove_beside(const char *name)
{
    char *file = tec_path_join(dir, name);
    remove(file);
    free(file);
}

/* A checkpoint of a run with these settings; its tensors are of MLPs of this ratio, of which it says `said`. */
static void write_run(const char *file, const char *yaml, double mlp_ratio, double said)
{
    tec_model_config config = {
        .image_size = {8, 8}, .patch = 4, .channels = 3, .width = 8, .depth = 1, .heads = 2, .mlp_ratio = mlp_ratio};
    const tec_run_state run = {.step = 1, .ranks = 1, .threads = 1, .batch = 1};
    tec_frozen *frozen;
    assert_int_equal(tec_frozen_create(&frozen, &config, 1), TEC_OK);
    const tec_params *params = tec_frozen_params(frozen);
    real *moment = tec_allocate_zeroed(params->total, sizeof *moment);
    config.mlp_ratio = said;
    assert_int_equal(tec_checkpoint_write(file, &config, params, &(tec_checkpoint_run){moment, moment, NULL, &run},
                                          &(tec_checkpoint_texts){.settings = yaml}, NULL, NULL),
                     TEC_OK);
    free(moment);
    tec_frozen_close(frozen);
}

static bool read_half(const char *yaml, tec_import_images *out)
{
    *out = (tec_import_images){.preprocessing = {.resize = TEC_RESIZE_SQUASH}, .upright = true};
    for (int i = 0; i < 3; i++)
        out->mean[i] = out->std[i] = 0.5;
    return strcmp(yaml, "data:\n") == 0;
}

/* The settings in a checkpoint are read by whoever knows settings. */
static void test_run_settings(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        bool (*read)(const char *yaml, tec_import_images *out);
        bool known;
    } runs[] = {
        {"data:\n", read_half, true}, {"other:\n", read_half, false}, {"", read_half, false}, {"data:\n", NULL, false}};
    char file[280];
    snprintf(file, sizeof file, "%s/run.h5", dir);
    for (size_t i = 0; i < LENGTH(runs); i++) {
        tec_import *import;
        write_run(file, runs[i].yaml, 4, 4);
        assert_int_equal(tec_import_open(&import, file, &(tec_import_options){.read_images = runs[i].read}), TEC_OK);
        const tec_import_facts *f = tec_import_get_facts(import);
        assert_int_equal(f->config.heads, 2);
        assert_int_equal(f->normalised, runs[i].known);
        if (runs[i].known) {
            assert_true(f->mean[0] == 0.5 && f->std[2] == 0.5);
            assert_string_equal(f->mean_from, "as it was trained");
        }
        assert_null(f->preprocessing_from); /* a run that validates nothing says nothing of how images are resized */
        assert_false(f->upright);
        tec_import_close(import);
    }
}

/* 8 x 3.99999 is 31 where it is truncated, as it was, and 32 where only a rounding is thought to keep it from that. */
static void test_truncated_ratio(void **state)
{
    (void)state;
    static const struct {
        double is, said;
        int hidden; /* 0: refused */
    } ratios[] = {{31 / 8.0, 3.99999, 31}, {4, 3.99999, 32}, {4, 4, 32}, {30 / 8.0, 3.99999, 0}, {31 / 8.0, 4, 0}};
    char file[280];
    snprintf(file, sizeof file, "%s/ratio.h5", dir);
    for (size_t i = 0; i < LENGTH(ratios); i++) {
        tec_import *import;
        write_run(file, "", ratios[i].is, ratios[i].said);
        tec_status status = tec_import_open(&import, file, &nothing);
        assert_int_equal(status, ratios[i].hidden ? TEC_OK : TEC_USER_ERROR);
        if (status != TEC_OK) {
            assert_non_null(strstr(tec_error_message(), "the shapes of its tensors do not match /config"));
            continue;
        }
        assert_int_equal(tec_model_hidden(&tec_import_get_facts(import)->config), ratios[i].hidden);
        tec_import_close(import);
    }
}

static void test_config_json(void **state)
{
    (void)state;
    write_file(&(file_plan){.width = 64});
    write_beside("config.json", "{\"hidden_size\": 64, \"num_attention_heads\": 8, \"layer_norm_eps\": 1e-4}");
    write_beside("preprocessor_config.json", "{\"image_mean\": [0.1, 0.2, 0.3], \"image_std\": [1, 1, 2]}");
    tec_import *import = open_file(&nothing);
    const tec_import_facts *f = tec_import_get_facts(import);
    assert_int_equal(f->config.heads, 8);
    assert_true(f->config.variant.norm_eps == 1e-4 && f->normalised && f->mean[0] == 0.1 && f->std[2] == 2);
    assert_string_equal(f->heads_from, "config.json");
    tec_import_close(import);

    write_beside("config.json", "{\"pretrained_cfg\": {\"mean\": [0.4, 0.5, 0.6], \"std\": [0.7, 0.8, 0.9]}}");
    remove_beside("preprocessor_config.json");
    import = open_file(&nothing);
    f = tec_import_get_facts(import);
    assert_true(f->config.heads == 1 && f->normalised && f->mean[0] == 0.4 && f->std[2] == 0.9);
    tec_import_close(import);

    char said[600];
    write_beside("config.json", "{\"hidden_size\": 768, \"num_attention_heads\": 8}");
    capture *c = capture_begin();
    import = open_file(&nothing);
    capture_end(c, said, sizeof said);
    assert_non_null(strstr(said, "the config.json beside it is about another model"));
    assert_int_equal(tec_import_get_facts(import)->config.heads, 1);
    tec_import_close(import);

    write_beside("config.json", "{\"hidden_size\": ");
    assert_refused(&nothing, "config.json beside it is damaged (line 1: ");
    remove_beside("config.json");
}

/* A copy of the model file as `name` in the test's folder; the caller frees its path. */
static char *copy_as(const char *name)
{
    char *copy = tec_path_join(dir, name), *folder = tec_path_directory(copy), *data;
    size_t bytes;
    assert_int_equal(tec_directory_make(folder), TEC_OK);
    assert_int_equal(tec_file_read(path, 1 << 24, &data, &bytes), TEC_OK);
    assert_int_equal(tec_file_write(copy, data, bytes), TEC_OK);
    free(data);
    free(folder);
    return copy;
}

static void test_file_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *family;
        bool named; /* the name tells the family */
        double mean;
    } files[] = {
        {"ismael/vit.safetensors", "timm ViT", false, 0},
        {"mae-comparison/supervised_vit_tiny.safetensors", "timm ViT", false, 0},
        {"dinosaurs/vit.safetensors", "timm ViT", false, 0},
        {"mae/model.safetensors", "timm ViT", false, 0},
        {"gammaeva.safetensors", "timm ViT", false, 0},
        {"Beitrag/siglip_augreg.safetensors", "timm ViT", false, 0},
        {"dinosaur_deity.safetensors", "timm ViT", false, 0},
        {"ours_deit384.safetensors", "DeiT", true, 0},
        {"supervised_vs_MAE.safetensors", "MAE", true, 0},
        {"our-dinov2.safetensors", "DINOv2", true, 0},
        {"mae_pretrain_vit_base_ours.safetensors", "MAE", true, 0},
        {"jx_vit_augreg_birds.safetensors", "timm ViT", false, 0},
        {"mae_pretrain_vit_base.safetensors", "MAE", true, 0.485},
        {"dinov2_vits14_reg4_pretrain.pth", "DINOv2", true, 0.485},
        {"deit_3_small_224_21k.pth", "DeiT III", true, 0.485},
        {"vit_small_patch16_224.dino/model.safetensors", "DINO", true, 0.485},
        {"vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors", "timm ViT", false, 0.5},
        {"vit_tiny_patch16_224_augreg_birds.safetensors", "timm ViT", false, 0},
    };
    write_file(&(file_plan){.width = 64});
    for (size_t i = 0; i < LENGTH(files); i++) {
        tec_import *import;
        char *file = copy_as(files[i].name);
        if (tec_import_open(&import, file, &nothing) != TEC_OK)
            fail_msg("%s", tec_error_message());
        const tec_import_facts *f = tec_import_get_facts(import);
        char *line = tec_import_describe(import);
        if (strcmp(f->family, files[i].family) != 0 || f->mean[0] != files[i].mean ||
            f->normalised != (files[i].mean > 0) || !strstr(line, "(from the file's name)") != !files[i].named)
            fail_msg("%s", line);
        free(line);
        tec_import_close(import);
        remove(file);
        free(file);
    }
    write_file(&(file_plan){.width = 384}); /* MoCo v3's has other heads than everybody's */
    char *file = copy_as("moco_small.safetensors");
    tec_import *import;
    assert_int_equal(tec_import_open(&import, file, &nothing), TEC_OK);
    assert_false(tec_import_get_facts(import)->heads_known);
    tec_import_close(import);
    remove(file);
    free(file);
}

/* The normalisation's first mean and what is said, of a file in the test's folder; 0: not known, -1: refused. */
static double mean_of(const char *file, char *said, size_t size)
{
    tec_import *import;
    capture *c = capture_begin();
    tec_status status = tec_import_open(&import, file, &nothing);
    capture_end(c, said, size);
    if (status != TEC_OK) {
        snprintf(said, size, "%s", tec_error_message());
        return -1;
    }
    double mean = tec_import_get_facts(import)->normalised ? tec_import_get_facts(import)->mean[0] : 0;
    tec_import_close(import);
    return mean;
}

/* Files beside a model are about it alone, unless it shares its directory. */
static void test_two_models(void **state)
{
    (void)state;
    static const struct {
        const char *file, *config;
        double mean;
        const char *said;
    } cases[] = {
        {"first.safetensors", "{\"model_type\": \"vit\", \"hidden_size\": 64}", 0,
         "config.json beside it is not used: its directory holds other models (second.pth)"},
        {"first.safetensors", NULL, 0, "preprocessor_config.json beside it is not used"},
        {"first.safetensors", "{\"architecture\": \"vit_tiny_patch16_224\"}", 0.25, "is taken to be about this model"},
        {"model.safetensors", "{\"model_type\": \"vit\"}", 0, "is not used"},
        {"model.safetensors", "{\"architecture\": \"vit_tiny_patch16_224\"}", 0.25, ""},
        {"model.safetensors", NULL, 0.25, ""},
    };
    char said[900];
    write_file(&(file_plan){.width = 64});
    char *second = copy_as("two/second.pth");
    write_beside("two/preprocessor_config.json", "{\"image_mean\": 0.25, \"image_std\": 0.5}");
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char *name = tec_path_join("two", cases[i].file), *file = copy_as(name);
        if (cases[i].config)
            write_beside("two/config.json", cases[i].config);
        double mean = mean_of(file, said, sizeof said);
        if (mean != cases[i].mean || !strstr(said, cases[i].said) || (!cases[i].said[0] && said[0]))
            fail_msg("case %d: %g, %s", (int)i, mean, said);
        remove_beside("two/config.json");
        remove(file);
        free(file);
        free(name);
    }
    char *alone = copy_as("two/alone.safetensors");
    remove(second);
    write_beside("two/config.json", "{\"model_type\": \"vit\"}");
    assert_true(mean_of(alone, said, sizeof said) == 0.25);
    remove(alone);
    free(alone);
    free(second);
}

/* What changes the input or cannot be understood is refused, what is not heeded and what contradicts is said. */
static void test_entries(void **state)
{
    (void)state;
    static const struct {
        const char *config, *images;
        bool refused;
        const char *said;
    } cases[] = {
        {"{\"num_attention_heads\": \"2\"}", "{}", true,
         "config.json beside it says num_attention_heads = \"2\", where a whole number above 0 is expected"},
        {"{\"num_attention_heads\": 2.0}", "{}", true, "where a whole number above 0 is expected"},
        {"{\"num_attention_heads\": true}", "{}", true, "num_attention_heads = true"},
        {"{\"num_attention_heads\": 99999}", "{}", true, "99999 attention heads (config.json) do not divide"},
        {"{\"layer_norm_eps\": \"1e-6\"}", "{}", true, "layer_norm_eps = \"1e-6\", where a number above 0 is"},
        {"{\"hidden_size\": \"64\"}", "{}", true, "hidden_size = \"64\""},
        {"{\"hidden_act\": 3}", "{}", true, "hidden_act = 3, where a text is expected"},
        {"{\"architecture\": \"vit_tiny_patch16_224\", \"model_args\": {\"num_heads\": \"2\"}}", "{}", true,
         "num_heads"},
        {"{\"pretrained_cfg\": {\"mean\": \"0.5\", \"std\": 1}}", "{}", true, "mean = \"0.5\""},
        {"{\"pretrained_cfg\": {\"mean\": 0.5, \"std\": [1, 0, 1]}}", "{}", true, "std = [1,0,1]"},
        {"{\"model_type\": \"vit\", \"rope_theta\": 10000.0}", "{}", true, "rope_theta = 10000.0, which shows rotary"},
        {"{\"model_type\": \"vit\", \"rope_theta\": null}", "{}", false, ""},
        {"{\"rope_theta\": \"50\"}", "{}", true, "rope_theta = \"50\", where a number above 0 is expected"},
        {"{\"rope_theta\": 0}", "{}", true, "rope_theta = 0, where a number above 0 is expected"},
        {"{\"rope_parameters\": 50}", "{}", true, "rope_parameters = 50, where an object is expected"},
        {"{}", "{\"do_flip_channel_order\": true}", true, "do_flip_channel_order = true, that is, blue before red"},
        {"{}", "{\"do_flip_channel_order\": false, \"do_convert_rgb\": true}", false, ""},
        {"{}", "{\"rescale_offset\": true}", true, "rescale_offset = true"},
        {"{}", "{\"do_normalize\": \"false\"}", true, "do_normalize = \"false\", where true or false is expected"},
        {"{}", "{\"image_mean\": [\"0.5\"], \"image_std\": 1}", true, "image_mean = [\"0.5\"]"},
        {"{}", "{\"size\": {\"height\": \"8\"}}", true, "height = \"8\""},
        {"{}", "{\"do_pad\": true}", false, "says do_pad, which is not supported here"},
        {"{}", "{\"size\": {\"longest_edge\": 8}}", false, "says size.longest_edge, which is not supported here"},
        {"{}", "{\"size\": {\"height\": 8, \"width\": 12}}", false, "says that size is no square"},
        {"{}", "{\"size\": 8, \"resample\": \"cubic\"}", false, "resized by an unknown filter"},
        {"{\"pretrained_cfg\": {\"mean\": 0.5, \"std\": 0.5}}", "{\"image_mean\": 0.25, \"image_std\": 0.5}", false,
         "config.json says mean 0.5,0.5,0.5 std 0.5,0.5,0.5, and preprocessor_config.json mean 0.25,0.25,0.25"},
        {"{\"pretrained_cfg\": {\"mean\": 0.5, \"std\": 0.5}}", "{\"image_mean\": 0.5, \"image_std\": 0.5}", false, ""},
    };
    char said[1200];
    write_file(&(file_plan){.width = 64});
    for (size_t i = 0; i < LENGTH(cases); i++) {
        write_beside("config.json", cases[i].config);
        write_beside("preprocessor_config.json", cases[i].images);
        bool refused = mean_of(path, said, sizeof said) < 0;
        if (refused != cases[i].refused || !strstr(said, cases[i].said) || (!cases[i].said[0] && said[0]))
            fail_msg("case %d: wanted %s in: %s", (int)i, cases[i].said, said);
    }
    remove_beside("config.json");
    remove_beside("preprocessor_config.json");
    static const char *const metadata[] = {"tec_heads", "4", NULL};
    write_file(&(file_plan){.width = 64, .metadata = metadata});
    write_beside("config.json", "{\"num_attention_heads\": 2}");
    assert_true(mean_of(path, said, sizeof said) == 0);
    assert_non_null(strstr(said, "config.json says 2 heads, and the file's metadata 4, which is taken"));
    remove_beside("config.json");
}

/* Six patches are no square: what says of which images they are, and what does not fit. */
static void test_rectangles(void **state)
{
    (void)state;
    static const struct {
        const char *config, *metadata[3];
        tec_size given;
        tec_size want; /* 0: refused */
        const char *said;
    } cases[] = {
        {"{}", {NULL}, {0, 0}, {0, 0}, "give base.image_size=H,W"},
        {"{\"image_size\": 8}", {NULL}, {0, 0}, {0, 0}, "give base.image_size=H,W"},
        {"{\"image_size\": [8, 16]}", {NULL}, {0, 0}, {0, 0}, "give base.image_size=H,W"},
        {"{\"image_size\": [8, 12]}",
         {NULL},
         {0, 0},
         {8, 12},
         "8 x 12 x 3 pixels (height x width x channels: config.json)"},
        {"{\"model_args\": {\"img_size\": [12, 8]}}", {NULL}, {0, 0}, {12, 8}, "channels: config.json)"},
        {"{\"pretrained_cfg\": {\"input_size\": [3, 4, 24]}}", {NULL}, {0, 0}, {4, 24}, "channels: config.json)"},
        {"{\"image_size\": [8, 12]}", {"tec_image_size", "12,8"}, {0, 0}, {12, 8}, "channels: the file's metadata)"},
        {"{\"image_size\": [8, 12]}", {NULL}, {12, 8}, {12, 8}, "channels: base.image_size)"},
        {"{\"image_size\": [8, 12]}", {NULL}, {8, 8}, {0, 0}, "images of 8 x 8 pixels (base.image_size) do not have"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        tec_import *import = NULL;
        const tec_import_options options = {.heads = 4, .image_size = cases[i].given};
        write_file(&(file_plan){.tokens = 7, .metadata = cases[i].metadata[0] ? cases[i].metadata : NULL});
        write_beside("config.json", cases[i].config);
        tec_status status = tec_import_open(&import, path, &options);
        assert_int_equal(status, cases[i].want.width ? TEC_OK : TEC_USER_ERROR);
        char *line = status == TEC_OK ? tec_import_describe(import) : tec_string_copy(tec_error_message());
        if (!strstr(line, cases[i].said))
            fail_msg("case %d: wanted %s in: %s", (int)i, cases[i].said, line);
        if (status == TEC_OK)
            assert_true(tec_size_equal(tec_import_get_facts(import)->config.image_size, cases[i].want));
        free(line);
        tec_import_close(import);
    }
    remove_beside("config.json");
}

static void link_as(const char *target, const char *name)
{
    char *file = tec_path_join(dir, name);
    assert_int_equal(symlink(target, file), 0);
    free(file);
}

static void test_links(void **state)
{
    (void)state;
    char said[900], *entry = tec_path_join(dir, "link.safetensors");
    write_file(&(file_plan){.width = 64});
    char *blob = copy_as("blobs/0f3a"), *other = copy_as("snapshot/README");
    write_beside("snapshot/preprocessor_config.json", "{\"image_mean\": 0.25, \"image_std\": 0.5}");
    write_beside("snapshot/config.json", "\xef\xbb\xbf{\"num_attention_heads\": 2}"); /* a byte order mark */
    link_as("../blobs/0f3a", "snapshot/model.safetensors");
    link_as("snapshot/model.safetensors", "link.safetensors");
    assert_true(mean_of(entry, said, sizeof said) == 0.25);
    link_as("gone.json", "preprocessor_config.json");
    assert_true(mean_of(entry, said, sizeof said) == -1);
    assert_non_null(strstr(said, "preprocessor_config.json beside it is a link to nothing"));
    remove_beside("preprocessor_config.json");
    link_as("gone.json", "config.json");
    assert_true(mean_of(entry, said, sizeof said) == -1);
    assert_non_null(strstr(said, "config.json beside it is a link to nothing"));
    remove_beside("config.json");
    remove(entry);
    free(other);
    free(blob);
    free(entry);
}

/* What config.json says of the graph: taken, or refused by the key. */
static void test_config_of_graph(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        tec_activation activation;
        const char *refused;
    } cases[] = {
        {"{\"hidden_act\": \"quick_gelu\"}", TEC_ACTIVATION_QUICK_GELU, NULL},
        {"{\"hidden_act\": \"gelu_pytorch_tanh\", \"model_type\": \"vit\"}", TEC_ACTIVATION_GELU_TANH, NULL},
        {"{\"hidden_act\": \"relu\"}", TEC_ACTIVATION_GELU,
         "the activation relu is not supported (config.json beside it says so: hidden_act)"},
        {"{\"model_type\": \"dinov3_vit\"}", TEC_ACTIVATION_GELU,
         "rotary positions, which is not supported (config.json beside it says so: model_type = dinov3"},
        {"{\"model_type\": \"siglip2\", \"vision_config\": {\"model_type\": \"siglip2_vision_model\"}}",
         TEC_ACTIVATION_GELU, "positions for images of any shape (NaFlex), which is not supported"},
        {"{\"model_type\": \"clip\", \"vision_config\": {\"num_attention_heads\": 2}}", TEC_ACTIVATION_QUICK_GELU,
         NULL},
        {"{\"model_type\": \"llava\", \"vision_config\": {\"model_type\": \"siglip_vision_model\", "
         "\"num_attention_heads\": 2}}",
         TEC_ACTIVATION_GELU_TANH, NULL},
        {"{\"model_type\": \"llava\", \"vision_config\": {\"model_type\": \"eva_vision_model\"}}", TEC_ACTIVATION_GELU,
         "says model_type = eva_vision_model, which is not known here"},
        {"{\"model_type\": \"new_vit\"}", TEC_ACTIVATION_GELU,
         "config.json beside it says model_type = new_vit, which is not known here"},
        {"{\"architecture\": \"eva02_small_patch14_336\"}", TEC_ACTIVATION_GELU,
         "architecture = eva02_small_patch14_336, which is a model with SwiGLU, but its tensors are those of one without"},
        {"{\"architecture\": \"vit_small_patch16_dinov3\"}", TEC_ACTIVATION_GELU,
         "has the rotary positions of DINOv3, which has no others, but also a position embedding (`pos_embed`)"},
        {"{\"architecture\": \"eva02_enormous_patch14_clip_224\"}", TEC_ACTIVATION_GELU, NULL},
        {"{\"architecture\": \"vit_large_patch16_rope_mixed_ape_224\"}", TEC_ACTIVATION_GELU,
         "missing (in our names): `rope.freqs`"},
        {"{\"architecture\": \"vit_base_patch16_rpn_224\"}", TEC_ACTIVATION_GELU,
         "config.json beside it says architecture = vit_base_patch16_rpn_224, which is a model without a class token, but"},
        {"{\"architecture\": \"vit_relpos_base_patch16_rpn_224\"}", TEC_ACTIVATION_GELU,
         "a relative position bias, and"},
        {"{\"architecture\": \"vit_base_patch16_xp_224\"}", TEC_ACTIVATION_GELU, "RMS norms, and normalised queries"},
        {"{\"architecture\": \"vit_base_patch16_clip_224\"}", TEC_ACTIVATION_GELU, NULL},
        {"{\"architecture\": \"resnet50\"}", TEC_ACTIVATION_GELU,
         "says architecture = resnet50, which is not known here"},
        {"{\"architecture\": \"vit_base_patch16_clip_quickgelu_224\"}", TEC_ACTIVATION_QUICK_GELU, NULL},
        {"{\"architecture\": \"vit_giantopt_patch16_siglip_gap_384\"}", TEC_ACTIVATION_GELU_TANH, NULL},
        {"{\"architecture\": \"vit_base_patch16_224\", \"model_args\": {\"act_layer\": \"quick_gelu\", \"img_size\": 8}}",
         TEC_ACTIVATION_QUICK_GELU, NULL},
        {"{\"architecture\": \"vit_base_patch16_224\", \"model_args\": {\"block_fn\": \"X\"}}", TEC_ACTIVATION_GELU,
         "config.json beside it sets model_args.block_fn, which is not supported"},
    };
    write_file(&(file_plan){.width = 64});
    for (size_t i = 0; i < LENGTH(cases); i++) {
        write_beside("config.json", cases[i].config);
        if (cases[i].refused) {
            assert_refused(&nothing, cases[i].refused);
            continue;
        }
        tec_import *import = open_file(&nothing);
        assert_int_equal(tec_import_get_facts(import)->config.variant.activation, cases[i].activation);
        assert_true(tec_import_get_facts(import)->activation_known);
        tec_import_close(import);
    }
    assert_int_equal(tec_import_open(&(tec_import *){NULL}, path, &(tec_import_options){.architecture = "vit_rope_x"}),
                     TEC_USER_ERROR);
    remove_beside("config.json");
}

/* A name tells where norms stand only if the tensors may be those of such a model. */
static void test_tensors_against_names(void **state)
{
    (void)state;
    static const char rpn[] = "vit_base_patch16_rpn_224", enormous[] = "eva02_enormous_patch14_clip_224";
    static const struct {
        const char *architecture, *refused; /* the latter NULL: norms behind the branches */
        file_plan plan;
    } cases[] = {
        {rpn, NULL, {.width = 64, .variant = {.no_class_token = true, .fc_norm = true}, .drop = ".attn.qkv.bias"}},
        {rpn, "without a class token", {.drop = ".attn.qkv.bias"}},
        {rpn, "without biases of queries, keys and values", {.variant = {.no_class_token = true, .fc_norm = true}}},
        {rpn, "without SwiGLU", {.variant = {.no_class_token = true, .swiglu = true}, .drop = ".attn.qkv.bias"}},
        {enormous, NULL, {.width = 64}},
        {enormous, "with a class token", {.variant = {.no_class_token = true}}},
        {enormous, "with biases of queries, keys and values", {.drop = ".attn.qkv.bias"}},
        {enormous, "without SwiGLU", {.variant = {.swiglu = true}}},
        {enormous, "without a relative position bias", {.variant = {.relative_bias = true}}},
        {"vit_pwee_patch16_reg1_gap_256", "with parallel blocks (`in_proj`)", {.variant = {.registers = 1}}},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const tec_import_options said = {.architecture = cases[i].architecture};
        char *named = tec_string_format("%s/%s.safetensors", dir, cases[i].architecture);
        tec_import *import = NULL;
        write_file(&cases[i].plan);
        if (cases[i].refused) {
            assert_refused(&said, cases[i].refused);
            assert_non_null(strstr(tec_error_message(), "base.architecture says architecture = "));
            assert_int_equal(rename(path, named), 0);
            assert_int_equal(tec_import_open(&import, named, &nothing), TEC_USER_ERROR);
            assert_non_null(strstr(tec_error_message(), "the name of the file or its directory says architecture = "));
        } else {
            assert_int_equal(rename(path, named), 0);
            assert_int_equal(tec_import_open(&import, named, &nothing), TEC_OK);
            assert_int_equal(tec_import_get_facts(import)->config.variant.block, TEC_BLOCK_POST_NORM);
            assert_null(tec_import_get_facts(import)->blocks_unknown);
        }
        tec_import_close(import);
        remove(named);
        free(named);
    }
}

/* -- what is only guessed -- */

static void assert_doubts(const tec_import_options *options, tec_import_use use, const char *const *parts)
{
    tec_import *import = open_file(options);
    char *doubts = tec_import_doubts(import, use);
    if (!parts[0] && doubts)
        fail_msg("doubts where there are none: %s", doubts);
    for (int i = 0; parts[i]; i++)
        if (!doubts || !strstr(doubts, parts[i]))
            fail_msg("no word of %s in: %s", parts[i], doubts ? doubts : "(nothing)");
    assert_int_equal(tec_import_check_known(import, use), doubts ? TEC_USER_ERROR : TEC_OK);
    free(doubts);
    tec_import_close(import);
}

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_PARTS ((const char *const[]){NULL})

static void test_doubts(void **state)
{
    (void)state;
    const tec_import_options told = {.heads = 2, .mean = {0.5, 0.5, 0.5}, .std = {0.5, 0.5, 0.5}};
    tec_import_options quick = told, plain = told;
    quick.activation = 1 + TEC_ACTIVATION_QUICK_GELU;
    plain.architecture = "vit";

    write_file(&(file_plan){.width = 64}); /* a plain ViT of no published size */
    assert_doubts(&nothing, TEC_USE_HASH, NO_PARTS);
    assert_doubts(&nothing, TEC_USE_FEATURES, PARTS("its attention heads (base.heads=N; 1 would be a guess"));
    assert_doubts(&nothing, TEC_USE_IMAGES, PARTS("base.heads=N", " and how its images are normalised (base.mean="));
    assert_doubts(&told, TEC_USE_IMAGES, NO_PARTS);

    write_file(&(file_plan){.width = 64, .variant = {.pre_norm = true}}); /* CLIP's */
    assert_doubts(&told, TEC_USE_IMAGES, PARTS("its activation (base.activation=gelu, gelu_tanh or quick_gelu)"));
    assert_doubts(&told, TEC_USE_WEIGHTS, NO_PARTS);
    assert_doubts(&quick, TEC_USE_IMAGES, NO_PARTS);

    write_file(&(file_plan){.width = 64, .variant = {.no_class_token = true}}); /* SigLIP's */
    assert_doubts(&told, TEC_USE_IMAGES, PARTS("base.activation"));

    write_file(&(file_plan){.width = 64, .drop = ".qkv.bias", .variant = {.no_class_token = true, .fc_norm = true}});
    assert_doubts(&told, TEC_USE_WEIGHTS,
                  PARTS("its tensor `blocks.0.attn.qkv.weight` leaves open (base.architecture"));
    assert_doubts(&plain, TEC_USE_IMAGES, NO_PARTS);

    write_file(&(file_plan){.width = 64,
                            .extra = {"blocks.0.gamma_1", "blocks.1.gamma_1", "blocks.0.gamma_2", "blocks.1.gamma_2"}});
    assert_doubts(&told, TEC_USE_WEIGHTS, PARTS("its tensor `blocks.0.gamma_1` leaves open"));
    write_file(&(file_plan){.extra = {"attn_pool.latent"}});
    assert_doubts(&told, TEC_USE_WEIGHTS, PARTS("its tensor `cls_token` leaves open (base.architecture"));

    write_file(&(file_plan){
        .width = 64, /* LayerScale is not DINOv2's alone */
        .extra = {"blocks.0.ls1.gamma", "blocks.1.ls1.gamma", "blocks.0.ls2.gamma", "blocks.1.ls2.gamma"}});
    assert_doubts(&nothing, TEC_USE_IMAGES, PARTS("how its images are normalised"));
}

static void test_variants(void **state)
{
    (void)state;
    static const tec_vit_variant variant[] = {
        {.distillation_token = true},
        {.registers = 1, .unplaced = 1},
        {.unplaced = 1},
        {.no_class_token = true, .fc_norm = true},
        {.pre_norm = true, .swiglu = true},
        {.distillation_token = true, .registers = 2, .unplaced = 2, .swiglu = true},
        {.attn_norm = true},
        {.mlp_norm = true, .swiglu = true},
    };
    for (size_t i = 0; i < LENGTH(variant); i++) {
        write_file(&(file_plan){.variant = variant[i]});
        tec_import *import = open_file(&nothing);
        tec_vit_variant got = tec_import_get_facts(import)->config.variant;
        assert_int_equal(got.no_class_token, variant[i].no_class_token);
        assert_int_equal(got.distillation_token, variant[i].distillation_token);
        assert_int_equal(got.registers, variant[i].registers);
        assert_int_equal(got.unplaced, variant[i].unplaced);
        assert_int_equal(got.pre_norm, variant[i].pre_norm);
        assert_int_equal(got.fc_norm, variant[i].fc_norm);
        assert_int_equal(got.swiglu, variant[i].swiglu);
        assert_int_equal(got.attn_norm, variant[i].attn_norm);
        assert_int_equal(got.mlp_norm, variant[i].mlp_norm);
        tec_import_close(import);
    }
}

/* -- values -- */

static void test_resize(void **state)
{
    (void)state;
    tec_model_config config;
    write_file(&(file_plan){.width = 64});
    tec_import *import = open_file(&nothing);
    assert_int_equal(tec_import_resize(import, tec_size_square(20), &config), TEC_OK);
    assert_true(tec_size_equal(config.image_size, tec_size_square(20)));
    assert_int_equal(tec_import_resize(import, tec_size_square(23), &config), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "4 x 4 pixels, which do not divide images of 23 x 23"));
    assert_non_null(strstr(tec_error_message(), "20 would do"));
    assert_int_equal(tec_import_resize(import, tec_size_square(4), &config), TEC_USER_ERROR);
    assert_int_equal(tec_import_resize(import, (tec_size){4, 20}, &config), TEC_OK);
    assert_int_equal(tec_model_patches(&config), 5);
    assert_int_equal(tec_import_resize(import, (tec_size){20, 23}, &config), TEC_USER_ERROR);
    assert_non_null(
        strstr(tec_error_message(), "do not divide the width of images of 20 x 23 (height x width) pixels"));
    assert_non_null(strstr(tec_error_message(), "(data.image_size): 20 would do"));
    assert_int_equal(tec_import_resize(import, (tec_size){21, 24}, &config), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(),
                           "the height of images of 21 x 24 (height x width) pixels (data.image_size): "
                           "[20, 24] would do"));
    tec_import_close(import);
}

/* What reading the file says. */
static void read_saying(char *text, size_t size)
{
    tec_frozen *frozen;
    write_file(&(file_plan){.width = 64});
    tec_import *import = open_file(&nothing);
    const tec_model_config *config = &tec_import_get_facts(import)->config;
    assert_int_equal(tec_frozen_create(&frozen, config, 1), TEC_OK);
    capture *said = capture_begin();
    assert_int_equal(tec_import_read(import, tec_frozen_params(frozen), config), TEC_OK);
    capture_end(said, text, size);
    tec_frozen_close(frozen);
    tec_import_close(import);
}

/* All tensors are written from the same values. */
static void test_nothing_but_zeros(void **state)
{
    (void)state;
    char text[1024];
    read_saying(text, sizeof text);
    assert_non_null(strstr(text, "weight matrices hold nothing but zeros (patch_embed.proj.weight, ...)"));
    zeros[0] = 1;
    read_saying(text, sizeof text);
    zeros[0] = 0;
    assert_string_equal(text, "");
}

static void test_not_finite(void **state)
{
    (void)state;
    tec_frozen *frozen;
    zeros[70] = NAN;
    write_file(&(file_plan){.width = 64});
    zeros[70] = 0;
    tec_import *import = open_file(&nothing);
    const tec_model_config *config = &tec_import_get_facts(import)->config;
    assert_int_equal(tec_frozen_create(&frozen, config, 1), TEC_OK);
    assert_int_equal(tec_import_read(import, tec_frozen_params(frozen), config), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "tensor pos_embed holds a value that is not finite"));
    tec_frozen_close(frozen);
    tec_import_close(import);
}

/* Files of parallel blocks: where a value that is not finite stands in the file's own tensor, which is two of ours; a
 * LayerScale shows that the activation is the usual one; a width beyond any is refused before it is multiplied. */
static void test_parallel_blocks(void **state)
{
    (void)state;
    enum { QUERIES = 2 * 64 * 64, WIDE = 1 << 16 };
    static const file_plan plain = {.width = 64, .variant = {.block = TEC_BLOCK_PARALLEL}},
                           bare = {.variant = {.no_class_token = true, .block = TEC_BLOCK_PARALLEL}},
                           scaled = {.variant = {.no_class_token = true, .block = TEC_BLOCK_PARALLEL},
                                     .extra = {"blocks.0.ls.gamma", "blocks.1.ls.gamma"}};
    tec_frozen *frozen;
    zeros[QUERIES + 5] = NAN;
    write_file(&plain);
    zeros[QUERIES + 5] = 0;
    tec_import *import = open_file(&nothing);
    const tec_model_config *config = &tec_import_get_facts(import)->config;
    assert_int_equal(tec_frozen_create(&frozen, config, 1), TEC_OK);
    assert_int_equal(tec_import_read(import, tec_frozen_params(frozen), config), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "tensor blocks.0.in_proj.weight holds a value that is not finite"));
    assert_non_null(strstr(tec_error_message(), "at element 8197"));
    tec_frozen_close(frozen);
    tec_import_close(import);
    for (int i = 0; i < 2; i++) {
        write_file(i ? &scaled : &bare);
        import = open_file(&nothing);
        assert_int_equal(tec_import_get_facts(import)->activation_known, i);
        tec_import_close(import);
    }
    const tec_tensor_out wide[] = {
        {.name = "patch_embed.proj.weight", .dims = 4, .dim = {WIDE, 1, 1, 1}, .value = zeros},
        {.name = "blocks.0.in_proj.bias", .dims = 1, .dim = {3 * WIDE + 8}, .value = zeros}};
    assert_int_equal(tec_safetensors_write(path, wide, 2, NULL), TEC_OK);
    assert_refused(&nothing,
                   "tensor `blocks.0.in_proj.bias` does not have the shape of a parallel block's first linear");
}

/* Of torch.nn.functional.interpolate(mode="bicubic", antialias=True) on value ((37 i + 11) mod 29) / 7 - 2 at place i
 * of [side, side, D]. */
static const struct {
    int side, new_side, D;
    double want[50];
} resampled[] = {
    {3, 5, 2, {-0.4932614, 0.9858616, 0.5641066,  -0.05529635, 1.964959,    -1.347709,   0.8615476,  0.2421455,
               -0.032345,  1.446778,  -1.237679,  0.1081787,   -0.09294144, -0.02225286, 1.420043,   -0.1268657,
               0.2044994,  0.4039319, -0.7767631, 0.7685964,   -2.029649,   -0.8867924,  -0.9722813, 0.1705757,
               0.4285714,  1.571429,  -0.6748405, 0.4680167,   -1.568733,   -0.425876,   -0.1283537, 1.000503,
               -0.3378494, 0.9988147, -0.5628999, 0.7654581,   -0.04040799, -0.5705221,  0.3325627,  -1.431347,
               1.225754,   2.368611,  0.1845958,  1.526954,    -1.107817,   0.03504048,  0.4820376,  -1.267872,
               1.68667,    -1.962264}},
    {5, 2, 2, {0.06314916, 0.2426167, -0.3278311, 0.021429, 0.2332262, 0.1261434, -0.157754, -0.08209682}},
    {4, 3, 1, {-0.07153444, 0.9649736, -0.5662693, 0.6766985, -0.2209073, -0.9984537, 1.229814, 0.4186008, -0.3926117}},
    {2,
     4,
     1,
     {-0.7633466, -0.3177971, 0.5656963, 1.011246, 0.01977783, 0.1038702, 0.2706195, 0.3547119, 1.572659, 0.9400073,
      -0.3144971, -0.9471489, 2.355783, 1.361675, -0.6095739, -1.603683}},
};

static void test_positions(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(resampled); i++) {
        real in[64], out[64];
        int side = resampled[i].side, new_side = resampled[i].new_side, D = resampled[i].D;
        for (int j = 0; j < side * side * D; j++)
            in[j] = (real)((37 * j + 11) % 29) / 7 - 2;
        tec_import_resample_positions(in, tec_size_square(side), D, tec_size_square(new_side),
                                      TEC_INTERPOLATION_ANTIALIAS, out);
        for (int j = 0; j < new_side * new_side * D; j++)
            if (!(fabs((double)out[j] - resampled[i].want[j]) < 2e-6))
                fail_msg("%d -> %d: value %d is %g, not %g", side, new_side, j, (double)out[j], resampled[i].want[j]);
    }
}

static int make_directory(void **state)
{
    (void)state;
    if (!folder_make(dir, sizeof dir))
        return -1;
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_back),
        cmocka_unit_test(test_wrappers),
        cmocka_unit_test(test_unused),
        cmocka_unit_test(test_passed_over),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_run_settings),
        cmocka_unit_test(test_truncated_ratio),
        cmocka_unit_test(test_config_json),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_nothing_but_zeros),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_parallel_blocks),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_config_of_graph),
        cmocka_unit_test(test_tensors_against_names),
        cmocka_unit_test(test_doubts),
        cmocka_unit_test(test_file_names),
        cmocka_unit_test(test_two_models),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_rectangles),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
