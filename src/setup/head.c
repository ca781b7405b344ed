/* What becomes of the head of a model that fine-tuning begins with: a new one is always drawn, which is said. */
#include "tec/setup.h"

#include "tec/checkpoint.h"
#include "tec/log.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

/* The first class whose name differs, from 0; -1: all are the same. Both have a name a line. */
static int first_difference(const char *a, const char *b)
{
    for (int i = 0;; i++) {
        size_t length = strcspn(a, "\n");
        if (length != strcspn(b, "\n") || strncmp(a, b, length) != 0)
            return i;
        if (!a[length] || !b[length])
            return a[length] == b[length] ? -1 : i;
        a += length + 1;
        b += length + 1;
    }
}

/* The name in line `number`, which is not ended by a 0 byte; *length is set. */
static const char *line_of(const char *text, int number, int *length)
{
    for (; number > 0 && *text; number--) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    *length = (int)strcspn(text, "\n");
    return text;
}

void tec_setup_say_head(const char *path, int head, int classes, const char *names, const char *set_path)
{
    if (head == 0)
        return;
    if (head != classes) {
        tec_warn(
            "finetune.model %s has a head for %d classes, and data.train %s has %d: it is left out, and a new head is "
            "drawn",
            path, head, set_path, classes);
        return;
    }
    char *theirs = tec_string_ends_with(path, ".h5") ? tec_checkpoint_read_classes(path) : NULL;
    int at = theirs && theirs[0] ? first_difference(theirs, names) : -1, was_length, is_length;
    if (at >= 0) {
        const char *was = line_of(theirs, at, &was_length), *is = line_of(names, at, &is_length);
        tec_warn("finetune.model %s has a head for %d other classes, or in another order (number %d is %.*s, and in "
                 "data.train %s %.*s): it is left out, and a new head is drawn",
                 path, head, at, was_length, was, set_path, is_length, is);
    } else {
        tec_log("finetune.model %s has a head for %d classes%s: it is left out, and a new head is drawn", path, head,
                theirs && theirs[0] ? ", the same as data.train's" : ", of which it tells no names");
    }
    free(theirs);
}
