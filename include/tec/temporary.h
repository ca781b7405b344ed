/* Module base, public. Temporary files: their names, which tell who writes them, and what to do with those that are left
 * when their process has ended. Local, thread-safe.
 *
 * A process on another host cannot be seen. It is taken to have ended if its file is not locked (flock) and either its
 * Slurm job has (this job is a restart of it, or comes after it: TEC_AFTER_JOBS lists such jobs), or the file has not
 * been written to for so long that the watchdog would have ended the process. */
#ifndef TEC_TEMPORARY_H
#define TEC_TEMPORARY_H

#include <stdbool.h>

#define TEC_TEMPORARY_SILENT 7200 /* seconds without a change after which the writer on another host is gone */

/* In the order of what we know: of several opinions the largest holds. */
typedef enum tec_owner { TEC_OWNER_UNKNOWN, TEC_OWNER_GONE, TEC_OWNER_LIVES } tec_owner;

/* PATH.HOST.PID.NUMBER.tmp, in a Slurm job PATH.HOST.PID.NUMBER.JOB-RESTART.tmp: a name that no other process and no
 * other call uses; the caller frees it. */
char *tec_file_temporary(const char *path);

bool tec_temporary_is(const char *name); /* is it such a name? */

/* For messages: the PATH of such a name, any other name as it is. Valid until this thread's next call. */
const char *tec_temporary_path(const char *name);

/* What the name alone says of the process that gave it. UNKNOWN: it was on another host, or it is no such name. */
tec_owner tec_temporary_owner_by_name(const char *name);

/* The same from the file, directory/name, too: is it locked, when was it last written to? GONE: it does not exist. */
tec_owner tec_temporary_owner(const char *directory, const char *name);

/* Marks an open file as being written by this process, for as long as it is open. False: another process has marked it.
 * Where the file system cannot lock, nothing happens. */
bool tec_temporary_mark(int fd);

/* Removes from a directory the temporary files whose names start with `prefix`, and not with `except` (NULL: nothing),
 * and whose owners are gone, and says how many there were. */
void tec_temporary_remove(const char *directory, const char *prefix, const char *except);

/* The same whoever made them: the caller holds a lock without which nobody writes such files. */
void tec_temporary_remove_all(const char *directory, const char *prefix);

#endif
