/* Settings: defaults, YAML, overrides, the resolved file, --help, presets. */
#include "tec/settings.h"
#include "tec/suggest.h"
#include "tec/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static tec_settings settings;

static int tear_down(void **state)
{
    (void)state;
    tec_settings_free(&settings);
    return 0;
}

static tec_status resolve_yaml(const char *yaml)
{
    tec_settings_source source = {.yaml_name = "a.yaml", .yaml = yaml, .yaml_bytes = strlen(yaml)};
    tec_settings_free(&settings);
    return tec_settings_resolve(&settings, &source);
}

static tec_status resolve_override(const char *override)
{
    tec_settings_source source = {.overrides = &override, .override_count = 1};
    tec_settings_free(&settings);
    return tec_settings_resolve(&settings, &source);
}

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(resolve_yaml(""), TEC_OK);
    assert_string_equal(settings.data.train, "");
    assert_string_equal(settings.run.dir, "runs/default");
    assert_true(tec_size_equal(settings.data.image_size, tec_size_square(224)));
    assert_string_equal(settings.data.labels, "auto");
    assert_int_equal(settings.data.on_bad_image, TEC_BAD_IMAGE_STOP);
    assert_true(settings.data.mean[0] == 0.485 && settings.data.mean[1] == 0.456 && settings.data.mean[2] == 0.406);
    assert_true(settings.data.std[0] == 0.229 && settings.data.std[2] == 0.225);
    assert_true(settings.data.crop_scale[0] == 0.2 && settings.data.crop_scale[1] == 1);
    assert_true(settings.data.crop_ratio[0] == 3. / 4 && settings.data.crop_ratio[1] == 4. / 3);
    assert_true(settings.data.flip);
    assert_int_equal(settings.model.preset, TEC_PRESET_VIT_BASE);
    assert_int_equal(settings.targets.type, TEC_TARGET_FLOAT16);
    assert_int_equal(settings.targets.topk, 15);
    assert_int_equal(settings.pretrain.objective, TEC_OBJECTIVE_TEC);
    assert_true(settings.pretrain.mask_ratio == 0.75 && settings.pretrain.blr == 1.5e-4 &&
                settings.pretrain.beta2 == 0.95);
    assert_int_equal(settings.eval.pooling, TEC_POOL_CLASS);
    assert_int_equal(settings.knn.k[0], 10);
    assert_int_equal(settings.knn.k[1], 20);
    assert_int_equal(settings.probe.batch, 0);
    assert_int_equal(settings.run.seed, 0);
}

static void test_yaml_and_overrides(void **state)
{
    (void)state;
    const char *yaml = "\xef\xbb\xbf# a comment\n"
                       "data:\n"
                       "  train: /data/my images\n"
                       "  val: \"a\\tb\"\n"
                       "  mean: [0.1, 0.2, 3e-1]\n"
                       "  std: 0.5\n"
                       "  flip: No\n"
                       "  max_train: 1000000000000\n"
                       "probe:\n"
                       "model: {preset: vit_tiny, patch: 4}\n"
                       "pretrain:\n"
                       "  lr: 1e-3\n"
                       "  epochs: 7\n"
                       "knn: {k: 5}\n"
                       "run:\n"
                       "  seed: 18446744073709551615\n"
                       "  dir:\n";
    const char *overrides[] = {"pretrain.epochs=8",   "pretrain.epochs=9", "data.crop_scale=[0.1, 0.9]",
                               "data.crop_ratio=1,1", "data.val=a=b: [c]", "knn.k=3,30",
                               "data.flip=1"};
    tec_settings_source source = {"a.yaml", yaml, strlen(yaml), overrides, LENGTH(overrides)};
    assert_int_equal(tec_settings_resolve(&settings, &source), TEC_OK);
    assert_string_equal(settings.data.train, "/data/my images");
    assert_string_equal(settings.data.val, "a=b: [c]");
    assert_true(settings.data.mean[0] == 0.1 && settings.data.mean[1] == 0.2 && settings.data.mean[2] == 0.3);
    assert_true(settings.data.std[0] == 0.5 && settings.data.std[1] == 0.5 && settings.data.std[2] == 0.5);
    assert_true(settings.data.flip);
    assert_true(settings.data.max_train == INT64_C(1000000000000));
    assert_int_equal(settings.model.preset, TEC_PRESET_VIT_TINY);
    assert_int_equal(settings.model.patch, 4);
    assert_true(settings.pretrain.lr == 1e-3);
    assert_int_equal(settings.pretrain.epochs, 9);
    assert_true(settings.data.crop_scale[0] == 0.1 && settings.data.crop_scale[1] == 0.9);
    assert_true(settings.data.crop_ratio[0] == 1 && settings.data.crop_ratio[1] == 1);
    assert_int_equal(settings.knn.k[0], 3);
    assert_int_equal(settings.knn.k[1], 30);
    assert_true(settings.run.seed == UINT64_MAX);
    assert_string_equal(settings.run.dir, "");
}

static void test_one_channel(void **state)
{
    (void)state;
    assert_int_equal(resolve_yaml("data: {channels: 1}"), TEC_OK);
    assert_true(settings.data.mean[0] == 0.5 && settings.data.std[0] == 0.5);
    assert_int_equal(resolve_yaml("data: {channels: 1, mean: 0.2860, std: [0.3530]}"), TEC_OK);
    assert_true(settings.data.mean[0] == 0.286 && settings.data.std[0] == 0.353);
}

/* The resolved settings as a text (free()). */
static char *print(const tec_settings *s)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(tec_settings_print(s, out), TEC_OK);
    fclose(out);
    return text;
}

static void check_round_trip(void)
{
    char *first = print(&settings);
    assert_int_equal(resolve_yaml(first), TEC_OK);
    char *second = print(&settings);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void test_round_trip(void **state)
{
    (void)state;
    assert_int_equal(resolve_yaml(""), TEC_OK);
    check_round_trip();
    assert_int_equal(resolve_yaml("data: {channels: 1}"), TEC_OK);
    check_round_trip();
    assert_true(settings.data.mean[0] == 0.5);

    const double third = 1. / 3, tiny = 4.9406564584124654e-324, ugly = 0.1 + 0.2;
    const char *path = "a \"b\" \\ 'c': #\t\n\r\x01\x7f \303\251 \302\205 \342\200\250 \342\200\251 \357\277\276 "
                       "\360\237\220\242 %d ~";
    char *overrides[] = {tec_string_format("pretrain.lr=%.17g", third),
                         tec_string_format("pretrain.min_lr=%.17g", tiny),
                         tec_string_format("data.mean=%.17g,0,-1", ugly),
                         tec_string_format("data.train=%s", path),
                         tec_string_format("run.seed=%llu", 18446744073709551615ULL),
                         tec_string_format("data.max_val=1000000000000000"),
                         tec_string_format("targets.type=int8"),
                         tec_string_format("data.flip=false"),
                         tec_string_format("knn.k=7")};
    tec_settings_source source = {.overrides = (const char *const *)overrides, .override_count = LENGTH(overrides)};
    tec_settings_free(&settings);
    assert_int_equal(tec_settings_resolve(&settings, &source), TEC_OK);
    check_round_trip();
    assert_true(settings.pretrain.lr == third && settings.pretrain.min_lr == tiny && settings.data.mean[0] == ugly);
    assert_true(settings.data.mean[2] == -1 && settings.run.seed == UINT64_MAX && settings.knn.k[1] == 7);
    assert_true(settings.data.max_val == INT64_C(1000000000000000));
    assert_true(settings.targets.type == TEC_TARGET_INT8 && !settings.data.flip);
    assert_string_equal(settings.data.train, path);
    for (size_t i = 0; i < LENGTH(overrides); i++)
        free(overrides[i]);
}

static void test_resolved_file(void **state)
{
    (void)state;
    assert_int_equal(resolve_override("pretrain.mask_ratio=0.1"), TEC_OK);
    char *text = print(&settings);
    assert_non_null(strstr(text, "\n\npretrain:\n  # tec: predict stored targets of a base model; mae: predict pixels "
                                 "(tec | mae)\n  objective: tec\n"));
    assert_non_null(strstr(text, "\n  # share of the patches that is hidden (0 < x < 1)\n  mask_ratio: 0.1\n"));
    assert_non_null(strstr(text, "\n  crop_ratio: [0.75, 1.3333333333333333]\n"));
    free(text);
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        assert_int_equal(tec_settings_print(&settings, full), TEC_SYSTEM_ERROR);
        assert_string_equal(tec_error_message(), "the resolved settings cannot be written: No space left on device");
        fclose(full);
    }
}

/* One setting for a script: what is printed, or the message. */
static void check_value(const char *name, const char *want)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    tec_status status = tec_settings_print_value(&settings, name, out);
    fclose(out);
    assert_string_equal(status == TEC_OK ? text : tec_error_message(), want);
    assert_true(status == TEC_OK || bytes == 0);
    free(text);
}

static void test_value(void **state)
{
    (void)state;
    assert_int_equal(resolve_yaml("run: {dir: 'a \"b\" c'}\ndata: {crop_scale: [0.5, 1]}\n"), TEC_OK);
    check_value("run.dir", "a \"b\" c\n");
    check_value("base.model", "\n");
    check_value("pretrain.objective", "tec\n");
    check_value("pretrain.lr", "0\n");
    check_value("data.flip", "true\n");
    check_value("data.crop_scale", "[0.5, 1]\n");
    check_value("run.dri", "command line: `run.dri`: unknown key `dri` in run; did you mean `dir`?");
    check_value("rum.dir", "command line: `rum.dir`: unknown section `rum`; did you mean `run`?");
    check_value("run", "command line: `run`: unknown key `` in run; `tec COMMAND --help` lists the keys");
    char name[200];
    memset(name, 'e', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(tec_settings_print_value(&settings, name, stdout), TEC_USER_ERROR);
}

static void test_help(void **state)
{
    (void)state;
    const char *const sections[] = {"knn", "run", NULL};
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    tec_settings_help(sections, out);
    fclose(out);
    assert_string_equal(
        text,
        "  knn.k=10,20                          1 or 2 whole numbers, 1 <= x <= 100000\n"
        "      neighbours that vote: one number, or two for two evaluations\n"
        "  knn.temperature=0.07                 number, x > 0\n"
        "      the weight of a neighbour's vote is exp(similarity / temperature)\n"
        "  run.dir=runs/default                 text\n"
        "      run directory: log, checkpoints, resolved settings\n"
        "  run.seed=0                           whole number, 0 <= x < 2^64\n"
        "      seed of all random draws\n"
        "  run.threads=0                        whole number, 0 <= x <= 4096\n"
        "      compute threads per rank; 0: OMP_NUM_THREADS, or 1\n"
        "  run.max_minutes=0                    number, x >= 0\n"
        "      time limit in minutes, before which a run writes a checkpoint and stops; 0: none but "
        "SLURM_JOB_END_TIME, if set\n"
        "  run.watchdog_minutes=30              number, x >= 0\n"
        "      end all ranks if one makes no progress for so many minutes; 0: off\n"
        "  run.lock_minutes=5                   number, x >= 0\n"
        "      a restarted job waits so many minutes for another process that still trains in "
        "run.dir; other jobs wait 15 seconds at most\n"
        "  run.stage=                           text\n"
        "      directory on a disk of the node (such as $TMPDIR) to which pretrain copies store "
        "and pack; \"\": no copies\n"
        "  run.overlap=off                      off | thread\n"
        "      thread: a helper thread per rank sums gradients over the ranks during the "
        "computation; for slow networks, such as Ethernet\n"
        "  run.gradient_type=float32            float32 | bfloat16\n"
        "      how gradients go from node to node: bfloat16: rounded, in half the bytes, for slow networks; what rounding leaves "
        "is added to the next step's. Checkpoints are then written after every eighth step at the soonest\n"
        "  run.exact_sums=false                 true | false\n"
        "      sum gradients in integers: the same weights, bit for bit, on any number of ranks and threads of one kind of "
        "processor. micro_batch then decides how a step is cut (0: batch / 16 images, 32 at most)\n"
        "  run.node_memory=private              private | shared\n"
        "      shared: the ranks of a node have one copy of weights, moments and running mean, of which each updates a "
        "part, and which takes less memory; private: each rank has its own\n"
        "  run.bucket_mb=4                      whole number, 1 <= x <= 1024\n"
        "      megabytes of gradients per allreduce\n"
        "  run.tensorboard=false                true | false\n"
        "      write the numbers of log.jsonl to event files in run.dir, too, which TensorBoard shows "
        "while the run goes on\n"
        "  run.pictures=0                       whole number, 0 <= x <= 64\n"
        "      with run.tensorboard: the pictures of `tec report` of so many images of data.val, else "
        "data.train, after every epoch that has a checkpoint; rank 0 opens that and the base model for "
        "it, which takes the memory of both, and the other ranks wait\n");
    free(text);
}

static void test_model_config(void **state)
{
    (void)state;
    tec_model_config c;
    assert_int_equal(resolve_yaml(""), TEC_OK);
    assert_int_equal(tec_settings_model_config(&settings, &c), TEC_OK);
    assert_true(c.kind == TEC_MODEL_TEC && tec_size_equal(c.image_size, tec_size_square(224)) && c.channels == 3 &&
                c.patch == 16 && c.width == 768);
    assert_true(c.depth == 12 && c.heads == 12 && c.mlp_ratio == 4 && c.groups == 4 && c.norm_pix);
    assert_true(c.decoder_width == 512 && c.decoder_depth == 2 && c.decoder_heads == 16);
    assert_true(c.base_width == 0 && c.base_heads == 0 && c.attention_tau == 1.8 && c.predict_attention);

    assert_int_equal(resolve_yaml("model: {preset: vit_huge}\npretrain: {objective: mae, attention_weight: 0}"),
                     TEC_OK);
    assert_int_equal(tec_settings_model_config(&settings, &c), TEC_OK);
    assert_true(c.kind == TEC_MODEL_MAE && c.patch == 14 && c.depth == 32 && c.groups == 8 && c.decoder_depth == 8);
    assert_true(!c.predict_attention);

    assert_int_equal(resolve_yaml("model: {preset: vit_tiny, patch: 8, decoder_depth: 3, depth: 2, adaptor_groups: 0}\n"
                                  "pretrain: {objective: mae}"),
                     TEC_OK);
    assert_int_equal(tec_settings_model_config(&settings, &c), TEC_OK);
    assert_true(c.patch == 8 && c.width == 192 && c.depth == 2 && c.groups == 1 && c.decoder_depth == 3);

    assert_int_equal(resolve_yaml("model: {preset: none, width: 64, depth: 6, heads: 2, decoder_width: 32, "
                                  "decoder_heads: 2}\npretrain: {objective: mae}"),
                     TEC_OK);
    assert_int_equal(tec_settings_model_config(&settings, &c), TEC_USER_ERROR);
    assert_string_equal(tec_error_message(), "model.decoder_depth must be given, as model.preset is none");
}

/* Every depth has a default; it is the published depth / 3 wherever that divides the depth. */
static void test_default_groups(void **state)
{
    (void)state;
    static const struct {
        int depth, groups;
    } known[] = {{1, 1},  {2, 1},  {3, 1},  {4, 1},  {8, 2},  {10, 2},
                 {11, 1}, {12, 4}, {16, 4}, {24, 8}, {32, 8}, {40, 10}};
    tec_model_config c;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(resolve_yaml(known[i].depth == 32 ? "model: {preset: vit_huge}" : ""), TEC_OK);
        settings.model.depth = known[i].depth;
        assert_int_equal(tec_settings_model_config(&settings, &c), TEC_OK);
        assert_int_equal(c.groups, known[i].groups);
        c.base_width = c.base_heads = 12;
        assert_int_equal(tec_model_config_check(&c), TEC_OK);
    }
}

static void test_suggest(void **state)
{
    (void)state;
    static const char *const words[] = {"epochs", "batch", "mask_ratio", "min_lr", "lr"};
    assert_int_equal(tec_word_distance("abc", "abc"), 0);
    assert_int_equal(tec_word_distance("", "abc"), 3);
    assert_int_equal(tec_word_distance("abc", "acb"), 1);
    assert_int_equal(tec_word_distance("kitten", "sitting"), 3);
    assert_int_equal(tec_word_distance("ca", "abc"), 3);
    assert_string_equal(tec_suggest("epoch", words, 5), "epochs");
    assert_string_equal(tec_suggest("bacth", words, 5), "batch");
    assert_string_equal(tec_suggest("ratio", words, 5), "mask_ratio");
    assert_string_equal(tec_suggest("l", words, 5), "lr");
    assert_null(tec_suggest("momentum", words, 5));
    assert_null(tec_suggest("x", words, 5));
    assert_null(tec_suggest("", words, 5));
    assert_null(tec_suggest("epochs", words, 0));
    char name[200];
    memset(name, 'e', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_null(tec_suggest(name, words, 5));
}

/* defaults < recipe of the file < keys of the file < recipe of the command line < keys of the command line */
static void test_recipe(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *override[2];
        int batch;
        double layer_decay, lr;
    } cases[] = {
        {"", {NULL}, 1024, 0.75, 0},
        {"", {"finetune.recipe=mae_base"}, 1024, 0.65, 0},
        {"", {"finetune.recipe=mae_base", "finetune.batch=8"}, 8, 0.65, 0},
        {"finetune: {recipe: mae_base, batch: 16}", {NULL}, 16, 0.65, 0},
        {"finetune: {recipe: mae_base, batch: 16, lr: 0.5}", {"finetune.layer_decay=0.5"}, 16, 0.5, 0.5},
        {"finetune: {batch: 16, layer_decay: 0.8, lr: 0.5}", {"finetune.recipe=mae_base"}, 1024, 0.65, 0},
        {"finetune: {batch: 16, layer_decay: 0.8}", {"finetune.batch=8", "finetune.recipe=small_data"}, 8, 0.75, 0},
        {"finetune: {recipe: mae_base, batch: 16}", {"finetune.recipe=small_data"}, 64, 0.75, 0},
        {"finetune: {recipe: mae_base, batch: 16}", {"finetune.recipe=none"}, 16, 0.75, 0}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const tec_settings_source source = {.yaml_name = "a.yaml",
                                            .yaml = cases[i].yaml,
                                            .yaml_bytes = strlen(cases[i].yaml),
                                            .overrides = cases[i].override,
                                            .override_count =
                                                !cases[i].override[0] ? 0 : 1 + (cases[i].override[1] != NULL)};
        tec_settings_free(&settings);
        assert_int_equal(tec_settings_resolve(&settings, &source), TEC_OK);
        assert_int_equal(settings.finetune.batch, cases[i].batch);
        assert_true(settings.finetune.layer_decay == cases[i].layer_decay && settings.finetune.lr == cases[i].lr);
    }
    assert_null(tec_settings_recipe_text(&settings));
    assert_int_equal(resolve_yaml("finetune: {recipe: mae_base, batch: 16}"), TEC_OK);
    char *text = tec_settings_recipe_text(&settings);
    assert_non_null(strstr(text, "finetune.recipe mae_base: epochs 100, "));
    assert_non_null(strstr(text, "; given otherwise: batch 16 (not 1024)"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_defaults, tear_down),
        cmocka_unit_test_teardown(test_yaml_and_overrides, tear_down),
        cmocka_unit_test_teardown(test_one_channel, tear_down),
        cmocka_unit_test_teardown(test_round_trip, tear_down),
        cmocka_unit_test_teardown(test_resolved_file, tear_down),
        cmocka_unit_test_teardown(test_value, tear_down),
        cmocka_unit_test_teardown(test_help, tear_down),
        cmocka_unit_test_teardown(test_model_config, tear_down),
        cmocka_unit_test_teardown(test_default_groups, tear_down),
        cmocka_unit_test_teardown(test_suggest, tear_down),
        cmocka_unit_test_teardown(test_recipe, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
