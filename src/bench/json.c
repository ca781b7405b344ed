/* bench.json: the measurements of one machine, one object per run. */
#include "tec/bench.h"

#include "tec/files.h"
#include "tec/json.h"
#include "tec/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char FORMAT[] = "tec-bench";
enum { VERSION = 1 };

/* "model name : AMD EPYC" of /proc/cpuinfo. */
static void cpu_name(char *name, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    snprintf(name, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon || !colon[1])
            continue;
        snprintf(name, size, "%s", colon + 2);
        name[strcspn(name, "\n")] = '\0';
        break;
    }
    if (file)
        fclose(file);
}

json_t *tec_bench_machine(void)
{
    char cpu[256], mpi[256];
    cpu_name(cpu, sizeof cpu);
    tec_comm_library(mpi, sizeof mpi);
    json_int_t memory = (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    /* clang-format off */
    return json_pack("{ss si sI ss ss ss ss}",
        "cpu", cpu,
        "cores", (int)sysconf(_SC_NPROCESSORS_ONLN),
        "memory_bytes", memory,
        "compiler", __VERSION__,
        "blas", tec_blas_name(),
        "mpi", mpi,
        "tec", tec_version());
    /* clang-format on */
}

static json_t *operators_json(const tec_bench_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < TEC_OPERATORS; i++) {
        const tec_measured *m = &r->operators[i];
        if (!m->calls)
            continue;
        /* clang-format off */
        json_array_append_new(list, json_pack("{ss sf sf sf}",
            "name", tec_operator_name((tec_operator)i),
            "calls", (double)m->calls / r->steps,
            "seconds", m->seconds / r->steps,
            "share", m->seconds / r->total));
        /* clang-format on */
    }
    return list;
}

static const char *letter(tec_transpose transpose)
{
    return transpose == TEC_TRANSPOSED ? "T" : "N";
}

static json_t *kinds_json(const tec_bench_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->kinds; i++) {
        const tec_gemm_kind *k = &r->kind[i].in_step;
        double flops = 2.0 * k->m * k->n * k->k, warm = r->kind[i].warm_seconds;
        /* clang-format off */
        json_t *object = json_pack("{si si si ss ss sf sf sf}",
            "m", k->m,
            "n", k->n,
            "k", k->k,
            "a", letter(k->a),
            "b", letter(k->b),
            "calls", (double)k->calls / r->steps,
            "seconds", k->seconds / r->steps,
            "gflops", flops * (double)k->calls / k->seconds / 1e9);
        /* clang-format on */
        if (warm > 0)
            json_object_set_new(object, "own_gflops", json_real(flops / warm / 1e9));
        json_array_append_new(list, object);
    }
    return list;
}

/* clang-format off */
static json_t *reduce_json(const tec_bench_run *run)
{
    const tec_bench_result *r = &run->result;
    return json_pack("{sf sf sf sf}",
        "bytes", run->reduce.bytes,
        "seconds", run->reduce.seconds,
        "memcpy_seconds", run->reduce.copy_seconds,
        "exposed_seconds", r->operators[TEC_OPERATOR_REDUCE].seconds / r->steps);
}

static json_t *loader_json(const tec_bench_run *run)
{
    return json_pack("{si sf sf sf}",
        "workers", run->loader.workers,
        "images_per_second", run->loader.rate,
        "step_images_per_second", run->loader.step_rate,
        "wait_share", run->loader.wait_share);
}

static json_t *steps_json(const tec_bench_run *run)
{
    const tec_bench_result *r = &run->result;
    return json_pack("{ss ss si si si si si sf sf sf sf sf sf sf}",
        "size", run->size,
        "what", run->what,
        "ranks", run->ranks,
        "threads", run->threads,
        "batch", run->batch,
        "micro_batch", run->micro_batch,
        "steps", r->steps,
        "images_per_second", run->images_per_second,
        "step_seconds", r->median,
        "processor_seconds", r->processor / r->steps,
        "gemm_share", tec_bench_gemm_share(r),
        "peak_rss_mb", r->peak_rss_mb,
        "flops_per_image", run->flops / run->batch,
        "rate", run->rate);
}
/* clang-format on */

static json_t *run_json(const tec_bench_run *run)
{
    const tec_bench_result *r = &run->result;
    json_t *object = steps_json(run);
    if (run->parameters > 0)
        json_object_set_new(object, "update_seconds",
                            json_real(r->operators[TEC_OPERATOR_ADAMW].seconds / r->steps / run->parameters));
    if (run->reduce.seconds > 0)
        json_object_set_new(object, "allreduce", reduce_json(run));
    if (run->loader.rate > 0)
        json_object_set_new(object, "loader", loader_json(run));
    json_object_set_new(object, "operators", operators_json(r));
    json_object_set_new(object, "products", kinds_json(r));
    return object;
}

static json_t *new_file(void)
{
    /* clang-format off */
    return json_pack("{ss si so sf s[]}",
        "format", FORMAT,
        "version", VERSION,
        "machine", tec_bench_machine(),
        "copy_rate", tec_bench_copy_rate(),
        "runs");
    /* clang-format on */
}

tec_status tec_bench_json_read(const char *path, json_t **out)
{
    TEC_TRY(tec_json_read(path, out));
    const char *format = json_string_value(json_object_get(*out, "format"));
    bool ours = format && strcmp(format, FORMAT) == 0 && json_is_array(json_object_get(*out, "runs")) &&
                json_integer_value(json_object_get(*out, "version")) == VERSION;
    if (ours)
        return TEC_OK;
    json_decref(*out);
    *out = NULL;
    return tec_fail(TEC_USER_ERROR, "%s was not written by `tec bench --json`, or by a different version of it", path);
}

/* Measurements of two machines, or of two builds, do not belong in one file. */
static tec_status check_machine(const char *path, const json_t *file)
{
    json_t *mine = tec_bench_machine();
    bool same = json_equal(mine, json_object_get(file, "machine"));
    json_decref(mine);
    return same ? TEC_OK
                : tec_fail(TEC_USER_ERROR,
                           "%s holds measurements of another machine, or of another build of tec; "
                           "give another file, or remove it",
                           path);
}

static bool same_member(const json_t *a, const json_t *b, const char *key)
{
    return json_equal(json_object_get(a, key), json_object_get(b, key));
}

static void replace_run(json_t *runs, json_t *run)
{
    for (size_t i = json_array_size(runs); i-- > 0;) {
        const json_t *old = json_array_get(runs, i);
        if (same_member(old, run, "size") && same_member(old, run, "what") && same_member(old, run, "ranks"))
            json_array_remove(runs, i);
    }
    json_array_append_new(runs, run);
}

tec_status tec_bench_json_add(const char *path, const tec_bench_run *run)
{
    json_t *file;
    if (tec_file_exists(path))
        TEC_TRY(tec_bench_json_read(path, &file));
    else
        file = new_file();
    tec_status status = check_machine(path, file);
    if (status == TEC_OK) {
        replace_run(json_object_get(file, "runs"), run_json(run));
        status = tec_json_write(path, file, 9);
    }
    json_decref(file);
    return status;
}
