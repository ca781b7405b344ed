/* Opening by path: a file, an index of shards, or the directory of a published model or of a run. */
#include "tensor_source.h"

#include "tec/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The model file in the directory of a published model or of a run; NULL: there is none. The caller frees it. */
static char *find_in_directory(const char *directory)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                        "pytorch_model.bin.index.json", "checkpoint.h5"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = tec_path_join(directory, names[i]);
        if (tec_file_exists(path))
            return path;
        free(path);
    }
    return NULL;
}

/* Names the other program's model in the directory, if there is one. */
static tec_status fail_directory(const char *directory)
{
    static const char *const others[] = {"tf_model.h5", "flax_model.msgpack", "saved_model.pb", "model.onnx"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char *path = tec_path_join(directory, others[i]);
        bool there = tec_file_exists(path);
        free(path);
        if (there)
            return tec_fail(TEC_USER_ERROR,
                            "%s is a directory with %s, which is not read, but without model.safetensors or "
                            "pytorch_model.bin: take the same model in one of these forms",
                            directory, others[i]);
    }
    return tec_fail(TEC_USER_ERROR,
                    "%s is a directory without model.safetensors, pytorch_model.bin or checkpoint.h5: name the model "
                    "file",
                    directory);
}

tec_status tec_tensor_file_open(tec_tensor_file **out, const char *path)
{
    struct stat info;
    char *inside = NULL;
    *out = NULL;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        inside = find_in_directory(path);
        if (!inside)
            return fail_directory(path);
        path = inside;
    }
    /* Without O_NONBLOCK, opening a named pipe would block. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    tec_status status;
    if (fd < 0)
        status = tec_fail(TEC_USER_ERROR, "%s: %s", path, strerror(errno));
    else
        status = tec_tensor_file_open_fd(out, fd, path, tec_tensor_index_open);
    free(inside);
    return status;
}
