/* Module replay, public. Golden fixtures: one numerical case per HDF5 file (weights, inputs, expected outputs).
 *
 * The groups /config and /weights are read by tec/checkpoint.h, the rest here. Local. */
#ifndef TEC_FIXTURE_H
#define TEC_FIXTURE_H

#include "tec/error.h"
#include "tec/real.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct tec_fixture tec_fixture;

/* TEC_USER_ERROR: not an HDF5 file, or not a golden fixture; *out is then NULL. */
tec_status tec_fixture_open(tec_fixture **out, const char *path);
void tec_fixture_close(tec_fixture *fixture); /* NULL is fine */
const char *tec_fixture_path(const tec_fixture *fixture);

/* Is there a dataset or group of that name? */
bool tec_fixture_has(const tec_fixture *fixture, const char *name);

/* All functions below: TEC_USER_ERROR names the dataset or attribute that is missing or cannot be read as requested. */

/* Size of a dataset along an axis; 0: it has no such axis. */
tec_status tec_fixture_dimension(const tec_fixture *fixture, const char *name, int axis, int *size);

/* The numbers of a dataset, which must be exactly `count`. The caller frees *out, which is NULL after a failure. */
tec_status tec_fixture_reals(const tec_fixture *fixture, const char *name, size_t count, real **out);
tec_status tec_fixture_ints(const tec_fixture *fixture, const char *name, size_t count, int **out);
tec_status tec_fixture_double(const tec_fixture *fixture, const char *name, double *out);

/* A number among the attributes of a group. */
tec_status tec_fixture_attribute(const tec_fixture *fixture, const char *group, const char *name, double *out);

#endif
