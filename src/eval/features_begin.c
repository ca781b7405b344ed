/* Begins the parts of a file of features, or goes on with those that a run before has left. */
#include "features_begin.h"

#include "extract.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/room.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A part is what a kill may cost: a minute or so of computation, and not too many files. */
enum { PART_IMAGES = 1024, PARTS_OF_A_RANK = 8 };
#define PART_BYTES ((int64_t)64 << 20)

static const char record[] = "features.h5"; /* what the parts are for */

static int64_t choose_part_batches(const tec_features_job *job, const tec_feature_spec *spec, int ranks)
{
    const int64_t batches = tec_extract_batches(&job->settings, job->set);
    int64_t images = tec_min_int64(PART_IMAGES, PART_BYTES / (int64_t)tec_feature_row_bytes(spec));
    images = tec_min_int64(images, batches * spec->batch / (PARTS_OF_A_RANK * ranks));
    return tec_max_int64(1, images / spec->batch);
}

/* Work that ends removes the directory: a lock file that was opened just before is then one that nobody else sees. Returns
 * whether the lock is taken; false with TEC_OK in *status: the next attempt may succeed. */
static bool try_lock(features_begun *b, const char *name, const char *path, tec_status *status)
{
    *status = tec_directory_make(b->dir);
    if (*status != TEC_OK)
        return false;
    b->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (b->lock < 0 && errno != ENOENT)
        *status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be opened: %s", name, tec_file_reason(errno));
    else if (b->lock >= 0 && !tec_temporary_mark(b->lock))
        *status = tec_fail(TEC_USER_ERROR,
                           "%s: another process computes these features at this moment: wait until it "
                           "ends, or give another OUT",
                           path);
    else if (b->lock >= 0 && !tec_file_replaced(b->lock, name))
        return true;
    if (b->lock >= 0)
        close(b->lock);
    b->lock = -1;
    return false;
}

static tec_status lock(features_begun *b, const char *path)
{
    enum { ATTEMPTS = 10 };
    char *name = tec_path_join(b->dir, "lock");
    tec_status status = TEC_OK;
    bool locked = false;
    for (int attempt = 0; attempt < ATTEMPTS && status == TEC_OK && !locked; attempt++)
        locked = try_lock(b, name, path, &status);
    if (status == TEC_OK && !locked)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be locked: other processes keep removing it", name);
    free(name);
    return status;
}

static tec_status refuse(const features_begun *b, const tec_feature_difference *d)
{
    const bool images = strcmp(d->name, "images") == 0 || strcmp(d->name, "data_hash") == 0;
    if (images || strcmp(d->name, "model_hash") == 0)
        return tec_fail(TEC_USER_ERROR, "%s was begun with %s: give the former, or remove it to begin anew", b->dir,
                        images ? "other images" : "another model");
    return tec_fail(TEC_USER_ERROR,
                    "%s was begun with %s = %s, this run wants %s (%s): give the former, or remove it to begin anew",
                    b->dir, d->name, d->a, d->b, d->setting);
}

/* What the parts that are there were made for has to be what is wanted. */
static tec_status settle(features_begun *b, const tec_features_job *job, const tec_feature_spec *spec, int ranks)
{
    char *path = tec_path_join(b->dir, record);
    tec_feature_spec begun;
    tec_feature_difference difference;
    tec_status status = TEC_OK;
    if (!tec_file_exists(path)) {
        b->part_batches = choose_part_batches(job, spec, ranks);
        status = tec_feature_spec_write(path, spec, b->part_batches);
    } else if ((status = tec_feature_spec_read(path, &begun, &b->part_batches)) == TEC_OK) {
        if (tec_feature_spec_differ(&begun, spec, false, &difference))
            status = refuse(b, &difference);
        else if (b->part_batches < 1)
            status = tec_fail(TEC_USER_ERROR, "%s is damaged: remove %s", path, b->dir);
    }
    free(path);
    return status;
}

row_parts tec_features_parts(const features_begun *b, const tec_feature_spec *spec)
{
    return (row_parts){.dir = b->dir,
                       .row_bytes = tec_feature_row_bytes(spec),
                       .images = spec->images,
                       .part_images = b->part_batches * spec->batch};
}

static tec_status list_missing(features_begun *b, const tec_features_job *job, const tec_feature_spec *spec)
{
    const int64_t batches = tec_extract_batches(&job->settings, job->set);
    const row_parts parts = tec_features_parts(b, spec);
    int64_t useless = 0;
    b->parts = (batches + b->part_batches - 1) / b->part_batches;
    b->missing = tec_allocate((size_t)b->parts * sizeof *b->missing);
    for (int64_t part = 0; part < b->parts; part++) {
        bool there, no_use;
        tec_phase_tick();
        TEC_TRY(tec_row_part_there(&parts, part, &there, &no_use));
        useless += no_use;
        if (!there)
            b->missing[b->missing_count++] = part;
    }
    if (b->missing_count < b->parts)
        tec_log("%s: %lld of %lld parts are there already", b->dir, (long long)(b->parts - b->missing_count),
                (long long)b->parts);
    if (useless > 0)
        tec_log("%s: %lld part%s damaged, or of an earlier program, and computed again", b->dir, (long long)useless,
                useless == 1 ? " is" : "s are");
    return TEC_OK;
}

/* The missing parts, and the file, which is written beside them. */
static tec_status check_room(const features_begun *b, const tec_feature_spec *spec)
{
    const int64_t whole = spec->images * (int64_t)tec_feature_row_bytes(spec);
    return tec_room_check(b->dir, whole + whole / b->parts * b->missing_count,
                          "the features, for a while twice as they are put together from parts,",
                          "set features.type=float16, which halves them, or give another OUT");
}

/* The file's own temporary names, of a run that was killed while it put it together. */
static void remove_temporaries(const features_begun *b, const char *path)
{
    const char *name = tec_path_name(path);
    char *directory = tec_path_directory(path);
    char *prefix = tec_string_format("%.*s", (int)(strrchr(name, '.') - name + 1), name); /* that of a .csv too */
    tec_temporary_remove(directory, prefix, NULL);
    tec_temporary_remove_all(b->dir, "part-");
    free(prefix);
    free(directory);
}

tec_status tec_features_begin(const tec_features_job *job, const tec_feature_spec *spec, int ranks, features_begun *out)
{
    *out = (features_begun){.dir = tec_string_format("%s.parts", job->path), .lock = -1};
    TEC_TRY(lock(out, job->path));
    TEC_TRY(settle(out, job, spec, ranks));
    remove_temporaries(out, job->path);
    TEC_TRY(list_missing(out, job, spec));
    return check_room(out, spec);
}

void tec_features_end(features_begun *b, bool done)
{
    static const char *const others[] = {record, "lock"};
    for (int64_t part = 0; part < b->parts && done; part++)
        tec_row_part_remove(b->dir, part);
    for (size_t i = 0; i < sizeof others / sizeof *others && done; i++) {
        char *path = tec_path_join(b->dir, others[i]);
        unlink(path);
        free(path);
    }
    if (done)
        rmdir(b->dir);
    if (b->lock >= 0)
        close(b->lock);
    free(b->missing);
    free(b->dir);
    *b = (features_begun){.lock = -1};
}
