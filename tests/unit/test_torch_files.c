/* PyTorch files, read and written.
 *
 *   test_torch_files                   the files in tests/data/torch, damaged ones, written ones
 *   test_torch_files compare FOLDER    every NAME.pth there is what NAME.want says, or refused as NAME.refused says
 *   test_torch_files write FILE        what tests/data/make_torch.py --check expects */
#include "folder.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/philox.h"
#include "tec/tensor_file.h"
#include "tec/tensor_write.h"
#include "tec/text.h"

#include <glob.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GOLDEN "tests/data/torch"

static char dir[2048], path[2100];

static int make_dir(void **state)
{
    (void)state;
    if (!folder_make(dir, sizeof dir))
        return -1;
    snprintf(path, sizeof path, "%s/model.pth", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return folder_remove(dir);
}

/* -- what is in a file -- */

/* The next part of a line of parts between bars. */
static char *part(char **line)
{
    char *text = strsep(line, "|");
    assert_non_null(text);
    return text;
}

static void check_values(tec_tensor_file *file, int index, char *values)
{
    const tec_tensor *tensor = tec_tensor_file_get(file, index);
    real *got = tec_allocate((size_t)tensor->count * sizeof *got);
    assert_int_equal(tec_tensor_file_read(file, index, got), TEC_OK);
    for (int64_t i = 0; i < tensor->count; i++) {
        char *word = strsep(&values, " ");
        assert_non_null(word);
        real want = (real)strtod(word, NULL);
        if (isnan(want) ? !isnan(got[i]) : got[i] != want || signbit(got[i]) != signbit(want))
            fail_msg("%s: %s[%lld] is %.9g instead of %s", tec_tensor_file_path(file), tensor->name, (long long)i,
                     (double)got[i], word);
    }
    free(got);
}

static void check_tensor(tec_tensor_file *file, int index, char *line)
{
    const tec_tensor *tensor = tec_tensor_file_get(file, index);
    char shape[200] = "-";
    assert_string_equal(tensor->name, part(&line));
    assert_string_equal(tensor->type_name, part(&line));
    for (int i = 0, used = 0; i < tensor->dims; i++)
        used += snprintf(shape + used, sizeof shape - (size_t)used, "%s%lld", i ? "," : "", (long long)tensor->dim[i]);
    assert_string_equal(shape, part(&line));
    char *values = part(&line);
    assert_int_equal(tensor->is_float, strcmp(values, "-") != 0);
    if (tensor->is_float)
        check_values(file, index, values);
    else
        assert_int_equal(tec_tensor_file_read(file, index, NULL), TEC_USER_ERROR);
}

/* A module's parts are listed in another order than its state_dict(): found by name, where `ordered` is false. */
static void check_line(tec_tensor_file *file, char *line, int *next, bool ordered)
{
    char *kind = part(&line), *name;
    if (strcmp(kind, "format") == 0) {
        assert_string_equal(tec_tensor_file_format(file), line);
    } else if (strcmp(kind, "tensor") == 0) {
        char *copy = strndup(line, strcspn(line, "|"));
        int index = ordered ? *next : tec_tensor_file_find(file, copy);
        if (index < 0 || index >= tec_tensor_file_count(file))
            fail_msg("%s: no tensor %s", tec_tensor_file_path(file), copy);
        free(copy);
        check_tensor(file, index, line);
        ++*next;
    } else {
        name = part(&line);
        for (int i = 0; i < tec_tensor_file_notes(file); i++)
            if (strcmp(tec_tensor_file_note(file, i)->name, name) == 0) {
                assert_string_equal(tec_tensor_file_note(file, i)->text, line);
                return;
            }
        fail_msg("%s: no note %s", tec_tensor_file_path(file), name);
    }
}

static void check_wanted(const char *name, const char *want)
{
    tec_tensor_file *file;
    char *text, *line, *rest;
    size_t bytes;
    int tensors = 0;
    bool ordered = !strstr(name, "module") && !strstr(name, "script");
    if (tec_tensor_file_open(&file, name) != TEC_OK)
        fail_msg("%s", tec_error_message());
    assert_int_equal(tec_file_read(want, 1 << 20, &text, &bytes), TEC_OK);
    for (rest = text; (line = strsep(&rest, "\n")) && *line;)
        check_line(file, line, &tensors, ordered);
    assert_int_equal(tec_tensor_file_count(file), tensors);
    free(text);
    tec_tensor_file_close(file);
}

static void check_refused(const char *name, const char *refused)
{
    tec_tensor_file *file;
    char *wanted;
    size_t bytes;
    assert_int_equal(tec_file_read(refused, 1000, &wanted, &bytes), TEC_OK);
    if (tec_tensor_file_open(&file, name) != TEC_USER_ERROR || !strstr(tec_error_message(), wanted) ||
        !strstr(tec_error_message(), name))
        fail_msg("%s: wanted \"%s\": \"%s\"", name, wanted, tec_error_message());
    assert_null(file);
    free(wanted);
}

static int compare(const char *folder)
{
    glob_t found;
    char *pattern = tec_string_format("%s/*.pth", folder);
    int failed = glob(pattern, 0, NULL, &found);
    for (size_t i = 0; failed == 0 && i < found.gl_pathc; i++) {
        const char *name = found.gl_pathv[i];
        char *want = tec_string_format("%.*s.want", (int)strlen(name) - 4, name);
        char *refused = tec_string_format("%.*s.refused", (int)strlen(name) - 4, name);
        if (tec_file_exists(want))
            check_wanted(name, want);
        else
            check_refused(name, refused);
        free(want);
        free(refused);
    }
    int count = failed ? 0 : (int)found.gl_pathc;
    if (!failed)
        globfree(&found);
    free(pattern);
    return count;
}

static void test_golden(void **state)
{
    (void)state;
    assert_int_equal(compare(GOLDEN), 18);
    assert_false(tec_file_exists("tec-canary"));
}

/* -- damaged files -- */

static void put(const char *name, const void *data, size_t bytes)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* Opens a file and reads all that it holds. True: it is what it should be, as far as one can tell. */
static bool read_all(const char *name)
{
    tec_tensor_file *file;
    bool good = tec_tensor_file_open(&file, name) == TEC_OK;
    if (!good)
        return false;
    for (int i = 0; i < tec_tensor_file_count(file); i++) {
        const tec_tensor *tensor = tec_tensor_file_get(file, i);
        real *value = tec_allocate((size_t)tensor->count * sizeof *value);
        tec_status status = tec_tensor_file_read(file, i, value);
        assert_true(status == TEC_USER_ERROR || (status == TEC_OK && tensor->is_float));
        good = good && status == TEC_OK;
        free(value);
    }
    tec_tensor_file_close(file);
    return good;
}

typedef struct bytes {
    char *at;
    size_t size;
} bytes;

/* Bits turned, an end cut off, or a piece of another file in the place of its own. */
static void mutate(tec_philox *random, int how, bytes *file, const bytes *other)
{
    size_t at = tec_philox_below(random, (uint32_t)file->size), from = tec_philox_below(random, (uint32_t)other->size);
    size_t size = 1 + tec_philox_below(random, 200);
    if (how == 0) {
        for (size_t i = 0; i <= size % 8; i++)
            file->at[tec_philox_below(random, (uint32_t)file->size)] ^= (char)(1 << tec_philox_below(random, 8));
    } else if (how == 1) {
        file->size = at;
    } else {
        size = size < file->size - at ? size : file->size - at;
        size = size < other->size - from ? size : other->size - from;
        memcpy(file->at + at, other->at + from, size);
    }
}

static void test_mutated(void **state)
{
    (void)state;
    static const char *const names[] = {"plain-zip",    "views-legacy", "mae-legacy-4",
                                        "no-checksums", "deflated",     "script"};
    enum { FILES = sizeof names / sizeof *names };
    bytes golden[FILES];
    int good = 0;
    for (int i = 0; i < FILES; i++) {
        char *name = tec_string_format("%s/%s.pth", GOLDEN, names[i]);
        assert_int_equal(tec_file_read(name, 1 << 20, &golden[i].at, &golden[i].size), TEC_OK);
        free(name);
    }
    tec_philox random = tec_philox_start(3, TEC_STREAM_TEST, 0, 0, 0);
    for (int round = 0; round < 240; round++) {
        const bytes *one = &golden[round % FILES], *other = &golden[(round + 1) % FILES];
        bytes copy = {tec_allocate(one->size), one->size};
        memcpy(copy.at, one->at, one->size);
        mutate(&random, round / FILES % 3, &copy, other);
        put(path, copy.at, copy.size);
        good += read_all(path);
        free(copy.at);
    }
    assert_in_range(good, 1, 200); /* most are noticed; turned bits of values without checksums cannot be */
    for (int i = 0; i < FILES; i++)
        free(golden[i].at);
}

/* One bit of a value, which the archive's checksum tells. */
static void test_checksum(void **state)
{
    (void)state;
    static const float wanted[] = {1, 2, 3, 4};
    tec_tensor_file *file;
    real got[24];
    bytes golden;
    assert_int_equal(tec_file_read(GOLDEN "/views-zip.pth", 1 << 20, &golden.at, &golden.size), TEC_OK);
    char *values = memmem(golden.at, golden.size, wanted, sizeof wanted);
    assert_non_null(values);
    *values ^= 1;
    put(path, golden.at, golden.size);
    assert_int_equal(tec_tensor_file_open(&file, path), TEC_OK);
    assert_int_equal(tec_tensor_file_read(file, tec_tensor_file_find(file, "whole"), got), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "archive/data/0 of the zip archive cannot be read: CRC"));
    tec_tensor_file_close(file);
    free(golden.at);
}

/* What fuzzing found interesting. */
static void test_corpus(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("tests/fuzz/corpus-torch/*", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        read_all(found.gl_pathv[i]);
    globfree(&found);
}

/* -- written files -- */

enum { TENSORS = 5 };

static const tec_tensor_out shapes[TENSORS] = {
    {.name = "cls_token", .dims = 3, .dim = {1, 1, 4}},
    {.name = "blocks.0.weight", .dims = 2, .dim = {3, 2}},
    {.name = "scalar"},
    {.name = "empty", .dims = 2, .dim = {0, 3}},
    {.name = "pos_embed", .dims = 3, .dim = {1, 5, 4}},
};

/* Element i of tensor t is (i + 1) / (3 + t). */
static void make_tensors(tec_tensor_out *out, real *values)
{
    memcpy(out, shapes, sizeof shapes);
    for (int t = 0; t < TENSORS; t++) {
        int64_t count = 1;
        for (int i = 0; i < out[t].dims; i++)
            count *= out[t].dim[i];
        out[t].value = values;
        for (int64_t i = 0; i < count; i++)
            *values++ = (real)((float)(i + 1) / (float)(3 + t));
    }
}

static void test_written(void **state)
{
    (void)state;
    tec_tensor_out out[TENSORS];
    real values[64], got[64];
    tec_tensor_file *file;
    make_tensors(out, values);
    assert_int_equal(tec_torch_write(path, out, TENSORS, NULL), TEC_OK);
    assert_int_equal(tec_tensor_file_open(&file, path), TEC_OK);
    assert_string_equal(tec_tensor_file_format(file), "PyTorch (zip)");
    assert_int_equal(tec_tensor_file_count(file), TENSORS);
    for (int t = 0; t < TENSORS; t++) {
        const tec_tensor *tensor = tec_tensor_file_get(file, t);
        assert_string_equal(tensor->name, out[t].name);
        assert_int_equal(tensor->dims, out[t].dims);
        assert_memory_equal(tensor->dim, out[t].dim, sizeof tensor->dim);
        assert_int_equal(tec_tensor_file_read(file, t, got), TEC_OK);
        assert_memory_equal(got, out[t].value, (size_t)tensor->count * sizeof *got);
    }
    tec_tensor_file_close(file);

    /* The same bytes again, over what was there. */
    char *first, *second;
    size_t first_bytes, second_bytes;
    assert_int_equal(tec_file_read(path, 1 << 20, &first, &first_bytes), TEC_OK);
    assert_int_equal(tec_torch_write(path, out, TENSORS, NULL), TEC_OK);
    assert_int_equal(tec_file_read(path, 1 << 20, &second, &second_bytes), TEC_OK);
    assert_int_equal(first_bytes, second_bytes);
    assert_memory_equal(first, second, first_bytes);
    free(first);
    free(second);
}

static const char *note_of(const tec_tensor_file *file, const char *name)
{
    for (int i = 0; i < tec_tensor_file_notes(file); i++)
        if (strcmp(tec_tensor_file_note(file, i)->name, name) == 0)
            return tec_tensor_file_note(file, i)->text;
    return "";
}

/* {"model": tensors}, and texts beside it. */
static void test_wrapped(void **state)
{
    (void)state;
    static const char mean[] = "0.48499999999999999,0.45600000000000002,0.40600000000000003";
    static const char *const metadata[] = {"tec_heads", "3", "tec_mean", mean, NULL};
    tec_tensor_out out[TENSORS];
    real values[64], got[64];
    tec_tensor_file *file;
    make_tensors(out, values);
    assert_int_equal(tec_torch_write(path, out, TENSORS, metadata), TEC_OK);
    assert_int_equal(tec_tensor_file_open(&file, path), TEC_OK);
    assert_int_equal(tec_tensor_file_count(file), TENSORS);
    for (int t = 0; t < TENSORS; t++) {
        const tec_tensor *tensor = tec_tensor_file_get(file, t);
        assert_true(strncmp(tensor->name, "model.", 6) == 0);
        assert_string_equal(tensor->name + 6, out[t].name);
        assert_int_equal(tec_tensor_file_read(file, t, got), TEC_OK);
        assert_memory_equal(got, out[t].value, (size_t)tensor->count * sizeof *got);
    }
    assert_string_equal(note_of(file, "tec_heads"), "'3'");
    char *quoted = tec_string_format("'%s'", mean);
    assert_string_equal(note_of(file, "tec_mean"), quoted);
    free(quoted);
    tec_tensor_file_close(file);
}

static void test_nothing_left(void **state)
{
    (void)state;
    tec_tensor_out out[TENSORS];
    real values[64];
    glob_t found;
    make_tensors(out, values);
    assert_int_equal(tec_torch_write("/proc/tec.pth", out, TENSORS, NULL), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "/proc/tec.pth"));
    char *folder = tec_string_format("%s/sub", dir), *pattern = tec_string_format("%s/*", dir);
    assert_int_equal(tec_directory_make(folder), TEC_OK);
    assert_int_equal(tec_torch_write(folder, out, TENSORS, NULL), TEC_SYSTEM_ERROR); /* a directory is in the way */
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        assert_null(strstr(found.gl_pathv[i], ".tmp"));
    globfree(&found);
    free(pattern);
    free(folder);
}

static int write_for_python(const char *to)
{
    tec_tensor_out out[TENSORS];
    real values[64];
    make_tensors(out, values);
    if (tec_torch_write(to, out, TENSORS, NULL) == TEC_OK)
        return 0;
    fprintf(stderr, "%s\n", tec_error_message());
    return 1;
}

static const char *folder_to_compare;

static void test_folder(void **state)
{
    (void)state;
    int count = compare(folder_to_compare);
    print_message("%d files compared\n", count);
    assert_in_range(count, 1, 1000);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "write") == 0)
        return write_for_python(argv[2]);
    if (argc == 3 && strcmp(argv[1], "compare") == 0) {
        const struct CMUnitTest folder[] = {cmocka_unit_test(test_folder)};
        folder_to_compare = argv[2];
        return cmocka_run_group_tests(folder, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_mutated), cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_checksum),     cmocka_unit_test(test_written), cmocka_unit_test(test_wrapped),
        cmocka_unit_test(test_nothing_left),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
