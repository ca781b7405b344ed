/* libFuzzer: any bytes as a .safetensors and, before it, a config.json beside it: recognised, described and read as a
 * model. The first two bytes, the smaller first, say how long the config.json is; 0: there is none. */
#include "sets.h"

#include "tec/frozen.h"
#include "tec/import.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum { LARGEST = 64 }; /* patches of a side of the images that positions are interpolated to */

static void read_model(tec_import *import, tec_size size)
{
    tec_model_config config;
    tec_params params = {0};
    if (tec_import_resize(import, size, &config) != TEC_OK)
        return;
    tec_frozen_list(&config, &params);
    tec_params_allocate(&params, false);
    tec_status status = tec_import_read(import, &params, &config);
    assert(status == TEC_OK || status == TEC_USER_ERROR);
    tec_params_free(&params);
}

static void use(tec_import *import)
{
    tec_model_config config = tec_import_get_facts(import)->config;
    free(tec_import_describe(import));
    for (int i = 0; i <= TEC_USE_IMAGES; i++)
        free(tec_import_doubts(import, (tec_import_use)i));
    read_model(import, config.image_size);
    const tec_size grid = tec_model_grid(&config);
    if (grid.height < LARGEST && grid.width < LARGEST)
        read_model(import, (tec_size){(grid.height + 1) * config.patch, (grid.width + 2) * config.patch});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const tec_import_options options = {0};
    const size_t said = bytes < 2 ? 0 : data[0] | (size_t)data[1] << 8, begin = bytes < 2 ? bytes : 2;
    const size_t config_bytes = said < bytes - begin ? said : bytes - begin;
    char *config = config_bytes ? fuzz_file("config.json", data + begin, config_bytes) : NULL;
    char *model = fuzz_file("model.safetensors", data + begin + config_bytes, bytes - begin - config_bytes);
    tec_import *import;
    tec_status status = tec_import_open(&import, model, &options);
    assert(status == TEC_OK || status == TEC_USER_ERROR);
    if (status == TEC_OK)
        use(import);
    tec_import_close(import);
    unlink(model);
    if (config)
        unlink(config);
    free(config);
    free(model);
    return 0;
}
