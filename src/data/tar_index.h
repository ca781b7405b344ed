/* Module data, private. The index of a tar archive: where each image in it is, and which label stands beside it, so that the
 * archive is walked through once. It is kept beside the archive as ARCHIVE.tecidx. Local.
 *
 * Texts that each end with a 0 byte:
 *
 *   "tec-tar-index 1"
 *   what it depends on: size and time of change of the archive, endings of images
 *   "INNER CAPTIONS STRAYS MASKS OPEN REST ENTRIES"
 *   the name of the first stray label, or ""
 *   of each entry "KIND SOURCE IMAGE CRC32C OFFSET BYTES LABEL_BYTES LABEL PATH"
 *   "end CRC32C" of all bytes before */
#ifndef TEC_DATA_TAR_INDEX_H
#define TEC_DATA_TAR_INDEX_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define TEC_TAR_INDEX_ENDING ".tecidx"

typedef struct tec_tar_entry {
    char
        kind; /* 'i': an image by name, 'c': by content, 'p': another file, 'j': left behind by a system, 'l': a link named
                      as an image, 'o': neither file nor folder */
    char source;  /* of the label: 'c' .cls, 'j' .json, 't' .txt, '-': there is none */
    bool image;   /* does it begin as one? */
    uint32_t crc; /* CRC-32C of the header block, which ends at `offset` */
    int64_t offset, bytes;
    char *label; /* owned; NULL: none */
    char *path;  /* owned, as tec_path_clean leaves it; in an inner archive "NAME OF THAT WITHOUT .tar/PATH" */
} tec_tar_entry;

typedef struct tec_tar_index {
    tec_tar_entry *entry; /* [count] in the order of the archive */
    size_t count, room;
    int64_t inner;    /* archives in it, whose members are entries */
    int64_t captions; /* .txt of several words beside images, which are no labels */
    int64_t strays;   /* .cls without an image */
    char *stray;      /* the first of these, owned; NULL: none */
    int64_t masks;    /* images `a.x.png` of which `a.jpg` is the image, which are left out */
    bool open;        /* no mark ends the archive */
    int64_t rest;     /* where there is something behind that mark; 0: nothing */
    struct stat info; /* of the archive, before it was read */
    bool made;        /* by this call, and not read */
    char *unkept;     /* why it could not be kept, owned; NULL: it could, or was there */
} tec_tar_index;

/* Reads the index of the archive, if it is there and the archive is as it was; otherwise makes it and keeps it, if it can.
 * TEC_USER_ERROR: no such file, or it cannot be opened; as tec_tar_next. The caller frees it also after a failure. */
tec_status tec_tar_index_get(tec_tar_index *out, const char *path);
void tec_tar_index_free(tec_tar_index *index);

/* The archive is not as its index says: that is removed. */
void tec_tar_index_drop(const char *path);

/* ---- parts, for tests and each other ---- */

/* Walks through the archive that is open as `fd` and has `bytes` bytes. */
tec_status tec_tar_index_make(tec_tar_index *out, int fd, const char *name, int64_t bytes);

/* The index as texts (the caller frees them), and the other way; false: damaged, or `depends` is something else. */
char *tec_tar_index_write(const tec_tar_index *index, const char *depends, size_t *bytes);
bool tec_tar_index_parse(tec_tar_index *out, const char *text, size_t bytes, const char *depends);

/* ---- labels beside images (tar_labels.c) ---- */

typedef struct tec_tar_label {
    char *stem;  /* of its path: "a/b" of "a/b.cls"; owned */
    char *text;  /* owned; NULL: none in it */
    char source; /* as of tec_tar_entry */
    bool used;
} tec_tar_label;

typedef struct tec_tar_labels {
    tec_tar_label *label;
    size_t count, room;
} tec_tar_labels;

/* The most bytes of a member of that name that may be a label; 0: it is none. */
size_t tec_tar_label_room(const char *path);

/* Adds what the file of that path says; data: its contents, ended by a 0 byte that `bytes` does not count; NULL: too long to
 * be a label. */
void tec_tar_labels_add(tec_tar_labels *labels, const char *path, const char *data, size_t bytes);
void tec_tar_labels_free(tec_tar_labels *labels);

/* Gives the images of the index their labels, and leaves out the further pictures of a sample. */
void tec_tar_labels_apply(tec_tar_labels *labels, tec_tar_index *index);

#endif
