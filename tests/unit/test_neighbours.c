/* Nearest neighbours: a search that takes long gives signs of life within a block. */
#include "folder.h"

#include "tec/feature_file.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/neighbours.h"
#include "tec/phase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 2, FEW = 3, MANY = 9000 }; /* a piece of a search, and several */

/* Row i points into direction i, of as many as there are. */
static tec_feature_file *make_file(const char *name, int rows, uint64_t data)
{
    const char *path = folder_at(name);
    const tec_feature_spec spec = {.data_hash = data,
                                   .images = rows,
                                   .batch = 1,
                                   .width = WIDTH,
                                   .layer = 1,
                                   .image_size = {8, 8},
                                   .channels = 1,
                                   .std = {1, 1, 1},
                                   .crop_pct = 1};
    const tec_feature_table table = {
        .spec = &spec, .model = "m", .data = name, .trained = {-1, -1}, .rows = rows, .path_bytes = 1};
    const size_t count = (size_t)rows;
    tec_feature_writer *w;
    float *value = tec_allocate(count * WIDTH * sizeof *value);
    int64_t *sample = tec_allocate(count * sizeof *sample);
    uint64_t *content = tec_allocate_zeroed(count, sizeof *content);
    char *names = tec_allocate(count);
    memset(names, 'x', count);
    for (int i = 0; i < rows; i++) {
        value[i * WIDTH] = 1;
        value[i * WIDTH + 1] = (float)i / (float)rows;
        sample[i] = i;
    }
    assert_int_equal(tec_feature_writer_open(&w, path, &table), TEC_OK);
    assert_int_equal(tec_feature_writer_rows(w, value, rows), TEC_OK);
    assert_int_equal(tec_feature_writer_names(
                         w, &(tec_feature_names){.count = rows, .path = names, .sample = sample, .content = content}),
                     TEC_OK);
    assert_int_equal(tec_feature_writer_commit(w), TEC_OK);
    free(value);
    free(sample);
    free(content);
    free(names);
    tec_feature_file *file;
    assert_int_equal(tec_feature_file_open(&file, path), TEC_OK);
    return file;
}

/* Signs of life while the neighbours of a few images are found among `among`. */
static unsigned long search(const tec_feature_file *among, const tec_feature_file *of)
{
    tec_comm comm;
    tec_neighbours_found found;
    tec_comm_local(&comm);
    const tec_neighbours_job job = {
        .comm = &comm, .among = among, .of = of, .k = 1, .least = -1, .path = folder_at("out.csv")};
    const unsigned long before = tec_phase_look().life;
    assert_int_equal(tec_neighbours_write(&job, &found), TEC_OK);
    assert_int_equal(found.lines, FEW);
    return tec_phase_look().life - before;
}

static void test_signs_of_life(void **state)
{
    (void)state;
    tec_feature_file *of = make_file("of.h5", FEW, 1), *few = make_file("few.h5", FEW, 2),
                     *many = make_file("many.h5", MANY, 3);
    const unsigned long one_piece = search(few, of), three = search(many, of);
    assert_true(three >= one_piece + 2);
    tec_feature_file_close(of);
    tec_feature_file_close(few);
    tec_feature_file_close(many);
}

int main(void)
{
    tec_log_enable(false);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signs_of_life)};
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
