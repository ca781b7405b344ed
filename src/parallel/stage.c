/* Copies files to a locked directory on each node's own disk, and removes what killed jobs left there. */
#include "tec/stage.h"

#include "tec/clock.h"
#include "tec/environment.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/room.h"
#include "tec/stop.h"
#include "tec/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PREFIX "tec-stage-"
#define BLOCK_BYTES ((size_t)8 << 20)
#define SPARE_BYTES ((int64_t)64 << 20) /* to be left free */

struct tec_stage {
    tec_comm node;
    char *path;
    int lock; /* on the node's first rank: the open directory, locked as long as it is in use */
};

/* ---- directories ---- */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static void remove_tree(const char *path)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        tec_warn("%s cannot be removed: %s", path, strerror(errno));
}

/* The directory at `path`, locked; -1: another process has it. */
static int lock_directory(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | flags) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void remove_left_behind(const char *dir)
{
    DIR *list = opendir(dir);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        char *path = tec_path_join(dir, entry->d_name);
        int lock = lock_directory(path, LOCK_NB);
        if (lock >= 0) {
            tec_log("run.stage: removing %s, which a killed job left behind", path);
            remove_tree(path);
            close(lock);
        }
        free(path);
    }
    if (list)
        closedir(list);
}

/* Are files there in memory, as in /dev/shm? */
static bool is_memory(const char *dir)
{
    struct statfs info;
    return statfs(dir, &info) == 0 && (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC);
}

/* Copies in memory are taken from what the ranks need, and no disk is full before a node has run out of it. */
static tec_status check_memory(const char *dir, int64_t bytes, int64_t left)
{
    char wanted[32], have[32];
    if (left < 0 || bytes <= left / 2)
        return TEC_OK;
    return tec_fail(
        TEC_SYSTEM_ERROR,
        "%s is in memory: the copies need %s, more than half of the %s that this node has left for them and "
        "the ranks; give a directory on a disk",
        dir, tec_room_text(wanted, bytes), tec_room_text(have, left));
}

static tec_status check_room(const char *dir, int64_t bytes)
{
    const bool memory = is_memory(dir);
    const int64_t left = memory ? tec_room_memory() : -1;
    char wanted[32], have[32];
    TEC_TRY(check_memory(dir, bytes, left));
    TEC_TRY(tec_room_check(dir, bytes + SPARE_BYTES, "the copies", "give another directory"));
    if (memory)
        tec_warn("run.stage: %s is in memory: the copies take %s of the %s that each node has left", dir,
                 tec_room_text(wanted, bytes), left < 0 ? "memory" : tec_room_text(have, left));
    return TEC_OK;
}

/* Called with `dir` locked: otherwise another job could take the new directory, not locked yet, for one left behind. */
static tec_status make_locked(tec_stage *s, const char *dir)
{
    s->path = tec_string_format("%s/" PREFIX "XXXXXX", dir);
    if (!mkdtemp(s->path)) {
        free(s->path);
        s->path = NULL;
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot create a directory there: %s", dir, strerror(errno));
    }
    s->lock = lock_directory(s->path, LOCK_NB);
    return s->lock >= 0 ? TEC_OK : tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be locked: %s", s->path, strerror(errno));
}

/* On the node's first rank only. */
static tec_status make_directory(tec_stage *s, const char *dir, int64_t bytes)
{
    TEC_TRY(tec_directory_make(dir));
    int lock = lock_directory(dir, 0);
    if (lock < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be locked: %s", dir, strerror(errno));
    remove_left_behind(dir);
    tec_status status = check_room(dir, bytes);
    if (status == TEC_OK)
        status = make_locked(s, dir);
    close(lock);
    return status;
}

/* ---- copying ---- */

static tec_status copy_blocks(int from, const tec_stage_file *file, int to, const char *path)
{
    char *block = tec_allocate(BLOCK_BYTES);
    tec_status status = TEC_OK;
    for (int64_t at = 0; at < file->bytes && status == TEC_OK; at += (int64_t)BLOCK_BYTES) {
        int64_t left = file->bytes - at;
        size_t size = left < (int64_t)BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
        tec_phase_enter(TEC_PHASE_STAGE);
        status = tec_file_get(from, file->source, block, size, at);
        if (status == TEC_OK)
            status = tec_file_put(to, path, block, size, at);
        if (status == TEC_OK && tec_stop_asked())
            status = tec_fail(TEC_SYSTEM_ERROR, "interrupted by a signal while copying files");
    }
    free(block);
    return status;
}

static tec_status copy_file(const tec_stage_file *file, const char *path)
{
    struct stat info;
    int to = -1, from = open(file->source, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be opened: %s", file->source, strerror(errno));
    tec_status status = TEC_OK;
    if (fstat(from, &info) != 0 || info.st_size != file->bytes)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s does not have its expected size of %lld bytes", file->source,
                          (long long)file->bytes);
    if (status == TEC_OK)
        status = tec_file_create(path, file->bytes, &to);
    if (status == TEC_OK)
        status = copy_blocks(from, file, to, path);
    if (to >= 0 && close(to) != 0 && status == TEC_OK)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", path, strerror(errno));
    close(from);
    return status;
}

/* Copies this rank's share: every size-th file, where size is the number of the node's ranks. */
static tec_status copy_share(const tec_stage *s, const tec_stage_file *file, int64_t files)
{
    const double started = tec_seconds();
    tec_status status = TEC_OK;
    for (int64_t i = s->node.rank; i < files && status == TEC_OK; i += s->node.size) {
        char *path = tec_path_join(s->path, file[i].name), *slash = strrchr(path, '/');
        *slash = 0;
        status = tec_directory_make(path);
        *slash = '/';
        if (status == TEC_OK)
            status = copy_file(&file[i], path);
        free(path);
        tec_progress_count("stage: copying", "files", tec_min_int64(i + s->node.size, files), files, started);
    }
    tec_progress_end();
    return status;
}

/* Collective over the node. The same status on all of its ranks. */
static tec_status fill(tec_stage *s, const char *dir, const tec_stage_file *file, int64_t files)
{
    int64_t bytes = 0;
    size_t length;
    for (int64_t i = 0; i < files; i++)
        bytes += file[i].bytes;
    TEC_TRY(tec_comm_agree(&s->node, s->node.rank == 0 ? make_directory(s, dir, bytes) : TEC_OK));
    length = s->path ? strlen(s->path) : 0;
    tec_comm_share_text(&s->node, &s->path, &length, 0);
    tec_log("run.stage: %lld files, %.2f GB, are copied once per node, to %s", (long long)files, (double)bytes / 1e9,
            s->path);
    return tec_comm_agree(&s->node, copy_share(s, file, files));
}

void tec_stage_open(tec_stage **out, const tec_comm *comm, const char *dir, const tec_stage_file *file, int64_t files)
{
    tec_host host;
    tec_host_mine(host);
    tec_phase before = tec_phase_enter(TEC_PHASE_STAGE);
    tec_stage *s = tec_allocate_zeroed(1, sizeof *s);
    s->node = tec_comm_node(comm);
    s->lock = -1;
    tec_status status = fill(s, dir, file, files);
    if (status != TEC_OK) {
        tec_stage_close(s);
        s = NULL;
        status = tec_fail(status, "host %s: %s", host, tec_error_message());
    }
    if (tec_comm_agree(comm, status) != TEC_OK)
        tec_warn("run.stage: %s; hosts without copies read the files where they are", tec_error_message());
    tec_phase_enter(before);
    *out = s;
}

const char *tec_stage_directory(const tec_stage *s)
{
    return s->path;
}

void tec_stage_close(tec_stage *s)
{
    if (!s)
        return;
    tec_comm_barrier(&s->node);
    if (s->node.rank == 0 && s->path)
        remove_tree(s->path);
    if (s->lock >= 0)
        close(s->lock);
    tec_comm_node_free(&s->node);
    free(s->path);
    free(s);
}
