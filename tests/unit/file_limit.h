/* Tests. A disk that is full. */
#ifndef TEC_TESTS_FILE_LIMIT_H
#define TEC_TESTS_FILE_LIMIT_H

#include <sys/resource.h>

/* From now on files may have `bytes` bytes at most: what is written beyond fails. RLIM_INFINITY: as many as at first. */
void limit_files(rlim_t bytes);

#endif
