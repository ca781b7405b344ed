/* Settings: every mistake and its message, with the place; texts that are no settings at all. */
#include "tec/memory.h"
#include "tec/settings.h"

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

static tec_status resolve_bytes(const char *yaml, size_t bytes)
{
    tec_settings_source source = {.yaml_name = "a.yaml", .yaml = yaml, .yaml_bytes = bytes};
    tec_settings_free(&settings);
    return tec_settings_resolve(&settings, &source);
}

static tec_status resolve_yaml(const char *yaml)
{
    return resolve_bytes(yaml, strlen(yaml));
}

static tec_status resolve_override(const char *override)
{
    tec_settings_source source = {.overrides = &override, .override_count = 1};
    tec_settings_free(&settings);
    return tec_settings_resolve(&settings, &source);
}

/* A YAML text and the message it deserves. */
static const struct {
    const char *yaml, *want;
} yaml_errors[] = {
    {"pretrain:\n  epochs: 3\n  mask_ration: 0.5\n",
     "a.yaml:3:3: unknown key `mask_ration` in pretrain; did you mean `mask_ratio`?"},
    {"pretrain:\n  tau: 1\n", "a.yaml:2:3: unknown key `tau` in pretrain; did you mean `attention_tau`?"},
    {"model:\n  mask_ratio: 0.5\n",
     "a.yaml:2:3: unknown key `mask_ratio` in model; did you mean `pretrain.mask_ratio`?"},
    {"model:\n  mask_ration: 0.5\n",
     "a.yaml:2:3: unknown key `mask_ration` in model; did you mean `pretrain.mask_ratio`?"},
    {"knn: {batch: 5}\n",
     "a.yaml:1:7: unknown key `batch` in knn; did you mean `targets.batch`, `pretrain.batch`, `finetune.batch`, "
     "`eval.batch` or `probe.batch`?"},
    {"model:\n  zzzzzz: 0.5\n", "a.yaml:2:3: unknown key `zzzzzz` in model; `tec COMMAND --help` lists the keys"},
    {"pretrian:\n  epochs: 3\n", "a.yaml:1:1: unknown section `pretrian`; did you mean `pretrain`?"},
    {"mask_ratio: 0.5\n", "a.yaml:1:1: unknown section `mask_ratio`; did you mean `pretrain.mask_ratio`?"},
    {"zzzzzz: 0.5\n",
     "a.yaml:1:1: unknown section `zzzzzz`; there are data, model, base, targets, pretrain, finetune, eval, features, knn, "
     "probe, report and run"},
    {"pretrain:\n\n  mask_ratio:  1.5\n", "a.yaml:3:16: pretrain.mask_ratio: 1.5 is out of range (0 < x < 1)"},
    {"pretrain: {mask_ratio: 0}\n", "a.yaml:1:24: pretrain.mask_ratio: 0 is out of range (0 < x < 1)"},
    {"pretrain: {beta1: 1.0}\n", "a.yaml:1:19: pretrain.beta1: 1.0 is out of range (0 <= x < 1)"},
    {"pretrain: {blr: 0}\n", "a.yaml:1:17: pretrain.blr: 0 is out of range (x > 0)"},
    {"pretrain: {lr: -1e-3}\n", "a.yaml:1:16: pretrain.lr: -1e-3 is out of range (x >= 0)"},
    {"pretrain: {lr: fast}\n", "a.yaml:1:16: pretrain.lr: `fast` is not a number"},
    {"pretrain: {lr: nan}\n", "a.yaml:1:16: pretrain.lr: `nan` is not a number"},
    {"pretrain: {lr: 0x10}\n", "a.yaml:1:16: pretrain.lr: `0x10` is not a number"},
    {"pretrain: {lr: 1e-}\n", "a.yaml:1:16: pretrain.lr: `1e-` is not a number"},
    {"pretrain: {lr: 1e999}\n", "a.yaml:1:16: pretrain.lr: 1e999 is too large"},
    {"pretrain: {lr: ''}\n", "a.yaml:1:16: pretrain.lr: `` is not a number"},
    {"pretrain: {epochs: 1.5}\n", "a.yaml:1:20: pretrain.epochs: `1.5` is not a whole number"},
    {"pretrain: {epochs: 1e2}\n", "a.yaml:1:20: pretrain.epochs: `1e2` is not a whole number"},
    {"pretrain: {epochs: -}\n", "a.yaml:1:20: pretrain.epochs: `-` is not a whole number"},
    {"pretrain:\n  epochs: -\n", "a.yaml:2:11: not valid YAML: block sequence entries are not allowed in this context"},
    {"pretrain: {epochs: 0}\n", "a.yaml:1:20: pretrain.epochs: 0 is out of range (1 <= x <= 1000000)"},
    {"pretrain: {epochs: 99999999999999999999999}\n",
     "a.yaml:1:20: pretrain.epochs: 99999999999999999999999 is out of range (1 <= x <= 1000000)"},
    {"pretrain: {epochs: 4294967297}\n",
     "a.yaml:1:20: pretrain.epochs: 4294967297 is out of range (1 <= x <= 1000000)"},
    {"pretrain: {stop_after_steps: 99999999999999999999999}\n",
     "a.yaml:1:30: pretrain.stop_after_steps: 99999999999999999999999 is out of range (0 <= x <= 1e+15)"},
    {"run: {seed: -1}\n", "a.yaml:1:13: run.seed: -1 is out of range (0 <= x < 2^64)"},
    {"run: {seed: 18446744073709551616}\n",
     "a.yaml:1:13: run.seed: 18446744073709551616 is out of range (0 <= x < 2^64)"},
    {"run: {seed: x}\n", "a.yaml:1:13: run.seed: `x` is not a whole number"},
    {"data: {flip: perhaps}\n", "a.yaml:1:14: data.flip: `perhaps` is neither true nor false"},
    {"targets: {type: float61}\n", "a.yaml:1:17: targets.type: `float61` is not one of float32 | float16 | int8; did "
                                   "you mean `float16`?"},
    {"targets: {type: double}\n", "a.yaml:1:17: targets.type: `double` is not one of float32 | float16 | int8"},
    {"data: {channels: 65}\n", "a.yaml:1:18: data.channels: 65 is out of range (1 <= x <= 64)"},
    {"data: {channels: 2, mean: [1, 2, 3]}\n", "a.yaml:1:27: data.mean: 3 numbers are given, but data.channels is 2"},
    {"data: {bands: [4, 0]}\n",
     "a.yaml:1:15: data.bands: `0` is not the number of a band: they count from 1, as in 4,3,2"},
    {"data: {range: 8bit}\n", "a.yaml:1:15: data.range: `8bit` is neither bytes nor type nor two numbers LOW,HIGH, the "
                              "values that become 0 and 1"},
    {"data: {range: [5, 1]}\n", "a.yaml:1:15: data.range: the smaller number must come first, got 5 and 1"},
    {"data: {range: type}\ntargets: {store_images: true}\n",
     "a.yaml:2:25: targets.store_images keeps images of 8 bits, but data.range is type: leave it false; images are then "
     "read from data.train"},
    {"data: {mean: [0.5, 0.5]}\n", "a.yaml:1:14: data.mean: 2 numbers are given, but data.channels is 3"},
    {"data: {mean: [1, 2, 3, 4, 5]}\n", "a.yaml:1:14: data.mean: 5 numbers are given, but data.channels is 3"},
    {"data: {mean: []}\n", "a.yaml:1:14: data.mean: expected 1 to 64 numbers, got 0"},
    {"data: {mean: [0.5, x, 0.5]}\n", "a.yaml:1:14: data.mean: `x` is not a number"},
    {"data: {mean: [0.5, [1], 0.5]}\n", "a.yaml:1:20: expected a number, found a list"},
    {"data: {std: [1, 0, 1]}\n", "a.yaml:1:13: data.std: 0 is out of range (0 < x <= 1000)"},
    {"data:\n  channels: 1\n  mean: [0.5, 0.5, 0.5]\n",
     "a.yaml:3:9: data.mean: 3 numbers are given, but data.channels is 1"},
    {"data: {crop_scale: 0.5}\n", "a.yaml:1:20: data.crop_scale: expected 2 numbers, got 1"},
    {"data: {crop_scale: [0.5, 0.2]}\n",
     "a.yaml:1:20: data.crop_scale: the smaller number must come first, got 0.5 and 0.2"},
    {"data: {crop_ratio: [2, 1]}\n", "a.yaml:1:20: data.crop_ratio: the smaller number must come first, got 2 and 1"},
    {"base: {std: 0.5}\n", "a.yaml:1:13: base.mean and base.std must be given together, and base.std must be above 0"},
    {"base: {mean: 0}\n", "a.yaml:1:14: base.mean and base.std must be given together, and base.std must be above 0"},
    {"base: {mean: 0.5, std: [1, 0, 1]}\n",
     "a.yaml:1:24: base.mean and base.std must be given together, and base.std must be above 0"},
    {"base: {mean: 0.5, std: 0}\n",
     "a.yaml:1:24: base.mean and base.std must be given together, and base.std must be above 0"},
    {"pretrain: {epochs: [5]}\n", "a.yaml:1:20: expected a value for pretrain.epochs, found a list"},
    {"pretrain: {epochs: {a: 5}}\n", "a.yaml:1:20: expected a value for pretrain.epochs, found a mapping"},
    {"pretrain:\n  epochs:\n  batch: 5\n", "a.yaml:2:10: expected a value for pretrain.epochs, found nothing"},
    {"data: {mean: }\n", "a.yaml:1:14: expected numbers for data.mean, found nothing"},
    {"pretrain: {[1]: 5}\n", "a.yaml:1:12: expected a key, found a list"},
    {"[1]: {a: 5}\n", "a.yaml:1:1: expected a section, found a list"},
    {"pretrain:\n  epochs: 3\n  batch: 2\n  epochs: 4\n",
     "a.yaml:4:3: duplicate key `epochs` in pretrain (already in line 2)"},
    {"pretrain:\n  epochs: 3\nrun:\n  seed: 1\npretrain:\n  batch: 4\n",
     "a.yaml:5:1: duplicate section `pretrain` (already in line 1)"},
    {"pretrain: 5\n", "a.yaml:1:11: expected `key: value` lines in pretrain"},
    {"pretrain: [5]\n", "a.yaml:1:11: expected `key: value` lines in pretrain"},
    {"hello\n", "a.yaml:1:1: expected sections such as `pretrain:` with `key: value` lines"},
    {"- 1\n", "a.yaml:1:1: expected sections such as `pretrain:` with `key: value` lines"},
    {"pretrain: &x {epochs: 3}\nrun: *x\n", "a.yaml:2:6: expected `key: value` lines in run"},
    {"run: {seed: &x 3, threads: *x}\n", "a.yaml:1:28: expected a value for run.threads, found an alias"},
    {"run: {seed: 1}\n---\nrun: {seed: 2}\n",
     "a.yaml:2:1: settings must be a single YAML document, and this is the second"},
    {"run: {dir: \"a\\0b\"}\n", "a.yaml:1:12: expected a value for run.dir, found a text with a NUL byte"},
    {"run: {\"se\\0ed\": 1}\n", "a.yaml:1:7: expected a key, found a text with a NUL byte"},
    {"\"run\\0\": {seed: 1}\n", "a.yaml:1:1: expected a section, found a text with a NUL byte"},
    {"pretrain:\n\tepochs: 3\n", "a.yaml:2:1: not valid YAML: found character that cannot start any token, while "
                                 "scanning for the next token; indent with spaces, not with tabs"},
    {"pretrain:\n  epochs: 3: 4\n", "a.yaml:2:12: not valid YAML: mapping values are not allowed in this context"},
    {"run: {dir: \"abc\n",
     "a.yaml:2:1: not valid YAML: found unexpected end of stream, while scanning a quoted scalar"},
    {"run: {dir: a\n", "a.yaml:2:1: not valid YAML: did not find expected ',' or '}', while parsing a flow mapping"},
    {"run:\n  dir: a\xff"
     "b\n",
     "a.yaml:2:9: not a YAML text: invalid leading UTF-8 octet"},
    {"run:\n  dir: a\x01"
     "b\n",
     "a.yaml:2:9: not a YAML text: control characters are not allowed"},
    {"\"a\\nb\": 1\n",
     "a.yaml:1:1: unknown section `a?b`; there are data, model, base, targets, pretrain, finetune, eval, features, knn, "
     "probe, report and run"},
};

static void test_yaml_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(yaml_errors); i++) {
        assert_int_equal(resolve_yaml(yaml_errors[i].yaml), TEC_USER_ERROR);
        assert_string_equal(tec_error_message(), yaml_errors[i].want);
    }
}

static const struct {
    const char *override, *want;
} override_errors[] = {
    {"pretrain.mask_ration=0.5", "command line: unknown key `mask_ration` in pretrain; did you mean `mask_ratio`?"},
    {"pretrian.epochs=5", "command line: unknown section `pretrian`; did you mean `pretrain`?"},
    {"mask_ratio=0.5", "command line: unknown section `mask_ratio`; did you mean `pretrain.mask_ratio`?"},
    {"pretrain=5", "command line: `pretrain` is a section; write its settings as pretrain.key=value"},
    {"pretrain.mask_ratio=1.5", "command line: pretrain.mask_ratio: 1.5 is out of range (0 < x < 1)"},
    {"pretrain.epochs=", "command line: pretrain.epochs: `` is not a whole number"},
    {"pretrain.epochs=1,2", "command line: pretrain.epochs: `1,2` is not a whole number"},
    {"pretrain.epochs", "command line: `pretrain.epochs` is not section.key=value"},
    {"pretrain.epochs.x=1", "command line: unknown key `epochs.x` in pretrain; did you mean `epochs`?"},
    {"pretrain.=1", "command line: unknown key `` in pretrain; `tec COMMAND --help` lists the keys"},
    {"=1",
     "command line: unknown section ``; there are data, model, base, targets, pretrain, finetune, eval, features, knn, probe, report and run"},
    {"data.mean=1,2", "command line: data.mean: 2 numbers are given, but data.channels is 3"},
    {"data.mean=1,2,3,4", "command line: data.mean: 4 numbers are given, but data.channels is 3"},
    {"data.mean=", "command line: data.mean: `` is not a number"},
    {"data.mean=[]", "command line: data.mean: `` is not a number"},
    {"data.mean=[", "command line: data.mean: `[` is not a number"},
    {"data.mean=1,,3", "command line: data.mean: `` is not a number"},
    {"data.crop_scale=0.5,0.1", "command line: data.crop_scale: the smaller number must come first, got 0.5 and 0.1"},
    {"run.dir=a\xff",
     "command line: run.dir: the text is not valid UTF-8, and could not be written to a settings file"},
    {"run.dir=\xed\xa0\x80",
     "command line: run.dir: the text is not valid UTF-8, and could not be written to a settings file"},
    {"run.dir=\xc0\xaf",
     "command line: run.dir: the text is not valid UTF-8, and could not be written to a settings file"},
    {"run.dir=\xf4\x90\x80\x80",
     "command line: run.dir: the text is not valid UTF-8, and could not be written to a settings file"},
    {"run.dir=\xe2\x82",
     "command line: run.dir: the text is not valid UTF-8, and could not be written to a settings file"},
};

static void test_override_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(override_errors); i++) {
        assert_int_equal(resolve_override(override_errors[i].override), TEC_USER_ERROR);
        assert_string_equal(tec_error_message(), override_errors[i].want);
    }
}

/* An override can correct a file that is wrong without it; a message names the place of the value in force. */
static void test_checks_come_last(void **state)
{
    (void)state;
    const char *yaml = "data: {range: 8bit, crop_scale: [0.5, 0.6]}", *override = "data.range=type";
    tec_settings_source source = {"a.yaml", yaml, strlen(yaml), &override, 1};
    assert_int_equal(tec_settings_resolve(&settings, &source), TEC_OK);
    tec_settings_free(&settings);
    override = "data.crop_scale=1,0.5";
    assert_int_equal(tec_settings_resolve(&settings, &source), TEC_USER_ERROR);
    assert_string_equal(tec_error_message(),
                        "a.yaml:1:15: data.range: `8bit` is neither bytes nor type nor two numbers "
                        "LOW,HIGH, the values that become 0 and 1");
}

/* Deep, long, binary and truncated texts: an error or not, but no crash. */
static void test_hostile_texts(void **state)
{
    (void)state;
    enum { LONG = 200000 };
    char *text = tec_allocate(LONG + 1);
    static const char *const fillers[] = {"[", "{", "a: ", "- ", "? ", "a", "\"", "&", "\n", "#", "run: {seed: 1}\n",
                                          "\t"};
    for (size_t f = 0; f < LENGTH(fillers); f++) {
        size_t length = strlen(fillers[f]);
        for (size_t i = 0; i < LONG; i++)
            text[i] = fillers[f][i % length];
        text[LONG] = '\0';
        tec_status status = resolve_bytes(text, LONG);
        assert_int_equal(status, strchr("\n#", fillers[f][0]) ? TEC_OK : TEC_USER_ERROR);
        assert_true(strlen(tec_error_message()) < 1024);
    }
    snprintf(text, LONG,
             "pretrain: {epochs: 3, lr: 1e-3, objective: mae}\ndata: {mean: [0.1, 0.2, 0.3], train: \"\\u00e9\"}");
    for (size_t bytes = strlen(text); bytes-- > 0;)
        resolve_bytes(text, bytes);
    for (size_t at = strlen(text); at-- > 0;) {
        char kept = text[at];
        for (int byte = 0; byte < 256; byte += 5) {
            text[at] = (char)byte;
            resolve_bytes(text, strlen(text) > at ? strlen(text) : at + 1);
        }
        text[at] = kept;
    }
    memset(text, 0, LONG);
    assert_int_equal(resolve_bytes(text, LONG), TEC_USER_ERROR);
    assert_string_equal(tec_error_message(), "a.yaml:1:1: not a YAML text: control characters are not allowed");
    assert_int_equal(resolve_bytes("\xff\xfe"
                                   "r",
                                   3),
                     TEC_USER_ERROR);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_yaml_errors, tear_down),
        cmocka_unit_test_teardown(test_override_errors, tear_down),
        cmocka_unit_test_teardown(test_checks_come_last, tear_down),
        cmocka_unit_test_teardown(test_hostile_texts, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
