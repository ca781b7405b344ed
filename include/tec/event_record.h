/* Module io, public. Records of TensorBoard's event files, made in memory: length, its checksum, an Event, its checksum.
 * docs/formats.md describes them. Local; the caller frees what is returned. Ends the program when out of memory. */
#ifndef TEC_EVENT_RECORD_H
#define TEC_EVENT_RECORD_H

#include <stddef.h>
#include <stdint.h>

/* What a file begins with, two records: its version and the start of a session. What earlier files of the directory say
 * of `step` and of later steps does not hold any more. `time`: seconds since 1970, here and below. */
unsigned char *tec_event_head(double time, int64_t step, size_t *bytes);

typedef struct tec_event_number {
    char *tag; /* UTF-8 */
    double value;
} tec_event_number;

/* What is known of a step. The file keeps the values as float32. */
unsigned char *tec_event_numbers(double time, int64_t step, const tec_event_number *number, int count, size_t *bytes);

/* A picture, as PNG. */
typedef struct tec_event_picture {
    char *tag;
    unsigned char *png; /* [bytes] */
    size_t bytes;
    int width, height;
} tec_event_picture;

unsigned char *tec_event_pictures(double time, int64_t step, const tec_event_picture *picture, int count,
                                  size_t *bytes);

#endif
