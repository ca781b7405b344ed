/* environment.json: versions, hosts and ranks of a run. */
#include "run_environment.h"

#include "tec/checkpoint.h"
#include "tec/gemm.h"
#include "tec/json.h"
#include "tec/version.h"

#include <jansson.h>
#include <omp.h>
#include <stdio.h>
#include <time.h>

static json_t *hosts(const tec_comm *comm)
{
    json_t *list = json_array();
    for (int rank = 0; rank < comm->size; rank++)
        json_array_append_new(list, json_string(tec_comm_host(comm, rank)));
    return list;
}

static json_t *mpi_version(const tec_comm *comm)
{
    char text[256] = "none";
    if (comm->world)
        tec_comm_library(text, sizeof text);
    return json_string(text);
}

static json_t *hdf5_version(void)
{
    char text[32];
    tec_checkpoint_library(text, sizeof text);
    return json_string(text);
}

static json_t *time_now(void)
{
    char text[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    return json_string(text);
}

tec_status tec_run_environment_write(const tec_comm *comm, const char *path)
{
    tec_status status = TEC_OK;
    if (comm->rank == 0) {
        /* clang-format off */
        json_t *object = json_pack("{ss so so ss so si si}",
            "tec", tec_version(),
            "mpi", mpi_version(comm),
            "hdf5", hdf5_version(),
            "blas", tec_blas_name(),
            "started", time_now(),
            "ranks", comm->size,
            "threads", omp_get_max_threads());
        /* clang-format on */
        json_object_set_new(object, "hosts", hosts(comm));
        status = tec_json_write(path, object, 9);
        json_decref(object);
    }
    return tec_comm_agree(comm, status);
}
