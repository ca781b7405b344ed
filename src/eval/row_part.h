/* Module eval, private. A part of the features that are being computed, in a file of its own, which is whole or not there:
 * the rows of a range of images, their samples and contents, and what was said of images that were left out. Local. */
#ifndef TEC_ROW_PART_H
#define TEC_ROW_PART_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part that is being written. */
typedef struct row_part {
    char *path, *temporary;
    int fd; /* -1: closed */
    size_t row_bytes;
    int64_t rows, bytes; /* written so far */
    uint32_t crc;        /* of them */
} row_part;

/* Begins part `number` in `dir`. Put rows; commit it with what belongs to them, or discard it, which is harmless after a
 * commit. TEC_SYSTEM_ERROR: the disk; the part is then discarded.
 *
 *   rows     [count] of row_bytes each
 *   sample   [all rows]
 *   content  [all rows]
 *   notes    texts "SAMPLE MESSAGE", each ended by a 0 byte */
tec_status tec_row_part_open(row_part *part, const char *dir, int64_t number, size_t row_bytes);
tec_status tec_row_part_put(row_part *part, const void *rows, int64_t count);
tec_status tec_row_part_commit(row_part *part, const int64_t *sample, const uint64_t *content, const char *notes,
                               size_t notes_bytes);
void tec_row_part_discard(row_part *part);

/* The parts of a table: part n has rows of images n * part_images .. (n + 1) * part_images - 1, as far as there are such. */
typedef struct row_parts {
    const char *dir; /* borrowed */
    size_t row_bytes;
    int64_t images, part_images;
} row_parts;

/* Is it there, as a file of the right length? *useless: there is a file, but it is damaged or an earlier program's.
 * TEC_SYSTEM_ERROR: that cannot be told. */
tec_status tec_row_part_there(const row_parts *parts, int64_t number, bool *there, bool *useless);

/* What a part holds besides its rows. All owned; freed by tec_row_notes_free. */
typedef struct row_notes {
    int64_t rows;
    int64_t *sample;   /* [rows] */
    uint64_t *content; /* [rows] */
    char *notes;       /* and a 0 behind them */
    size_t notes_bytes;
} row_notes;

/* Takes some rows of a part, in order.
 *
 *   rows  [count] of row_bytes each */
typedef tec_status row_part_take(void *context, const void *rows, int64_t count);

/* Reads a part; `take` (NULL: rows are not read) gets its rows before it is known whether they are as they were written.
 * Samples are of this part and rise, and so do those of the notes. TEC_SYSTEM_ERROR: it cannot be read, and stays; or it is
 * damaged or of other images, and is removed, so that the next run computes it again. What `take` returns is returned. After
 * a failure *out is empty. */
tec_status tec_row_part_read(const row_parts *parts, int64_t number, row_part_take *take, void *context,
                             row_notes *out);
void tec_row_notes_free(row_notes *notes);

/* Removes it, if it is there. */
void tec_row_part_remove(const char *dir, int64_t number);

#endif
