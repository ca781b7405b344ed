/* What the fuzz targets for data sets share: files in a folder in memory, scanned, opened and read. */
#ifndef TEC_TESTS_FUZZ_SETS_H
#define TEC_TESTS_FUZZ_SETS_H

#include "src/data/dataset_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Writes a file to the folder of this process; returns its path, which the caller frees. */
char *fuzz_file(const char *name, const void *data, size_t bytes);

/* A grey image of 2 x 3 pixels, as a PNM. */
#define FUZZ_IMAGE "P5\n2 3\n255\nabcdef"
enum { FUZZ_IMAGE_BYTES = sizeof FUZZ_IMAGE - 1 };

/* Opens the set at `path` as the notes say; NULL: it is refused, as a user's mistake or, if `damaged`, as the machine's. */
tec_dataset *fuzz_open_set(const char *path, tec_label_mode labels, tec_scan_notes *notes, bool damaged);

/* Reads all images, of which only a user's mistake or, if `damaged`, the machine's may keep. */
void fuzz_read_set(const tec_dataset *set, bool damaged);

/* Both, of the set at `path` with whatever labels it has. */
void fuzz_set(const char *path, bool damaged);

#endif
