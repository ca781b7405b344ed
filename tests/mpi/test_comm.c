/* The ranks together: mpirun -n N test_comm. `test_comm abort RANK` and `test_comm memory RANK` end by that rank's
 * failure. */
#include "src/train/straggler.h"
#include "tests/mpi/mapped.h"
#include "tests/unit/capture.h"
#include "tests/unit/file_limit.h"

#include "tec/comm.h"
#include "tec/memory.h"
#include "tec/range.h"
#include "tec/shared_text.h"
#include "tec/text.h"

#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static tec_comm comm;

static void test_world(void **state)
{
    (void)state;
    assert_true(comm.size >= 1 && comm.rank >= 0 && comm.rank < comm.size);
    int64_t ranks = comm.rank;
    tec_comm_sum_int64(&comm, &ranks, 1);
    assert_int_equal(ranks, (int64_t)comm.size * (comm.size - 1) / 2);
}

static void test_agree_on_success(void **state)
{
    (void)state;
    tec_fail(TEC_USER_ERROR, "old");
    assert_int_equal(tec_comm_agree(&comm, TEC_OK), TEC_OK);
    assert_string_equal(tec_error_message(), "old");
}

/* Each rank in turn fails alone; then all from a rank on fail, each in its own way. */
static void test_agree_on_failure(void **state)
{
    (void)state;
    for (int culprit = 0; culprit < comm.size; culprit++)
        for (int others = 0; others < 2; others++) {
            bool fails = others ? comm.rank >= culprit : comm.rank == culprit;
            tec_status mine = comm.rank == culprit ? TEC_USER_ERROR : TEC_SYSTEM_ERROR;
            char want[64];
            tec_fail(TEC_USER_ERROR, "old");
            if (fails)
                tec_fail(mine, "no file %d", comm.rank);
            assert_int_equal(tec_comm_agree(&comm, fails ? mine : TEC_OK), TEC_USER_ERROR);
            snprintf(want, sizeof want, culprit ? "rank %d: no file %d" : "no file %d", culprit, culprit);
            assert_string_equal(tec_error_message(), want);
            /* Once all have failed alike, agreeing again changes nothing. */
            assert_int_equal(tec_comm_agree(&comm, TEC_USER_ERROR), TEC_USER_ERROR);
            assert_string_equal(tec_error_message(), want);
        }
}

static void test_broadcast_and_text(void **state)
{
    (void)state;
    for (int root = 0; root < comm.size; root++) {
        int value[3] = {comm.rank, -comm.rank, 7};
        tec_comm_broadcast(&comm, value, sizeof value, root);
        assert_int_equal(value[0], root);
        assert_int_equal(value[1], -root);
        tec_comm_broadcast(&comm, NULL, 0, root);

        char *text = comm.rank == root ? tec_string_format("from rank %d", root) : NULL;
        size_t bytes = text ? strlen(text) : 12345;
        tec_comm_share_text(&comm, &text, &bytes, root);
        char want[32];
        snprintf(want, sizeof want, "from rank %d", root);
        assert_string_equal(text, want);
        assert_int_equal(bytes, strlen(want));
        free(text);
    }
}

static void test_empty_text(void **state)
{
    (void)state;
    char *text = comm.rank == 0 ? tec_string_format("%s", "") : NULL;
    size_t bytes = 0;
    tec_comm_share_text(&comm, &text, &bytes, 0);
    assert_string_equal(text, "");
    free(text);
}

/* Longer than two pieces; `shared`: this is one node, and has one copy. */
static void share_on_nodes(bool shared)
{
    size_t bytes = 777, length = (35 << 20) + 7;
    char *text = NULL;
    tec_release *release;
    if (comm.rank == 0) {
        bytes = length;
        text = tec_allocate(bytes + 1);
        for (size_t i = 0; i < bytes; i++)
            text[i] = (char)(i % 251);
        text[bytes] = 0;
    }
    assert_int_equal(tec_comm_share_text_on_nodes(&comm, &text, &bytes, &release), TEC_OK);
    assert_int_equal(bytes, length);
    assert_int_equal(maps_memory("/dev/shm/tec-"), shared);
    size_t wrong = 0;
    for (size_t i = 0; i < bytes; i++)
        wrong += text[i] != (char)(i % 251);
    assert_int_equal(wrong, 0);
    assert_int_equal(text[bytes], 0);
    release(text, bytes);
    assert_false(maps_memory("/dev/shm/tec-"));
}

static void test_text_on_nodes(void **state)
{
    (void)state;
    share_on_nodes(comm.size > 1);
    share_on_nodes(comm.size > 1);
    assert_int_equal(system("! ls /dev/shm/tec-$PPID-* 2>/dev/null"), 0);
}

/* Where there is no room for shared memory. */
static void test_text_in_memory_of_its_own(void **state)
{
    (void)state;
    tec_comm_barrier(&comm);
    limit_files(1 << 20);
    char said[1024];
    capture *c = capture_begin();
    share_on_nodes(false);
    capture_end(c, said, sizeof said);
    limit_files(RLIM_INFINITY);
    bool warned = strstr(said, "bytes of shared memory cannot be had: File too large: every rank keeps a copy") != NULL;
    assert_int_equal(warned, comm.size > 1 && comm.rank == 0);
}

static atomic_bool sharing, seen_with_content;

/* Is there ever a name by which the text could stay behind? */
static void *watch(void *pattern)
{
    while (atomic_load(&sharing)) {
        glob_t found;
        if (glob(pattern, 0, NULL, &found) != 0)
            continue;
        char byte = 0;
        int fd = open(found.gl_pathv[0], O_RDONLY);
        bool written = fd >= 0 && pread(fd, &byte, 1, 1) == 1 && byte != 0;
        if (written && access(found.gl_pathv[0], F_OK) == 0)
            atomic_store(&seen_with_content, true);
        if (fd >= 0)
            close(fd);
        globfree(&found);
    }
    return NULL;
}

static void test_text_without_a_name(void **state)
{
    (void)state;
    pthread_t watcher;
    char pattern[64];
    snprintf(pattern, sizeof pattern, "/dev/shm/tec-%ld-*", (long)getpid());
    atomic_store(&sharing, true);
    assert_int_equal(pthread_create(&watcher, NULL, watch, pattern), 0);
    for (int i = 0; i < 5; i++)
        share_on_nodes(comm.size > 1);
    atomic_store(&sharing, false);
    pthread_join(watcher, NULL);
    assert_false(atomic_load(&seen_with_content));
}

static void leave_in_memory(long process, int number, time_t age)
{
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/tec-%ld-%d", process, number);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
    assert_true(fd >= 0);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static bool remove_left(long process, int number)
{
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/tec-%ld-%d", process, number);
    return unlink(path) == 0;
}

/* Of processes that are gone what is old is removed, and nothing else. */
static void test_left_behind(void **state)
{
    (void)state;
    long gone = 0;
    if (comm.rank == 0) {
        gone = fork();
        if (gone == 0)
            _exit(0);
        waitpid((pid_t)gone, NULL, 0);
        leave_in_memory(gone, 990, 3600);
        leave_in_memory(gone, 991, 0);
        leave_in_memory(getppid(), 992, 3600);
    }
    tec_comm_barrier(&comm);
    share_on_nodes(comm.size > 1);
    if (comm.rank == 0) {
        assert_int_equal(remove_left(gone, 990), comm.size == 1);
        assert_true(remove_left(gone, 991));
        assert_true(remove_left(getppid(), 992));
    }
}

/* Longer than one piece of the reduction, and no multiple of it. */
static void test_sum_real(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 1000, (6 << 20) / sizeof(real), 2 * (6 << 20) / sizeof(real) + 17};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        size_t count = counts[c];
        real *data = tec_allocate((count + 1) * sizeof *data);
        for (size_t i = 0; i < count; i++)
            data[i] = (real)(i % 1000 + 1) * (real)(comm.rank + 1);
        data[count] = -1;
        tec_comm_sum_real(&comm, data, count);
        real ranks = (real)(comm.size * (comm.size + 1) / 2);
        size_t wrong = 0;
        for (size_t i = 0; i < count; i++)
            wrong += data[i] != (real)(i % 1000 + 1) * ranks; /* small whole numbers: exact */
        assert_int_equal(wrong, 0);
        assert_true(data[count] == -1);
        free(data);
    }
}

static void test_small_reductions(void **state)
{
    (void)state;
    double sum[2] = {0.5, comm.rank}, most[3] = {-comm.rank, comm.rank, -5};
    int64_t large = INT64_C(1) << 40;
    tec_comm_sum_double(&comm, sum, 2);
    tec_comm_max_double(&comm, most, 3);
    tec_comm_sum_int64(&comm, &large, 1);
    assert_true(sum[0] == 0.5 * comm.size && sum[1] == comm.size * (comm.size - 1) / 2.);
    assert_true(most[0] == 0 && most[1] == comm.size - 1 && most[2] == -5);
    assert_int_equal(large, (int64_t)comm.size << 40);
    tec_comm_barrier(&comm);
}

static void test_same_gather_least(void **state)
{
    (void)state;
    uint64_t all[64];
    double value = comm.rank == comm.size / 2 ? -1.5 : comm.rank;
    int rank = -1;
    assert_true(tec_comm_same(&comm, UINT64_MAX - 1));
    for (int odd = 0; odd < comm.size; odd++)
        assert_int_equal(tec_comm_same(&comm, (UINT64_C(1) << 63) + (comm.rank == odd)), comm.size == 1);
    tec_comm_gather(&comm, UINT64_MAX - (uint64_t)comm.rank, all);
    for (int i = 0; i < comm.size; i++)
        assert_true(all[i] == UINT64_MAX - (uint64_t)i);
    tec_comm_least(&comm, &value, &rank);
    assert_true(value == -1.5 && rank == comm.size / 2);
    tec_straggler slowest = tec_straggler_find(&comm, comm.rank == comm.size - 1 ? 0.5 : 2);
    assert_int_equal(slowest.rank, comm.size - 1);
    assert_true(slowest.share == (comm.size > 1 ? 0.75 : 0) && slowest.waited == (comm.size > 1 ? 2 : 0));
    slowest = tec_straggler_find(&comm, 3);
    assert_true(slowest.rank == 0 && slowest.share == 0);
    assert_string_equal(tec_comm_host(&comm, 0), tec_comm_host(&comm, comm.size - 1));
    assert_true(tec_comm_host(&comm, 0)[0]);
}

static void test_local(void **state)
{
    (void)state;
    tec_comm local;
    tec_comm_local(&local);
    assert_true(!local.world && local.rank == 0 && local.size == 1);
    real data[2] = {1, 2};
    double number = 3;
    int64_t whole = 4, copy = 0;
    char *text = tec_string_format("text"), *same = text;
    size_t bytes = 4;
    tec_comm_sum_real(&local, data, 2);
    tec_comm_sum_double(&local, &number, 1);
    tec_comm_max_double(&local, &number, 1);
    tec_comm_sum_int64(&local, &whole, 1);
    tec_comm_broadcast(&local, data, sizeof data, 0);
    tec_comm_share_text(&local, &text, &bytes, 0);
    tec_comm_barrier(&local);
    tec_comm_reduce_rows(&local, &whole, &copy, 1, sizeof whole, NULL, 0);
    assert_true(copy == 4);
    assert_true(data[0] == 1 && data[1] == 2 && number == 3 && whole == 4 && text == same && bytes == 4);
    assert_int_equal(tec_comm_agree(&local, TEC_OK), TEC_OK);
    tec_fail(TEC_USER_ERROR, "mine");
    assert_int_equal(tec_comm_agree(&local, TEC_USER_ERROR), TEC_USER_ERROR);
    assert_string_equal(tec_error_message(), "mine");
    tec_comm_finish(&local);
    free(text);
}

/* Sorted lists: of each row the greatest numbers of all ranks. */
enum { ROWS = 5, LISTED = 3 };

static void merge_lists(const void *from, void *into, int rows, size_t row_bytes)
{
    assert_int_equal(row_bytes, LISTED * sizeof(int64_t));
    for (int row = 0; row < rows; row++) {
        const int64_t *right = (const int64_t *)from + row * LISTED;
        int64_t *out = (int64_t *)into + row * LISTED, left[LISTED];
        memcpy(left, out, sizeof left);
        for (int i = 0, l = 0, r = 0; i < LISTED; i++)
            out[i] = left[l] > right[r] ? left[l++] : right[r++];
    }
}

static void test_reduce_rows(void **state)
{
    (void)state;
    int64_t mine[ROWS][LISTED], all[ROWS][LISTED];
    for (int owner = 0; owner < comm.size; owner++) {
        for (int row = 0; row < ROWS; row++)
            for (int i = 0; i < LISTED; i++)
                mine[row][i] = 100 * row - i * comm.size + comm.rank;
        memset(all, 0, sizeof all);
        tec_comm_reduce_rows(&comm, mine, all, ROWS, sizeof *mine, merge_lists, owner);
        for (int row = 0; row < ROWS && comm.rank == owner; row++)
            for (int i = 0; i < LISTED; i++)
                assert_int_equal(all[row][i], 100 * row + comm.size - 1 - i);
    }
}

static void test_share(void **state)
{
    (void)state;
    static const int64_t totals[] = {0, 1, 2, 7, 12, INT64_C(1) << 40};
    for (size_t t = 0; t < sizeof totals / sizeof totals[0]; t++)
        for (int parts = 1; parts < 9; parts++) {
            int64_t next = 0, least = INT64_MAX, most = 0;
            for (int part = 0; part < parts; part++) {
                tec_range range = tec_share(totals[t], part, parts);
                assert_int_equal(range.first, next);
                next += range.count;
                least = range.count < least ? range.count : least;
                most = range.count > most ? range.count : most;
            }
            assert_int_equal(next, totals[t]);
            assert_true(most - least <= 1);
        }
}

/* The other ranks wait for a message that never comes: only the end of all ranks ends them. */
static void end_by_failure(const char *how, int culprit)
{
    if (comm.rank == culprit && !strcmp(how, "abort"))
        tec_abort(tec_fail(TEC_DIVERGED, "the loss is nan"));
    if (comm.rank == culprit)
        tec_allocate_zeroed(SIZE_MAX / 4, 2);
    tec_comm_barrier(&comm);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_world),
        cmocka_unit_test(test_agree_on_success),
        cmocka_unit_test(test_agree_on_failure),
        cmocka_unit_test(test_broadcast_and_text),
        cmocka_unit_test(test_empty_text),
        cmocka_unit_test(test_text_on_nodes),
        cmocka_unit_test(test_text_in_memory_of_its_own),
        cmocka_unit_test(test_text_without_a_name),
        cmocka_unit_test(test_left_behind),
        cmocka_unit_test(test_sum_real),
        cmocka_unit_test(test_small_reductions),
        cmocka_unit_test(test_same_gather_least),
        cmocka_unit_test(test_reduce_rows),
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_share),
    };
    tec_comm_start(&comm);
    if (argc == 3)
        end_by_failure(argv[1], atoi(argv[2]));
    int64_t failed = cmocka_run_group_tests(tests, NULL, NULL);
    tec_comm_sum_int64(&comm, &failed, 1);
    tec_comm_finish(&comm);
    return failed != 0;
}
