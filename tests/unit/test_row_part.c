/* Parts of features: read as they were written; what is damaged or of other images is removed, what cannot be read is not. */
#include "folder.h"

#include "src/eval/row_part.h"
#include "tec/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 3, WIDTH = 2, NUMBER = 2, IMAGES = 4 };

static const float rows[ROWS][WIDTH] = {{1, 2}, {3, 4}, {5, 6}};
static const uint64_t contents[ROWS] = {7, 8, 9};
static const char notes[] = "10 no image"; /* and its 0 */

static row_parts parts(void)
{
    return (row_parts){
        .dir = folder_top, .row_bytes = sizeof rows[0], .images = NUMBER * IMAGES + IMAGES, .part_images = IMAGES};
}

static const char *path(void)
{
    return folder_at("part-0000002");
}

static void write_part(const int64_t *samples, const char *note)
{
    row_part p;
    assert_int_equal(tec_row_part_open(&p, folder_top, NUMBER, sizeof rows[0]), TEC_OK);
    assert_int_equal(tec_row_part_put(&p, rows, 1), TEC_OK);
    assert_int_equal(tec_row_part_put(&p, rows + 1, ROWS - 1), TEC_OK);
    assert_int_equal(tec_row_part_commit(&p, samples, contents, note, strlen(note) + 1), TEC_OK);
}

/* row_part_take */
static tec_status take(void *context, const void *data, int64_t count)
{
    char **at = context;
    memcpy(*at, data, (size_t)count * sizeof rows[0]);
    *at += (size_t)count * sizeof rows[0];
    return TEC_OK;
}

static void test_round_trip(void **state)
{
    (void)state;
    static const int64_t samples[ROWS] = {8, 9, 11};
    const row_parts all = parts();
    row_notes got;
    float read[ROWS][WIDTH];
    char *at = (char *)read;
    bool there, useless;
    assert_int_equal(tec_row_part_there(&all, NUMBER, &there, &useless), TEC_OK);
    assert_false(there || useless);
    write_part(samples, notes);
    assert_int_equal(tec_row_part_there(&all, NUMBER, &there, &useless), TEC_OK);
    assert_true(there && !useless);
    row_parts wider = all;
    wider.row_bytes++;
    assert_int_equal(tec_row_part_there(&wider, NUMBER, &there, &useless), TEC_OK);
    assert_true(!there && useless);
    assert_int_equal(tec_row_part_read(&all, NUMBER, take, &at, &got), TEC_OK);
    assert_memory_equal(read, rows, sizeof rows);
    assert_int_equal(got.rows, ROWS);
    assert_memory_equal(got.sample, samples, sizeof samples);
    assert_memory_equal(got.content, contents, sizeof contents);
    assert_int_equal(got.notes_bytes, sizeof notes);
    assert_string_equal(got.notes, notes);
    tec_row_notes_free(&got);
}

static void assert_removed(const row_parts *all, row_part_take *with)
{
    float read[ROWS][WIDTH];
    char *at = (char *)read;
    row_notes got;
    assert_int_equal(tec_row_part_read(all, NUMBER, with, &at, &got), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "part-0000002 is damaged; it is removed"));
    assert_null(got.notes); /* nothing of it is believed */
    assert_false(tec_file_exists(path()));
}

/* A bit anywhere behind the rows is noticed without reading these, and in them by reading them. */
static void test_damaged(void **state)
{
    (void)state;
    static const int64_t samples[ROWS] = {8, 9, 11};
    const row_parts all = parts();
    char *data;
    size_t bytes;
    write_part(samples, notes);
    assert_int_equal(tec_file_read(path(), 1 << 20, &data, &bytes), TEC_OK);
    for (size_t i = 0; i < bytes; i++) {
        data[i] ^= 4;
        assert_int_equal(tec_file_write(path(), data, bytes), TEC_OK);
        data[i] ^= 4;
        assert_removed(&all, i < sizeof rows ? take : NULL);
    }
    for (size_t i = 0; i < bytes; i++) {
        assert_int_equal(tec_file_write(path(), data, i), TEC_OK);
        assert_removed(&all, NULL);
    }
    free(data);
}

/* Whole parts whose images are not those of this part, or not in their order. */
static void test_of_others(void **state)
{
    (void)state;
    static const int64_t samples[][ROWS] = {{8, 11, 9}, {8, 8, 9}, {7, 8, 9}, {9, 10, 12}, {-1, 8, 9}};
    static const char *const others[] = {"7 no image", "12 no image", "no image"};
    const row_parts all = parts();
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        write_part(samples[i], notes);
        assert_removed(&all, NULL);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        write_part((const int64_t[]){8, 9, 11}, others[i]);
        assert_removed(&all, NULL);
    }
}

/* What cannot be read may be whole: it stays, and the job ends. */
static void test_unreadable(void **state)
{
    (void)state;
    const row_parts all = parts();
    row_notes got;
    bool there, useless;
    assert_int_equal(symlink("part-0000002", path()), 0); /* to itself */
    assert_int_equal(tec_row_part_there(&all, NUMBER, &there, &useless), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "part-0000002: cannot be read: Too many levels of symbolic links"));
    assert_int_equal(tec_row_part_read(&all, NUMBER, NULL, NULL, &got), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "part-0000002: cannot be read: Too many levels of symbolic links"));
    char target[32];
    assert_true(readlink(path(), target, sizeof target) > 0);
    assert_int_equal(unlink(path()), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damaged),
                                       cmocka_unit_test(test_of_others), cmocka_unit_test(test_unreadable)};
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
