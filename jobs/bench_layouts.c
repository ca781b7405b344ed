#include "bench_layouts.h"

#include "tec/memory.h"
#include "tec/minmax.h"

#include <omp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By more than this the fastest has to be faster than a layout of fewer ranks. */
#define GAIN 1.02

enum { WORDS = sizeof(cpu_set_t) / sizeof(uint64_t) };

/* Collective. The processors that each rank may use, [size]; the caller frees them. */
static cpu_set_t *gather_processors(const tec_comm *comm)
{
    cpu_set_t *all = tec_allocate_zeroed((size_t)comm->size, sizeof *all), mine;
    uint64_t *word = tec_allocate((size_t)comm->size * sizeof *word);
    if (sched_getaffinity(0, sizeof mine, &mine) != 0)
        CPU_ZERO(&mine); /* none known: nothing is bound */
    for (int w = 0; w < WORDS; w++) {
        uint64_t part;
        memcpy(&part, (const char *)&mine + (size_t)w * sizeof part, sizeof part);
        tec_comm_gather(comm, part, word);
        for (int r = 0; r < comm->size; r++)
            memcpy((char *)&all[r] + (size_t)w * sizeof part, &word[r], sizeof part);
    }
    free(word);
    return all;
}

/* Gives the threads of this rank the processors of `ranks` ranks. */
static void bind_threads(const cpu_set_t *of, int ranks)
{
    cpu_set_t together;
    CPU_ZERO(&together);
    for (int r = 0; r < ranks; r++)
        CPU_OR(&together, &together, &of[r]);
    if (CPU_COUNT(&together) == 0)
        return;
#pragma omp parallel
    (void)sched_setaffinity(0, sizeof together, &together);
}

/* Collective over all ranks, of which every `threads`-th computes. */
static tec_status measure(const tec_comm *comm, int threads, const cpu_set_t *processors, tec_bench_steps *steps,
                          void *context, tec_bench_run *run)
{
    tec_comm part = tec_comm_split(comm, comm->rank % threads == 0 ? 0 : -1);
    tec_status status = TEC_OK;
    run->ranks = comm->size / threads;
    run->threads = threads;
    run->batch *= threads;
    if (part.size) {
        tec_threads_set(threads);
        bind_threads(&processors[comm->rank], threads);
        status = steps(&part, context, run);
        bind_threads(&processors[comm->rank], 1);
        tec_threads_set(1);
    }
    tec_comm_barrier_asleep(comm);
    tec_comm_node_free(&part);
    return tec_comm_agree(comm, status);
}

static tec_status check(const tec_comm *comm, const tec_bench_run *run)
{
    tec_comm node = tec_comm_node(comm);
    const bool several = node.size != comm->size;
    tec_comm_node_free(&node);
    if (several)
        return tec_fail(TEC_USER_ERROR,
                        "--layouts compares layouts of one node, but the ranks are on several: start them on one");
    if (comm->size == 1)
        return tec_fail(TEC_USER_ERROR, "--layouts needs a rank for every core: mpirun -n CORES tec bench --layouts");
    if (run->threads > 1)
        return tec_fail(TEC_USER_ERROR,
                        "--layouts chooses the threads itself, of ranks that have one: set run.threads=1");
    return TEC_OK;
}

static void print_layout(const tec_bench_run *run)
{
    printf("%5d x %-7d %10.3f %12.0f\n", run->ranks, run->threads, run->images_per_second,
           run->ranks * run->result.peak_rss_mb);
    fflush(stdout);
}

static int fewest_ranks(const double *speed, int most)
{
    double best = 0;
    int ranks = 1;
    for (int r = 1; r <= most; r++)
        best = tec_max_double(best, speed[r]);
    while (ranks < most && GAIN * speed[ranks] < best)
        ranks++;
    return ranks;
}

tec_status tec_bench_layouts(const tec_comm *comm, const tec_bench_run *run, tec_bench_steps *steps, void *context,
                             const char *json)
{
    TEC_TRY(check(comm, run));
    cpu_set_t *processors = gather_processors(comm);
    double *speed = tec_allocate_zeroed((size_t)comm->size + 1, sizeof *speed); /* by ranks; 0: no layout */
    tec_status status = TEC_OK;
    if (comm->rank == 0)
        printf("ranks x threads %8s %12s\n", "img/s", "MB a node");
    for (int threads = comm->size; threads >= 1 && status == TEC_OK;
         threads--) { /* few ranks first: peaks of memory grow */
        tec_bench_run layout = *run;
        if (comm->size % threads)
            continue;
        status = measure(comm, threads, processors, steps, context, &layout);
        if (status == TEC_OK && comm->rank == 0) {
            print_layout(&layout);
            status = json ? tec_bench_json_add(json, &layout) : TEC_OK;
        }
        status = tec_comm_agree(comm, status);
        speed[layout.ranks] = layout.images_per_second;
        tec_bench_result_free(&layout.result);
    }
    const int ranks = fewest_ranks(speed, comm->size);
    if (status == TEC_OK && comm->rank == 0)
        printf("\nfor slurm/site:\nranks=%d\nthreads=%d\n", ranks, comm->size / ranks);
    free(speed);
    free(processors);
    return status;
}
