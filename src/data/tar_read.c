/* Reads the headers of tar archives. Whatever they say is checked against the file: nothing in it is trusted. */
#include "tar_read.h"

#include "file_format.h"
#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REMEDY "copy or download it again"

enum { MOST_META = 1 << 20 }; /* bytes of a long name or of a pax header */

void tec_tar_start(tec_tar *tar, int fd, const char *name, int64_t begin, int64_t end)
{
    *tar = (tec_tar){.fd = fd, .name = name, .begin = begin, .at = begin, .end = end, .size = -1};
    tar->data = tec_allocate(TEC_TAR_WINDOW);
}

static void free_member(tec_tar *tar)
{
    free(tar->member.path);
    free(tar->member.link);
    tar->member = (tec_tar_member){0};
    tar->size = -1;
    tar->sparse = false;
}

void tec_tar_free(tec_tar *tar)
{
    free_member(tar);
    free(tar->last);
    free(tar->data);
    *tar = (tec_tar){0};
}

/* ---- archives that are compressed ---- */

static const struct {
    const char *ending, *kind, *unpacker;
} compressed[] = {
    {".tar.gz", "gzip", "gunzip"},    {".tgz", "gzip", "gunzip"},    {".tar.zst", "Zstandard", "unzstd"},
    {".tzst", "Zstandard", "unzstd"}, {".tar.xz", "xz", "unxz"},     {".txz", "xz", "unxz"},
    {".tar.bz2", "bzip2", "bunzip2"}, {".tbz2", "bzip2", "bunzip2"}, {".tbz", "bzip2", "bunzip2"},
    {".tar.lz4", "lz4", "unlz4"},     {".tar.lzma", "xz", "unlzma"}, {".tar.Z", "compress", "gunzip"},
    {".zip", "ZIP", "unzip"},
};
enum { COMPRESSED = sizeof compressed / sizeof *compressed };

const char *tec_tar_unpacker(const char *name, const char **kind)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < COMPRESSED; i++) {
        size_t ending = strlen(compressed[i].ending);
        if (length < ending || strcasecmp(name + length - ending, compressed[i].ending) != 0)
            continue;
        *kind = compressed[i].kind;
        return compressed[i].unpacker;
    }
    return NULL;
}

tec_status tec_tar_refuse_compressed(const char *name, const char *kind, const char *unpacker, const char *within)
{
    return tec_fail(
        TEC_USER_ERROR,
        "%s%s%s is compressed (%s): images are read from any place of an archive, which a compressed one does "
        "not allow: unpack it once by `%s%s`",
        within ? within : "", within ? ": " : "", name, kind, unpacker,
        !strcmp(kind, "ZIP") ? "` and name the folder, or make a .tar of that by `tar cf"
        : within             ? ""
                             : " -k");
}

/* ---- bytes ---- */

/* `bytes` bytes at a place of the file, or as many as there are before the end; NULL: the disk. Until the next call. */
static const char *look(tec_tar *tar, int64_t at, size_t bytes, size_t *got)
{
    *got = (size_t)tec_min_int64((int64_t)bytes, tar->end - at);
    if (at < tar->data_at || at + (int64_t)*got > tar->data_at + tar->data_bytes) {
        tar->data_at = at;
        tar->data_bytes = tec_min_int64(TEC_TAR_WINDOW, tar->end - at);
        if (tec_file_get(tar->fd, tar->name, tar->data, (size_t)tar->data_bytes, at) != TEC_OK) {
            tar->data_bytes = 0;
            return NULL;
        }
    }
    return tar->data + (at - tar->data_at);
}

static bool is_zero(const char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (data[i])
            return false;
    return true;
}

/* Octal digits or, where the first bit is set, bytes; -1: neither, or too large. */
static int64_t number_of(const char *field, size_t length)
{
    int64_t value = 0;
    if ((unsigned char)*field & 0x80) {
        for (size_t i = 0; i < length; i++) {
            unsigned char byte = (unsigned char)field[i];
            byte = (unsigned char)(i ? byte : byte & 0x7f);
            if (value >> 54)
                return -1;
            value = value << 8 | byte;
        }
        return value;
    }
    size_t i = 0, digits = 0;
    while (i < length && field[i] == ' ')
        i++;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++, digits++)
        value = value << 3 | (field[i] - '0');
    return digits && (i == length || !field[i] || field[i] == ' ') ? value : -1;
}

static bool is_header(const char *block)
{
    tar_header h;
    memcpy(&h, block, sizeof h);
    int64_t sum = number_of(h.checksum, sizeof h.checksum);
    if (sum < 0)
        return false;
    int64_t other = 0; /* some old programs took bytes for signed */
    for (size_t i = 0; i < TAR_BLOCK; i++)
        other -= (unsigned char)block[i] & 0x80 ? 256 : 0;
    for (size_t i = 0; i < sizeof h.checksum; i++)
        other += (unsigned char)h.checksum[i] & 0x80 ? 256 : 0;
    int64_t right = tec_tar_checksum(block);
    return sum == right || sum == right + other;
}

bool tec_tar_starts(const uint8_t *data, size_t bytes)
{
    return bytes >= TAR_BLOCK && is_header((const char *)data);
}

/* ---- refusals ---- */

/* ", behind member x" */
static char *behind(const tec_tar *tar)
{
    return tar->last ? tec_string_format(", behind member %s", tar->last) : tec_string_copy("");
}

static tec_status refuse_header(const tec_tar *tar, const uint8_t *data, size_t bytes)
{
    static const char *const packed[][2] = {
        {"gzip", "gunzip"}, {"bzip2", "bunzip2"}, {"xz", "unxz"}, {"Zstandard", "unzstd"}};
    const tec_file_format *format = tec_file_format_of(data, bytes);
    for (size_t i = 0; i < sizeof packed / sizeof *packed && tar->at == tar->begin && format; i++)
        if (!strcmp(format->name, packed[i][0]))
            return tec_tar_refuse_compressed(tar->name, packed[i][0], packed[i][1], NULL);
    if (tar->at == tar->begin)
        return tec_fail(TEC_USER_ERROR, "%s is no tar archive%s%s", tar->name, format ? ", but " : "",
                        format ? format->what : "");
    char *where = behind(tar);
    tec_status status = tec_fail(TEC_USER_ERROR, "%s is %s at byte %lld%s: %s header of a member is there: %s",
                                 tar->name, bytes < TAR_BLOCK ? "truncated" : "damaged", (long long)tar->at, where,
                                 bytes < TAR_BLOCK ? "only a part of the" : "no", REMEDY);
    free(where);
    return status;
}

static tec_status refuse_short(const tec_tar *tar, const char *path, int64_t bytes)
{
    int64_t there = tec_max_int64(tar->end - tar->at - TAR_BLOCK, 0);
    return tec_fail(TEC_USER_ERROR,
                    "%s is truncated: of member %s, at byte %lld, %lld of %lld bytes are there: " REMEDY, tar->name,
                    path, (long long)tar->at, (long long)there, (long long)bytes);
}

/* ---- headers that tell of the next one ---- */

/* The contents of the entry at tar->at, ended by a 0 byte; NULL: the disk. */
static char *read_meta(tec_tar *tar, int64_t bytes)
{
    char *data = tec_allocate((size_t)bytes + 1);
    data[bytes] = 0;
    if (tec_file_get(tar->fd, tar->name, data, (size_t)bytes, tar->at + TAR_BLOCK) == TEC_OK)
        return data;
    free(data);
    return NULL;
}

static void take_text(char **to, const char *value, size_t length)
{
    free(*to);
    *to = tec_string_format("%.*s", (int)length, value);
}

static void take_record(tec_tar *tar, const char *key, size_t key_length, const char *value, size_t length)
{
    char *name = tec_string_format("%.*s", (int)key_length, key);
    if (!strcmp(name, "path"))
        take_text(&tar->member.path, value, length);
    else if (!strcmp(name, "linkpath"))
        take_text(&tar->member.link, value, length);
    else if (!strcmp(name, "size") && length < 19 && length == strspn(value, "0123456789"))
        tar->size = strtoll(value, NULL, 10);
    else if (tec_string_starts_with(name, "GNU.sparse."))
        tar->sparse = true;
    free(name);
}

/* Records "LENGTH KEY=VALUE\n", LENGTH counting all of that. False: damaged. */
static bool take_records(tec_tar *tar, const char *data, size_t bytes)
{
    for (size_t at = 0; at < bytes && data[at];) {
        char *blank;
        unsigned long length = strtoul(data + at, &blank, 10);
        if (!isdigit((unsigned char)data[at]) || *blank != ' ' || length > bytes - at || length < 2)
            return false;
        const char *end = data + at + length - 1, *key = blank + 1;
        const char *equals = key < end ? memchr(key, '=', (size_t)(end - key)) : NULL;
        if (!equals || *end != '\n')
            return false;
        take_record(tar, key, (size_t)(equals - key), equals + 1, (size_t)(end - equals - 1));
        at += length;
    }
    return true;
}

static tec_status read_ahead(tec_tar *tar, char type, int64_t bytes)
{
    if (bytes > MOST_META)
        return tec_fail(TEC_USER_ERROR, "%s is damaged at byte %lld: a name of %lld bytes: %s", tar->name,
                        (long long)tar->at, (long long)bytes, REMEDY);
    char *data = read_meta(tar, bytes);
    if (!data)
        return TEC_SYSTEM_ERROR;
    bool good = true;
    if (type == 'x')
        good = take_records(tar, data, (size_t)bytes);
    else if (type != 'g') /* what a header for all members says is no name or size */
        take_text(type == 'L' ? &tar->member.path : &tar->member.link, data, strlen(data));
    free(data);
    return good ? TEC_OK
                : tec_fail(TEC_USER_ERROR, "%s is damaged at byte %lld: its pax header cannot be read: %s", tar->name,
                           (long long)tar->at, REMEDY);
}

/* ---- members ---- */

/* POSIX has room for the beginning of a long path in another field; GNU tar keeps times there. */
static char *header_path(const tar_header *h)
{
    int length = (int)strnlen(h->name, sizeof h->name), before = (int)strnlen(h->prefix, sizeof h->prefix);
    if (!memcmp(h->magic, "ustar", 6) && before)
        return tec_string_format("%.*s/%.*s", before, h->prefix, length, h->name);
    return tec_string_format("%.*s", length, h->name);
}

static tec_tar_type type_of(char type, const char *path)
{
    switch (type) {
    case 0:
    case '0':
    case '7':
        return tec_string_ends_with(path, "/") ? TEC_TAR_FOLDER : TEC_TAR_FILE;
    case '1':
        return TEC_TAR_HARD_LINK;
    case '2':
        return TEC_TAR_LINK;
    case '5':
        return TEC_TAR_FOLDER;
    default:
        return TEC_TAR_OTHER;
    }
}

static tec_status fill_member(tec_tar *tar, const tar_header *h, int64_t bytes)
{
    tec_tar_member *m = &tar->member;
    if (!m->path)
        m->path = header_path(h);
    if (!m->link)
        m->link = tec_string_format("%.*s", (int)strnlen(h->link, sizeof h->link), h->link);
    if (tar->sparse || h->type == 'S')
        return tec_fail(
            TEC_USER_ERROR,
            "%s: member %s, at byte %lld, is stored with holes, which is not read: make the archive without "
            "--sparse",
            tar->name, m->path, (long long)tar->at);
    m->type = type_of(h->type, m->path);
    m->bytes = m->type == TEC_TAR_FILE || m->type == TEC_TAR_OTHER ? bytes : 0; /* what old links say is not there */
    m->offset = tar->at + TAR_BLOCK;
    m->crc = tec_crc32c(0, h, sizeof *h);
    if (m->bytes > tar->end - m->offset)
        return refuse_short(tar, m->path, m->bytes);
    return TEC_OK;
}

/* Looks whether anything but zeros follows the mark. */
static tec_status look_behind(tec_tar *tar)
{
    size_t got;
    for (int64_t at = tar->at; at < tar->end && !tar->rest; at += (int64_t)got) {
        const char *data = look(tar, at, TEC_TAR_WINDOW, &got);
        if (!data)
            return TEC_SYSTEM_ERROR;
        if (!is_zero(data, got))
            tar->rest = at;
    }
    return TEC_OK;
}

/* One header. *more: it told of the next one. */
static tec_status take_header(tec_tar *tar, const tar_header *h, bool *more)
{
    int64_t bytes = number_of(h->size, sizeof h->size);
    *more = strchr("xgLK", h->type) && h->type;
    if (!*more && tar->size >= 0)
        bytes = tar->size;
    if (bytes < 0 || bytes > INT64_MAX - 2 * TAR_BLOCK)
        return tec_fail(TEC_USER_ERROR, "%s is damaged at byte %lld: no size is there: %s", tar->name,
                        (long long)tar->at, REMEDY);
    if (*more && bytes > tar->end - tar->at - TAR_BLOCK)
        return refuse_short(tar, "with the name of the next one", bytes);
    if (*more)
        TEC_TRY(read_ahead(tar, h->type, bytes));
    else
        TEC_TRY(fill_member(tar, h, bytes));
    bytes = *more ? bytes : tar->member.bytes;
    tar->at = tec_min_int64(tar->at + TAR_BLOCK + tec_tar_padded(bytes), tar->end);
    return TEC_OK;
}

/* The first bytes of the member's contents are in the window already, unless the header is at its end. */
static tec_status take_head(tec_tar *tar)
{
    tec_tar_member *m = &tar->member;
    const char *data = look(tar, m->offset, (size_t)tec_min_int64(m->bytes, TEC_TAR_HEAD), &m->head_bytes);
    m->head = (const uint8_t *)data;
    return data ? TEC_OK : TEC_SYSTEM_ERROR;
}

tec_status tec_tar_next(tec_tar *tar, bool *found)
{
    bool more = true;
    *found = false;
    if (tar->member.path) {
        free(tar->last);
        tar->last = tar->member.path;
        tar->member.path = NULL;
    }
    free_member(tar);
    while (more) {
        size_t got;
        if (tar->ended || tar->at >= tar->end)
            return TEC_OK;
        const char *block = look(tar, tar->at, 2 * TAR_BLOCK, &got);
        if (!block)
            return TEC_SYSTEM_ERROR;
        if (got >= TAR_BLOCK && is_zero(block, TAR_BLOCK)) {
            tar->ended = true;
            return look_behind(tar);
        }
        if (got < TAR_BLOCK || !is_header(block))
            return refuse_header(tar, (const uint8_t *)block, got);
        tar_header h;
        memcpy(&h, block, sizeof h);
        TEC_TRY(take_header(tar, &h, &more));
    }
    *found = true;
    return take_head(tar);
}
