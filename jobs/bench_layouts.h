/* Module jobs, private. `tec bench --layouts`: the same steps by fewer and fewer ranks of more and more threads. */
#ifndef TEC_JOBS_BENCH_LAYOUTS_H
#define TEC_JOBS_BENCH_LAYOUTS_H

#include "tec/bench.h"
#include "tec/comm.h"

/* Collective over `comm`. Runs the steps that `run` describes, and fills in its results. */
typedef tec_status tec_bench_steps(const tec_comm *comm, void *context, tec_bench_run *run);

/* Collective over all ranks of one node, started with a core each. Lets 1, ... and all of the ranks compute, each with
 * the threads and the cores of those that sleep meanwhile, as many images a core as `run` has a rank; prints a line for
 * each layout and what slurm/site has to say to get the best: the fewest ranks within 2 % of the fastest, as ranks cost
 * memory. Each layout is added to the file `json` (NULL: none). TEC_USER_ERROR: one rank only, several nodes, threads. */
tec_status tec_bench_layouts(const tec_comm *comm, const tec_bench_run *run, tec_bench_steps *steps, void *context,
                             const char *json);

#endif
