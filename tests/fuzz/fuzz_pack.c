/* libFuzzer: any bytes as the index of a pack, whose sum pack.json then has or, where they begin as one, as pack.json. */
#include "sets.h"

#include "tec/crc32c.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char index_text[] = "512 17 12415862 a/1.pgm\0"
                                 "1024 17 12415862 b/2.pgm";

static char *describe(const void *index, size_t bytes)
{
    int images = 0;
    for (size_t i = 0; i < bytes; i++)
        images += !((const char *)index)[i];
    images += bytes && ((const char *)index)[bytes - 1];
    return tec_string_format(
        "{\"format\": \"tec-pack\", \"version\": 1, \"images\": %d, \"shards\": [{\"bytes\": 2560, "
        "\"images\": %d, \"index_bytes\": %zu, \"index_crc32c\": %u}]}",
        images, images, bytes, tec_crc32c(0, index, bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const bool json = bytes && *data == '{';
    static char shard[2560];
    memcpy(shard + 512, FUZZ_IMAGE, FUZZ_IMAGE_BYTES);
    memcpy(shard + 1024, FUZZ_IMAGE, FUZZ_IMAGE_BYTES);
    char *text = json ? NULL : describe(data, bytes);
    char *path = json ? fuzz_file("pack/pack.json", data, bytes) : fuzz_file("pack/pack.json", text, strlen(text));
    free(json ? fuzz_file("pack/shard-00000.index", index_text, sizeof index_text)
              : fuzz_file("pack/shard-00000.index", data, bytes));
    free(fuzz_file("pack/shard-00000.tar", shard, sizeof shard));
    *strrchr(path, '/') = 0;
    fuzz_set(path, true);
    free(text);
    free(path);
    return 0;
}
