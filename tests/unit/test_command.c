/* The command line of a command: options, settings file, overrides, files, --help. */
#include "folder.h"

#include "jobs/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static const tec_option options[] = {
    {"fresh", .help = "start anew"},
    {"out", TEC_OPTION_TEXT, "FILE",
     .help = "where to, in a text that is long enough for two lines of help: the second one stands below the first"},
    {"tol", TEC_OPTION_NUMBER, "NUMBER", .help = "largest error", .most = 10, .otherwise = 0.5},
    {"worker", TEC_OPTION_PART, "i/n", .help = "do a share"},
    {"steps", TEC_OPTION_WHOLE, "N", .help = "how many", .least = 1, .most = 100, .otherwise = 5},
    {"names", TEC_OPTION_CHOICE, "timm|tec|hf", .help = "whose names", .otherwise = 1},
    {0}};
enum { FRESH, OUT, TOL, WORKER, STEPS, NAMES, OPTIONS };
static const char *const sections[] = {"pretrain", "run", NULL};
static const tec_command train = {
    .name = "pretrain",
    .usage = "[-c CONFIG.yaml] [section.key=value ...]",
    .summary = "trains a model",
    .details = "One paragraph that is long enough to need filling, as it has more than "
               "ninety-six characters in its\nsingle line.\n\nAnother:\n  a     list\n  as it is\n"
               "and words\nbehind it",
    .options = options,
    .sections = sections};
static const tec_command check = {
    .name = "selftest", .usage = "FILE ...", .summary = "checks", .options = options, .takes_files = true};
static const tec_command bare = {.name = "bench", .usage = "[--size NAME]", .summary = "measures"};

static tec_comm comm;
static tec_invocation call;
static char dir[256], config[300];

/* Parses the words that follow the command's name, up to NULL. */
static tec_status parse(const tec_command *command, const char *const *words)
{
    static char *argv[32];
    int argc = 0;
    argv[argc++] = (char *)command->name;
    while (*words)
        argv[argc++] = (char *)*words++;
    tec_invocation_free(&call);
    return tec_command_parse(command, &comm, argc, argv, &call);
}
#define PARSE(command, ...) parse(command, (const char *const[]){__VA_ARGS__, NULL})

static void write_config(const char *text)
{
    FILE *out = fopen(config, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
    (void)state;
    if (!folder_make(dir, sizeof dir))
        return -1;
    snprintf(config, sizeof config, "%s/a.yaml", dir);
    tec_comm_local(&comm);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tec_invocation_free(&call);
    unlink(config);
    return rmdir(dir);
}

static void test_nothing(void **state)
{
    (void)state;
    assert_int_equal(parse(&train, (const char *const[]){NULL}), TEC_OK);
    assert_int_equal(call.settings.pretrain.epochs, 100);
    assert_int_equal(call.file_count, 0);
    for (int i = 0; i < OPTIONS; i++) {
        assert_null(call.option[i].text);
        assert_int_equal(call.option[i].times, 0);
    }
}

static void test_options(void **state)
{
    (void)state;
    assert_int_equal(PARSE(&train, "--fresh", "pretrain.epochs=3", "--fresh", "--out", "a", "--tol=1e-3"), TEC_OK);
    assert_int_equal(call.option[FRESH].times, 2);
    assert_int_equal(call.option[OUT].times, 1);
    assert_string_equal(call.option[OUT].text, "a");
    assert_true(call.option[TOL].number == 1e-3);
    assert_int_equal(call.settings.pretrain.epochs, 3);
    assert_int_equal(PARSE(&train, "--tol=1", "--tol=2", "--out", "--fresh"), TEC_OK);
    assert_true(call.option[TOL].number == 2);             /* the last one counts */
    assert_string_equal(call.option[OUT].text, "--fresh"); /* an argument is an argument, whatever it looks like */
    assert_int_equal(call.option[FRESH].times, 0);
    assert_int_equal(PARSE(&train, "--out="), TEC_OK);
    assert_string_equal(call.option[OUT].text, "");
}

static void test_types(void **state)
{
    (void)state;
    assert_int_equal(PARSE(&train, "--out", "x"), TEC_OK);
    assert_true(call.option[TOL].number == 0.5 && call.option[STEPS].number == 5);
    assert_int_equal(call.option[NAMES].choice, 1);
    assert_int_equal(call.option[WORKER].part, 0);
    assert_int_equal(call.option[WORKER].parts, 1);
    assert_int_equal(PARSE(&train, "--worker", "3/16", "--steps=100", "--names", "hf", "--tol", "10"), TEC_OK);
    assert_int_equal(call.option[WORKER].part, 2);
    assert_int_equal(call.option[WORKER].parts, 16);
    assert_true(call.option[TOL].number == 10 && call.option[STEPS].number == 100);
    assert_int_equal(call.option[NAMES].choice, 2);
}

static void test_files(void **state)
{
    (void)state;
    assert_int_equal(PARSE(&check, "a.h5", "--tol", "2", "k=v.h5", "-", "--", "--fresh", "-c"), TEC_OK);
    static const char *const want[] = {"a.h5", "k=v.h5", "-", "--fresh", "-c"};
    assert_int_equal(call.file_count, LENGTH(want));
    for (size_t i = 0; i < LENGTH(want); i++)
        assert_string_equal(call.files[i], want[i]);
    assert_int_equal(call.option[FRESH].times, 0);
}

static void test_settings_file(void **state)
{
    (void)state;
    write_config("pretrain:\n  epochs: 5\n  batch: 6\nknn: {k: 3}\n");
    assert_int_equal(PARSE(&train, "pretrain.batch=7", "-c", config), TEC_OK);
    assert_int_equal(call.settings.pretrain.epochs, 5);
    assert_int_equal(call.settings.pretrain.batch, 7);
    assert_int_equal(call.settings.knn.k[1], 3);
}

static void test_settings_file_errors(void **state)
{
    (void)state;
    char want[512];
    write_config("pretrain:\n  epoch: 5\n");
    assert_int_equal(PARSE(&train, "-c", config), TEC_USER_ERROR);
    snprintf(want, sizeof want, "%s:2:3: unknown key `epoch` in pretrain; did you mean `epochs`?", config);
    assert_string_equal(tec_error_message(), want);

    char missing[320];
    snprintf(missing, sizeof missing, "%s/none.yaml", dir);
    assert_int_equal(PARSE(&train, "-c", missing), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), missing));
    assert_int_equal(PARSE(&train, "-c", dir), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), dir));

    write_config("");
    assert_int_equal(truncate(config, 2 << 20), 0);
    assert_int_equal(PARSE(&train, "-c", config), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), config));
    assert_int_equal(truncate(config, 1000), 0);
    assert_int_equal(PARSE(&train, "-c", config), TEC_USER_ERROR);
    snprintf(want, sizeof want, "%s:1:1: not a YAML text: control characters are not allowed", config);
    assert_string_equal(tec_error_message(), want);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const tec_command *command;
        const char *word[3], *want;
    } wrong[] = {
        {&train, {"--fesh"}, "command line: unknown option `--fesh` of tec pretrain; did you mean `--fresh`?"},
        {&train, {"--zzz=1"}, "command line: unknown option `--zzz`; `tec pretrain --help` lists the options"},
        {&train, {"-x"}, "command line: unknown option `-x`; `tec pretrain --help` lists the options"},
        {&train, {"-cfile"}, "command line: unknown option `-cfile`; `tec pretrain --help` lists the options"},
        {&train, {"--fres"}, "command line: unknown option `--fres` of tec pretrain; did you mean `--fresh`?"},
        {&train, {"--fresh=1"}, "command line: option `--fresh` takes no argument"},
        {&train, {"--tol"}, "command line: option `--tol` needs an argument: --tol NUMBER"},
        {&train, {"--tol="}, "command line: --tol : expected a number above 0, at most 10"},
        {&train, {"--tol=0"}, "command line: --tol 0: expected a number above 0, at most 10"},
        {&train, {"--tol=1x"}, "command line: --tol 1x: expected a number above 0, at most 10"},
        {&train, {"--tol=nan"}, "command line: --tol nan: expected a number above 0, at most 10"},
        {&train, {"--tol=11"}, "command line: --tol 11: expected a number above 0, at most 10"},
        {&train, {"--steps", "0"}, "command line: --steps 0: expected a whole number from 1 to 100"},
        {&train, {"--steps", "1.5"}, "command line: --steps 1.5: expected a whole number from 1 to 100"},
        {&train, {"--steps", "101"}, "command line: --steps 101: expected a whole number from 1 to 100"},
        {&train, {"--worker", "0/2"}, "command line: --worker 0/2: expected i/n with i from 1 to n, such as 3/16"},
        {&train, {"--worker", "3/2"}, "command line: --worker 3/2: expected i/n with i from 1 to n, such as 3/16"},
        {&train, {"--worker", "1/2/"}, "command line: --worker 1/2/: expected i/n with i from 1 to n, such as 3/16"},
        {&train, {"--names", "tim"}, "command line: --names tim: expected one of timm|tec|hf"},
        {&train, {"--names", "timm|tec"}, "command line: --names timm|tec: expected one of timm|tec|hf"},
        {&train, {"-c"}, "command line: -c needs an argument: -c CONFIG.yaml"},
        {&train,
         {"a.yaml"},
         "command line: unexpected argument `a.yaml`; settings are given as section.key=value; "
         "see `tec pretrain --help`"},
        {&train,
         {"./a=b"},
         "command line: unexpected argument `./a=b`; settings are given as section.key=value; "
         "see `tec pretrain --help`"},
        {&train,
         {""},
         "command line: unexpected argument ``; settings are given as section.key=value; see `tec pretrain --help`"},
        {&train, {"pretrain.epohcs=3"}, "command line: unknown key `epohcs` in pretrain; did you mean `epochs`?"},
        {&train,
         {"epochs=3"},
         "command line: unknown section `epochs`; did you mean `pretrain.epochs`, `finetune.epochs` or "
         "`probe.epochs`?"},
        {&train, {"knn.k=3"}, "command line: `knn.k=3` would have no effect: tec pretrain does not read that section"},
        {&check, {"-c", "a.yaml"}, "command line: tec selftest reads no settings, so -c is not accepted"},
        {&bare, {"run.seed=1"}, "command line: unexpected argument `run.seed=1`; see `tec bench --help`"},
        {&bare, {"--fresh"}, "command line: unknown option `--fresh`; `tec bench --help` lists the options"},
    };
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        assert_int_equal(parse(wrong[i].command, wrong[i].word), TEC_USER_ERROR);
        assert_string_equal(tec_error_message(), wrong[i].want);
    }
    assert_int_equal(PARSE(&train, "-c", "a", "-c", "b"), TEC_USER_ERROR);
    assert_string_equal(tec_error_message(), "command line: -c is given twice; only one settings file can be read");
}

static void test_asking_for_help(void **state)
{
    (void)state;
    char *words[] = {"pretrain", "pretrain.epochs=0", "--fesh", "-h"};
    assert_false(tec_command_asks_help(1, words));
    assert_false(tec_command_asks_help(3, words));
    assert_true(tec_command_asks_help(4, words));
    words[3] = "--help";
    assert_true(tec_command_asks_help(4, words));
    words[2] = "--";
    assert_false(tec_command_asks_help(4, words));
    words[0] = "--help";
    assert_false(tec_command_asks_help(2, words));
}

static char *help_of(const tec_command *command)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    tec_command_print_help(command, out);
    fclose(out);
    return text;
}

static void test_help(void **state)
{
    (void)state;
    char *text = help_of(&train);
    static const char start[] =
        "Usage: tec pretrain [-c CONFIG.yaml] [section.key=value ...]\n\ntrains a model\n\n"
        "One paragraph that is long enough to need filling, as it has more than ninety-six characters in\n"
        "its single line.\n\nAnother:\n  a     list\n  as it is\nand words behind it\n\nOptions:\n"
        "  -c CONFIG.yaml           settings file; it may also have settings of other commands\n"
        "  --fresh                  start anew\n"
        "  --out FILE               where to, in a text that is long enough for two lines of help: the\n"
        "                           second one stands below the first\n"
        "  --tol NUMBER             largest error\n"
        "  --worker i/n             do a share\n"
        "  --steps N                how many\n"
        "  --names timm|tec|hf      whose names\n"
        "  --help                   this text\n\nSettings ";
    assert_memory_equal(text, start, sizeof start - 1);
    assert_non_null(strstr(text, "\n  pretrain.mask_ratio=0.75             number, 0 < x < 1\n      share of"));
    assert_non_null(strstr(text, "\n  run.seed=0"));
    assert_null(strstr(text, "knn."));
    free(text);
    text = help_of(&bare);
    assert_string_equal(
        text, "Usage: tec bench [--size NAME]\n\nmeasures\n\nOptions:\n  --help                   this text\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_settings_file),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_settings_file_errors),
        cmocka_unit_test(test_asking_for_help),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
