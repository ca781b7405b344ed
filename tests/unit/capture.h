/* Tests. What code writes to stderr, for tests of messages. */
#ifndef TEC_TESTS_CAPTURE_H
#define TEC_TESTS_CAPTURE_H

#include <stddef.h>

/* Between the two, stderr goes to a file; capture_end copies what was written to `text`, cut to size - 1 bytes. */
typedef struct capture capture;
capture *capture_begin(void);
void capture_end(capture *c, char *text, size_t size);

#endif
