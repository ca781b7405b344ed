/* IDX, the format of MNIST and its relatives: a big-endian header, then bytes; gzipped or not. */
#include "dataset_parts.h"

#include "image_codec.h"
#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/hash.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#define MAGIC_IMAGES 0x00000803u
#define MAGIC_LABELS 0x00000801u
#define MAX_SIDE 65535
#define MAX_RATIO 1032 /* by which deflate can shrink data */
#define MOST_UNPACKED ((uint64_t)2 << 30)
#define CHUNK (1 << 24)
#define DIGITS 12 /* room for the number of a class as text */

typedef struct idx_file {
    gzFile stream;
    const char *path;
    uint32_t dimension[3]; /* count, then height and width of images */
    uint64_t bytes;        /* that follow the header */
} idx_file;

static tec_status read_failure(const idx_file *f, uint64_t got)
{
    int code;
    const char *text = gzerror(f->stream, &code);
    if (code == Z_ERRNO)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: read: %s", f->path, strerror(errno));
    if (code != Z_OK && code != Z_BUF_ERROR)
        return tec_fail(TEC_USER_ERROR, "%s: damaged gzip data after %llu bytes (%s): fetch the file again", f->path,
                        (unsigned long long)got, text);
    return tec_fail(TEC_USER_ERROR,
                    "%s: truncated: its header promises %u items (%llu bytes), but only %llu bytes can be read: fetch "
                    "the file again",
                    f->path, f->dimension[0], (unsigned long long)f->bytes, (unsigned long long)got);
}

static bool take(gzFile stream, uint32_t *word)
{
    unsigned char byte[4];
    if (gzread(stream, byte, sizeof byte) != (int)sizeof byte)
        return false;
    *word = (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
    return true;
}

/* Checks the sizes against the length of the file before memory is allocated for them. */
static tec_status check_header(idx_file *f, bool images)
{
    struct stat info;
    if (stat(f->path, &info))
        return tec_fail(TEC_SYSTEM_ERROR, "%s: stat: %s", f->path, strerror(errno));
    uint64_t header = images ? 16 : 8, size = (uint64_t)info.st_size;
    const uint32_t *n = f->dimension;
    if (!n[0] || (images && (!n[1] || !n[2] || n[1] > MAX_SIDE || n[2] > MAX_SIDE)))
        return tec_fail(TEC_USER_ERROR, "%s: the IDX header says %u items of %u x %u: not a data set", f->path, n[0],
                        images ? n[1] : 1, images ? n[2] : 1);
    if (images && (double)n[1] * n[2] > TEC_IMAGE_MAX_PIXELS)
        return tec_fail(TEC_USER_ERROR, "%s: images of %u x %u pixels, at most %.0f are supported: scale them down",
                        f->path, n[2], n[1], TEC_IMAGE_MAX_PIXELS);
    f->bytes = images ? (uint64_t)n[0] * n[1] * n[2] : n[0];
    bool plain = gzdirect(f->stream);
    if (f->bytes > (plain ? size - header : size * MAX_RATIO))
        return tec_fail(TEC_USER_ERROR,
                        "%s: truncated: its header promises %u items (%llu bytes), more than a file of %llu bytes can "
                        "hold: fetch the file again",
                        f->path, n[0], (unsigned long long)f->bytes, (unsigned long long)size);
    if (!plain && f->bytes > MOST_UNPACKED)
        return tec_fail(TEC_USER_ERROR,
                        "%s is compressed, and %llu MB unpacked, more than the %llu MB that every rank would keep in "
                        "memory: unpack it by gunzip -k, if so much memory is there",
                        f->path, (unsigned long long)(f->bytes >> 20), (unsigned long long)(MOST_UNPACKED >> 20));
    return TEC_OK;
}

static tec_status open_idx(idx_file *f, const char *path, bool images)
{
    *f = (idx_file){.path = path};
    f->stream = gzopen(path, "rb");
    if (!f->stream)
        return tec_fail(TEC_USER_ERROR, "%s: cannot be opened: %s", path, strerror(errno ? errno : ENOMEM));
    uint32_t magic = 0, expected = images ? MAGIC_IMAGES : MAGIC_LABELS;
    if (!take(f->stream, &magic))
        return tec_fail(TEC_USER_ERROR, "%s: too short for an IDX file, or its gzip header is damaged", path);
    if (magic != expected && !gzdirect(f->stream))
        return tec_fail(
            TEC_USER_ERROR,
            "%s is compressed (gzip), and no IDX file of %s is in it: unpack it once by `gunzip -k`, and name "
            "what comes out",
            path, images ? "images" : "labels");
    if (magic != expected)
        return tec_fail(TEC_USER_ERROR,
                        "%s: not an IDX file of %s (starts with %08x, expected %08x); for image files "
                        "give their folder",
                        path, images ? "images" : "labels", magic, expected);
    for (int i = 0; i < (images ? 3 : 1); i++)
        if (!take(f->stream, &f->dimension[i]))
            return tec_fail(TEC_USER_ERROR, "%s: truncated within the IDX header: fetch the file again", path);
    return check_header(f, images);
}

static void close_idx(idx_file *f)
{
    if (f->stream)
        gzclose_r(f->stream);
}

/* Reads the rest of the file, and asks for one byte more than there should be: only then does zlib go on to the
 * checksum behind the data, and notice that it is cut off. */
static tec_status read_rest(idx_file *f, uint8_t **out)
{
    uint8_t *data = malloc(f->bytes + 1);
    uint64_t done = 0;
    int got = 1, code = Z_OK;
    if (!data)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: no memory for %llu bytes", f->path, (unsigned long long)f->bytes);
    while (got > 0 && done <= f->bytes) {
        uint64_t want = f->bytes + 1 - done < CHUNK ? f->bytes + 1 - done : CHUNK;
        got = gzread(f->stream, data + done, (unsigned)want);
        done += got > 0 ? (uint64_t)got : 0;
    }
    gzerror(f->stream, &code);
    if (done == f->bytes && code == Z_OK) {
        *out = data;
        return TEC_OK;
    }
    free(data);
    if (done < f->bytes)
        return read_failure(f, done);
    if (done > f->bytes)
        return tec_fail(TEC_USER_ERROR, "%s: holds more than the %u items that its header promises", f->path,
                        f->dimension[0]);
    return tec_fail(TEC_USER_ERROR, "%s: damaged or cut off at the end of the gzip data: fetch the file again",
                    f->path);
}

/* ---- scan ---- */

/* DIR/xxximages-idx3yyy -> DIR/xxxlabels-idx1yyy; NULL for other names. The caller frees it. */
static char *labels_path(const char *images)
{
    static const char from[] = "images-idx3", to[] = "labels-idx1";
    const char *slash = strrchr(images, '/'), *match = strstr(slash ? slash : images, from);
    if (!match)
        return NULL;
    return tec_string_format("%.*s%s%s", (int)(match - images), images, to, match + sizeof from - 1);
}

static bool matches(const char *path, const struct stat *info)
{
    (void)path;
    return S_ISREG(info->st_mode);
}

static tec_status scan(const char *path, tec_label_mode labels, tec_scan_notes *notes, FILE *list)
{
    (void)notes;
    if (labels == TEC_LABELS_FOLDERS)
        return tec_fail(TEC_USER_ERROR, "%s is a file, but labels by folder were requested: give a folder", path);
    idx_file images;
    tec_status status = open_idx(&images, path, true);
    close_idx(&images);
    char *beside = labels == TEC_LABELS_AUTO ? labels_path(path) : NULL;
    if (status == TEC_OK)
        fprintf(list, "%s%c%s%c", path, 0, beside && !access(beside, F_OK) ? beside : "", 0);
    free(beside);
    return status;
}

/* ---- open and read ---- */

typedef struct idx {
    uint8_t *pixels; /* [total, height, width] */
    int height, width;
    char *digits; /* the texts of class_name */
} idx;

static void name_classes(tec_dataset *set)
{
    idx *own = set->own;
    set->class_name = tec_allocate((size_t)set->classes * sizeof *set->class_name);
    own->digits = tec_allocate((size_t)set->classes * DIGITS);
    for (int c = 0; c < set->classes; c++) {
        set->class_name[c] = own->digits + DIGITS * c;
        snprintf(own->digits + DIGITS * c, DIGITS, "%d", c);
    }
}

static tec_status open_labels(tec_dataset *set, const char *path)
{
    idx_file f;
    uint8_t *byte = NULL;
    tec_status status = open_idx(&f, path, false);
    if (status == TEC_OK && f.dimension[0] != (uint64_t)set->total)
        status = tec_fail(TEC_USER_ERROR, "%s: %u labels for the %lld images of %s: they do not belong together", path,
                          f.dimension[0], (long long)set->total, set->root);
    if (status == TEC_OK)
        status = read_rest(&f, &byte);
    close_idx(&f);
    if (status != TEC_OK)
        return status;
    set->label = tec_allocate((size_t)set->total * sizeof *set->label);
    for (int64_t i = 0; i < set->total; i++) {
        set->label[i] = byte[i];
        set->classes = byte[i] >= set->classes ? byte[i] + 1 : set->classes;
    }
    set->fingerprint = tec_hash_bytes(set->fingerprint, byte, (size_t)set->total);
    free(byte);
    name_classes(set);
    return TEC_OK;
}

static tec_status open_images(tec_dataset *set, tec_list_cursor *cursor)
{
    idx_file f;
    idx *own = set->own = tec_allocate_zeroed(1, sizeof *own);
    set->root = tec_list_next(cursor);
    tec_status status = open_idx(&f, set->root, true);
    if (status == TEC_OK)
        status = read_rest(&f, &own->pixels);
    close_idx(&f);
    if (status != TEC_OK)
        return status;
    set->total = f.dimension[0];
    own->height = (int)f.dimension[1];
    own->width = (int)f.dimension[2];
    set->fingerprint = tec_hash_bytes(0, f.dimension, sizeof f.dimension);
    set->fingerprint = tec_hash_bytes(set->fingerprint, own->pixels, f.bytes);
    const char *labels = tec_list_next(cursor);
    return *labels ? open_labels(set, labels) : TEC_OK;
}

static void close_images(void *own)
{
    idx *images = own;
    free(images->pixels);
    free(images->digits);
    free(images);
}

static void name_item(const tec_dataset *set, int64_t index, char *text, size_t size)
{
    tec_path_last(set->root, text, size);
    size_t used = strlen(text);
    snprintf(text + used, size - used, "[%lld]", (long long)index);
}

static tec_status read_item(const tec_dataset *set, int64_t index, tec_image *out)
{
    const idx *own = set->own;
    size_t pixels = (size_t)own->height * (size_t)own->width;
    *out = (tec_image){.height = own->height, .width = own->width, .channels = 1, .pixels = tec_allocate(pixels)};
    memcpy(out->pixels, own->pixels + (size_t)index * pixels, pixels);
    return TEC_OK;
}

static const char *item_entry(const tec_dataset *set, int64_t index, int64_t *crc, char name[TEC_ENTRY_NAME])
{
    const idx *own = set->own;
    size_t pixels = (size_t)own->height * (size_t)own->width;
    int label = set->label ? set->label[index] : -1;
    *crc = tec_crc32c(tec_crc32c(0, own->pixels + (size_t)index * pixels, pixels), &label, sizeof label);
    snprintf(name, TEC_ENTRY_NAME, "image %010lld", (long long)index);
    return name;
}

static tec_band_source source_of(const tec_dataset *set)
{
    (void)set;
    return tec_band_source_of(TEC_SAMPLE_U8, 1);
}

static int64_t memory_of(const tec_dataset *set)
{
    const idx *own = set->own;
    return set->total * own->height * own->width;
}

const tec_dataset_kind tec_dataset_idx = {
    .title = "tec-list 1 idx",
    .one_size = true,
    .one_band = true,
    .matches = matches,
    .scan = scan,
    .open = open_images,
    .close = close_images,
    .name = name_item,
    .read = read_item,
    .entry = item_entry,
    .source = source_of,
    .memory = memory_of,
};
