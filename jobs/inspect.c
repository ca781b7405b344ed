/* tec inspect FILE ...: what a model file, a checkpoint, a fixture or a target store holds. */
#include "inspect.h"

#include "jobs.h"
#include "tec/files.h"
#include "tec/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *inspect_printable(const char *text)
{
    char *copy = tec_string_format("%s", text);
    for (char *c = copy; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    return copy;
}

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool directory_has(const char *directory, const char *name)
{
    char *path = tec_path_join(directory, name);
    bool has = tec_file_exists(path);
    free(path);
    return has;
}

/* "DIR/manifest.json" -> "DIR"; the caller frees it. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? tec_string_format("%.*s", slash == path ? 1 : (int)(slash - path), path) : tec_string_format(".");
}

static tec_status inspect(const char *path, const tec_settings *settings)
{
    const char *slash = strrchr(path, '/');
    if (is_directory(path)) {
        if (directory_has(path, "manifest.json") || directory_has(path, "shard-00000.h5"))
            return inspect_store(path);
    } else if (strcmp(slash ? slash + 1 : path, "manifest.json") == 0) {
        char *directory = directory_of(path);
        tec_status status = inspect_store(directory);
        free(directory);
        return status;
    } else if (tec_store_is_shard(path)) {
        return inspect_shard(path);
    }
    return inspect_tensors(path, settings);
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    (void)comm;
    if (call->file_count == 0)
        return tec_fail(TEC_USER_ERROR, "no file was named: tec inspect FILE ...");
    for (int i = 0; i < call->file_count; i++) {
        if (i)
            putchar('\n');
        TEC_TRY(inspect(call->files[i], &call->settings));
    }
    return TEC_OK;
}

static const char *const sections[] = {"base", NULL};

const tec_command tec_command_inspect = {
    .name = "inspect",
    .usage = "FILE ... [base.key=value ...]",
    .summary = "say what a model file or a target store holds",
    .details =
        "FILE is a .safetensors file or the index of a sharded one, a PyTorch file (.pth, .pt, .bin, whether zip or "
        "older), a tec checkpoint, a golden fixture, a target store (its directory, its manifest or one of its "
        "shards), or a directory with model.safetensors, pytorch_model.bin or checkpoint.h5. Nothing in it is "
        "executed.\n\n"
        "Prints, a line each: format, family and architecture of the model as `base.model=FILE` would take it, number "
        "of "
        "parameters, what else the file holds, and every tensor with type and shape.",
    .sections = sections,
    .takes_files = true,
    .run = run,
};
