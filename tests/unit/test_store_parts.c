/* Shards that one process begins and another one finishes: the same bits as if made at once; never a living one's. */
#include "folder.h"
#include "noise_store.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLES = 23, L = 4, C = 3, H = 2, K = 1, BATCH = 5, VOID = 7 };

static char dir[256];

static int make_dir(void **state)
{
    (void)state;
    unsetenv("SLURM_JOB_ID");
    return !folder_make(dir, sizeof dir);
}

static int remove_dir(void **state)
{
    (void)state;
    return folder_remove(dir);
}

static tec_store_spec make_spec(void)
{
    return (tec_store_spec){.samples = SAMPLES,
                            .views = 1,
                            .patches = L,
                            .width = C,
                            .heads = H,
                            .topk = K,
                            .last_layers = 2,
                            .type = TEC_TARGET_INT8,
                            .image_size = {4, 4},
                            .patch = 2,
                            .channels = 1,
                            .std = {1, 1, 1},
                            .crop_scale = {0.2, 1},
                            .crop_ratio = {0.75, 1.25},
                            .shard_rows = SAMPLES};
}

static void put_rows(tec_store_writer *writer, int64_t from, int64_t to)
{
    const tec_store_spec spec = make_spec();
    float feature[L * C], attention[(1 + K) * H * L];
    int32_t topk[K];
    for (int64_t i = from; i < to; i++) {
        tec_store_row row = {.feature = feature, .attention = attention, .topk = topk};
        noise_store_row(&spec, i, &row);
        if (i == VOID)
            row.sample = -1;
        assert_int_equal(tec_store_writer_put(writer, i, &row), TEC_OK);
    }
}

static tec_store_writer *begin(void)
{
    const tec_store_spec spec = make_spec();
    tec_store_writer *writer;
    bool done;
    assert_int_equal(tec_store_writer_open(&writer, dir, &spec, 0, &done), TEC_OK);
    assert_non_null(writer);
    return writer;
}

/* The name of the only unfinished file; the caller frees it. NULL: there is none. */
static char *only_part(void)
{
    char *names;
    size_t bytes;
    tec_store_parts(dir, &names, &bytes);
    assert_true(bytes == 0 || strlen(names) + 1 == bytes);
    if (bytes)
        return names;
    free(names);
    return NULL;
}

static tec_store_writer *take_up(const tec_store_spec *spec)
{
    tec_store_writer *writer;
    char *name = only_part();
    assert_non_null(name);
    assert_int_equal(tec_store_part_shard(name), 0);
    tec_store_writer_take_up(&writer, dir, spec, 0, name, BATCH);
    free(name);
    return writer;
}

static char *finished_shard(size_t *bytes)
{
    char *path = tec_path_join(dir, "shard-00000.h5"), *text;
    assert_int_equal(tec_file_read(path, 1 << 20, &text, bytes), TEC_OK);
    free(path);
    return text;
}

static char *shard_made_at_once(size_t *bytes)
{
    tec_store_writer *writer = begin();
    put_rows(writer, 0, SAMPLES);
    assert_int_equal(tec_store_writer_commit(writer), TEC_OK);
    char *text = finished_shard(bytes), *path = tec_path_join(dir, "shard-00000.h5");
    assert_int_equal(unlink(path), 0);
    free(path);
    return text;
}

static void expect_the_same_shard(const char *want, size_t bytes)
{
    size_t have;
    char *text = finished_shard(&have);
    assert_int_equal(have, bytes);
    assert_memory_equal(text, want, bytes);
    assert_null(only_part());
    free(text);
}

/* After any number of rows, several times; with a row that is void. */
static void test_set_aside_and_taken_up(void **state)
{
    (void)state;
    const tec_store_spec spec = make_spec();
    size_t bytes;
    char *want = shard_made_at_once(&bytes);
    for (int first = 0; first <= SAMPLES; first++) {
        tec_store_writer *writer = begin();
        put_rows(writer, 0, first);
        tec_store_writer_set_aside(writer);
        char *name = only_part();
        assert_true((name != NULL) == (first > 0));
        assert_true(!name || tec_store_part_owner(dir, name) == TEC_OWNER_GONE);
        free(name);
        const int64_t rows = first / BATCH * BATCH;
        writer = first > 0 ? take_up(&spec) : NULL;
        assert_true((writer != NULL) == (rows > 0));
        if (!writer) {
            assert_null(only_part()); /* nothing in it was of use */
            continue;
        }
        assert_int_equal(tec_store_writer_rows(writer), rows);
        put_rows(writer, rows, rows + 1);
        tec_store_writer_set_aside(writer);
        writer = take_up(&spec);
        assert_int_equal(tec_store_writer_rows(writer), rows);
        put_rows(writer, rows, SAMPLES);
        assert_int_equal(tec_store_writer_commit(writer), TEC_OK);
        expect_the_same_shard(want, bytes);
        assert_int_equal(remove_dir(NULL) + make_dir(NULL), 0);
    }
    free(want);
}

/* The unfinished file; the caller frees the text. */
static char *part_text(size_t *size, char **path)
{
    char *name = only_part(), *text;
    *path = tec_path_join(dir, name);
    assert_int_equal(tec_file_read(*path, 1 << 20, &text, size), TEC_OK);
    free(name);
    return text;
}

/* Loses `count` bytes that were written after `tables`, which are flushed at once. */
static void lose(const char *path, size_t at, size_t count, const char *tables)
{
    int fd = open(path, O_WRONLY);
    for (size_t i = at; i < at + count; i++)
        if (tables[i] == 0)
            assert_int_equal(pwrite(fd, "", 1, (off_t)i), 1);
    close(fd);
}

/* The machine has crashed, and what had not reached the disk is lost: the rows before that are good. */
static void test_lost_rows(void **state)
{
    (void)state;
    enum { BLOCK = 256 };
    const tec_store_spec spec = make_spec();
    size_t bytes, size;
    int64_t least = SAMPLES, most = 0;
    char *want = shard_made_at_once(&bytes);
    for (size_t at = 0; at == 0 || at + BLOCK <= size; at += BLOCK) {
        char *path;
        tec_store_writer *writer = begin();
        char *tables = part_text(&size, &path);
        put_rows(writer, 0, SAMPLES);
        lose(path, at, BLOCK, tables);
        tec_store_writer_set_aside(writer);
        writer = take_up(&spec);
        int64_t rows = writer ? tec_store_writer_rows(writer) : 0;
        assert_true(rows % BATCH == 0 && rows < SAMPLES);
        if (!writer)
            writer = begin();
        put_rows(writer, rows, SAMPLES);
        assert_int_equal(tec_store_writer_commit(writer), TEC_OK);
        expect_the_same_shard(want, bytes);
        least = rows < least ? rows : least;
        most = rows > most ? rows : most;
        free(tables);
        free(path);
        assert_int_equal(remove_dir(NULL) + make_dir(NULL), 0);
    }
    assert_true(least == 0 && most == (SAMPLES - 1) / BATCH * BATCH);
    free(want);
}

static void test_of_another_store(void **state)
{
    (void)state;
    tec_store_spec other = make_spec();
    tec_store_writer *writer = begin();
    put_rows(writer, 0, SAMPLES);
    tec_store_writer_set_aside(writer);
    other.seed++;
    assert_null(take_up(&other));
    char *name = only_part();
    assert_non_null(name); /* it is somebody's */
    free(name);
}

/* A child that is killed, as a worker is. */
static void test_killed(void **state)
{
    (void)state;
    const tec_store_spec spec = make_spec();
    size_t bytes;
    char *want = shard_made_at_once(&bytes);
    pid_t child = fork();
    if (child == 0) {
        put_rows(begin(), 0, 12);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    char *name = only_part();
    assert_true(tec_temporary_is(name));
    assert_int_equal(tec_store_part_owner_by_name(name), TEC_OWNER_GONE);
    free(name);
    tec_store_writer *writer = take_up(&spec);
    assert_int_equal(tec_store_writer_rows(writer), 10);
    name = only_part();
    assert_int_equal(tec_store_part_owner(dir, name), TEC_OWNER_LIVES); /* ours now */
    put_rows(writer, 10, SAMPLES);
    assert_int_equal(tec_store_writer_commit(writer), TEC_OK);
    expect_the_same_shard(want, bytes);
    free(name);
    free(want);
}

/* Killed after the journal was cut and before the shard had its name: nothing is made again, unless a byte is lost. */
static void test_killed_before_the_name(void **state)
{
    (void)state;
    const tec_store_spec spec = make_spec();
    size_t bytes;
    char *want = shard_made_at_once(&bytes);
    char *part = tec_path_join(dir, "shard-00000.h5.x.part"), *path = tec_path_join(dir, "shard-00000.h5");
    assert_int_equal(tec_file_write(part, want, bytes), TEC_OK);
    assert_null(take_up(&spec));
    expect_the_same_shard(want, bytes);
    assert_int_equal(unlink(path), 0);
    const int64_t samples[] = {3, 4, 5};
    char *found = memmem(want, bytes, samples, sizeof samples);
    assert_non_null(found);
    *found ^= 1;
    assert_int_equal(tec_file_write(part, want, bytes), TEC_OK);
    assert_null(take_up(&spec));
    assert_null(only_part());
    assert_false(tec_file_exists(path));
    free(path);
    free(part);
    free(want);
}

/* The room of the whole file is reserved, with that of the journal. */
static void test_reserved(void **state)
{
    (void)state;
    struct stat info;
    tec_store_spec spec = make_spec();
    spec.samples = spec.shard_rows = 20000;
    tec_store_writer *writer;
    bool done;
    assert_int_equal(tec_store_writer_open(&writer, dir, &spec, 0, &done), TEC_OK);
    char *name = only_part(), *path = tec_path_join(dir, name);
    int fd = open(path, O_RDWR);
    int64_t end = lseek(fd, 0, SEEK_END);
    if (fallocate(fd, 0, 0, 1) == 0) {
        assert_int_equal(fstat(fd, &info), 0);
        assert_true(512 * (int64_t)info.st_blocks >= end);
    }
    close(fd);
    tec_store_writer_abandon(writer);
    free(path);
    free(name);
}

static atomic_bool looking, seen;

/* Looks whether the file is locked, and takes its time. */
static void *look(void *unused)
{
    while (atomic_load(&looking) && !atomic_load(&seen)) {
        char *name = NULL, *path;
        size_t bytes = 0;
        tec_store_parts(dir, &name, &bytes);
        path = bytes ? tec_path_join(dir, name) : NULL;
        int fd = path ? open(path, O_RDONLY) : -1;
        if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0) {
            atomic_store(&seen, true);
            while (atomic_load(&looking))
                usleep(1000);
        }
        if (fd >= 0)
            close(fd);
        free(path);
        free(name);
    }
    return unused;
}

/* A file that could not be marked at its beginning is marked later on. */
static void test_marked_later(void **state)
{
    (void)state;
    bool met = false;
    for (int attempt = 0; attempt < 200 && !met; attempt++) {
        pthread_t looker;
        atomic_store(&seen, false);
        atomic_store(&looking, true);
        assert_int_equal(pthread_create(&looker, NULL, look, NULL), 0);
        usleep(1000);
        tec_store_writer *writer = begin();
        met = atomic_load(&seen);
        atomic_store(&looking, false);
        pthread_join(looker, NULL);
        put_rows(writer, 0, 1);
        char *name = only_part(), *path = tec_path_join(dir, name);
        int fd = open(path, O_RDONLY);
        assert_true(flock(fd, LOCK_SH | LOCK_NB) != 0);
        close(fd);
        free(path);
        free(name);
        tec_store_writer_abandon(writer);
    }
    if (!met)
        skip();
}

/* The file of a process that was suspended for hours was given to another one; then it wakes up. */
static void test_robbed(void **state)
{
    (void)state;
    size_t bytes;
    char *want = shard_made_at_once(&bytes);
    tec_store_writer *sleeper = begin();
    put_rows(sleeper, 0, SAMPLES);
    char *name = only_part(), *path = tec_path_join(dir, name);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(tec_store_writer_commit(sleeper), TEC_OK);
    free(path);
    path = tec_path_join(dir, "shard-00000.h5");
    assert_false(tec_file_exists(path));
    tec_store_writer *other = begin();
    put_rows(other, 0, SAMPLES);
    assert_int_equal(tec_store_writer_commit(other), TEC_OK);
    expect_the_same_shard(want, bytes);
    free(path);
    free(name);
    free(want);
}

/* What is left of shards that are there is removed, unless somebody holds it; room is asked for what is missing. */
static void test_remove_and_room(void **state)
{
    (void)state;
    const tec_store_spec spec = make_spec();
    const int64_t all = tec_store_room(dir, &spec);
    assert_true(all >= SAMPLES * tec_store_row_bytes(&spec));
    tec_store_writer *a = begin(), *b = begin(), *c = begin();
    assert_true(tec_store_room(dir, &spec) < all);
    put_rows(a, 0, SAMPLES);
    put_rows(b, 0, SAMPLES);
    tec_store_writer_set_aside(b);
    tec_store_parts_remove(dir);
    char *names;
    size_t bytes;
    tec_store_parts(dir, &names, &bytes);
    free(names);
    assert_int_equal(tec_store_writer_commit(a), TEC_OK);
    assert_int_equal(tec_store_room(dir, &spec), 0);
    tec_store_parts_remove(dir);
    char *name = only_part(); /* c's */
    assert_true(tec_temporary_is(name));
    free(name);
    tec_store_writer_abandon(c);
    assert_null(only_part());
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        TEST(test_set_aside_and_taken_up), TEST(test_lost_rows), TEST(test_of_another_store), TEST(test_killed),
        TEST(test_killed_before_the_name), TEST(test_reserved),  TEST(test_marked_later),     TEST(test_robbed),
        TEST(test_remove_and_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
