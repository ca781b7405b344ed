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
#include <time.h>
#include <unistd.h>

#define SHARED_PREFIX "tec-"           /* PROCESS-NUMBER follows */
#define SECONDS_TO_MAP 60              /* in which all ranks of a node have surely mapped it */
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

/* Collective over a node. Memory that all of its ranks have mapped and that has no name any more when this returns, long
 * before it is filled: whenever they are killed, nothing stays behind. */
static tec_status map_on_node(const tec_comm *node, size_t bytes, char **memory)
{
    static atomic_uint number;
    char name[64];
    tec_status status = TEC_OK;
    snprintf(name, sizeof name, "/" SHARED_PREFIX "%ld-%u", (long)getpid(), atomic_fetch_add(&number, 1));
    tec_comm_broadcast(node, name, sizeof name, 0);
    for (int creator = 1; creator >= 0; creator--) {
        if (creator == (node->rank == 0) && !(*memory = map(name, bytes, creator)))
            status = tec_fail(TEC_SYSTEM_ERROR, "/dev/shm%s: %zu bytes of shared memory cannot be had: %s", name, bytes,
                              strerror(errno));
        status = tec_comm_agree(node, status);
        if (status != TEC_OK)
            break;
    }
    if (node->rank == 0 && *memory)
        shm_unlink(name);
    return status;
}

/* Removes what processes of this user left that were killed just when they were mapping it. A process may live although
 * we cannot see it, in a container that shares the memory: hence the age. */
static void sweep(void)
{
    DIR *list = opendir("/dev/shm");
    for (struct dirent *entry; list && (entry = readdir(list));) {
        struct stat info;
        long process;
        int end = 0;
        if (sscanf(entry->d_name, SHARED_PREFIX "%ld-%*u%n", &process, &end) != 1 || end == 0 || entry->d_name[end])
            continue;
        if (process > 0 && kill((pid_t)process, 0) != 0 && errno == ESRCH &&
            fstatat(dirfd(list), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_uid == getuid() &&
            time(NULL) - info.st_mtime > SECONDS_TO_MAP)
            unlinkat(dirfd(list), entry->d_name, 0);
    }
    if (list)
        closedir(list);
}

static bool share(const tec_comm *comm, const tec_comm *node, char **text, size_t bytes)
{
    char *memory = NULL;
    if (node->rank == 0)
        sweep();
    tec_status status = tec_comm_agree(comm, map_on_node(node, bytes, &memory));
    if (status != TEC_OK) {
        tec_warn("%s: every rank keeps a copy of the list of images", tec_error_message());
        if (memory)
            unmap(memory, bytes);
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
