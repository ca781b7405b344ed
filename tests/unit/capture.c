/* What is written to stderr goes to a temporary file meanwhile. */
#include "capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct capture {
    FILE *file;
    int kept;
};

capture *capture_begin(void)
{
    capture *c = malloc(sizeof *c);
    assert_non_null(c);
    c->file = tmpfile();
    assert_non_null(c->file);
    fflush(stderr);
    c->kept = dup(STDERR_FILENO);
    assert_true(c->kept >= 0 && dup2(fileno(c->file), STDERR_FILENO) >= 0);
    return c;
}

void capture_end(capture *c, char *text, size_t size)
{
    assert_true(dup2(c->kept, STDERR_FILENO) >= 0);
    close(c->kept);
    rewind(c->file);
    text[fread(text, 1, size - 1, c->file)] = 0;
    fclose(c->file);
    free(c);
}
