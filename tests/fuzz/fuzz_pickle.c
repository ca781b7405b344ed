/* libFuzzer: any bytes as a pickle, whose tensors are listed as if all of their storages existed. */
#include "tensors.h"

#include "src/formats/torch_parts.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>

static tec_status locate(tec_tensor_file *file, void *context, const torch_storage *storage, torch_place *place)
{
    (void)file;
    (void)context;
    *place = (torch_place){.bytes = storage->view_count < 1 << 20 ? storage->view_count * storage->size : 0};
    return TEC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const tensor_format no_format = {.name = "pickle"};
    pickle *p;
    size_t used = 0;
    if (tec_pickle_read(&p, "fuzz.pkl", data, bytes, 0, &used) != TEC_OK)
        return 0;
    assert(used <= bytes);
    tec_tensor_file *file = tec_allocate_zeroed(1, sizeof *file);
    file->path = tec_string_format("fuzz.pkl");
    file->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    file->bytes = (int64_t)bytes;
    file->format = &no_format;
    tec_torch_list(file, tec_pickle_root(p), locate, NULL);
    tec_pickle_free(p);
    tec_tensor_file_close(file);
    return 0;
}
