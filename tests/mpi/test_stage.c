/* Copies on the node: made once, by all its ranks together, and gone afterwards; what cannot be copied is read where it
 * is. */
#include "tests/unit/capture.h"
#include "tests/unit/folder.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/stage.h"
#include "tec/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES = 5 };

static tec_comm comm;
static char top[256], cache[300];
static tec_stage_file file[FILES];

static int make_files(void **state)
{
    (void)state;
    if (comm.rank == 0) {
        assert_true(folder_make(top, sizeof top));
    }
    tec_comm_broadcast(&comm, top, sizeof top, 0);
    snprintf(cache, sizeof cache, "%s/node/cache", top);
    for (int i = 0; i < FILES; i++) {
        file[i].source = tec_string_format("%s/file-%d", top, i);
        file[i].name = tec_string_format("%s/file-%d", i % 2 ? "odd" : "even", i);
        file[i].bytes = 1000 * i;
        char *content = tec_allocate_zeroed(1, (unsigned long)file[i].bytes + 1);
        memset(content, 'a' + i, (size_t)file[i].bytes);
        if (comm.rank == 0)
            assert_int_equal(tec_file_write(file[i].source, content, (size_t)file[i].bytes), TEC_OK);
        free(content);
    }
    tec_comm_barrier(&comm);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    tec_comm_barrier(&comm);
    for (int i = 0; i < FILES; i++) {
        free(file[i].source);
        free(file[i].name);
    }
    return comm.rank == 0 ? folder_remove(top) : 0;
}

static int entries(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void assert_copies(const tec_stage *stage)
{
    for (int i = 0; i < FILES; i++) {
        char *copy = tec_path_join(tec_stage_directory(stage), file[i].name), *text;
        size_t bytes;
        assert_int_equal(tec_file_read(copy, 1 << 20, &text, &bytes), TEC_OK);
        assert_int_equal(bytes, file[i].bytes);
        assert_true(strspn(text, (char[]){(char)('a' + i), 0}) == bytes);
        free(text);
        free(copy);
    }
}

/* Collective. tec_stage_open with rank 0's stderr in `said`. */
static tec_stage *open_stage(const char *dir, char *said, size_t size)
{
    tec_stage *stage;
    capture *c = capture_begin();
    tec_stage_open(&stage, &comm, dir, file, FILES);
    capture_end(c, said, size);
    return stage;
}

static void test_copied_and_removed(void **state)
{
    (void)state;
    char said[2048];
    tec_stage *stage = open_stage(cache, said, sizeof said);
    assert_non_null(stage);
    assert_null(strstr(said, "warning"));
    assert_copies(stage);
    assert_int_equal(entries(cache), 1);
    tec_comm_barrier(&comm);
    tec_stage_close(stage);
    tec_comm_barrier(&comm);
    assert_int_equal(entries(cache), 0);
    tec_comm_barrier(&comm);
    tec_stage_close(NULL);
}

static void test_copied_to_memory(void **state)
{
    (void)state;
    char said[2048];
    tec_stage *stage = open_stage("/dev/shm", said, sizeof said);
    assert_non_null(stage);
    if (comm.rank == 0)
        assert_non_null(strstr(said, "warning: run.stage: /dev/shm is in memory: the copies take "));
    assert_copies(stage);
    tec_comm_barrier(&comm);
    tec_stage_close(stage);
}

static void make_left_behind(const char *name)
{
    char *path = tec_string_format("%s/%s/even", cache, name), *copy = tec_path_join(path, "file-2");
    assert_int_equal(tec_directory_make(path), TEC_OK);
    assert_int_equal(tec_file_write(copy, "half", 4), TEC_OK);
    free(copy);
    free(path);
}

/* One directory of a job that was killed, one of a job that runs, one that is none of ours. */
static void test_left_behind(void **state)
{
    (void)state;
    char said[2048], *taken = tec_path_join(cache, "tec-stage-taken"),
                     *killed = tec_path_join(cache, "tec-stage-killed"), *other = tec_path_join(cache, "other");
    int lock = -1;
    if (comm.rank == 0) {
        make_left_behind("tec-stage-taken");
        make_left_behind("tec-stage-killed");
        make_left_behind("other");
        lock = open(taken, O_RDONLY | O_DIRECTORY);
        assert_int_equal(flock(lock, LOCK_EX), 0);
    }
    tec_stage *stage = open_stage(cache, said, sizeof said);
    assert_non_null(stage);
    assert_copies(stage);
    assert_false(tec_file_exists(killed));
    assert_true(tec_file_exists(taken));
    assert_true(tec_file_exists(other));
    if (comm.rank == 0)
        assert_non_null(strstr(said, "tec-stage-killed, which a killed job left behind"));
    tec_comm_barrier(&comm);
    tec_stage_close(stage);
    tec_comm_barrier(&comm);
    assert_int_equal(entries(cache), 2);
    tec_comm_barrier(&comm);
    if (lock >= 0)
        close(lock);
    free(other);
    free(killed);
    free(taken);
}

static void assert_not_copied(const char *dir, const char *what)
{
    char said[2048];
    assert_null(open_stage(dir, said, sizeof said));
    if (comm.rank == 0 && !(strstr(said, "warning: run.stage: ") && strstr(said, what)))
        fail_msg("\"%s\" does not say \"%s\"", said, what);
    if (comm.rank != 0)
        assert_string_equal(said, "");
}

static void test_what_cannot_be_copied(void **state)
{
    (void)state;
    assert_not_copied("/proc/tec", "the directory cannot be made");
    int64_t right = file[3].bytes;
    file[3].bytes = INT64_C(1) << 60;
    assert_not_copied(cache, "no room: ");
    assert_not_copied("/dev/shm", "/dev/shm is in memory: the copies need");
    assert_int_equal(entries(cache), 1); /* what is none of ours */
    file[3].bytes = right + 1;
    assert_not_copied(cache, "file-3 does not have its expected size of 3001 bytes");
    tec_comm_barrier(&comm);
    assert_int_equal(entries(cache), 1);
    file[3].bytes = right;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_copied_and_removed),
                                       cmocka_unit_test(test_copied_to_memory), cmocka_unit_test(test_left_behind),
                                       cmocka_unit_test(test_what_cannot_be_copied)};
    tec_comm_start(&comm);
    int failed = cmocka_run_group_tests(tests, make_files, remove_files);
    tec_comm_finish(&comm);
    return failed;
}
