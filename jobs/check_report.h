/* Module jobs, private. How `tec check` says what it has found. Local, for rank 0. */
#ifndef TEC_JOBS_CHECK_REPORT_H
#define TEC_JOBS_CHECK_REPORT_H

#include "tec/check.h"

typedef struct tec_check_set {
    const char *path;
    tec_dataset *set;
    tec_check check;
} tec_check_set;

/* Prints a set: numbers, bad images, sizes, classes, mean and deviation. `size`: data.image_size. */
void tec_check_print(const tec_check_set *set, int channels, tec_size size);

/* Prints images with the same pixels, as tec_check_twins finds them. */
void tec_check_print_twins(const tec_check_set *sets, const tec_check_twin *twin, int64_t twins);

/* Writes everything to a JSON file. TEC_SYSTEM_ERROR: the disk. */
tec_status tec_check_write_json(const char *path, const tec_check_set *sets, int count, int channels,
                                const tec_check_twin *twin, int64_t twins);

#endif
