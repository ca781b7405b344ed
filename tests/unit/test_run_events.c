/* Event files: names in order, a disk that is full, a directory that is not there. tests/e2e/test_tensorboard.sh reads what
 * runs write by another program. */
#include "capture.h"
#include "file_limit.h"
#include "folder.h"

#include "src/train/run_events.h"

#include "tec/files.h"
#include "tec/text.h"

#include "tensorboard.pb-c.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add_step(run_events *events, int step)
{
    json_t *line = json_pack("{ss si si sf}", "kind", "step", "epoch", 1, "step", step, "lr", 0.5 / step);
    tec_run_events_add(events, line);
    json_decref(line);
}

/* The steps of the events of a file, in `step`; returns their number. The two records of the head come first. */
static int read_steps(const char *path, int *step, int most)
{
    char *data;
    size_t bytes, at = 0;
    int count = -2;
    assert_int_equal(tec_file_read(path, 1 << 20, &data, &bytes), TEC_OK);
    while (at < bytes) {
        uint64_t length;
        memcpy(&length, data + at, sizeof length);
        assert_true(at + 16 + length <= bytes);
        Tensorboard__Event *event = tensorboard__event__unpack(NULL, length, (const uint8_t *)data + at + 12);
        assert_non_null(event);
        assert_true(count < most);
        if (count >= 0) {
            step[count] = (int)event->step;
            assert_int_equal(event->summary->n_value, 2);
            assert_string_equal(event->summary->value[0]->tag, "step/epoch");
            assert_string_equal(event->summary->value[1]->tag, "step/lr");
            assert_true(event->summary->value[1]->simple_value == (float)(0.5 / step[count]));
        }
        count++;
        tensorboard__event__free_unpacked(event, NULL);
        at += 16 + length;
    }
    free(data);
    return count;
}

static void find_files(glob_t *found, size_t count)
{
    assert_int_equal(glob(folder_at("events.out.tfevents.*"), 0, NULL, found), 0);
    assert_int_equal(found->gl_pathc, count);
}

/* Each file comes behind those that are there, by name; only ours are removed. */
static void test_names(void **state)
{
    (void)state;
    static const char *const others[] = {"events.out.tfevents.9000000000.other", "events.out.tfevents"};
    glob_t found;
    int step[4];
    for (int i = 0; i < 2; i++)
        assert_int_equal(tec_file_write(folder_at(others[i]), "", 0), TEC_OK);
    for (int i = 0; i < 3; i++) {
        run_events events = {.dir = folder_top, .step = 10 * i};
        add_step(&events, 10 * i + 1);
        add_step(&events, 10 * i + 2);
        tec_run_events_close(&events);
    }
    find_files(&found, 4);
    for (size_t i = 1; i < 4; i++) {
        assert_int_equal(read_steps(found.gl_pathv[i], step, 4), 2);
        assert_int_equal(step[0], 10 * (i - 1) + 1);
    }
    globfree(&found);
    assert_int_equal(tec_run_events_remove(folder_top), TEC_OK);
    find_files(&found, 1);
    globfree(&found);
    for (int i = 0; i < 2; i++)
        assert_true(tec_file_exists(folder_at(others[i])));
    assert_int_equal(remove(folder_at(others[0])), 0);
}

/* Events that find no room are kept, no half of one is left, and they are written once there is room. */
static void test_full_disk(void **state)
{
    (void)state;
    char said[2000];
    glob_t found;
    int step[40];
    run_events events = {.dir = folder_top};
    for (int i = 1; i <= 30; i++) /* what is captured is a file, too */
        add_step(&events, i);
    find_files(&found, 1);
    capture *c = capture_begin();
    limit_files((rlim_t)events.records.bytes + 10);
    add_step(&events, 31);
    add_step(&events, 32);
    assert_int_equal(read_steps(found.gl_pathv[0], step, 40), 30);
    limit_files(RLIM_INFINITY);
    add_step(&events, 33);
    assert_int_equal(read_steps(found.gl_pathv[0], step, 40), 33);
    limit_files((rlim_t)events.records.bytes + 10);
    add_step(&events, 34);
    tec_run_events_flush(&events);
    tec_run_events_close(&events);
    limit_files(RLIM_INFINITY);
    capture_end(c, said, sizeof said);
    assert_int_equal(read_steps(found.gl_pathv[0], step, 40), 33);
    for (int i = 0; i < 33; i++)
        assert_int_equal(step[i], i + 1);
    assert_non_null(strstr(said, "; training goes on, and the events are written once that is possible"));
    assert_non_null(strstr(said, "the events that could not be written are written now"));
    assert_non_null(strstr(said, "; the events that it lacks are in log.jsonl"));
    globfree(&found);
}

/* One warning, and no file. */
static void test_no_directory(void **state)
{
    (void)state;
    char said[2000];
    char *dir = tec_string_copy(folder_at("none"));
    run_events events = {.dir = dir};
    capture *c = capture_begin();
    add_step(&events, 1);
    add_step(&events, 2);
    tec_run_events_close(&events);
    capture_end(c, said, sizeof said);
    char *warned = strstr(said, "warning: ");
    assert_true(warned && strstr(warned, "none/events.out.tfevents."));
    assert_non_null(strstr(warned, "No such file or directory; training goes on without event files for TensorBoard"));
    assert_null(strstr(warned + 1, "warning: "));
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_full_disk),
                                       cmocka_unit_test(test_no_directory)};
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
