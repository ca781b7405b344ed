/* One copy of a text on each node, in POSIX shared memory. */
#include "tec/shared_text.h"

#include "tec/minmax.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

static tec_status share(const tec_comm *comm, const tec_comm *node, char **text, size_t bytes, bool *done)
{
    static atomic_uint number;
    char name[64];
    const bool first = node->rank == 0;
    snprintf(name, sizeof name, "/tec-%ld-%u", (long)getpid(), atomic_fetch_add(&number, 1));
    char *memory = first ? map(name, bytes, true) : NULL;
    *done = !any(comm, first && !memory);
    if (!*done) {
        if (memory) {
            unmap(memory, bytes);
            shm_unlink(name);
        }
        return TEC_OK;
    }
    fill(comm, *text, bytes, memory);
    tec_comm_broadcast(node, name, sizeof name, 0);
    tec_status status = TEC_OK;
    if (!first && !(memory = map(name, bytes, false)))
        status = tec_fail(TEC_SYSTEM_ERROR, "/dev/shm%s: cannot be opened: %s", name, strerror(errno));
    tec_comm_barrier(node);
    if (first)
        shm_unlink(name);
    free(*text);
    *text = memory;
    return tec_comm_agree(comm, status);
}

tec_status tec_comm_share_text_on_nodes(const tec_comm *comm, char **text, size_t *bytes, tec_release **release)
{
    tec_comm node = tec_comm_node(comm);
    bool done = false;
    tec_status status = TEC_OK;
    tec_comm_broadcast(comm, bytes, sizeof *bytes, 0);
    if (comm->rank != 0)
        *text = NULL;
    if (*bytes > 0 && any(comm, node.size > 1))
        status = share(comm, &node, text, *bytes, &done);
    if (!done)
        tec_comm_share_text(comm, text, bytes, 0);
    *release = done ? unmap : release_heap;
    tec_comm_node_free(&node);
    return status;
}
