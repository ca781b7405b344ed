/* Errors, the log, the arena, durations, hashes, exp, the environment. */
#include "tec/arena.h"
#include "tec/clock.h"
#include "tec/environment.h"
#include "tec/error.h"
#include "tec/hash.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"
#include "tec/utf8.h"
#include "tec/version.h"

#include "tec/vector.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_fail_keeps_the_message(void **state)
{
    (void)state;
    assert_int_equal(tec_fail(TEC_USER_ERROR, "%s: %d", "a.yaml", 7), TEC_USER_ERROR);
    assert_string_equal(tec_error_message(), "a.yaml: 7");
    assert_int_equal(tec_fail(TEC_SYSTEM_ERROR, "rank 3: %s", tec_error_message()), TEC_SYSTEM_ERROR);
    assert_string_equal(tec_error_message(), "rank 3: a.yaml: 7");
}

static void test_a_message_is_one_short_line(void **state)
{
    (void)state;
    char name[3000];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    tec_fail(TEC_USER_ERROR, "%s", name);
    assert_int_equal(strlen(tec_error_message()), 1023);
    tec_fail(TEC_USER_ERROR, "%s", "a\nb\tc\033d\177 \303\251");
    assert_string_equal(tec_error_message(), "a?b?c?d? \303\251");
}

static void *message_of_another_thread(void *copy)
{
    strcpy(copy, tec_error_message());
    tec_fail(TEC_USER_ERROR, "another");
    return NULL;
}

static void test_messages_are_per_thread(void **state)
{
    (void)state;
    pthread_t thread;
    char seen[1024] = "?";
    tec_fail(TEC_USER_ERROR, "mine");
    assert_int_equal(pthread_create(&thread, NULL, message_of_another_thread, seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(seen, "");
    assert_string_equal(tec_error_message(), "mine");
}

static tec_status tried(tec_status status, int *reached)
{
    TEC_TRY(status);
    ++*reached;
    return TEC_OK;
}

static void test_try(void **state)
{
    (void)state;
    int reached = 0;
    assert_int_equal(tried(TEC_DIVERGED, &reached), TEC_DIVERGED);
    assert_int_equal(reached, 0);
    assert_int_equal(tried(TEC_OK, &reached), TEC_OK);
    assert_int_equal(reached, 1);
}

/* Runs `act` in a child process; its stderr goes to `text`, its exit code is returned. */
static int in_child(void (*act)(void), char *text, size_t size)
{
    int ends[2], code = 0;
    size_t used = 0;
    ssize_t got;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        act();
        _exit(0);
    }
    close(ends[1]);
    while (used < size - 1 && (got = read(ends[0], text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    text[used] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    return WEXITSTATUS(code);
}

/* The address sanitizer would end the program itself, and warns before it does as malloc does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void ask_for_too_much(void)
{
    tec_allocate_zeroed(SIZE_MAX / 4, 2);
}

static void ask_for_too_large_an_arena(void)
{
    tec_arena arena = {0};
    tec_arena_take(&arena, SIZE_MAX / 4);
    tec_arena_reserve(&arena);
}

static void end_all(tec_status status)
{
    fprintf(stderr, "all ranks end with %d\n", status);
}

static void abort_with_hook(void)
{
    tec_set_abort(end_all);
    tec_abort(tec_fail(TEC_DIVERGED, "why"));
}

static void test_abort(void **state)
{
    (void)state;
    char text[1024], want[256];
    assert_int_equal(in_child(ask_for_too_much, text, sizeof text), TEC_SYSTEM_ERROR);
    snprintf(want, sizeof want, "tec: error: out of memory: cannot allocate %zu x 2 bytes\n", SIZE_MAX / 4);
    assert_non_null(strstr(text, want));
    assert_int_equal(in_child(ask_for_too_large_an_arena, text, sizeof text), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(text, "tec: error: out of memory: cannot allocate a workspace of "));
    assert_int_equal(in_child(abort_with_hook, text, sizeof text), TEC_DIVERGED);
    assert_string_equal(text, "all ranks end with 4\ntec: error: why\n");
}

static void test_allocate(void **state)
{
    (void)state;
    char *zeroed = tec_allocate_zeroed(10, 3), *nothing = tec_allocate(0), *none = tec_allocate_zeroed(0, 8);
    for (int i = 0; i < 30; i++)
        assert_int_equal(zeroed[i], 0);
    assert_non_null(nothing);
    assert_non_null(none);
    char *text = tec_string_format("%s-%05d.h5", "shard", 12);
    assert_string_equal(text, "shard-00012.h5");
    free(zeroed);
    free(nothing);
    free(none);
    free(text);
}

static void test_grow(void **state)
{
    (void)state;
    int *number = NULL;
    size_t capacity = 0;
    for (int i = 0; i < 1000; i++) {
        number = tec_grow(number, (size_t)i, &capacity, sizeof *number);
        assert_true(capacity > (size_t)i);
        number[i] = i;
    }
    assert_int_equal(capacity, 1024);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(number[i], i);
    free(number);
}

static void lay_out(tec_arena *arena, char **a, double **b, char **c)
{
    *a = tec_arena_take(arena, 1);
    *b = tec_arena_take(arena, 100 * sizeof **b);
    *c = tec_arena_take(arena, 65);
}

static void test_arena(void **state)
{
    (void)state;
    tec_arena arena = {0};
    char *a, *c;
    double *b;
    lay_out(&arena, &a, &b, &c);
    assert_null(a);
    assert_null(b);
    assert_int_equal(arena.used, 64 + 832 + 128);
    tec_arena_reserve(&arena);
    assert_int_equal(arena.used, 0);
    for (size_t i = 0; i < arena.size; i++)
        assert_int_equal(arena.base[i], 0);
    lay_out(&arena, &a, &b, &c);
    assert_int_equal((uintptr_t)a % 64 + (uintptr_t)b % 64 + (uintptr_t)c % 64, 0);
    assert_ptr_equal(b, a + 64);
    assert_ptr_equal(c, a + 64 + 832);
    assert_int_equal(arena.used, arena.size);
    tec_arena_free(&arena);
    assert_null(arena.base);

    tec_arena_reserve(&arena); /* nothing at all was taken */
    assert_non_null(arena.base);
    tec_arena_free(&arena);
}

static void speak(void)
{
    tec_log("%d images", 7);
    tec_warn("%s", "careful\ntec: error: in\033[2J names");
    tec_progress(1000, "step %d", 1);
    tec_progress(1000, "step %d", 2); /* too soon */
    tec_log("between");
    tec_progress(0, "step %d", 3);
    tec_progress(1000, "step %d", 4); /* too soon, but the last */
    tec_progress_end();
    tec_progress_end();
    tec_progress(1000, "other work");
    tec_log("after it");
    tec_progress_end();
    tec_progress_share(1000, 0.5, "half");
    tec_progress_end();
    tec_progress_count("verify", "shards", 0, 40, tec_seconds() - 1);
    tec_progress_end();
    tec_progress_count("verify", "shards", 40, 40, tec_seconds() - 1e6);
    tec_progress_end();
    tec_progress_count("verify", "shards", 10, 40, tec_seconds() + 1e6); /* as if the clock had not moved */
    tec_progress_end();
    tec_log_enable(false);
    tec_log("no");
    tec_warn("no");
    tec_progress(0, "no");
    tec_progress_end();
    tec_log_error(3, "disk full");
    tec_log_error(-1, "disk full");
}

static void test_log(void **state)
{
    (void)state;
    char text[1024];
    assert_int_equal(in_child(speak, text, sizeof text), 0);
    assert_string_equal(text, "tec: 7 images\n"
                              "tec: warning: careful?tec: error: in?[2J names\n"
                              "tec: step 1\n"
                              "tec: between\n"
                              "tec: step 3\n"
                              "tec: step 4\n"
                              "tec: other work\n"
                              "tec: after it\n"
                              "tec: half\n"
                              "tec: verify: 0 of 40 shards, 0.00 shards/s, ? left\n"
                              "tec: verify: 40 of 40 shards, 0.00 shards/s, 0 s left\n"
                              "tec: verify: 10 of 40 shards, 0.00 shards/s, ? left\n"
                              "tec: error: rank 3: disk full\n"
                              "tec: error: disk full\n");
}

/* On a terminal one line is redrawn, and cut to its width; other messages take its place. */
static void test_progress_on_a_terminal(void **state)
{
    (void)state;
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) || unlockpt(terminal))
        skip();
    int other = open(ptsname(terminal), O_RDWR | O_NOCTTY), saved = dup(STDERR_FILENO);
    char text[512], line[100];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\0';
    assert_true(other >= 0 && saved >= 0);
    dup2(other, STDERR_FILENO);
    double start = tec_seconds();
    tec_progress(1000, "%s", line);
    tec_progress(1000, "too soon");
    bool stalled = tec_seconds() - start >= 0.1; /* then it was not too soon */
    tec_log("between");
    tec_progress_share(1000, 0.26, "last");
    tec_progress_end();
    dup2(saved, STDERR_FILENO);
    line[79] = '\0';
    char want[512];
    snprintf(want, sizeof want, "\r%s\033[K\r\033[Ktec: between\r\n\r[#####...............] last\033[K\r\n", line);
    for (size_t used = 0; used < strlen(want) && !stalled; text[used] = '\0') {
        struct pollfd ready = {.fd = terminal, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, 2000), 1);
        ssize_t got = read(terminal, text + used, sizeof text - 1 - used);
        assert_true(got > 0);
        used += (size_t)got;
    }
    assert_true(stalled || !strcmp(text, want));
    close(saved);
    close(other);
    close(terminal);
}

static void test_strings(void **state)
{
    (void)state;
    const char *text = "blocks.0.attn.qkv.bias";
    char *copy = tec_string_copy(text), *empty = tec_string_copy("");
    assert_string_equal(copy, text);
    assert_ptr_not_equal(copy, text);
    assert_string_equal(empty, "");
    assert_true(tec_string_starts_with(text, "blocks."));
    assert_true(tec_string_starts_with(text, text));
    assert_true(tec_string_starts_with(text, ""));
    assert_false(tec_string_starts_with(text, "Blocks."));
    assert_false(tec_string_starts_with("block", "blocks."));
    assert_true(tec_string_ends_with(text, ".bias"));
    assert_true(tec_string_ends_with(text, text));
    assert_true(tec_string_ends_with(text, ""));
    assert_false(tec_string_ends_with(text, ".weight"));
    assert_false(tec_string_ends_with("bias", ".bias"));
    free(copy);
    free(empty);
}

static void test_smaller_and_larger(void **state)
{
    (void)state;
    assert_int_equal(tec_min_int(-2, 3), -2);
    assert_int_equal(tec_max_int(-2, 3), 3);
    assert_true(tec_min_int64(INT64_MIN, INT64_MAX) == INT64_MIN);
    assert_true(tec_max_int64(INT64_MIN, INT64_MAX) == INT64_MAX);
    assert_true(tec_min_size(SIZE_MAX, 1) == 1);
    assert_true(tec_max_size(SIZE_MAX, 1) == SIZE_MAX);
    assert_true(tec_min_double(INFINITY, -0.5) == -0.5);
    assert_true(tec_max_double(INFINITY, -0.5) == INFINITY);
    assert_true(tec_min_double(NAN, 1) == 1 && isnan(tec_min_double(1, NAN)));
    assert_true(tec_max_double(NAN, 1) == 1 && isnan(tec_max_double(1, NAN)));
}

static void test_duration(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *want;
    } duration[] = {{0, "0 s"},
                    {12.4, "12 s"},
                    {59.6, "1 min 00 s"},
                    {200, "3 min 20 s"},
                    {3599.4, "59 min 59 s"},
                    {3599.6, "1 h 00 min"},
                    {7500, "2 h 05 min"},
                    {7199, "2 h 00 min"},
                    {360000, "100 h 00 min"},
                    {-1, "?"},
                    {NAN, "?"},
                    {INFINITY, "?"},
                    {1e300, "?"}};
    char text[32];
    for (size_t i = 0; i < sizeof duration / sizeof duration[0]; i++)
        assert_string_equal(tec_duration(text, duration[i].seconds), duration[i].want);
}

static void test_clock_and_version(void **state)
{
    (void)state;
    double before = tec_seconds();
    usleep(10000);
    double passed = tec_seconds() - before;
    assert_true(passed >= 0.01 && passed < 5);
    assert_true(strlen(tec_version()) > 0);
}

static void test_exp(void **state)
{
    (void)state;
    const double unit = sizeof(real) == sizeof(double) ? 2.3e-16 : 1.2e-7;
    for (double x = -87; x <= EXP_MOST; x += 0.00137) {
        double wanted = exp((real)x);
        assert_true(fabs(real_exp((real)x) - wanted) <= unit * wanted);
    }
    assert_true(real_exp(0) == 1);
    assert_true(real_exp(-1000) == 0 && real_exp(-INFINITY) == 0);
    assert_true(isnan(real_exp(NAN)));
}

/* Target stores hold such values. */
static void test_hash_never_changes(void **state)
{
    (void)state;
    assert_true(tec_hash_bytes(0, "", 0) == 0);
    assert_true(tec_hash_bytes(1, "", 0) == UINT64_C(0xbf58476d1ce4e5b9));
    assert_true(tec_hash_bytes(0, "a", 1) == UINT64_C(0xf676eb7f04b78a95));
    assert_true(tec_hash_bytes(0, "12345678", 8) == UINT64_C(0x2c0a83b49ac63772));
    assert_true(tec_hash_bytes(UINT64_C(0x0123456789abcdef), "123456789", 9) == UINT64_C(0x055fde9b201330d0));
}

static void test_environment(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long number;
    } known[] = {{"17", 17}, {"0", 0}, {"", -1}, {"-3", -1}, {"4,2", -1}, {"many", -1}, {"99999999999999999999", -1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        setenv("TEC_TEST_NUMBER", known[i].text, 1);
        assert_int_equal(tec_environment_number("TEC_TEST_NUMBER"), known[i].number);
    }
    unsetenv("TEC_TEST_NUMBER");
    assert_int_equal(tec_environment_number("TEC_TEST_NUMBER"), -1);
    tec_host host, name = "";
    memset(host, '!', sizeof host);
    tec_host_mine(host);
    gethostname(name, sizeof name - 1);
    assert_string_equal(host, name);
    assert_int_equal(host[sizeof host - 1], 0);
}

static void test_printable(void **state)
{
    (void)state;
    char text[] = "a\nb\033[2J\x7f caf\xc3\xa9 \xc2\x9b"
                  "2J \xc2\xa9 \xc2";
    assert_string_equal(tec_string_printable(text), "a?b?[2J? caf\xc3\xa9 ??2J \xc2\xa9 \xc2");
}

static void test_byte_order_mark(void **state)
{
    (void)state;
    assert_int_equal(tec_utf8_mark("\xef\xbb\xbfid,class", 11), 3);
    assert_int_equal(tec_utf8_mark("\xef\xbb\xbf", 2), 0);
    assert_int_equal(tec_utf8_mark("id,class", 8), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_keeps_the_message),
        cmocka_unit_test(test_a_message_is_one_short_line),
        cmocka_unit_test(test_messages_are_per_thread),
        cmocka_unit_test(test_try),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_allocate),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_progress_on_a_terminal),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_smaller_and_larger),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_hash_never_changes),
        cmocka_unit_test(test_exp),
        cmocka_unit_test(test_clock_and_version),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_byte_order_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
