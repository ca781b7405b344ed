/* Forms of data sets that people have and that are not read: refused by name, with what to do. */
#include "array_parts.h"

#include "tec/files.h"
#include "tec/text.h"

#include <string.h>

static bool is_pickled_name(const char *name)
{
    return tec_string_starts_with(name, "data_batch_") || !strcmp(name, "test_batch");
}

/* A pickle of protocol 2 begins with 80 02. */
static bool matches_pickled(const char *path, const struct stat *info, const uint8_t *start, size_t bytes)
{
    if (S_ISREG(info->st_mode))
        return bytes >= 2 && start[0] == 0x80 && is_pickled_name(tec_path_name(path));
    return S_ISDIR(info->st_mode) &&
           ((tec_array_folder_has(path, "data_batch_1") && tec_array_folder_has(path, "batches.meta")) ||
            (tec_array_folder_has(path, "train") && tec_array_folder_has(path, "test") &&
             tec_array_folder_has(path, "meta")));
}

static tec_status refuse_pickled(tec_array_file *file)
{
    return tec_fail(
        TEC_USER_ERROR,
        "%s: CIFAR as pickles of Python, which are programs and not read: take the \"binary version (suitable "
        "for C programs)\" from the same page, cifar-10-binary.tar.gz or cifar-100-binary.tar.gz",
        file->path);
}

const array_format tec_array_pickled_cifar = {
    .name = "CIFAR (pickled)", .matches = matches_pickled, .list = refuse_pickled};

static bool matches_parquet(const char *path, const struct stat *info, const uint8_t *start, size_t bytes)
{
    (void)path;
    (void)info;
    return bytes >= 4 && !memcmp(start, "PAR1", 4);
}

static tec_status refuse_parquet(tec_array_file *file)
{
    return tec_fail(TEC_USER_ERROR,
                    "%s: Parquet, which is not read: python3 -c \"import pandas, pathlib; [(d := "
                    "pathlib.Path('OUT', str(r['label']))).mkdir(parents=True, exist_ok=True) or "
                    "d.joinpath(f'{i:07}.png').write_bytes(r['image']['bytes']) for i, r in "
                    "pandas.read_parquet('%s').iterrows()]\" makes a folder OUT of it",
                    file->path, tec_path_name(file->path));
}

const array_format tec_array_parquet = {.name = "Parquet", .matches = matches_parquet, .list = refuse_parquet};
