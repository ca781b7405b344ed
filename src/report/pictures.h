/* Module report, private. What tables of pictures are made with. H x W image size, c channels, L patches, D width. */
#ifndef TEC_REPORT_PICTURES_H
#define TEC_REPORT_PICTURES_H

#include "parts.h"
#include "pca.h"

/* Numbers of an image: H * W * c. */
size_t tec_pictures_pixels(const tec_report_images *images);

/* For loops: is there an image i, and is this process not to end (tec_stop_asked)? A sign of life. What is made after the end
 * of such a loop may lack pictures. */
bool tec_pictures_more(const tec_report_images *images, int i);

/* A table whose first column has the images themselves. */
void tec_pictures_begin(tec_report_pictures *p, const tec_report_images *images);

/* Adds a sentence on how to read the table. */
void tec_pictures_hint(tec_report_pictures *p, const char *text);

/* The images as a model takes them [count, c, H, W]; the caller frees them. */
real *tec_pictures_normalise(const tec_report_images *images, const tec_normalisation *n);

/* A column with the patches of `side` pixels that stay visible. */
void tec_pictures_masks(tec_report_pictures *p, const tec_report_images *images, int side);

/* Values of a grid of patches as heat, from `low` (black) to `high` (yellow). */
void tec_pictures_heat(tec_report_picture *picture, const double *value, tec_size grid, double low, double high);

/* Makes *low and *high the range of the values [count], and of what they were. */
void tec_pictures_range(const double *value, int count, double *low, double *high);

/* Adds weight times the softmax of logits / tau [L] to share [L]. */
void tec_pictures_add_softmax(const real *logit, int L, double tau, double weight, double *share);

/* Rows [count, D] as colours in a grid of patches; `only`: the patches that they are of [count], the others are grey. NULL:
 * all. */
void tec_pictures_colours(tec_report_picture *picture, const pca *p, const real *rows, tec_size grid, const int *only,
                          int count);

#endif
