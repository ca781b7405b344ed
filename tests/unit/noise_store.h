/* Tests. A target store of noise, for tests of what reads one: float32 features, views that fit into 16 x 16 pixels. */
#ifndef TEC_TESTS_NOISE_STORE_H
#define TEC_TESTS_NOISE_STORE_H

#include "tec/store.h"

/* Fills what `out` points to (image NULL: left out), its view and its sample with row `row` of the store. The same for
 * the same row, whatever was asked for before. */
void noise_store_row(const tec_store_spec *spec, int64_t row, tec_store_row *out);

/* Makes the store in `dir`, which is there, of one shard: spec->shard_rows covers all rows. Row `void_row` (-1: none)
 * is void. */
void noise_store_write(const char *dir, const tec_store_spec *spec, int64_t void_row);

#endif
