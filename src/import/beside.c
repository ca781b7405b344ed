/* What lies beside a model file: JSON files that say something of it, perhaps behind links, and other models, which they
 * may be about instead. */
#include "import_parts.h"

#include "tec/files.h"
#include "tec/text.h"
#include "tec/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- links -- */

/* A link to nothing lies there, too. */
static bool lies_beside(const char *path, const char *name)
{
    struct stat info;
    char *file = tec_path_beside(path, name);
    bool there = lstat(file, &info) == 0 || errno != ENOENT;
    free(file);
    return there;
}

/* What the link `path` points to; NULL: it is none. The caller frees it. */
static char *follow(const char *path)
{
    enum { LONGEST = 4096 };
    char target[LONGEST + 1];
    ssize_t length = readlink(path, target, LONGEST);
    if (length < 1 || length == LONGEST)
        return NULL;
    target[length] = 0;
    return target[0] == '/' ? tec_string_copy(target) : tec_path_beside(path, target);
}

char *tec_import_where_described(const char *path)
{
    enum { MOST_LINKS = 40 };
    char *at = tec_string_copy(path);
    for (int i = 0; i < MOST_LINKS && at; i++) {
        if (lies_beside(at, "config.json") || lies_beside(at, "preprocessor_config.json"))
            return at;
        char *next = follow(at);
        free(at);
        at = next;
    }
    free(at);
    return tec_string_copy(path);
}

/* -- JSON -- */

static json_t *parse(const char *text, size_t bytes, json_error_t *error)
{
    size_t mark = tec_utf8_mark(text, bytes);
    return json_loadb(text + mark, bytes - mark, 0, error);
}

static tec_status check_there(const tec_import *import, const char *file, const char *name, bool *there)
{
    struct stat info;
    *there = false;
    if (lstat(file, &info) != 0)
        return errno == ENOENT ? TEC_OK
                               : tec_fail(TEC_USER_ERROR, "%s: %s beside it: %s", import->path, name, strerror(errno));
    *there = true;
    if (stat(file, &info) == 0)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR, "%s: %s beside it is a link to nothing (%s): mend it or take it away", import->path,
                    name, strerror(errno));
}

tec_status tec_import_read_beside(const tec_import *import, const char *path, const char *name, json_t **object)
{
    enum { LONGEST = 1 << 22 };
    char *file = tec_path_beside(path, name), *text = NULL;
    size_t bytes;
    bool there;
    json_error_t error;
    *object = NULL;
    tec_status status = check_there(import, file, name, &there);
    if (status == TEC_OK && there)
        status = tec_file_read(file, LONGEST, &text, &bytes);
    if (status == TEC_OK && text) {
        *object = parse(text, bytes, &error);
        if (!json_is_object(*object)) {
            status = tec_fail(TEC_USER_ERROR, "%s: %s beside it is damaged (line %d: %s): mend it or take it away",
                              import->path, name, *object ? 1 : error.line,
                              *object ? "it is not a JSON object" : error.text);
            json_decref(*object);
            *object = NULL;
        }
    }
    free(text);
    free(file);
    return status;
}

/* -- other models -- */

static const char *const models[] = {"*.safetensors", "*.pth", "*.pth.tar", "*.pt", "*.bin", "*.index.json", NULL};

/* Parts of another file's model, and what trainers leave beside it. */
static const char *const no_models[] = {
    "*-[0-9]*-of-[0-9]*", "training_args.bin", "optimizer*", "scheduler*", "scaler*", "rng_state*", ".*", NULL};

static bool is_any(const char *const *pattern, const char *name)
{
    for (; *pattern; pattern++)
        if (fnmatch(*pattern, name, FNM_CASEFOLD) == 0)
            return true;
    return false;
}

bool tec_import_is_hub_name(const char *path)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                        "pytorch_model.bin.index.json", NULL};
    return is_any(names, tec_path_name(path));
}

char *tec_import_model_beside(const char *path)
{
    char *directory = tec_path_directory(path), *found = NULL;
    DIR *list = opendir(directory);
    const struct dirent *entry;
    while (list && (entry = readdir(list)) != NULL) {
        const char *name = entry->d_name;
        bool other = is_any(models, name) && !is_any(no_models, name) && strcmp(name, tec_path_name(path)) != 0;
        if (!other || (found && strcmp(found, name) < 0)) /* the first in order, whatever the file system's */
            continue;
        free(found);
        found = tec_string_copy(name);
    }
    if (list)
        closedir(list);
    free(directory);
    return found;
}
