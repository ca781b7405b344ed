/* What the settings of a resumed run have changed. */
#include "tec/run.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

void tec_run_changes_add(tec_run_changes *c, const char *key, char *was, char *is, bool kept)
{
    c->change = tec_grow(c->change, (size_t)c->count, &c->capacity, sizeof *c->change);
    c->change[c->count++] = (tec_run_change){.key = tec_string_copy(key), .was = was, .is = is, .kept = kept};
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
        tec_string_append(&text, "%s%s was %s, is %s", *text ? "; " : "", change->key, change->was, change->is);
    }
    return text;
}
