/* libFuzzer: any bytes as a tar archive, which is listed, and as the index of one. Headers get the checksum that belongs into
 * them, else few changes of one would be read. What lies in the archive as an image must
 * be inside of it, and the index that is written must be read again. */
#include "src/data/tar_format.h"
#include "src/data/tar_index.h"
#include "tec/log.h"
#include "tec/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void check(const tec_tar_index *index, int64_t bytes)
{
    tec_tar_index again;
    size_t length;
    for (size_t i = 0; i < index->count; i++) {
        const tec_tar_entry *e = &index->entry[i];
        assert(e->path && *e->path);
        assert(!strchr("icp", e->kind) || (e->offset >= 512 && e->bytes >= 0 && e->bytes <= bytes - e->offset));
        assert((e->source == '-') == !e->label);
    }
    char *text = tec_tar_index_write(index, "rules", &length);
    assert(text && tec_tar_index_parse(&again, text, length, "rules") && again.count == index->count);
    tec_tar_index_free(&again);
    free(text);
}

static void seal(char *data, size_t bytes)
{
    for (size_t at = 0; at + TAR_BLOCK <= bytes; at += TAR_BLOCK)
        if (!memcmp(data + at + 257, "ustar", 5))
            snprintf(data + at + 148, 7, "%06o", tec_tar_checksum(data + at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    tec_tar_index index = {0};
    int fd = memfd_create("fuzz.tar", 0);
    char *sealed = tec_allocate(bytes + 1);
    tec_log_enable(false);
    if (bytes)
        memcpy(sealed, data, bytes);
    seal(sealed, bytes);
    assert(fd >= 0 && write(fd, sealed, bytes) == (ssize_t)bytes);
    free(sealed);
    if (tec_tar_index_make(&index, fd, "fuzz.tar", (int64_t)bytes) == TEC_OK)
        check(&index, (int64_t)bytes);
    tec_tar_index_free(&index);
    close(fd);
    tec_tar_index_parse(&index, (const char *)data, bytes, "rules");
    tec_tar_index_free(&index);
    return 0;
}
