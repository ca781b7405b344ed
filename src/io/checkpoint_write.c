/* Writing model files, such that there is a whole one at any moment. */
#include "tec/checkpoint_h5.h"

#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/temporary.h"
#include "tec/text.h"
#include "tec/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A set of tensors in the file: the weights or one of the moments. */
typedef struct tensor_set {
    const char *group;
    const real *flat; /* laid out as the weights are */
    bool all;         /* the fixed tensors, too */
    int64_t *place;   /* offset of each tensor in the file */
} tensor_set;

static tec_status draft_set(tec_h5_draft *draft, const tec_params *params, tensor_set *set)
{
    hid_t type = TEC_REAL_IS_DOUBLE ? H5T_IEEE_F64LE : H5T_IEEE_F32LE;
    char name[128];
    set->place = tec_allocate_zeroed((size_t)params->count, sizeof *set->place);
    for (int i = 0; i < params->count; i++) {
        const tec_param *param = &params->param[i];
        if (!set->all && !param->trained)
            continue;
        hsize_t dim[4];
        for (int d = 0; d < param->dims; d++)
            dim[d] = (hsize_t)param->dim[d];
        uint32_t crc = tec_crc32c(0, set->flat + param->offset, param->count * sizeof(real));
        snprintf(name, sizeof name, "%s/%s", set->group, param->name);
        TEC_TRY(tec_h5_draft_dataset(draft, name, type, param->dims, dim, &crc, &set->place[i]));
    }
    return TEC_OK;
}

static tec_status write_set(int fd, const char *path, const tec_params *params, const tensor_set *set)
{
    for (int i = 0; i < params->count; i++) {
        const tec_param *param = &params->param[i];
        if (set->all || param->trained)
            TEC_TRY(tec_file_put(fd, path, set->flat + param->offset, param->count * sizeof(real), set->place[i]));
    }
    return TEC_OK;
}

static tec_status draft_config(tec_h5_draft *draft, const tec_model_config *config, bool averaged)
{
    const bool several = tec_model_bases(config) > 1;
    const int version = several ? TEC_CHECKPOINT_SEVERAL : averaged ? TEC_CHECKPOINT_AVERAGED : TEC_CHECKPOINT_VERSION;
    TEC_TRY(tec_h5_draft_put_text(draft, "/", "format", TEC_CHECKPOINT_FORMAT));
    TEC_TRY(tec_h5_draft_put_numbers(draft, "/", "version", H5T_NATIVE_INT, 1, &version));
    TEC_TRY(tec_h5_draft_put_text(draft, "/", "kind", tec_checkpoint_kinds[config->kind]));
    TEC_TRY(tec_h5_draft_group(draft, "/config"));
    for (const tec_h5_field *f = tec_checkpoint_config_fields; f->name; f++)
        if (f->use & 1u << config->kind && (several || !(f->use & TEC_CHECKPOINT_OF_SEVERAL)))
            TEC_TRY(tec_h5_draft_put_field(draft, "/config", f, config));
    return TEC_OK;
}

static tec_status draft_run(tec_h5_draft *draft, const tec_run_state *state, bool several,
                            const tec_checkpoint_texts *texts)
{
    TEC_TRY(tec_h5_draft_put_numbers(draft, "/optimizer", "step", H5T_NATIVE_INT64, 1, &state->step));
    TEC_TRY(tec_h5_draft_group(draft, "/run"));
    for (const tec_h5_field *f = tec_checkpoint_run_fields; f->name; f++)
        if (several || !(f->use & TEC_CHECKPOINT_OF_SEVERAL))
            TEC_TRY(tec_h5_draft_put_field(draft, "/run", f, state));
    TEC_TRY(tec_h5_draft_text(draft, "/run/settings", texts && texts->settings ? texts->settings : ""));
    if (texts && texts->classes)
        TEC_TRY(tec_h5_draft_text(draft, "/run/classes", texts->classes));
    char *software = tec_string_format("tec %s", tec_version());
    tec_status status = tec_h5_draft_text(draft, "/run/software", software);
    free(software);
    return status;
}

char *tec_checkpoint_previous(const char *path)
{
    const char *name = tec_path_name(path), *dot = strrchr(name, '.');
    if (!dot || dot == name)
        return tec_string_format("%s_prev", path);
    return tec_string_format("%.*s_prev%s", (int)(dot - path), path, dot);
}

/* A link rather than a rename where the file system has hard links, so that `path` itself exists at any moment. */
static tec_status keep_previous(const char *path)
{
    char *previous = tec_checkpoint_previous(path), *linked = tec_file_temporary(previous);
    tec_status status = TEC_OK;
    const char *from = link(path, linked) == 0 ? linked : path;
    if (from == linked || errno != ENOENT)
        status = tec_file_rename(from, previous);
    unlink(linked); /* is still there if the rename failed, or if both were the same file already */
    free(linked);
    free(previous);
    return status;
}

static tec_status write_sets(const char *temporary, tec_h5_draft *draft, const tec_params *params,
                             const tensor_set *set, int sets)
{
    int fd;
    int64_t bytes;
    TEC_TRY(tec_h5_draft_save(draft, temporary, &fd, &bytes));
    tec_status status = TEC_OK;
    for (int s = 0; s < sets && status == TEC_OK; s++)
        status = write_set(fd, temporary, params, &set[s]);
    if (close(fd) != 0 && status == TEC_OK)
        status =
            tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", tec_temporary_path(temporary), strerror(errno));
    return status;
}

tec_status tec_checkpoint_write(const char *path, const tec_model_config *config, const tec_params *params,
                                const tec_checkpoint_run *run, const tec_checkpoint_texts *texts,
                                tec_checkpoint_confirm *confirm, const void *context)
{
    TEC_H5_ALONE;
    const bool averaged = run && run->average;
    tensor_set set[4] = {
        {.group = "weights", .flat = averaged ? run->average : params->weight, .all = true},
        {.group = "optimizer/m", .flat = run ? run->m : NULL},
        {.group = "optimizer/v", .flat = run ? run->v : NULL},
        {.group = "optimizer/w", .flat = params->weight},
    };
    int sets = !run ? 1 : averaged ? 4 : 3;
    char *temporary = tec_file_temporary(path);
    tec_h5_draft draft;
    tec_status status = tec_h5_draft_open(&draft);
    if (status == TEC_OK)
        status = draft_config(&draft, config, averaged);
    for (int s = 0; s < sets && status == TEC_OK; s++)
        status = draft_set(&draft, params, &set[s]);
    if (status == TEC_OK && run)
        status = draft_run(&draft, run->state, tec_model_bases(config) > 1, texts);
    if (status == TEC_OK)
        status = write_sets(temporary, &draft, params, set, sets);
    tec_h5_draft_close(&draft);
    if (status == TEC_OK)
        status = tec_file_flush(temporary);
    if (status == TEC_OK && confirm)
        status = confirm(context);
    if (status == TEC_OK)
        status = keep_previous(path);
    if (status == TEC_OK)
        status = tec_file_publish(temporary, path);
    else
        unlink(temporary);
    for (int s = 0; s < sets; s++)
        free(set[s].place);
    free(temporary);
    return status;
}

/* What HDF5 adds, object headers and alignment. Measured. */
#define TENSOR_OVERHEAD 600
#define FILE_OVERHEAD 8000

int64_t tec_checkpoint_bytes(const tec_params *params, bool averaged)
{
    const int sets = averaged ? 3 : 2;
    int64_t tensors = params->count, numbers = (int64_t)params->total + sets * (int64_t)params->trained;
    for (int i = 0; i < params->count; i++)
        tensors += params->param[i].trained ? sets : 0;
    return numbers * (int64_t)sizeof(real) + tensors * TENSOR_OVERHEAD + FILE_OVERHEAD;
}

void tec_checkpoint_library(char *text, size_t size)
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(text, size, "%u.%u.%u", major, minor, release);
}
