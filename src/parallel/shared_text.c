/* One copy of a text on each node, in POSIX shared memory. */
#include "tec/shared_text.h"

#include "tec/log.h"
#include "tec/minmax.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)16 << 20) /* that pass through each rank at once */

static void unmap(void *text, size_t bytes)
{
    munmap(text, bytes + 1);
}

static void release_heap(void *text, size_t bytes)
{
    (void)bytes;
    free(text);
}

/* The memory of that name; with `create` new, and all of it reserved. NULL: not possible, errno says why. */
static char *map(const char *name, size_t bytes, bool create)
{
    int fd = shm_open(name, create ? O_RDWR | O_CREAT | O_EXCL : O_RDONLY, 0600);
    if (fd < 0)
        return NULL;
    int failed = create ? posix_fallocate(fd, 0, (off_t)bytes + 1) : 0;
    char *text = MAP_FAILED;
    if (!failed)
        text = mmap(NULL, bytes + 1, create ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (text == MAP_FAILED && create)
        shm_unlink(name);
    if (failed)
        errno = failed;
    return text == MAP_FAILED ? NULL : text;
}

/* Collective. `memory` on the first rank of each node gets rank 0's text. */
static void fill(const tec_comm *comm, const char *text, size_t bytes, char *memory)
{
    char *piece = tec_allocate(tec_min_size(bytes, PIECE_BYTES));
    for (size_t at = 0; at < bytes; at += PIECE_BYTES) {
        size_t size = tec_min_size(bytes - at, PIECE_BYTES);
        if (comm->rank == 0)
            memcpy(piece, text + at, size);
        tec_comm_broadcast(comm, piece, size, 0);
        if (memory)
            memcpy(memory + at, piece, size);
    }
    if (memory)
        memory[bytes] = 0;
    free(piece);
}

static bool any(const tec_comm *comm, bool mine)
{
    double most = mine;
    tec_comm_max_double(comm, &most, 1);
    return most > 0;
}

/* What processes of this user have left that were killed between making a memory and removing its name. */
static void sweep(void)
{
    DIR *dir = opendir("/dev/shm");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat info;
        long pid;
        unsigned number;
        int end = 0;
        if (sscanf(entry->d_name, "tec-%ld-%u%n", &pid, &number, &end) != 2 || entry->d_name[end] || pid <= 0 ||
            fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode) ||
            info.st_uid != geteuid() || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            tec_log("/dev/shm/%s: removed, as a killed process has left it", entry->d_name);
    }
    if (dir)
        closedir(dir);
}

/* Collective. *memory: of this node, on all of its ranks, and without a name any more, so that it goes with the last of
 * them. */
static tec_status map_on_node(const tec_comm *comm, const tec_comm *node, size_t bytes, char **memory)
{
    static atomic_uint number;
    char name[64];
    const bool first = node->rank == 0;
    tec_status status = TEC_OK;
    snprintf(name, sizeof name, "/tec-%ld-%u", (long)getpid(), atomic_fetch_add(&number, 1));
    *memory = first ? map(name, bytes, true) : NULL;
    if (first && !*memory)
        status = tec_fail(TEC_SYSTEM_ERROR, "host %s: no shared memory for %zu bytes in /dev/shm: %s",
                          tec_comm_host(comm, comm->rank), bytes, strerror(errno));
    tec_comm_broadcast(node, name, sizeof name, 0);
    bool made = *memory != NULL;
    tec_comm_broadcast(node, &made, sizeof made, 0);
    if (!first && made && !(*memory = map(name, bytes, false)))
        status = tec_fail(TEC_SYSTEM_ERROR, "host %s: /dev/shm%s: cannot be opened: %s",
                          tec_comm_host(comm, comm->rank), name, strerror(errno));
    tec_comm_barrier(node);
    if (first && made)
        shm_unlink(name);
    status = tec_comm_agree(comm, status);
    if (status != TEC_OK && *memory)
        unmap(*memory, bytes);
    return status;
}

/* Collective. False, after a warning: it is not possible. */
static bool share(const tec_comm *comm, const tec_comm *node, char **text, size_t bytes)
{
    char *memory;
    if (map_on_node(comm, node, bytes, &memory) != TEC_OK) {
        tec_warn("%s; each rank takes memory of its own for it; make room there", tec_error_message());
        return false;
    }
    fill(comm, *text, bytes, node->rank == 0 ? memory : NULL);
    tec_comm_barrier(node);
    free(*text);
    *text = memory;
    return true;
}

tec_status tec_comm_share_text_on_nodes(const tec_comm *comm, char **text, size_t *bytes, tec_release **release)
{
    tec_comm node = tec_comm_node(comm);
    bool done = false;
    if (node.rank == 0)
        sweep();
    tec_comm_broadcast(comm, bytes, sizeof *bytes, 0);
    if (comm->rank != 0)
        *text = NULL;
    if (*bytes > 0 && any(comm, node.size > 1))
        done = share(comm, &node, text, *bytes);
    if (!done)
        tec_comm_share_text(comm, text, bytes, 0);
    *release = done ? unmap : release_heap;
    tec_comm_node_free(&node);
    return TEC_OK;
}
