/* Pictures in the page: the table, and what is in its columns. */
#include "pictures.h"

#include "html.h"
#include "png.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/ops.h"
#include "tec/phase.h"
#include "tec/stop.h"
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

void tec_report_set_picture(tec_report_picture *picture, const uint8_t *pixels, tec_size size, int channels)
{
    picture->width = size.width;
    picture->height = size.height;
    picture->png = tec_png_make(pixels, size.width, size.height, channels, &picture->bytes);
}

static void put_picture(FILE *out, const tec_report_picture *picture, const char *title, const char *name)
{
    if (!picture->png) {
        fputs("<td></td>", out);
        return;
    }
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

void tec_pictures_hint(tec_report_pictures *p, const char *text)
{
    if (p->hint)
        tec_string_append(&p->hint, " %s", text);
    else
        p->hint = tec_string_copy(text);
}

/* -- images and masks -- */

size_t tec_pictures_pixels(const tec_report_images *images)
{
    return tec_size_area(images->size) * (size_t)images->channels;
}

bool tec_pictures_more(const tec_report_images *images, int i)
{
    tec_phase_tick();
    return i < images->count && !tec_stop_asked();
}

void tec_pictures_begin(tec_report_pictures *p, const tec_report_images *images)
{
    p->images = images->count;
    p->name = tec_allocate((size_t)images->count * sizeof *p->name);
    for (int i = 0; i < images->count; i++)
        p->name[i] = tec_string_copy(images->name[i]);
    tec_report_picture *picture = tec_report_add_column(p, tec_string_copy("image"));
    for (int i = 0; i < images->count; i++)
        tec_report_set_picture(&picture[i], images->square + (size_t)i * tec_pictures_pixels(images), images->size,
                               images->channels);
}

void tec_report_show_images(tec_report_run *run, const tec_report_images *images)
{
    tec_pictures_begin(&run->pictures, images);
}

real *tec_pictures_normalise(const tec_report_images *images, const tec_normalisation *n)
{
    real *out = tec_allocate((size_t)images->count * tec_pictures_pixels(images) * sizeof *out);
    for (int i = 0; i < images->count; i++)
        tec_pixels_normalize(images->square + (size_t)i * tec_pictures_pixels(images), images->size, images->channels,
                             n->mean, n->std, out + (size_t)i * tec_pictures_pixels(images));
    return out;
}

/* A value of a pixel of an image's patch: its place in [H, W, c]. */
static size_t place_of(const tec_report_images *images, int side, int patch, int y, int x, int c)
{
    int columns = images->size.width / side;
    int row = patch / columns * side + y, column = patch % columns * side + x;
    return ((size_t)row * (size_t)images->size.width + (size_t)column) * (size_t)images->channels + (size_t)c;
}

void tec_pictures_masks(tec_report_pictures *p, const tec_report_images *images, int side)
{
    const uint8_t grey = 128;
    tec_report_picture *picture = tec_report_add_column(p, tec_string_copy("visible patches"));
    uint8_t *pixels = tec_allocate(tec_pictures_pixels(images));
    int patches = (images->size.height / side) * (images->size.width / side);
    for (int i = 0; i < images->count; i++) {
        memcpy(pixels, images->square + (size_t)i * tec_pictures_pixels(images), tec_pictures_pixels(images));
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
    tec_pictures_masks(&run->pictures, images, side);
    tec_report_picture *picture = tec_report_add_column(&run->pictures, tec_string_copy("reconstruction"));
    real *normal = tec_pictures_normalise(images, normalisation),
         *predicted = tec_allocate((size_t)hidden * outputs * sizeof(real));
    real *own = tec_allocate((size_t)hidden * outputs * sizeof *own);
    uint8_t *pixels = tec_allocate(tec_pictures_pixels(images));
    for (int i = 0; tec_pictures_more(images, i); i++) {
        const tec_example example = {.image = normal + (size_t)i * tec_pictures_pixels(images),
                                     .shuffle = images->shuffle[i]};
        const int *at = images->shuffle[i] + images->visible;
        tec_model_predict(model, &example, 1, predicted);
        tec_pixel_target(example.image, images->channels, images->size, side, at, hidden, false, own);
        memcpy(pixels, images->square + (size_t)i * tec_pictures_pixels(images), tec_pictures_pixels(images));
        for (int k = 0; k < hidden; k++)
            put_patch(images, normalisation, side, at[k], config->norm_pix, predicted + (size_t)k * outputs,
                      own + (size_t)k * outputs, pixels);
        tec_report_set_picture(&picture[i], pixels, images->size, images->channels);
    }
    tec_pictures_hint(&run->pictures,
                      config->norm_pix
                          ? "Reconstruction: hidden patches as they are predicted, with mean and deviation of the "
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

void tec_pictures_heat(tec_report_picture *picture, const double *value, tec_size grid, double low, double high)
{
    const int patches = grid.height * grid.width;
    uint8_t *pixels = tec_allocate(3 * (size_t)patches);
    for (int l = 0; l < patches; l++)
        heat(high > low ? (value[l] - low) / (high - low) : 0, pixels + 3 * l);
    tec_report_set_picture(picture, pixels, grid, 3);
    free(pixels);
}

void tec_pictures_range(const double *value, int count, double *low, double *high)
{
    for (int i = 0; i < count; i++) {
        *low = tec_min_double(*low, value[i]);
        *high = tec_max_double(*high, value[i]);
    }
}

void tec_pictures_add_softmax(const real *logit, int L, double tau, double weight, double *share)
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
static void show_attention(tec_report_picture *picture, const real *logit, tec_size grid)
{
    const int patches = grid.height * grid.width;
    double *share = tec_allocate_zeroed((size_t)patches, sizeof *share), low = INFINITY, high = -INFINITY;
    tec_pictures_add_softmax(logit, patches, 1, 1, share);
    tec_pictures_range(share, patches, &low, &high);
    tec_pictures_heat(picture, share, grid, low, high);
    free(share);
}

void tec_pictures_colours(tec_report_picture *picture, const pca *p, const real *rows, tec_size grid, const int *only,
                          int count)
{
    const int patches = grid.height * grid.width;
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
    real *token = tec_allocate_zeroed((size_t)images->count * tokens, sizeof *token);
    for (int i = 0; tec_pictures_more(images, i); i++)
        tec_frozen_tap(frozen, normal + (size_t)i * tec_pictures_pixels(images), 1,
                       &(tec_tap){.pooling = TEC_POOL_NONE}, token + (size_t)i * tokens);
    pca p = tec_pca_fit(token, images->count * L, D);
    tec_report_picture *picture = tec_report_add_column(&run->pictures, tec_string_copy("patch tokens"));
    for (int i = 0; i < images->count; i++)
        tec_pictures_colours(&picture[i], &p, token + (size_t)i * tokens, tec_model_grid(config), NULL, L);
    tec_pictures_hint(&run->pictures,
                      "Patch tokens: of the last block, their first three principal components over all images "
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
    real *attention = tec_allocate_zeroed((size_t)(images->count + 1) * logits, sizeof *attention);
    for (int i = 0; tec_pictures_more(images, i); i++) /* the logits of the one patch query are overwritten */
        tec_frozen_targets(frozen, normal + (size_t)i * tec_pictures_pixels(images), 1, 1, 1, feature,
                           attention + (size_t)i * logits, &query);
    for (int h = 0; h < tec_min_int(H, MOST_HEADS); h++) {
        tec_report_picture *picture =
            tec_report_add_column(&run->pictures, tec_string_format("attention, head %d", h + 1));
        for (int i = 0; i < images->count; i++)
            show_attention(&picture[i], attention + (size_t)i * logits + (size_t)h * (size_t)L, tec_model_grid(config));
    }
    tec_pictures_hint(&run->pictures,
                      "Attention: of the class token in the last block, over the patches, each from its least "
                      "(black) to its most (yellow).");
    free(attention);
    free(feature);
}

void tec_report_show_encoder(tec_report_run *run, const tec_report_images *images, tec_frozen *frozen,
                             const tec_normalisation *normalisation)
{
    real *normal = tec_pictures_normalise(images, normalisation);
    show_tokens(run, images, frozen, normal);
    if (!tec_frozen_config(frozen)->variant.no_class_token)
        show_heads(run, images, frozen, normal);
    free(normal);
}
