/* Files and directories. Every function names path and reason when it fails. Local, thread-safe.
 *
 * What a program leaves behind is whole or not there: it is written under a temporary name, flushed to the disk and
 * renamed. */
#ifndef TEC_FILES_H
#define TEC_FILES_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "dir" and "name" -> "dir/name"; the caller frees it. */
char *tec_path_join(const char *dir, const char *name);

/* The last part of a path, without slashes at the end: "a/b/" -> "b". Written to `text` [size], cut if need be. */
void tec_path_last(const char *path, char *text, size_t size);

/* Is there something of that name (of whatever kind)? */
bool tec_file_exists(const char *path);

/* The whole file, with a 0 behind it that is not counted; the caller frees *data. TEC_USER_ERROR: not there, not
 * readable, a directory, or longer than `limit` bytes. */
tec_status tec_file_read(const char *path, size_t limit, char **data, size_t *bytes);

/* Writes the whole file by way of a temporary name, flushed and renamed: readers see the old one or the new one, also
 * when several processes write it at once. TEC_SYSTEM_ERROR: the disk; what was there is kept. */
tec_status tec_file_write(const char *path, const void *data, size_t bytes);

/* Creates (or empties) a file of `bytes` bytes to be filled by tec_file_put; where the file system can, its space is
 * reserved, so that a full disk shows now. TEC_SYSTEM_ERROR: then there is no such file. */
tec_status tec_file_create(const char *path, int64_t bytes, int *fd);

/* pwrite and pread of the whole, taken up again after interruptions. `path` is for the message. TEC_SYSTEM_ERROR: the
 * disk; tec_file_get also when the file ends before. */
tec_status tec_file_put(int fd, const char *path, const void *data, size_t bytes, int64_t offset);
tec_status tec_file_get(int fd, const char *path, void *data, size_t bytes, int64_t offset);

/* PATH.HOST.PID.NUMBER.tmp: a name that no other process and no other call comes up with; the caller frees it. */
char *tec_file_temporary(const char *path);

/* Removes the temporary files that ended processes of this host left in a directory, of those whose names start with
 * `prefix`. */
void tec_file_remove_stale(const char *directory, const char *prefix);

/* Flushes `temporary` to the disk, renames it to `path`, flushes the directory. `temporary` is removed on failure. */
tec_status tec_file_publish(const char *temporary, const char *path);

/* The same, but a file that is there under that name already stays, and `temporary` goes: of several processes that
 * publish the same thing the first wins. (Where the file system has no hard links, the last.) */
tec_status tec_file_publish_once(const char *temporary, const char *path);

/* Flushes what was written to a file to the disk. */
tec_status tec_file_flush(const char *path);

/* Flushes the directory that `path` lies in: afterwards a rename of `path` survives a power failure. */
tec_status tec_file_sync_directory(const char *path);

/* Makes a directory and its parents; fine when it is there. TEC_USER_ERROR: cannot be made, or cannot be written to. */
tec_status tec_directory_make(const char *path);

#endif
