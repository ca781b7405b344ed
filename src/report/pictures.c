/* Pictures in the page: the table, and what is in its columns. */
#include "parts.h"

#include "html.h"
#include "pca.h"
#include "png.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/ops.h"
#include "tec/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_HEADS = 16, /* that are shown */
    COARSE = 64      /* pixels: a picture with fewer shows its pixels as squares */
};

/* -- the table -- */

void tec_report_free_pictures(tec_report_pictures *p)
{
    for (int k = 0; k < p->column_count; k++) {
        for (int i = 0; i < p->images; i++) {
            free(p->column[k].picture[i].png);
            free(p->column[k].picture[i].caption);
            free(p->column[k].picture[i].file);
        }
        free(p->column[k].picture);
        free(p->column[k].title);
    }
    for (int i = 0; i < p->images; i++)
        free(p->name[i]);
    free(p->name);
    free(p->column);
    free(p->hint);
}

tec_report_picture *tec_report_add_column(tec_report_pictures *p, char *title)
{
    p->column = tec_grow(p->column, (size_t)p->column_count, &p->column_capacity, sizeof *p->column);
    tec_report_column *column = &p->column[p->column_count++];
    column->title = title;
    column->picture = tec_allocate_zeroed((size_t)p->images, sizeof *column->picture);
    return column->picture;
}

void tec_report_set_picture(tec_report_picture *picture, const uint8_t *pixels, int size, int channels)
{
    picture->width = picture->height = size;
    picture->png = tec_png_make(pixels, size, size, channels, &picture->bytes);
}

static void put_picture(FILE *out, const tec_report_picture *picture, const char *title, const char *name)
{
    fprintf(out, "<td><img width=\"%d\" height=\"%d\"%s alt=\"", picture->width, picture->height,
            picture->width < COARSE ? " class=\"coarse\"" : "");
    tec_html_text(out, title);
    tec_html_put(out, " of ", name, "");
    if (picture->file)
        tec_html_put(out, ": ", picture->file, "");
    if (picture->caption)
        tec_html_put(out, ": ", picture->caption, "");
    if (picture->file)
        tec_html_put(out, "\" title=\"", picture->file, "");
    fputs("\" src=\"data:image/png;base64,", out);
    tec_base64_put(out, picture->png, picture->bytes);
    fputs("\">", out);
    if (picture->caption)
        tec_html_put(out, "<span class=\"hint\">", picture->caption, "</span>");
    fputs("</td>", out);
}

void tec_report_pictures_put(FILE *out, const char *heading, const tec_report_run *run, const tec_report_pictures *p)
{
    if (p->column_count == 0)
        return;
    tec_html_put(out, "<section class=\"seen\"><h2>", heading, ": ");
    tec_html_put(out, "", run->name, "</h2>\n");
    if (p->hint)
        tec_html_put(out, "<p class=\"hint\">", p->hint, "</p>\n");
    fputs("<div class=\"wide\" tabindex=\"0\"><table class=\"pictures\"><thead><tr>", out);
    for (int k = 0; k < p->column_count; k++)
        tec_html_put(out, "<th scope=\"col\">", p->column[k].title, "</th>");
    fputs("<th scope=\"col\">file</th></tr></thead>\n<tbody>\n", out);
    for (int i = 0; i < p->images; i++) {
        fputs("<tr>", out);
        for (int k = 0; k < p->column_count; k++)
            put_picture(out, &p->column[k].picture[i], p->column[k].title, p->name[i]);
        tec_html_put(out, "<th scope=\"row\">", p->name[i], "</th></tr>\n");
    }
    fputs("</tbody></table></div></section>\n", out);
}

static void add_hint(tec_report_pictures *p, const char *text)
{
    if (p->hint)
        tec_string_append(&p->hint, " %s", text);
    else
        p->hint = tec_string_copy(text);
}

/* -- images and masks -- */

static size_t pixels_of(const tec_report_images *images)
{
    return (size_t)images->size * (size_t)images->size * (size_t)images->channels;
}

/* A table whose first column has the images themselves. */
static void begin_table(tec_report_pictures *p, const tec_report_images *images)
{
    p->images = images->count;
    p->name = tec_allocate((size_t)images->count * sizeof *p->name);
    for (int i = 0; i < images->count; i++)
        p->name[i] = tec_string_copy(images->name[i]);
    tec_report_picture *picture = tec_report_add_column(p, tec_string_copy("image"));
    for (int i = 0; i < images->count; i++)
        tec_report_set_picture(&picture[i], images->square + (size_t)i * pixels_of(images), images->size,
                               images->channels);
}

void tec_report_show_images(tec_report_run *run, const tec_report_images *images)
{
    begin_table(&run->pictures, images);
}

static real *normalise(const tec_report_images *images, const tec_normalisation *n)
{
    real *out = tec_allocate((size_t)images->count * pixels_of(images) * sizeof *out);
    for (int i = 0; i < images->count; i++)
        tec_pixels_normalize(images->square + (size_t)i * pixels_of(images), images->size, images->channels, n->mean,
                             n->std, out + (size_t)i * pixels_of(images));
    return out;
}

/* A value of a pixel of an image's patch: its place in [S, S, c]. */
static size_t place_of(const tec_report_images *images, int side, int patch, int y, int x, int c)
{
    int grid = images->size / side, row = patch / grid * side + y, column = patch % grid * side + x;
    return ((size_t)row * (size_t)images->size + (size_t)column) * (size_t)images->channels + (size_t)c;
}

static void show_masks(tec_report_pictures *p, const tec_report_images *images, int side)
{
    const uint8_t grey = 128;
    tec_report_picture *picture = tec_report_add_column(p, tec_string_copy("visible patches"));
    uint8_t *pixels = tec_allocate(pixels_of(images));
    int patches = (images->size / side) * (images->size / side);
    for (int i = 0; i < images->count; i++) {
        memcpy(pixels, images->square + (size_t)i * pixels_of(images), pixels_of(images));
        for (int k = images->visible; k < patches; k++)
            for (int at = 0; at < side * side * images->channels; at++)
                pixels[place_of(images, side, images->shuffle[i][k], at / images->channels / side,
                                at / images->channels % side, at % images->channels)] = grey;
        tec_report_set_picture(&picture[i], pixels, images->size, images->channels);
    }
    free(pixels);
}

/* -- MAE -- */

/* Pixels of a patch as they are predicted; where they are standardised, mean and deviation are those of the image, as
 * in MAE's own figures.
 *
 *   predicted, own  [p * p * c]  normalised; own: of the image */
static void put_patch(const tec_report_images *images, const tec_normalisation *n, int side, int patch,
                      bool standardised, const real *predicted, const real *own, uint8_t *pixels)
{
    int c = images->channels, count = side * side * c;
    double mean = 0, variance = 0;
    for (int i = 0; i < count; i++)
        mean += (double)own[i] / count;
    for (int i = 0; i < count; i++)
        variance += ((double)own[i] - mean) * ((double)own[i] - mean) / (count - 1);
    for (int i = 0; i < count; i++) {
        double value = standardised ? mean + (double)predicted[i] * sqrt(variance + 1e-6) : (double)predicted[i];
        double shade = 255 * (value * n->std[i % c] + n->mean[i % c]);
        pixels[place_of(images, side, patch, i / c / side, i / c % side, i % c)] =
            (uint8_t)lround(tec_min_double(tec_max_double(shade, 0), 255));
    }
}

void tec_report_show_pixels(tec_report_run *run, const tec_report_images *images, tec_model *model,
                            const tec_normalisation *normalisation)
{
    const tec_model_config *config = tec_model_get_config(model);
    int side = config->patch, patches = tec_model_patches(config), hidden = patches - images->visible;
    size_t outputs = (size_t)side * (size_t)side * (size_t)images->channels;
    show_masks(&run->pictures, images, side);
    tec_report_picture *picture = tec_report_add_column(&run->pictures, tec_string_copy("reconstruction"));
    real *normal = normalise(images, normalisation), *predicted = tec_allocate((size_t)hidden * outputs * sizeof(real));
    real *own = tec_allocate((size_t)hidden * outputs * sizeof *own);
    uint8_t *pixels = tec_allocate(pixels_of(images));
    for (int i = 0; i < images->count; i++) {
        const tec_example example = {.image = normal + (size_t)i * pixels_of(images), .shuffle = images->shuffle[i]};
        const int *at = images->shuffle[i] + images->visible;
        tec_model_predict(model, &example, 1, predicted);
        tec_pixel_target(example.image, images->channels, images->size, side, at, hidden, false, own);
        memcpy(pixels, images->square + (size_t)i * pixels_of(images), pixels_of(images));
        for (int k = 0; k < hidden; k++)
            put_patch(images, normalisation, side, at[k], config->norm_pix, predicted + (size_t)k * outputs,
                      own + (size_t)k * outputs, pixels);
        tec_report_set_picture(&picture[i], pixels, images->size, images->channels);
    }
    add_hint(&run->pictures,
             config->norm_pix ? "Reconstruction: hidden patches as they are predicted, with mean and deviation of the "
                                "image's own patches, as these are not predicted."
                              : "Reconstruction: hidden patches as they are predicted.");
    free(pixels);
    free(own);
    free(predicted);
    free(normal);
}

/* -- maps of patches -- */

/* 0 .. 1 from black over violet and orange to pale yellow. */
static void heat(double value, uint8_t rgb[3])
{
    static const double stop[5][3] = {{8, 6, 30}, {92, 22, 112}, {190, 54, 82}, {244, 140, 32}, {252, 246, 168}};
    double at = 4 * tec_min_double(tec_max_double(value, 0), 1);
    int below = tec_min_int((int)at, 3);
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)lround(stop[below][c] + (at - below) * (stop[below + 1][c] - stop[below][c]));
}

/* Values [L] of patches as heat, from `low` to `high`. */
static void show_heat(tec_report_picture *picture, const double *value, int patches, double low, double high)
{
    uint8_t *pixels = tec_allocate(3 * (size_t)patches);
    for (int l = 0; l < patches; l++)
        heat(high > low ? (value[l] - low) / (high - low) : 0, pixels + 3 * l);
    tec_report_set_picture(picture, pixels, (int)lround(sqrt(patches)), 3);
    free(pixels);
}

/* Makes *low and *high the range of values, and what they were. */
static void widen(const double *value, int count, double *low, double *high)
{
    for (int i = 0; i < count; i++) {
        *low = tec_min_double(*low, value[i]);
        *high = tec_max_double(*high, value[i]);
    }
}

/* Adds weight times the softmax of logits / tau [L] to `share`. */
static void add_softmax(const real *logit, int L, double tau, double weight, double *share)
{
    double largest = (double)logit[0], sum = 0;
    for (int l = 1; l < L; l++)
        largest = tec_max_double(largest, (double)logit[l]);
    for (int l = 0; l < L; l++)
        sum += exp(((double)logit[l] - largest) / tau);
    for (int l = 0; l < L; l++)
        share[l] += weight * exp(((double)logit[l] - largest) / tau) / sum;
}

/* The softmax of logits [L], from its least to its largest value, as in DINO's figures. */
static void show_attention(tec_report_picture *picture, const real *logit, int patches)
{
    double *share = tec_allocate_zeroed((size_t)patches, sizeof *share), low = INFINITY, high = -INFINITY;
    add_softmax(logit, patches, 1, 1, share);
    widen(share, patches, &low, &high);
    show_heat(picture, share, patches, low, high);
    free(share);
}

/* Rows [L, D] as colours; `only`: those of the patches listed there [count], the rest is grey. NULL: all. */
static void show_colours(tec_report_picture *picture, const pca *p, const real *rows, int patches, const int *only,
                         int count)
{
    int grid = (int)lround(sqrt(patches));
    uint8_t *pixels = tec_allocate(3 * (size_t)patches);
    memset(pixels, 128, 3 * (size_t)patches);
    for (int i = 0; i < count; i++)
        tec_pca_colour(p, rows + (size_t)i * (size_t)p->width, pixels + 3 * (only ? only[i] : i));
    tec_report_set_picture(picture, pixels, grid, 3);
    free(pixels);
}

/* Patch tokens behind the final norm, as DINOv2's figures have them. */
static void show_tokens(tec_report_run *run, const tec_report_images *images, tec_frozen *frozen, const real *normal)
{
    const tec_model_config *config = tec_frozen_config(frozen);
    int L = tec_model_patches(config), D = config->width;
    size_t tokens = (size_t)L * (size_t)D;
    real *token = tec_allocate((size_t)images->count * tokens * sizeof *token);
    for (int i = 0; i < images->count; i++)
        tec_frozen_tap(frozen, normal + (size_t)i * pixels_of(images), 1, &(tec_tap){.pooling = TEC_POOL_NONE},
                       token + (size_t)i * tokens);
    pca p = tec_pca_fit(token, images->count * L, D);
    tec_report_picture *picture = tec_report_add_column(&run->pictures, tec_string_copy("patch tokens"));
    for (int i = 0; i < images->count; i++)
        show_colours(&picture[i], &p, token + (size_t)i * tokens, L, NULL, L);
    add_hint(&run->pictures, "Patch tokens: of the last block, their first three principal components over all images "
                             "here as red, green and blue.");
    tec_pca_free(&p);
    free(token);
}

static void show_heads(tec_report_run *run, const tec_report_images *images, tec_frozen *frozen, const real *normal)
{
    const tec_model_config *config = tec_frozen_config(frozen);
    int L = tec_model_patches(config), H = config->heads, query;
    size_t logits = (size_t)H * (size_t)L;
    real *feature = tec_allocate((size_t)L * (size_t)config->width * sizeof *feature);
    real *attention = tec_allocate((size_t)(images->count + 1) * logits * sizeof *attention);
    for (int i = 0; i < images->count; i++) /* the logits of the patch query, which must be one, are overwritten */
        tec_frozen_targets(frozen, normal + (size_t)i * pixels_of(images), 1, 1, 1, feature,
                           attention + (size_t)i * logits, &query);
    for (int h = 0; h < tec_min_int(H, MOST_HEADS); h++) {
        tec_report_picture *picture =
            tec_report_add_column(&run->pictures, tec_string_format("attention, head %d", h + 1));
        for (int i = 0; i < images->count; i++)
            show_attention(&picture[i], attention + (size_t)i * logits + (size_t)h * (size_t)L, L);
    }
    add_hint(&run->pictures, "Attention: of the class token in the last block, over the patches, each from its least "
                             "(black) to its most (yellow).");
    free(attention);
    free(feature);
}

void tec_report_show_encoder(tec_report_run *run, const tec_report_images *images, tec_frozen *frozen,
                             const tec_normalisation *normalisation)
{
    real *normal = normalise(images, normalisation);
    show_tokens(run, images, frozen, normal);
    if (!tec_frozen_config(frozen)->variant.no_class_token)
        show_heads(run, images, frozen, normal);
    free(normal);
}

/* -- TEC -- */

/* What the base model gives of all images, and the new model is to predict. */
typedef struct targets {
    real *feature;   /* [count, L, C] standardised */
    real *attention; /* [count, 1 + K, H, L] logits */
    int *topk;       /* [count, K] */
    int H, L, C, K;
} targets;

static targets make_targets(const tec_report_images *images, const tec_report_base *base, int queries)
{
    const tec_model_config *config = tec_frozen_config(base->frozen);
    const size_t n = (size_t)images->count;
    targets t = {.H = config->heads, .L = tec_model_patches(config), .C = config->width, .K = tec_max_int(queries, 1)};
    const size_t tokens = (size_t)t.L * (size_t)t.C, logits = (size_t)(1 + t.K) * (size_t)t.H * (size_t)t.L;
    t.feature = tec_allocate(n * tokens * sizeof *t.feature);
    t.attention = tec_allocate(n * logits * sizeof *t.attention);
    t.topk = tec_allocate(n * (size_t)t.K * sizeof *t.topk);
    real *normal = normalise(images, base->normalisation);
    for (size_t i = 0; i < n; i++) {
        real *mine = t.feature + i * tokens;
        tec_frozen_targets(base->frozen, normal + i * pixels_of(images), 1, base->last_layers, t.K, mine,
                           t.attention + i * logits, t.topk + i * (size_t)t.K);
        tec_standardize_patches(mine, t.L, t.C, mine);
    }
    free(normal);
    return t;
}

static void free_targets(targets *t)
{
    free(t->topk);
    free(t->attention);
    free(t->feature);
}

static tec_example example_of(const tec_report_images *images, const targets *t, const real *normal, int i)
{
    return (tec_example){.image = normal + (size_t)i * pixels_of(images),
                         .shuffle = images->shuffle[i],
                         .topk = t->topk + (size_t)i * (size_t)t->K};
}

static void show_features(tec_report_run *run, const tec_report_images *images, tec_model *model, const targets *t,
                          const real *normal)
{
    const int hidden = t->L - images->visible;
    real *predicted = tec_allocate((size_t)hidden * (size_t)t->C * sizeof *predicted);
    pca p = tec_pca_fit(t->feature, images->count * t->L, t->C);
    tec_report_picture *picture = tec_report_add_column(&run->predicted, tec_string_copy("predicted features"));
    for (int i = 0; i < images->count; i++) {
        const tec_example example = example_of(images, t, normal, i);
        tec_model_predict(model, &example, 1, predicted);
        show_colours(&picture[i], &p, predicted, t->L, images->shuffle[i] + images->visible, hidden);
    }
    picture = tec_report_add_column(&run->predicted, tec_string_copy("base's features"));
    for (int i = 0; i < images->count; i++)
        show_colours(&picture[i], &p, t->feature + (size_t)i * (size_t)t->L * (size_t)t->C, t->L, NULL, t->L);
    add_hint(&run->predicted,
             "Features: those of the base model, standardised over the patches, as the three principal components "
             "that these have over all images here; the new model predicts them for the hidden patches.");
    tec_pca_free(&p);
    free(predicted);
}

/* Shares of attention, mean over the heads, of one query: what is predicted, and what it should be. On one scale. */
static void show_pair(tec_report_picture *predicted, tec_report_picture *wanted, const real *of_new,
                      const real *of_base, const targets *t, double tau)
{
    double *share = tec_allocate_zeroed(2 * (size_t)t->L, sizeof *share), low = INFINITY, high = -INFINITY;
    for (int h = 0; h < t->H; h++) {
        add_softmax(of_new + (size_t)h * (size_t)t->L, t->L, 1, 1.0 / t->H, share);
        add_softmax(of_base + (size_t)h * (size_t)t->L, t->L, tau, 1.0 / t->H, share + t->L);
    }
    widen(share, 2 * t->L, &low, &high);
    show_heat(predicted, share, t->L, low, high);
    show_heat(wanted, share + t->L, t->L, low, high);
    free(share);
}

/* The class query, then the patch queries. */
static void show_queries(tec_report_run *run, const tec_report_images *images, tec_model *model, const targets *t,
                         const real *normal)
{
    const double tau = tec_model_get_config(model)->attention_tau;
    const size_t map = (size_t)t->H * (size_t)t->L, all = (size_t)(1 + t->K) * map;
    real *logits = tec_allocate((size_t)images->count * all * sizeof *logits);
    for (int i = 0; i < images->count; i++) {
        const tec_example example = example_of(images, t, normal, i);
        tec_model_predict_attention(model, &example, 1, logits + (size_t)i * all);
    }
    for (int q = 0; q <= t->K; q++) {
        char *who = q == 0 ? tec_string_copy("class token") : tec_string_format("top patch %d", q);
        tec_report_picture *predicted =
            tec_report_add_column(&run->predicted, tec_string_format("predicted attention, %s", who));
        tec_report_picture *wanted =
            tec_report_add_column(&run->predicted, tec_string_format("base's attention, %s", who));
        for (int i = 0; i < images->count; i++) {
            const size_t at = (size_t)i * all + (size_t)q * map;
            show_pair(&predicted[i], &wanted[i], logits + at, t->attention + at, t, tau);
        }
        free(who);
    }
    add_hint(&run->predicted,
             "Attention: over all patches, of the class token and of those patches that it attends to most, "
             "mean of the heads, as it is predicted and as the base has it; each pair from its least (black) "
             "to its most (yellow).");
    free(logits);
}

void tec_report_show_features(tec_report_run *run, const tec_report_images *images, tec_model *model,
                              const tec_normalisation *normalisation, const tec_report_base *base, int queries)
{
    const tec_model_config *config = tec_model_get_config(model);
    targets t = make_targets(images, base, queries);
    real *normal = normalise(images, normalisation);
    begin_table(&run->predicted, images);
    show_masks(&run->predicted, images, config->patch);
    show_features(run, images, model, &t, normal);
    if (config->predict_attention && queries > 0)
        show_queries(run, images, model, &t, normal);
    free(normal);
    free_targets(&t);
}
