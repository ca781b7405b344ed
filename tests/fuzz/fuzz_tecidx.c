/* libFuzzer: any bytes as the kept index of a tar archive. What it depends on is put before them, and its checksum behind,
 * else nothing of it would be taken. */
#include "sets.h"

#include "src/data/tar_format.h"
#include "src/data/tar_index.h"
#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An archive of one image, which is listed once, so that the first texts of its index are known. */
static char *write_archive(char **head, size_t *head_bytes)
{
    static char archive[4 * TAR_BLOCK];
    tec_tar_index index;
    size_t bytes;
    char *text;
    snprintf(archive, 100, "%s", "1/a.pgm");
    memcpy(archive + 124, "00000000021", 12);
    memcpy(archive + 257, "ustar\00000", 8);
    archive[156] = '0';
    snprintf(archive + 148, 7, "%06o", tec_tar_checksum(archive));
    memcpy(archive + TAR_BLOCK, FUZZ_IMAGE, FUZZ_IMAGE_BYTES);
    char *path = fuzz_file("a.tar", archive, sizeof archive),
         *kept = tec_string_format("%s" TEC_TAR_INDEX_ENDING, path);
    assert(tec_tar_index_get(&index, path) == TEC_OK && index.count == 1);
    tec_tar_index_free(&index);
    assert(tec_file_read(kept, 1 << 20, &text, &bytes) == TEC_OK);
    *head_bytes = strlen(text) + 1;
    *head_bytes += strlen(text + *head_bytes) + 1;
    *head = text;
    free(kept);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static char *path, *head;
    static size_t head_bytes;
    if (!path)
        path = write_archive(&head, &head_bytes);
    char *text = tec_allocate(head_bytes + bytes + 16);
    memcpy(text, head, head_bytes);
    if (bytes)
        memcpy(text + head_bytes, data, bytes);
    bytes += head_bytes;
    bytes += (size_t)snprintf(text + bytes, 16, "end %08x", tec_crc32c(0, text, bytes)) + 1;
    free(fuzz_file("a.tar" TEC_TAR_INDEX_ENDING, text, bytes));
    fuzz_set(path, true);
    free(text);
    return 0;
}
