/* What the settings of a resumed run have changed. */
#include "tec/run.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

void tec_run_changes_add(tec_run_changes *c, const char *key, char *was, char *is, bool kept)
{
    tec_run_change *more = tec_allocate((size_t)(c->count + 1) * sizeof *more);
    if (c->count > 0)
        memcpy(more, c->change, (size_t)c->count * sizeof *more);
    more[c->count++] = (tec_run_change){.key = tec_string_copy(key), .was = was, .is = is, .kept = kept};
    free(c->change);
    c->change = more;
}

void tec_run_changes_free(tec_run_changes *c)
{
    for (int i = 0; i < c->count; i++) {
        free(c->change[i].key);
        free(c->change[i].was);
        free(c->change[i].is);
    }
    free(c->change);
    free(c->settings);
    *c = (tec_run_changes){0};
}

/* Does the key begin with one of the words of "data.|model."? */
static bool is_of(const char *key, const char *sections)
{
    for (const char *word = sections; *word; word += strspn(word, "|")) {
        size_t length = strcspn(word, "|");
        if (strncmp(key, word, length) == 0)
            return true;
        word += length;
    }
    return false;
}

char *tec_run_changes_text(const tec_run_changes *c, const char *sections)
{
    char *text = tec_string_copy("");
    for (int i = 0; i < c->count; i++) {
        const tec_run_change *change = &c->change[i];
        if (sections && !is_of(change->key, sections))
            continue;
        char *longer =
            tec_string_format("%s%s%s was %s, is %s", text, *text ? "; " : "", change->key, change->was, change->is);
        free(text);
        text = longer;
    }
    return text;
}
