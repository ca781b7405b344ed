/* What launchers tell their processes, compared with what MPI says. */
#include "tec/launcher.h"

#include "tec/environment.h"
#include "tec/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SRUN_REMEDY "srun --mpi=pmix (srun --mpi=list shows what Slurm has), or by mpirun"
#define SAME_REMEDY "the launcher of the MPI that tec was built with (tec --version names it)"

/* The innermost comes first: mpirun starts its daemons by srun, and ranks find the variables of both. */
static const struct {
    const char *name;
    const char *size, *rank; /* variables; size NULL: none is known */
    const char *remedy;
    const char *on_node; /* variable with the number of its ranks on this node; NULL: none is known */
} launchers[] = {
    {"mpirun of Open MPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", SAME_REMEDY, NULL},
    {"mpirun of MVAPICH", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", SAME_REMEDY, NULL},
    {"jsrun", "JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", SAME_REMEDY, NULL},
    {"flux run", "FLUX_JOB_SIZE", "FLUX_TASK_RANK", "flux run -o pmi=pmix, or by mpirun", NULL},
    {"srun --mpi=pmi2 or mpiexec", "PMI_SIZE", "PMI_RANK", SRUN_REMEDY, NULL},
    {"mpiexec of PALS", NULL, "PALS_RANKID", SAME_REMEDY, "PALS_LOCAL_SIZE"},
    {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", SRUN_REMEDY, NULL},
    {"a launcher with PMIx", NULL, "PMIX_RANK", SAME_REMEDY, NULL},
};

/* -1: there is no such variable, or none is known. */
static long number(const char *variable)
{
    return variable ? tec_environment_number(variable) : -1;
}

/* A batch script of several tasks may call the program without a launcher, on purpose or not. */
static void hint(void)
{
    long tasks = number("SLURM_NTASKS");
    if (tasks > 1)
        tec_warn("this job has %ld tasks, but this is a single process outside of them: srun or mpirun starts ranks",
                 tasks);
}

tec_status tec_launcher_check(const tec_comm *comm)
{
    const char *meant = getenv("TEC_SINGLE");
    if (comm->size > 1 || (meant && !strcmp(meant, "1")))
        return TEC_OK;
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        long size = number(launchers[i].size), rank = number(launchers[i].rank), here = number(launchers[i].on_node);
        if (size == 1)
            return TEC_OK;
        if (size < 0 && here < 2 && rank < 1) /* the first of several, or alone: MPI_Init itself sets PMIX_RANK=0 */
            continue;
        char of[48] = "";
        if (size > 1)
            snprintf(of, sizeof of, " of %ld", size);
        else if (here > 1)
            snprintf(of, sizeof of, ", of %ld on this node", here);
        return tec_fail(TEC_USER_ERROR,
                        "%s has started this process as number %ld%s, but for MPI it is alone, and each of them would "
                        "do all of the work: start the ranks by %s; TEC_SINGLE=1 in the environment if single "
                        "processes are meant",
                        launchers[i].name, rank < 0 ? 1 : rank + 1, of, launchers[i].remedy);
    }
    hint();
    return TEC_OK;
}
