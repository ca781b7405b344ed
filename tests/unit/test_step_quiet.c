/* Once a run is under way, a step allocates nothing and asks nothing of the system on the thread that computes: every
 * malloc of that thread is counted, whichever library it comes from, and every system call but those that wait for
 * other threads is refused and counted. Loader threads may do both. */
#include "folder.h"

#include "tec/files.h"
#include "tec/gemm.h"
#include "tec/memory.h"
#include "tec/philox.h"
#include "tec/trainer.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define INSTRUMENTED true /* sanitizers have an allocator and system calls of their own */
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INSTRUMENTED true
#endif
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED false
#endif

/* -- counting -- */

typedef struct counts {
    int allocations, calls;
    int first_call; /* its number */
} counts;

static counts *counted; /* shared with the parent */
static _Thread_local bool counting;

#if !INSTRUMENTED
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

/* LLVM's OpenMP runtime allocates for every loop that it shares out; that is its own affair. GNU's does not. */
static void count_allocation(const void *caller)
{
    Dl_info library;
    if (counting && !(dladdr(caller, &library) && strstr(library.dli_fname, "libomp")))
        counted->allocations++;
}

void *malloc(size_t bytes)
{
    count_allocation(__builtin_return_address(0));
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    count_allocation(__builtin_return_address(0));
    return __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    count_allocation(__builtin_return_address(0));
    return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    count_allocation(__builtin_return_address(0));
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    count_allocation(__builtin_return_address(0));
    *out = __libc_memalign(alignment, bytes);
    return *out ? 0 : ENOMEM;
}
#endif

static void note_call(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)context;
    if (!counted->calls++)
        counted->first_call = info->si_syscall;
}

/* Refuses, from now on and for this thread alone, what is not listed. */
static void refuse_system_calls(void)
{
    static const int allowed[] = {SYS_futex, SYS_sched_yield, SYS_clock_gettime, SYS_rt_sigreturn, SYS_exit_group};
    enum { ALLOWED = sizeof allowed / sizeof *allowed };
    struct sock_filter program[2 * ALLOWED + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    for (int i = 0; i < ALLOWED; i++) {
        program[1 + 2 * i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
        program[2 + 2 * i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    program[1 + 2 * ALLOWED] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog filter = {.len = 2 * ALLOWED + 2, .filter = program};
    struct sigaction action = {.sa_sigaction = note_call, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGSYS, &action, NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter))
        _exit(2);
}

/* -- a training run, small -- */

enum { SAMPLES = 40, SIZE = 16, PATCHES = 16, WIDTH = 24, HEADS = 3, TOPK = 4, BATCH = 8 };

static char directory[256];
static tec_comm alone;

static tec_model_config config_of(tec_model_kind kind)
{
    return (tec_model_config){.kind = kind,
                              .image_size = {SIZE, SIZE},
                              .patch = 4,
                              .channels = 1,
                              .width = WIDTH,
                              .depth = 4,
                              .heads = HEADS,
                              .mlp_ratio = 4,
                              .decoder_width = 16,
                              .decoder_depth = 2,
                              .decoder_heads = 2,
                              .groups = 2,
                              .norm_pix = true,
                              .base_width = WIDTH,
                              .base_heads = HEADS,
                              .attention_tau = 1.8,
                              .predict_attention = true};
}

static tec_dataset *open_images(void)
{
    uint8_t file[16 + SAMPLES * SIZE * SIZE] = {0, 0, 8, 3, 0, 0, 0, SAMPLES, 0, 0, 0, SIZE, 0, 0, 0, SIZE};
    char *path = tec_path_join(directory, "images-idx3-ubyte"), *list;
    size_t bytes;
    tec_dataset *set;
    for (size_t i = 16; i < sizeof file; i++)
        file[i] = (uint8_t)(i * 31);
    assert_int_equal(tec_file_write(path, file, sizeof file), TEC_OK);
    assert_int_equal(tec_dataset_scan(path, TEC_LABELS_NONE, &list, &bytes), TEC_OK);
    assert_int_equal(tec_dataset_open(&set, list, bytes, 1, 0), TEC_OK);
    free(list);
    free(path);
    return set;
}

static tec_store *open_store(void)
{
    tec_store_spec spec = {.samples = SAMPLES,
                           .views = 1,
                           .patches = PATCHES,
                           .width = WIDTH,
                           .heads = HEADS,
                           .topk = TOPK,
                           .last_layers = 2,
                           .type = TEC_TARGET_FLOAT16,
                           .image_size = {SIZE, SIZE},
                           .patch = 4,
                           .channels = 1,
                           .shard_rows = SAMPLES};
    float feature[PATCHES * WIDTH], attention[(1 + TOPK) * HEADS * PATCHES];
    int32_t topk[TOPK] = {3, 1, 4, 15};
    char *manifest;
    size_t bytes;
    tec_store_writer *writer;
    tec_store *store;
    bool done;
    int64_t missing;
    for (int i = 0; i < PATCHES * WIDTH; i++)
        feature[i] = (float)(i % 7) - 3;
    for (int i = 0; i < (1 + TOPK) * HEADS * PATCHES; i++)
        attention[i] = (float)(i % 5) - 2;
    assert_int_equal(tec_store_writer_open(&writer, directory, &spec, 0, &done), TEC_OK);
    for (int row = 0; row < SAMPLES; row++) {
        tec_store_row values = {feature, attention, topk, NULL, {0, 0, SIZE, SIZE, 0}, row};
        assert_int_equal(tec_store_writer_put(writer, row, &values), TEC_OK);
    }
    assert_int_equal(tec_store_writer_commit(writer), TEC_OK);
    assert_int_equal(tec_store_finish(directory, &spec, &missing), TEC_OK);
    assert_int_equal(tec_store_manifest(directory, &manifest, &bytes), TEC_OK);
    assert_int_equal(tec_store_open(&store, directory, manifest, bytes), TEC_OK);
    free(manifest);
    return store;
}

/* What goes on between the steps of the child: nothing, or what has to be noticed. */
typedef void disturbance(void);

static void nothing(void)
{
}

static void allocate(void)
{
    free(tec_allocate(100));
}

static void ask_for_a_file(void)
{
    (void)!syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY);
}

/* In a child, whose thread cannot take the filter off again: 3 steps to come into stride, then 7 that count, across the
 * end of an epoch. */
static void train(tec_model_kind kind, disturbance *disturb)
{
    tec_model_config config = config_of(kind);
    tec_dataset *set = open_images();
    tec_store *store = kind == TEC_MODEL_TEC ? open_store() : NULL;
    tec_skipped skipped = {0};
    tec_step_result result;
    tec_trainer *trainer;
    const tec_pretraining pretraining = {.model = config,
                                         .view = {.size = {SIZE, SIZE},
                                                  .channels = 1,
                                                  .normalisation = {.mean = {0.5}, .std = {0.5}},
                                                  .crop = {.scale = {0.2, 1}, .ratio = {0.75, 4.0 / 3}, .flip = true}},
                                         .mask_ratio = 0.75,
                                         .masks = 1,
                                         .feature_weight = 1,
                                         .attention_weight = 1};
    const tec_task task = tec_task_pretraining(&pretraining, store, 1);
    const tec_recipe recipe = {.batch = BATCH, .micro_batch = 4, .beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.05};
    const tec_trainer_settings settings = {.task = &task,
                                           .recipe = &recipe,
                                           .set = set,
                                           .reading = {.workers = 1, .prefetch = 2},
                                           .reduction = {.bucket_bytes = 4 << 20},
                                           .skipped = &skipped};
    bool fine = tec_trainer_create(&trainer, &alone, &settings) == TEC_OK;
    if (!fine)
        _exit(1);
    tec_trainer_start(trainer, 0, 20);
    for (int i = 0; i < 3; i++)
        fine &= tec_trainer_step(trainer, 1e-3, 0, &result) == TEC_OK;
    refuse_system_calls();
    counting = true;
    for (int i = 0; i < 7; i++) {
        fine &= tec_trainer_step(trainer, 1e-3, 0, &result) == TEC_OK;
        disturb();
    }
    counting = false;
    _exit(fine ? 0 : 1);
}

static counts count(tec_model_kind kind, disturbance *disturb)
{
    int status;
    *counted = (counts){0};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        train(kind, disturb);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
        puts("SKIPPED: this system has no seccomp filters: system calls of a step cannot be counted");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return *counted;
}

static void expect_quiet(tec_model_kind kind)
{
    counts got = count(kind, nothing);
    if (got.calls)
        fail_msg("%d system calls in 7 steps; the first is number %d of <asm/unistd.h>", got.calls, got.first_call);
    if (got.allocations)
        fail_msg("%d allocations in 7 steps", got.allocations);
}

static void test_tec(void **state)
{
    (void)state;
    expect_quiet(TEC_MODEL_TEC);
}

static void test_mae(void **state)
{
    (void)state;
    expect_quiet(TEC_MODEL_MAE);
}

static void test_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(count(TEC_MODEL_MAE, allocate).allocations, 7);
    counts got = count(TEC_MODEL_MAE, ask_for_a_file);
    assert_int_equal(got.calls, 7);
    assert_int_equal(got.first_call, SYS_openat);
}

static int set_up(void **state)
{
    (void)state;
    tec_comm_local(&alone);
    tec_threads_set(1);
    counted = mmap(NULL, sizeof *counted, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return counted == MAP_FAILED || !folder_make(directory, sizeof directory);
}

static int tear_down(void **state)
{
    (void)state;
    return folder_remove(directory);
}

int main(void)
{
    if (INSTRUMENTED) {
        puts("SKIPPED: sanitizers allocate in their own way: allocations of a step are not counted");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tec), cmocka_unit_test(test_mae),
                                       cmocka_unit_test(test_is_noticed)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
