/* The record of a set's images: written once, read when the images are no longer the same. */
#include "tec/dataset_record.h"

#include "dataset_parts.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#define NAME "images.gz"
#define TITLE "tec-images 1"
#define LONGEST 65536 /* of a text; paths have at most 4096 bytes */

/* ---- writing ---- */

static bool put_all(gzFile out, const tec_dataset *set)
{
    bool good = gzprintf(out, "%s%c%016" PRIx64 " %" PRId64 " %" PRId64 "%c", TITLE, 0, set->fingerprint, set->size,
                         set->total, 0) > 0;
    for (int64_t i = 0; i < set->total && good; i++) {
        char number[32], name[TEC_ENTRY_NAME];
        int64_t mark;
        const char *path = set->kind->entry(set, i, &mark, name);
        int length = snprintf(number, sizeof number, "%" PRId64 " ", mark);
        good = gzwrite(out, number, (unsigned)length) == length &&
               gzwrite(out, path, (unsigned)strlen(path) + 1) == (int)strlen(path) + 1;
    }
    return good;
}

tec_status tec_gzip_publish(const char *path, const tec_dataset *set, tec_gzip_put *put)
{
    char *temporary = tec_file_temporary(path);
    errno = 0;
    gzFile out = gzopen(temporary, "wb1");
    bool good = out && put(out, set);
    if (out)
        good = gzclose(out) == Z_OK && good;
    tec_status status = good ? tec_file_publish(temporary, path)
                             : tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", tec_temporary_path(temporary),
                                        strerror(errno ? errno : EIO));
    if (!good)
        unlink(temporary);
    free(temporary);
    return status;
}

tec_status tec_dataset_record_write(const tec_dataset *set, const char *dir)
{
    if (!set->kind->entry)
        return TEC_OK;
    char *path = tec_path_join(dir, NAME);
    tec_status status = tec_gzip_publish(path, set, put_all);
    free(path);
    return status;
}

bool tec_dataset_record_exists(const char *dir)
{
    char *path = tec_path_join(dir, NAME);
    bool exists = tec_file_exists(path);
    free(path);
    return exists;
}

/* ---- comparing ---- */

/* A walk through a record. */
typedef struct record {
    gzFile in;
    uint64_t fingerprint;
    int64_t used, total;
    int64_t left; /* entries that have not been taken */
    int64_t mark; /* of the current one */
    char *text;   /* [LONGEST] */
    const char *path;
} record;

/* Reads up to the next 0 byte into r->text. */
static bool take_text(record *r)
{
    for (size_t length = 0; length < LONGEST; length++) {
        int byte = gzgetc(r->in);
        if (byte < 0)
            return false;
        r->text[length] = (char)byte;
        if (byte == 0)
            return true;
    }
    return false;
}

/* The next entry; r->path NULL: there are no more. */
static void take_entry(record *r)
{
    char *end = r->text;
    r->path = NULL;
    if (r->left <= 0 || !take_text(r))
        return;
    r->mark = strtoll(r->text, &end, 10);
    r->path = *end == ' ' ? end + 1 : NULL;
    r->left--;
}

static bool open_record(record *r, const char *dir)
{
    char *path = tec_path_join(dir, NAME);
    long long used, total;
    unsigned long long fingerprint;
    *r = (record){.in = gzopen(path, "rb"), .text = tec_allocate(LONGEST)};
    free(path);
    if (!r->in || !take_text(r) || strcmp(r->text, TITLE) != 0 || !take_text(r) ||
        sscanf(r->text, "%llx %lld %lld", &fingerprint, &used, &total) != 3)
        return false;
    r->fingerprint = fingerprint;
    r->used = used;
    r->left = r->total = total;
    return true;
}

static void close_record(record *r)
{
    if (r->in)
        gzclose_r(r->in);
    free(r->text);
}

/* What has happened to images, how often, and the first time to any. */
typedef struct changes {
    int64_t added, missing, other;
    char *first;
} changes;

static void note(changes *c, int64_t *count, char *text)
{
    ++*count;
    if (c->first)
        free(text);
    else
        c->first = text;
}

static void note_other(changes *c, const tec_dataset *set, const char *path, int64_t was, int64_t is)
{
    if (set->kind->one_size)
        note(c, &c->other, tec_string_format("%s is another image, or has another label", path));
    else
        note(c, &c->other, tec_string_format("%s has %lld bytes instead of %lld", path, (long long)is, (long long)was));
}

/* Both lists are sorted by path, bytewise. */
static void merge(record *r, const tec_dataset *set, changes *c)
{
    int64_t i = 0, mark = 0;
    char name[TEC_ENTRY_NAME];
    take_entry(r);
    while (r->path || i < set->total) {
        const char *path = i < set->total ? set->kind->entry(set, i, &mark, name) : NULL;
        int order = !path ? -1 : !r->path ? 1 : strcmp(r->path, path);
        if (order < 0)
            note(c, &c->missing, tec_string_format("%s is missing", r->path));
        else if (order > 0)
            note(c, &c->added, tec_string_format("%s is new", path));
        else if (r->mark != mark)
            note_other(c, set, path, r->mark, mark);
        if (order <= 0)
            take_entry(r);
        i += order >= 0;
    }
}

/* " (4 new, 1 missing, 2 changed in all)", if there is more than one. */
static char *count_text(const changes *c)
{
    if (c->added + c->missing + c->other < 2)
        return tec_string_copy("");
    return tec_string_format(" (%lld new, %lld missing, %lld changed in all)", (long long)c->added,
                             (long long)c->missing, (long long)c->other);
}

char *tec_dataset_record_difference(const tec_dataset *set, const char *dir)
{
    record r;
    changes c = {0};
    char *text = NULL;
    if (open_record(&r, dir) && set->kind->entry && r.fingerprint != set->fingerprint) {
        merge(&r, set, &c);
        char *counts = count_text(&c);
        const char *why =
            set->chosen           ? ", as the files are the same but other labels are used"
            : r.used != set->size ? ", as the files are the same but data.max_train is not"
            : set->own_labels
                ? ", as the files are the same but the labels of the list file, data.bands, data.range or data.exif_orientation are not"
            : !set->kind->one_size
                ? ", as the files are the same but one of data.bands, data.range and data.exif_orientation is not"
                : ", as the images are the same but one of data.bands and data.range is not";
        text = tec_string_format("%lld images were used, %lld are now%s%s%s", (long long)r.used, (long long)set->size,
                                 c.first ? ": " : "", c.first ? c.first : why, counts);
        free(counts);
    }
    free(c.first);
    close_record(&r);
    return text ? text : tec_string_copy("");
}
