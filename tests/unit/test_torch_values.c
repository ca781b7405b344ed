/* Tensors in pickles that are made by hand, with storages that are taken to be there. */
#include "src/formats/torch_parts.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tec_status locate(tec_tensor_file *file, void *context, const torch_storage *storage, torch_place *place)
{
    (void)file;
    ++*(int *)context;
    *place =
        (torch_place){.offset = 1000 + storage->first * storage->size, .bytes = storage->view_count * storage->size};
    return TEC_OK;
}

/* A file without a file, whose tensors are those of a pickle. */
static tec_tensor_file *listed(const void *text, size_t size, tec_status *status)
{
    static const tensor_format no_format = {.name = "pickle"};
    pickle *p;
    int located = 0;
    size_t used;
    tec_tensor_file *file = tec_allocate_zeroed(1, sizeof *file);
    file->path = tec_string_format("a.pkl");
    file->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    file->format = &no_format;
    assert_int_equal(tec_pickle_read(&p, "a.pkl", text, size, 0, &used), TEC_OK);
    *status = tec_torch_list(file, tec_pickle_root(p), locate, &located);
    assert_true(*status != TEC_OK || located == file->count);
    tec_pickle_free(p);
    return file;
}

#define STORAGE(type, more)                                                                                            \
    "((U\x07storagectorch\n" type "\nU\x01"                                                                            \
    "0U\x03"                                                                                                           \
    "cpuK\x64" more "tQ"

static void test_forms_of_tensors(void **state)
{
    (void)state;
    static const char text[] =
        "}("
        "U\x01"
        "act"
        "orch._utils\n_rebuild_tensor\n" STORAGE(
            "FloatStorage",
            "") "K\x02K\x03K\x05\x86K\x05K\x01\x86tR"
                "U\x01"
                "bctorch._utils\n_rebuild_parameter\n(ctorch._utils\n_rebuild_tensor_v2\n" STORAGE(
                    "HalfStorage",
                    "") "K\x02"
                        "ctorch\nSize\n(K\x03t\x85RK\x01\x85\x89NtR\x88NtR"
                        "U\x01"
                        "cctorch._utils\n_rebuild_tensor_v3\n" STORAGE(
                            "UntypedStorage",
                            "") "K\x02K\x03\x85K\x01\x85\x89Nctorch\nbfloat16\ntR"
                                "U\x01"
                                "dctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_"
                                "v2\ncmy\nTensor\n" STORAGE(
                                    "DoubleStorage",
                                    "") "K\x00))\x89Nt}tR"
                                        "U\x01"
                                        "ectorch._utils\n_rebuild_parameter_with_state\n(ctorch._utils\n_rebuild_"
                                        "tensor_v2\n" STORAGE(
                                            "LongStorage",
                                            "(U\x01vK\x0aK\x14t") "K\x02K\x03\x85K\x01\x85\x89NtR\x88NNtR"
                                                                  "U\x01"
                                                                  "fctorch._utils\n_rebuild_tensor_v2\n" STORAGE(
                                                                      "QInt8Storage",
                                                                      "") "K\x02K\x03\x85K\x01\x85\x89NtR"
                                                                          "u.";
    tec_status status;
    tec_tensor_file *file = listed(text, sizeof text - 1, &status);
    static const struct {
        const char *name;
        tensor_type type;
        int dims;
        int64_t offset;
    } wanted[] = {{"a", TENSOR_F32, 2, 1008},
                  {"b", TENSOR_F16, 1, 1004},
                  {"c", TENSOR_BF16, 1, 1004},
                  {"d", TENSOR_F64, 0, 1000},
                  {"e", TENSOR_I64, 1, 1096}};
    if (status != TEC_OK)
        fail_msg("%s", tec_error_message());
    assert_int_equal(file->count, 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(file->entry[i].about.name, wanted[i].name);
        assert_int_equal(file->entry[i].type, wanted[i].type);
        assert_int_equal(file->entry[i].about.dims, wanted[i].dims);
        assert_int_equal(file->entry[i].offset, wanted[i].offset);
    }
    assert_int_equal(file->notes, 1);
    assert_string_equal(file->note[0].text, "torch._utils._rebuild_tensor_v2, not read");
    tec_tensor_file_close(file);
}

/* Python 2 wrote an OrderedDict as a list of pairs. */
static void test_python_2(void **state)
{
    (void)state;
    static const char text[] =
        "ccollections\nOrderedDict\n](](U\x01"
        "actorch._utils\n_rebuild_tensor\n" STORAGE("FloatStorage", "") "K\x00K\x03\x85K\x01\x85tRe](U\x05"
                                                                        "epochK\x07"
                                                                        "ee\x85R.";
    tec_status status;
    tec_tensor_file *file = listed(text, sizeof text - 1, &status);
    assert_int_equal(status, TEC_OK);
    assert_int_equal(file->count, 1);
    assert_string_equal(file->note[0].text, "7");
    tec_tensor_file_close(file);
}

#define TENSOR(storage, rest)                                                                                          \
    "}U\x01"                                                                                                           \
    "a"                                                                                                                \
    "ctorch._utils\n_rebuild_tensor\n" storage rest "tRs."

static void test_bad_tensors(void **state)
{
    (void)state;
#define FLOATS STORAGE("FloatStorage", "")
    static const struct {
        const char *text;
        size_t size;
        const char *part;
    } cases[] = {
#define CASE(text, part) {text, sizeof(text) - 1, part}
        CASE(TENSOR(FLOATS, "K\x61K\x04\x85K\x01\x85"), "beyond the end"),
        CASE(TENSOR(FLOATS, "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\x01\x85K\x01\x85"), "beyond the end"),
        CASE(TENSOR(FLOATS, "J\xff\xff\xff\xffK\x01\x85K\x01\x85"), "not described"),
        CASE(TENSOR(FLOATS, "K\x00K\x01\x85K\x01K\x01\x86"), "not described"),
        CASE(TENSOR(FLOATS, "K\x00U\x01x\x85K\x01\x85"), "not described"),
        CASE(TENSOR(FLOATS, "K\x00(K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01t2"), "not described"),
        CASE(TENSOR(FLOATS, "K\x00K\x01\x85J\xff\xff\xff\xff\x85"), "negative"),
        CASE(TENSOR("(K\x01", "K\x00K\x01\x85K\x01\x85"), "not described"),
        CASE(TENSOR(STORAGE("FloatStorage", "(U\x01vK\x5aK\x14t"), "K\x00K\x01\x85K\x01\x85"), "not described"),
        CASE("}U\x02"
             "a\x01]s.",
             "printable"),
        CASE("}U\x02"
             "a\xff]s.",
             "printable"),
        CASE("K\x01.", "holds no tensors (1)"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tec_status status;
        tec_tensor_file *file = listed(cases[i].text, cases[i].size, &status);
        if (status != TEC_USER_ERROR || !strstr(tec_error_message(), cases[i].part))
            fail_msg("case %zu, wanted \"%s\": \"%s\"", i, cases[i].part, tec_error_message());
        tec_tensor_file_close(file);
    }
}

/* One tensor in a dict ten times, that in another ten times, ...: few bytes, very many tensors. */
static void test_laughs(void **state)
{
    (void)state;
    char text[4000];
    size_t used = 0;
    static const char first[] = "ctorch._utils\n_rebuild_tensor\n" FLOATS "K\x00K\x01\x85K\x01\x85tRq\x00";
    memcpy(text, first, sizeof first - 1);
    used = sizeof first - 1;
    for (int level = 0; level < 30; level++) {
        text[used++] = '}';
        text[used++] = '(';
        for (int i = 0; i < 10; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "I%d\ng%d\n", i, level);
        used += (size_t)snprintf(text + used, sizeof text - used, "up%d\n", level + 1);
    }
    text[used++] = '.';
    tec_status status;
    tec_tensor_file *file = listed(text, used, &status);
    assert_int_equal(status, TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "more tensors than any"));
    tec_tensor_file_close(file);
}

/* What fuzzing found interesting. */
static void test_corpus(void **state)
{
    (void)state;
    glob_t found;
    int pickles = 0;
    assert_int_equal(glob("tests/fuzz/corpus-pickle/*", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *text;
        size_t bytes, used;
        pickle *p;
        tec_status status;
        assert_int_equal(tec_file_read(found.gl_pathv[i], 100000, &text, &bytes), TEC_OK);
        if (tec_pickle_read(&p, "a.pkl", text, bytes, 0, &used) == TEC_OK) {
            tec_pickle_free(p);
            tec_tensor_file_close(listed(text, bytes, &status));
            pickles++;
        }
        free(text);
    }
    assert_in_range(pickles, 1, found.gl_pathc - 1);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_of_tensors), cmocka_unit_test(test_python_2), cmocka_unit_test(test_bad_tensors),
        cmocka_unit_test(test_laughs),           cmocka_unit_test(test_corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
