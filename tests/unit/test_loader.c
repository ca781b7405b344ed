/* Batches come in the order in which they were requested, whatever the threads do. */
#include "tec/loader.h"

#include "tec/clock.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { BATCH = 7, SLOT_BYTES = 100, MANY = 4096 };

/* What the fetch functions are told and what they write down. */
typedef struct scene {
    int threads;
    long delay; /* nanoseconds, for every third sample tenfold */
    atomic_int calls, running, most_running;
    atomic_bool hold;    /* fetches wait while this is set */
    int64_t order[MANY]; /* samples in the order of the calls */
    int scratch[16];     /* one per thread: only that thread writes it */
} scene;

static void sleep_for(long nanoseconds)
{
    struct timespec t = {0, nanoseconds};
    nanosleep(&t, NULL);
}

static tec_status fetch(void *context, int thread, const tec_request *request, void *slot)
{
    scene *s = context;
    int call = atomic_fetch_add(&s->calls, 1), running = atomic_fetch_add(&s->running, 1) + 1;
    int most = atomic_load(&s->most_running);
    while (running > most && !atomic_compare_exchange_weak(&s->most_running, &most, running))
        continue;
    if (call < MANY)
        s->order[call] = request->sample;
    s->scratch[thread]++;
    while (atomic_load(&s->hold))
        sleep_for(100000);
    if (s->delay)
        sleep_for(request->sample % 3 ? s->delay : 10 * s->delay);
    memset(slot, (int)(request->sample * 31 + request->view), SLOT_BYTES);
    atomic_fetch_sub(&s->running, 1);
    if (request->sample % 10 == 4)
        return tec_fail(TEC_USER_ERROR, "image %" PRId64 " is broken", request->sample);
    return TEC_OK;
}

static tec_loader *open_loader(scene *s, int threads, int depth)
{
    tec_loader *loader;
    tec_loader_settings settings = {threads, depth, BATCH, SLOT_BYTES, fetch, s};
    assert_int_equal(tec_loader_open(&loader, &settings), TEC_OK);
    return loader;
}

static void submit(tec_loader *loader, int64_t first, int count)
{
    tec_request request[BATCH];
    for (int i = 0; i < count; i++)
        request[i] = (tec_request){first + i, i};
    tec_loader_submit(loader, request, count);
    memset(request, 0xee, sizeof request); /* they are copied */
}

static void check_batch(tec_loader *loader, int64_t first, int count)
{
    tec_batch batch;
    char message[64];
    tec_loader_wait(loader, &batch);
    assert_int_equal(batch.count, count);
    for (int i = 0; i < count; i++) {
        const uint8_t *slot = batch.slot[i];
        bool broken = (first + i) % 10 == 4;
        assert_int_equal((uintptr_t)slot % 64, 0);
        assert_int_equal(batch.request[i].sample, first + i);
        assert_int_equal(batch.request[i].view, i);
        assert_int_equal(slot[0], (uint8_t)((first + i) * 31 + i));
        assert_int_equal(slot[SLOT_BYTES - 1], slot[0]);
        snprintf(message, sizeof message, "image %" PRId64 " is broken", first + i);
        assert_int_equal(batch.status[i], broken ? TEC_USER_ERROR : TEC_OK);
        assert_string_equal(batch.message[i], broken ? message : "");
    }
}

/* Keeps the ring full; batches of all lengths, an empty one among them. */
static void run_through(int threads, int depth, int batches, long delay)
{
    scene s = {.delay = delay};
    tec_loader *loader = open_loader(&s, threads, depth);
    int submitted = 0, samples = 0;
    for (int done = 0; done < batches; done++) {
        for (; submitted < batches && submitted < done + depth; submitted++)
            submit(loader, 100 * submitted, submitted % (BATCH + 1));
        check_batch(loader, 100 * done, done % (BATCH + 1));
        tec_loader_release(loader);
        samples += done % (BATCH + 1);
    }
    tec_loader_close(loader);
    assert_int_equal(atomic_load(&s.calls), samples);
    assert_true(atomic_load(&s.most_running) <= threads);
    int sum = 0;
    for (int t = 0; t < 16; t++)
        sum += s.scratch[t];
    assert_int_equal(sum, samples);
}

static void test_delivers_in_order(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 8; threads *= 2)
        for (int depth = 1; depth <= 4; depth++) {
            run_through(threads, depth, 60, 0);
            run_through(threads, depth, 20, 20000);
        }
}

static void test_takes_the_oldest_request(void **state)
{
    (void)state;
    scene s = {0};
    tec_loader *loader = open_loader(&s, 1, 3);
    tec_batch batch;
    submit(loader, 0, 0);
    tec_loader_wait(loader, &batch);
    tec_loader_release(loader);
    for (int i = 1; i < 50; i++) {
        submit(loader, 100 * i, BATCH);
        if (i < 3)
            continue;
        tec_loader_wait(loader, &batch);
        tec_loader_release(loader);
    }
    tec_loader_wait(loader, &batch);
    tec_loader_release(loader);
    tec_loader_wait(loader, &batch);
    for (int i = 0; i < 49 * BATCH; i++)
        assert_int_equal(s.order[i], 100 * (1 + i / BATCH) + i % BATCH);
    tec_loader_close(loader);
}

static void test_threads_work_at_once(void **state)
{
    (void)state;
    scene s = {.hold = true};
    tec_loader *loader = open_loader(&s, 4, 2);
    submit(loader, 0, 2);
    submit(loader, 100, 2); /* the second batch is begun while the first is unfinished */
    double give_up = tec_seconds() + 20;
    while (atomic_load(&s.running) < 4 && tec_seconds() < give_up)
        sleep_for(1000000);
    assert_int_equal(atomic_load(&s.running), 4);
    atomic_store(&s.hold, false);
    check_batch(loader, 0, 2);
    check_batch(loader, 100, 2);
    tec_loader_close(loader);
}

/* A slot may not change between wait and release, though later batches are being filled. */
static void test_waited_batches_stay(void **state)
{
    (void)state;
    scene s = {0};
    tec_batch first, second;
    tec_loader *loader = open_loader(&s, 3, 3);
    submit(loader, 1, 3);
    submit(loader, 200, 5);
    submit(loader, 300, 7);
    tec_loader_wait(loader, &first);
    tec_loader_wait(loader, &second);
    check_batch(loader, 300, 7);
    assert_int_equal(first.count, 3);
    assert_int_equal(*(uint8_t *)first.slot[2], (uint8_t)(3 * 31 + 2));
    assert_int_equal(*(uint8_t *)second.slot[4], (uint8_t)(204 * 31 + 4));
    tec_loader_release(loader);
    submit(loader, 400, 6);
    assert_int_equal(second.request[4].sample, 204);
    tec_loader_release(loader);
    tec_loader_release(loader);
    check_batch(loader, 400, 6);
    tec_loader_close(loader);
}

static void test_closes_in_any_state(void **state)
{
    (void)state;
    tec_loader_close(NULL);
    for (int stage = 0; stage < 6; stage++)
        for (int threads = 1; threads <= 4; threads += 3) {
            scene s = {.delay = 300000};
            tec_batch batch;
            tec_loader *loader = open_loader(&s, threads, 3);
            if (stage > 0)
                submit(loader, 0, BATCH);
            if (stage > 1)
                submit(loader, 100, BATCH);
            if (stage > 2)
                tec_loader_wait(loader, &batch);
            if (stage > 3)
                tec_loader_release(loader);
            if (stage > 4)
                tec_loader_wait(loader, &batch);
            tec_loader_close(loader);
            assert_int_equal(atomic_load(&s.running), 0);
        }
}

static void test_counts_waiting(void **state)
{
    (void)state;
    scene s = {.delay = 5000000};
    tec_batch batch;
    tec_loader *loader = open_loader(&s, 1, 1);
    assert_true(tec_loader_waited(loader) == 0);
    submit(loader, 1, 2);
    double start = tec_seconds();
    tec_loader_wait(loader, &batch);
    double took = tec_seconds() - start;
    assert_true(tec_loader_waited(loader) > 0.005);
    assert_true(tec_loader_waited(loader) <= took);
    tec_loader_close(loader);
}

static void test_too_much_memory(void **state)
{
    (void)state;
    scene s = {0};
    tec_loader *loader;
    tec_loader_settings settings = {1, 1 << 20, 1 << 20, (size_t)1 << 40, fetch, &s};
    assert_int_equal(tec_loader_open(&loader, &settings), TEC_SYSTEM_ERROR);
    assert_null(loader);
    assert_non_null(strstr(tec_error_message(), "no memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivers_in_order),    cmocka_unit_test(test_takes_the_oldest_request),
        cmocka_unit_test(test_threads_work_at_once), cmocka_unit_test(test_waited_batches_stay),
        cmocka_unit_test(test_closes_in_any_state),  cmocka_unit_test(test_counts_waiting),
        cmocka_unit_test(test_too_much_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
