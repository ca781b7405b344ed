/* environment.json: versions, hosts and ranks of a run. */
#include "run_environment.h"

#include "tec/checkpoint.h"
#include "tec/gemm.h"
#include "tec/json.h"
#include "tec/minmax.h"
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

/* The starts that the file lists; an empty array if it does not, or cannot be read. */
static json_t *former_starts(const char *path)
{
    json_t *object = json_load_file(path, 0, NULL), *starts = json_object_get(object, "starts");
    json_t *copy = json_is_array(starts) ? json_deep_copy(starts) : json_array();
    json_decref(object);
    return copy;
}

/* Starts after `step` came to nothing: the run goes on from before them. */
static json_t *starts_with(const tec_comm *comm, const char *path, const char *now, int64_t resumed_at)
{
    json_t *starts = resumed_at < 0 ? json_array() : former_starts(path);
    for (size_t i = json_array_size(starts); i-- > 0;)
        if (json_integer_value(json_object_get(json_array_get(starts, i), "step")) > resumed_at)
            json_array_remove(starts, i);
    json_array_append_new(starts, json_pack("{sI ss si si}", "step", (json_int_t)tec_max_int64(resumed_at, 0),
                                            "started", now, "ranks", comm->size, "threads", omp_get_max_threads()));
    return starts;
}

tec_status tec_run_environment_write(const tec_comm *comm, const char *path, int64_t resumed_at)
{
    char now[32];
    time_t seconds = time(NULL);
    struct tm utc;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    tec_status status = TEC_OK;
    if (comm->rank == 0) {
        /* clang-format off */
        json_t *object = json_pack("{ss so so ss ss si si}",
            "tec", tec_version(),
            "mpi", mpi_version(comm),
            "hdf5", hdf5_version(),
            "blas", tec_blas_name(),
            "started", now,
            "ranks", comm->size,
            "threads", omp_get_max_threads());
        /* clang-format on */
        json_object_set_new(object, "hosts", hosts(comm));
        json_object_set_new(object, "starts", starts_with(comm, path, now, resumed_at));
        status = tec_json_write(path, object, 9);
        json_decref(object);
    }
    return tec_comm_agree(comm, status);
}
