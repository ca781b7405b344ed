/* Module base, public. Room on a disk, asked for before work is done whose result would not fit. Local. */
#ifndef TEC_ROOM_H
#define TEC_ROOM_H

#include "tec/error.h"

#include <stdint.h>

/* Bytes that this user may still write to the file system of `dir`, which exists; -1: it does not say. A quota shows
 * only when something is written. */
int64_t tec_room_free(const char *dir);

/* TEC_SYSTEM_ERROR: less than `bytes` are free in `dir`. The message: "DIR: no room: 1.2 GB are free, but WHAT need 3.4
 * GB; make room there, or REMEDY" ("needs" if WHAT starts with "a "). */
tec_status tec_room_check(const char *dir, int64_t bytes, const char *what, const char *remedy);

/* The same by reserving so much for a moment, where the file system can, in files of at most `each` bytes: a quota, and a
 * limit of a file's size, refuse it too. A process that is killed meanwhile leaves nothing. */
tec_status tec_room_try(const char *dir, int64_t bytes, int64_t each, const char *what, const char *remedy);

/* A number of bytes for messages: "512 bytes", "37 MB", "1.2 GB". Written to `text` (at least 32 bytes), which is
 * returned. */
char *tec_room_text(char *text, int64_t bytes);

/* Bytes of memory that this process may still take: of the machine, or of its control group (a job's
 * limit) if that is less; -1: not known. */
int64_t tec_room_memory(void);

#endif
