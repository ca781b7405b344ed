/* Memory that the ranks of a node share: a file without a name, of which each rank reserves its part and maps all. */
#include "tec/node.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/range.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* In reals. Slices begin on pages, so that each page belongs to one owner. */
enum { UNIT = 4096 };

typedef struct tec_node_map {
    struct tec_node_map *next;
    void *data;
    size_t bytes;
} tec_node_map;

static int least_ranks(const tec_comm *comm, int ranks)
{
    double least = ranks;
    int where;
    tec_comm_least(comm, &least, &where);
    return (int)least;
}

tec_node *tec_node_open(const tec_comm *comm)
{
    tec_comm ranks = tec_comm_node(comm);
    double most = ranks.size;
    tec_comm_max_double(comm, &most, 1);
    if (most <= 1) {
        tec_comm_node_free(&ranks);
        return NULL;
    }
    tec_node *node = tec_allocate_zeroed(1, sizeof *node);
    *node = (tec_node){.all = comm, .ranks = ranks, .peers = tec_comm_split(comm, ranks.rank)};
    node->owners = least_ranks(comm, ranks.size);
    return node;
}

void tec_node_close(tec_node *node)
{
    if (!node)
        return;
    for (tec_node_map *map = node->first, *next; map; map = next) {
        next = map->next;
        munmap(map->data, map->bytes);
        free(map);
    }
    tec_comm_node_free(&node->peers);
    tec_comm_node_free(&node->ranks);
    free(node);
}

tec_slice tec_node_slice_of(const tec_node *node, int rank, size_t count)
{
    if (rank >= node->owners)
        return (tec_slice){count, 0};
    const int64_t units = (int64_t)((count + UNIT - 1) / UNIT);
    tec_range share = tec_share(units, rank, node->owners);
    size_t first = tec_min_size((size_t)share.first * UNIT, count);
    return (tec_slice){first, tec_min_size((size_t)(share.first + share.count) * UNIT, count) - first};
}

tec_slice tec_node_slice(const tec_node *node, size_t count)
{
    return tec_node_slice_of(node, node->ranks.rank, count);
}

/* How the first rank's file is found by the others, and known to be it: another container may have another process of
 * this number. */
typedef struct address {
    long process;
    int fd;
    dev_t device;
    ino_t inode;
} address;

static tec_status refuse(const char *call)
{
    return tec_fail(TEC_SYSTEM_ERROR, "memory that the ranks of a node share cannot be had: %s: %s", call,
                    tec_file_reason(errno));
}

static tec_status make_file(int *fd, address *where)
{
    struct stat info;
    *fd = memfd_create("tec", MFD_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &info) != 0)
        return refuse("memfd_create");
    *where = (address){(long)getpid(), *fd, info.st_dev, info.st_ino};
    return TEC_OK;
}

static tec_status find_file(int *fd, const address *where)
{
    char path[64];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", where->process, where->fd);
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &info) != 0)
        return refuse(path);
    if (info.st_dev != where->device || info.st_ino != where->inode)
        return tec_fail(TEC_SYSTEM_ERROR,
                        "memory that the ranks of a node share cannot be had: they do not see each other's processes, "
                        "as in containers of their own");
    return TEC_OK;
}

/* Collective. The same empty file on all ranks of the node; *fd is -1, or to be closed. */
static tec_status open_file(const tec_node *node, int *fd)
{
    address where = {0};
    tec_status status = TEC_OK;
    *fd = -1;
    if (node->ranks.rank == 0)
        status = make_file(fd, &where);
    TEC_TRY(tec_comm_agree(node->all, status));
    tec_comm_broadcast(&node->ranks, &where, sizeof where, 0);
    if (node->ranks.rank != 0)
        status = find_file(fd, &where);
    return tec_comm_agree(node->all, status);
}

/* Reserved now, as memory that cannot be had when it is touched ends a process by SIGBUS. */
static tec_status reserve(int fd, size_t first, size_t bytes)
{
    do
        errno = bytes > 0 ? posix_fallocate(fd, (off_t)first, (off_t)bytes) : 0;
    while (errno == EINTR); /* a request to stop, which is heard later */
    return errno ? refuse("posix_fallocate") : TEC_OK;
}

static tec_status map_file(tec_node *node, int fd, size_t bytes)
{
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return refuse("mmap");
    tec_ask_for_huge_pages(data, bytes); /* which most systems do not grant for shared memory */
    tec_node_map *map = tec_allocate_zeroed(1, sizeof *map);
    *map = (tec_node_map){.next = node->first, .data = data, .bytes = bytes};
    node->first = map;
    return TEC_OK;
}

/* Collective. A mapping of `bytes`, of which this rank reserves [first, first + mine). */
static tec_status map(tec_node *node, size_t bytes, size_t first, size_t mine)
{
    int fd;
    tec_status status = open_file(node, &fd);
    if (status == TEC_OK)
        status = tec_comm_agree(node->all, reserve(fd, first, mine));
    if (status == TEC_OK)
        status = tec_comm_agree(node->all, map_file(node, fd, bytes));
    if (fd >= 0)
        close(fd);
    return status;
}

tec_status tec_node_allocate(tec_node *node, size_t count, real **data)
{
    tec_slice mine = tec_node_slice(node, count);
    TEC_TRY(map(node, count * sizeof(real), mine.first * sizeof(real), mine.count * sizeof(real)));
    *data = node->first->data;
    return TEC_OK;
}

tec_status tec_node_allocate_each(tec_node *node, size_t count, real **each)
{
    const size_t stride = (count + UNIT - 1) / UNIT * UNIT, bytes = stride * sizeof(real);
    TEC_TRY(map(node, (size_t)node->ranks.size * bytes, (size_t)node->ranks.rank * bytes, bytes));
    for (int i = 0; i < node->ranks.size; i++)
        each[i] = (real *)node->first->data + (size_t)i * stride;
    return TEC_OK;
}
