/* Nearest images by their features, in rows. */
#include "parts.h"

#include "tec/memory.h"
#include "tec/text.h"

/* "Sneaker, 0.97"; what is not known is left out. */
static char *caption_of(const tec_report_nearest *n, int image, int column)
{
    const char *label = n->label[image * (1 + n->k) + column];
    if (column == 0)
        return label ? tec_string_copy(label) : NULL;
    return tec_string_format("%s%s%.2f", label ? label : "", label ? ", " : "",
                             n->similarity[image * n->k + column - 1]);
}

void tec_report_show_nearest(tec_report_run *run, const tec_report_nearest *n)
{
    tec_report_pictures *p = &run->nearest;
    p->images = n->images;
    p->name = tec_allocate((size_t)n->images * sizeof *p->name);
    for (int i = 0; i < n->images; i++)
        p->name[i] = tec_string_copy(n->name[i * (1 + n->k)]);
    for (int k = 0; k <= n->k; k++) {
        char *title = k == 0 ? tec_string_copy("image") : tec_string_format("nearest %d", k);
        tec_report_picture *picture = tec_report_add_column(p, title);
        for (int i = 0; i < n->images; i++) {
            if (!n->square[i * (1 + n->k) + k])
                continue;
            tec_report_set_picture(&picture[i], n->square[i * (1 + n->k) + k], n->size, n->channels);
            picture[i].caption = caption_of(n, i, k);
            picture[i].file = k == 0 ? NULL : tec_string_copy(n->name[i * (1 + n->k) + k]);
        }
    }
    p->hint =
        tec_string_format("Of %s those whose features are most alike: by %s, with label, if there is one, and cosine "
                          "similarity (1: the same direction).",
                          n->among, n->by);
}
