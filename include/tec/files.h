/* Module base, public. Files and directories. Failures name the path and the reason. Local, thread-safe.
 *
 * A file that the program leaves behind is whole or absent: it is written under a temporary name, flushed to the disk
 * and renamed. */
#ifndef TEC_FILES_H
#define TEC_FILES_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "dir" and "name" give "dir/name"; the caller frees it. */
char *tec_path_join(const char *dir, const char *name);

/* The last part of a path, without slashes at the end: "a/b/" -> "b". Written to `text` [size], cut if need be. */
void tec_path_last(const char *path, char *text, size_t size);

/* The last component of a path: "dir/name" gives "name", "dir/" gives "". Points into `path`. */
const char *tec_path_name(const char *path);

/* The directory of a path: "dir/name" gives "dir", "/name" gives "/", "name" gives "."; the caller frees it. */
char *tec_path_directory(const char *path);

/* The path of another file in the same directory: "dir/name" and "other" give "dir/other", "name" and "other" give
 * "other"; the caller frees it. */
char *tec_path_beside(const char *path, const char *name);

/* What strerror says of an error of a file, and the limit that it comes from, if it is one of ours (ulimit). Valid until
 * this thread's next call. */
const char *tec_file_reason(int error);

/* Is `path`, which need not exist, the directory `dir` or something below it? Links are followed. */
bool tec_path_is_within(const char *path, const char *dir);

/* Does the path exist, as a file of whatever kind? */
bool tec_file_exists(const char *path);

/* The same for a file whose absence has consequences: work would be begun anew, and the file replaced. TEC_USER_ERROR: a
 * link to nothing, as to a disk that is not mounted; TEC_SYSTEM_ERROR: it cannot be told. */
tec_status tec_file_look(const char *path, bool *there);

/* Reads the whole file and appends a 0 that *bytes does not count; the caller frees *data. TEC_USER_ERROR: missing,
 * unreadable, not a regular file, or longer than `limit` bytes; TEC_SYSTEM_ERROR: the disk. */
tec_status tec_file_read(const char *path, size_t limit, char **data, size_t *bytes);

/* Writes the whole file under a temporary name, flushes and renames it: readers see the old file or the new one, even
 * when several processes write it at once. TEC_SYSTEM_ERROR: the disk; the old file is kept. */
tec_status tec_file_write(const char *path, const void *data, size_t bytes);

/* Creates (or truncates) a file of `bytes` bytes for tec_file_put to fill. Where the file system can, the space is
 * reserved, so that a full disk is noticed now. TEC_SYSTEM_ERROR: no file is left. */
tec_status tec_file_create(const char *path, int64_t bytes, int *fd);

/* The same for bytes [offset, offset + bytes) of an open file, which becomes so long at least and is zero there where it
 * was not written. */
tec_status tec_file_reserve(int fd, const char *path, int64_t offset, int64_t bytes);

/* pwrite and pread of all `bytes` bytes, resumed when interrupted. `path` is for messages. TEC_SYSTEM_ERROR: the disk;
 * for tec_file_get also a file that ends too early. */
tec_status tec_file_put(int fd, const char *path, const void *data, size_t bytes, int64_t offset);
tec_status tec_file_get(int fd, const char *path, void *data, size_t bytes, int64_t offset);

/* rename(2), within a file system; and unlink(2), to which a file that is not there is no failure. TEC_SYSTEM_ERROR. */
tec_status tec_file_rename(const char *path, const char *to);
tec_status tec_file_remove(const char *path);

/* Flushes `temporary` to the disk, renames it to `path`, flushes the directory. On failure `temporary` is removed. */
tec_status tec_file_publish(const char *temporary, const char *path);

/* The same, except that an existing file at `path` stays and `temporary` is removed: of several processes that publish
 * the same thing the first wins (the last, where the file system has no hard links). */
tec_status tec_file_publish_once(const char *temporary, const char *path);

/* Can a file be written at `path`, which is then replaced? Not in place of a device, nor as `-`. Tried with an empty
 * temporary file, so that a mistake is told before the work whose result would have nowhere to go. TEC_USER_ERROR: no,
 * with the reason. */
tec_status tec_file_check_output(const char *path);

/* Are both there, and one file, by whatever names? */
bool tec_file_same(const char *a, const char *b);

/* Is something else, or nothing, at `path` than the open file? A lock on it is then one that nobody sees. */
bool tec_file_replaced(int fd, const char *path);

/* Flushes a file to the disk. */
tec_status tec_file_flush(const char *path);

/* Makes a directory and its parents unless it exists. TEC_USER_ERROR: it cannot be made, or not be written to. */
tec_status tec_directory_make(const char *path);

#endif
