/* Models of every family as other programs save them, against what PyTorch computes with them: architecture, features,
 * targets. tests/data/make_families.py writes both; without PyTorch this is skipped. */
#include "folder.h"

#include "tec/frozen.h"
#include "tec/gemm.h"
#include "tec/import.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOLERANCE 1e-4 /* relative; float32 here, float64 there */

enum { LAST_LAYERS = 2, K = 3, BATCH = 2 };

typedef struct expectation {
    const char *name, *file, *family, *prefix;
    int heads;
    double mean; /* of the first channel; 0: not known */
} expectation;

/* clang-format off */
static const expectation expected[] = {
    {"mae", "mae.pth", "MAE", "model.", 2, 0.485},
    {"ibot", "checkpoint_teacher.pth", "iBOT", "teacher.backbone.", 2, 0.485},
    {"dino", "checkpoint.pth", "DINO", "teacher.backbone.", 6, 0.485},
    {"dinov2", "dinov2_vitg14_reg4_pretrain.pth", "DINOv2", "", 2, 0.485},
    {"dinov2_plain", "dinov2_vits14_pretrain.pth", "DINOv2", "", 2, 0.485},
    {"timm", "vit_augreg.safetensors", "timm ViT", "", 2, 0},
    {"timm_average", "vit_gap.safetensors", "timm ViT", "", 2, 0},
    {"timm_registers", "vit_reg4.safetensors", "timm ViT", "", 2, 0},
    {"timm_swiglu", "vit_swiglu.safetensors", "timm ViT", "", 2, 0},
    {"clip", "vit_clip.safetensors", "CLIP", "", 2, 0},
    {"deit", "deit_distilled.pth", "DeiT, distilled", "model.", 2, 0.485},
    {"moco", "vit-s.pth.tar", "MoCo v3", "state_dict.module.base_encoder.", 12, 0.485},
    {"beit", "beit.pth", "BEiT, data2vec or EVA", "model.", 2, 0},
    {"no_bias", "vit.safetensors", "timm ViT", "", 2, 0},
    {"hf_vit", "model.safetensors", "Hugging Face ViT", "", 4, 0},
    {"hf_classifier", "pytorch_model.bin", "Hugging Face ViT", "vit.", 2, 0},
    {"hf_mae", "model.safetensors", "Hugging Face ViTMAE", "vit.", 2, 0.485},
    {"hf_dinov2", "model.safetensors", "Hugging Face Dinov2", "", 2, 0.485},
    {"hf_dinov2_registers", "model.safetensors", "Hugging Face Dinov2WithRegisters", "dinov2_with_registers.", 2, 0.485},
    {"hf_deit", "model.safetensors", "Hugging Face DeiT", "deit.", 2, 0.485},
    {"tec", "tec.pth", "TEC", "model.", 2, 0.485},
    {"torchvision", "vit_b_16.pth", "torchvision ViT", "", 2, 0.485},
    {"ijepa", "ijepa.pth.tar", "I-JEPA", "target_encoder.module.", 2, 0.485},
    {"ema", "last.pth.tar", "timm ViT", "state_dict_ema.", 2, 0},
    {"bfloat16", "vit.safetensors", "timm ViT", "", 2, 0},
    {"larger", "vit.safetensors", "timm ViT", "", 2, 0},
    {"smaller", "vit.safetensors", "DINOv2", "", 2, 0.485},
    {"dino_larger", "checkpoint.pth", "DINO", "teacher.backbone.", 6, 0.485},
    {"dinov2_smaller", "model.pth", "DINOv2", "", 2, 0.485},
    {"hf_dinov2_smaller", "model.safetensors", "Hugging Face Dinov2", "", 2, 0.485},
    {"mae_larger", "mae.pth", "MAE", "model.", 2, 0.485},
    {"torchvision_smaller", "vit_b_16.pth", "torchvision ViT", "", 2, 0.485},
    {"clip_quickgelu", "model.safetensors", "CLIP", "", 2, 0},
    {"siglip", "model.safetensors", "timm ViT", "", 2, 0.5},
    {"dinov3", "dinov3_vits16_pretrain_lvd1689m-08c60483.pth", "DINOv3", "", 2, 0.485},
    {"dinov3_swiglu", "model.pth", "DINOv3", "", 2, 0},
    {"hf_dinov3", "model.safetensors", "Hugging Face DINOv3", "", 4, 0},
    {"hf_dinov3_gated", "model.safetensors", "Hugging Face DINOv3", "", 2, 0},
    {"timm_dinov3", "model.safetensors", "DINOv3", "", 2, 0},
    {"eva02", "eva02.pt", "EVA-02", "visual.", 2, 0.48145466},
    {"eva02_tiny", "eva02_tiny.safetensors", "EVA-02", "", 2, 0.48145466},
    {"timm_eva02", "model.safetensors", "EVA-02", "", 2, 0.48145466},
    {"beit_bias", "beit_base_patch16_224_pt22k_ft22kto1k.pth", "BEiT, data2vec or EVA", "model.", 4, 0},
    {"beit_shared", "beitv2.pth", "BEiT, data2vec or EVA", "module.", 4, 0},
    {"hf_beit", "model.safetensors", "Hugging Face BEiT", "beit.", 4, 0.5},
    {"hf_data2vec", "model.safetensors", "Hugging Face BEiT", "data2vec_vision.", 4, 0.5},
    {"beit_both", "model.safetensors", "BEiT, data2vec or EVA", "", 4, 0.485},
    {"timm_rope", "model.safetensors", "timm ViT with rotary positions", "", 2, 0},
    {"pe_core", "model.safetensors", "Perception Encoder", "", 2, 0.5},
    {"pe_spatial", "vit_pe_spatial_gigantic_patch14_448.safetensors", "Perception Encoder", "", 2, 0.5},
    {"pe_own", "PE-Core-B16-224.pt", "Perception Encoder", "visual.", 2, 0.5},
    {"intern", "model.safetensors", "timm ViT", "", 2, 0},
    {"beit3", "model.safetensors", "BEiT-3", "", 2, 0},
    {"rope_vit", "model.safetensors", "RoPE-ViT", "", 2, 0.485},
    {"rpn", "vit_base_patch16_rpn_224.safetensors", "timm ViT", "", 2, 0},
    {"eva02_post", "model.safetensors", "BEiT, data2vec or EVA", "", 2, 0},
    {"parallel", "vit_pwee_patch16_reg1_gap_256.safetensors", "timm ViT", "", 2, 0},
    {"parallel_bias", "vit.safetensors", "timm ViT", "", 2, 0},
    {"rope_mixed", "vit_small_patch16_rope_mixed_224.safetensors", "RoPE-ViT", "", 4, 0.485},
    {"rope_own", "rope_mixed_ape_deit_small_patch16_LS.pth", "RoPE-ViT", "model.", 2, 0.485},
    {"rope_own_larger", "rope_mixed_ape_deit_base_patch16_LS.pth", "RoPE-ViT", "model.", 2, 0.485},
    {"hf_clip", "model.safetensors", "Hugging Face CLIP", "vision_model.", 4, 0},
    {"hf_llava", "model.safetensors", "Hugging Face CLIP", "vision_tower.vision_model.", 4, 0},
    {"open_clip", "open_clip_pytorch_model.bin", "OpenCLIP", "visual.", 2, 0},
    {"hf_siglip", "model.safetensors", "Hugging Face SigLIP", "vision_model.", 2, 0.5},
    {"timm_siglip", "model.safetensors", "SigLIP", "visual.trunk.", 2, 0.5},
    {"google", "B_16.npz", "ViT of Google", "", 4, 0},
    {"google_larger", "ViT-B_16.npz", "ViT of Google", "opt.target.", 4, 0.5},
    {"multihead", "vit.pth", "ViT on nn.MultiheadAttention", "", 2, 0},
    {"transformer_encoder", "vit.pth", "ViT on nn.MultiheadAttention", "vit.", 2, 0},
    {"hf_ijepa", "model.safetensors", "Hugging Face I-JEPA", "", 2, 0.485},
    {"tower", "visual.safetensors", "OpenCLIP", "visual.", 2, 0},
    {"openai_clip", "ViT-B-32.pt", "OpenAI CLIP", "visual.", 2, 0.48145466},
};
/* clang-format on */
enum { FAMILIES = sizeof expected / sizeof *expected };

static char dir[200];

/* -- what PyTorch says -- */

/* A tensor of expect.safetensors; NULL: there is none. */
static real *expectation_of(tec_tensor_file *file, const char *name)
{
    int index = tec_tensor_file_find(file, name);
    if (index < 0)
        return NULL;
    real *value = tec_allocate((size_t)tec_tensor_file_get(file, index)->count * sizeof *value);
    assert_int_equal(tec_tensor_file_read(file, index, value), TEC_OK);
    return value;
}

static void assert_close(const char *name, const char *what, const real *got, const real *want, size_t count)
{
    double difference = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
        square += (double)want[i] * (double)want[i];
    }
    if (!(sqrt(difference) <= TOLERANCE * sqrt(square)))
        fail_msg("%s: %s differs by %g", name, what, sqrt(difference / square));
}

static void check_features(const char *name, tec_frozen *frozen, tec_tensor_file *file, const real *images)
{
    size_t count = BATCH * (size_t)tec_frozen_config(frozen)->width;
    real *out = tec_allocate(count * sizeof *out), *mean = expectation_of(file, "mean"),
         *token = expectation_of(file, "cls");
    tec_frozen_features(frozen, images, BATCH, TEC_POOL_MEAN, out);
    assert_close(name, "the mean of the patches", out, mean, count);
    assert_true(tec_frozen_config(frozen)->variant.no_class_token == !token);
    if (token) {
        tec_frozen_features(frozen, images, BATCH, TEC_POOL_CLASS, out);
        assert_close(name, "the class token", out, token, count);
    }
    free(token);
    free(mean);
    free(out);
}

static void check_targets(const char *name, tec_frozen *frozen, tec_tensor_file *file, const real *images)
{
    const tec_model_config *c = tec_frozen_config(frozen);
    size_t L = (size_t)tec_model_patches(c), features = BATCH * L * (size_t)c->width,
           logits = BATCH * (1 + K) * L * (size_t)c->heads;
    real *feature = tec_allocate(features * sizeof *feature), *attention = tec_allocate(logits * sizeof *attention);
    real *want_feature = expectation_of(file, "feature"), *want_attention = expectation_of(file, "attention"),
         *want_topk = expectation_of(file, "topk");
    int topk[BATCH * K];
    tec_frozen_targets(frozen, images, BATCH, LAST_LAYERS, K, feature, attention, topk);
    for (int i = 0; i < BATCH * K; i++)
        assert_int_equal(topk[i], (int)want_topk[i]);
    assert_close(name, "the feature target", feature, want_feature, features);
    assert_close(name, "the attention target", attention, want_attention, logits);
    free(want_topk);
    free(want_attention);
    free(want_feature);
    free(attention);
    free(feature);
}

static void check_facts(const expectation *e, const tec_import_facts *facts)
{
    assert_string_equal(facts->family, e->family);
    assert_string_equal(facts->prefix, e->prefix);
    assert_int_equal(facts->config.heads, e->heads);
    assert_int_equal(facts->config.depth, 2);
    assert_int_equal(facts->normalised, e->mean > 0);
    assert_true(facts->mean[0] == e->mean);
}

static void test_family(void **state)
{
    const expectation *e = *state;
    const tec_import_options options = {0};
    char *path = tec_string_format("%s/%s/%s", dir, e->name, e->file);
    char *expect = tec_string_format("%s/%s/expect.safetensors", dir, e->name);
    tec_import *import;
    tec_tensor_file *file;
    tec_model_config config;
    tec_frozen *frozen;
    if (tec_import_open(&import, path, &options) != TEC_OK)
        fail_msg("%s", tec_error_message());
    check_facts(e, tec_import_get_facts(import));
    assert_int_equal(tec_tensor_file_open(&file, expect), TEC_OK);
    const tec_tensor *images = tec_tensor_file_get(file, tec_tensor_file_find(file, "images"));
    assert_int_equal(images->dim[0], BATCH);
    assert_int_equal(tec_import_resize(import, (tec_size){(int)images->dim[2], (int)images->dim[3]}, &config), TEC_OK);
    assert_int_equal(tec_frozen_create(&frozen, &config, BATCH), TEC_OK);
    assert_int_equal(tec_import_read(import, tec_frozen_params(frozen), &config), TEC_OK);
    tec_frozen_ready(frozen);
    real *pixels = expectation_of(file, "images");
    check_features(e->name, frozen, file, pixels);
    check_targets(e->name, frozen, file, pixels);
    free(pixels);
    tec_frozen_close(frozen);
    tec_tensor_file_close(file);
    tec_import_close(import);
    free(expect);
    free(path);
}

static int make_families(void **state)
{
    (void)state;
    if (!folder_make(dir, sizeof dir))
        return -1;
    char *command = tec_string_format("${PYTHON:-/usr/bin/python3} tests/data/make_families.py '%s'", dir);
    int failed = system(command);
    free(command);
    return failed;
}

static int remove_families(void **state)
{
    (void)state;
    return folder_remove(dir);
}

int main(void)
{
    struct CMUnitTest tests[FAMILIES];
    for (int i = 0; i < FAMILIES; i++)
        tests[i] = (struct CMUnitTest){expected[i].name, test_family, NULL, NULL, (void *)(uintptr_t)&expected[i]};
    if (system("${PYTHON:-/usr/bin/python3} -c 'import torch' 2>/dev/null") != 0) {
        puts("SKIPPED: models of other programs: there is no PyTorch (Debian: python3-torch)");
        return 77;
    }
    tec_threads_set(1);
    return cmocka_run_group_tests(tests, make_families, remove_families);
}
