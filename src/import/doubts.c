/* What is only guessed of a model, and refusing to use it where that matters. */
#include "import_parts.h"

#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DOUBTS = 4 };

/* In words; the caller frees each. Returns how many. */
static int collect(const tec_import *import, tec_import_use use, char *doubt[MOST_DOUBTS])
{
    const tec_import_facts *f = &import->facts;
    int n = 0;
    if (f->blocks_unknown)
        doubt[n++] = tec_string_format(
            "whether its positions are rotary and where the norms of its blocks stand, which "
            "its tensor `%.100s` leaves open (base.architecture=NAME, as timm calls it; vit: a plain ViT)",
            f->blocks_unknown);
    if (use >= TEC_USE_HASH && !f->activation_known)
        doubt[n++] = tec_string_format("its activation (base.activation=gelu, gelu_tanh or quick_gelu)");
    if (use >= TEC_USE_FEATURES && !f->heads_known)
        doubt[n++] =
            tec_string_format("its attention heads (base.heads=N; %d would be a guess, width / 64)", f->config.heads);
    if (use >= TEC_USE_IMAGES && !f->normalised)
        doubt[n++] = tec_string_format("how its images are normalised (base.mean=R,G,B base.std=R,G,B)");
    return n;
}

char *tec_import_doubts(const tec_import *import, tec_import_use use)
{
    char *doubt[MOST_DOUBTS];
    int count = collect(import, use, doubt);
    for (int i = 1; i < count; i++) {
        tec_string_append(&doubt[0], "%s%s", i + 1 < count ? ", " : " and ", doubt[i]);
        free(doubt[i]);
    }
    return count ? doubt[0] : NULL;
}

tec_status tec_import_check_known(const tec_import *import, tec_import_use use)
{
    char *doubts = tec_import_doubts(import, use);
    if (!doubts)
        return TEC_OK;
    tec_status status = tec_fail(TEC_USER_ERROR,
                                 "%s: nothing in the file tells %s: give what stands in brackets, or put the model's "
                                 "config.json beside it",
                                 import->path, doubts);
    free(doubts);
    return status;
}
