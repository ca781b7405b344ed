/* What `tec check` prints and writes. */
#include "check_report.h"

#include "jobs.h"

#include "tec/json.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"
#include "tec/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CLASSES 100 /* printed; the file has all */
#define MOST_GROUPS 20

/* ---- classes ---- */

typedef struct tally {
    int64_t images, bad;
} tally;

/* By class; NULL without labels. The caller frees it. */
static tally *count_classes(const tec_check_set *s)
{
    int classes = tec_dataset_classes(s->set);
    if (!classes)
        return NULL;
    tally *count = tec_allocate_zeroed((size_t)classes, sizeof *count);
    for (int64_t i = 0; i < s->check.images; i++) {
        int label = tec_dataset_label(s->set, i);
        count[label].images++;
        count[label].bad += s->check.image[i].height == 0;
    }
    return count;
}

static void print_classes(const tec_check_set *s)
{
    int classes = tec_dataset_classes(s->set);
    tally *count = count_classes(s);
    for (int c = 0; c < classes && c < MOST_CLASSES; c++) {
        char *name = tec_string_printable(tec_string_copy(tec_dataset_class_name(s->set, c)));
        printf("  class     %s: %lld image%s, %lld bad\n", name, (long long)count[c].images,
               tec_plural(count[c].images), (long long)count[c].bad);
        free(name);
    }
    if (classes > MOST_CLASSES)
        printf("  class     ... and %d more (--json FILE has all)\n", classes - MOST_CLASSES);
    free(count);
}

/* ---- a set ---- */

static void print_sizes(const tec_check *check, tec_size size)
{
    tec_check_sizes z = tec_check_measure(check, size);
    char list[TEC_SIZE_TEXT];
    bool one = z.least[0] == z.most[0] && z.least[1] == z.most[1];
    if (one)
        printf("  sizes     all %d x %d pixels", z.least[1], z.least[0]);
    else
        printf("  sizes     width %d to %d, height %d to %d pixels, median of the shorter side %d", z.least[1],
               z.most[1], z.least[0], z.most[0], z.median);
    if (z.small)
        printf("; %lld with a side shorter than data.image_size %s", (long long)z.small, tec_size_list(size, list));
    printf("\n");
}

/* "[0.4, 0.5]", or one number; fixed: with four digits behind the point. */
static void print_numbers(bool fixed, const double *number, int count)
{
    printf("%s", count > 1 ? "[" : "");
    for (int i = 0; i < count; i++) {
        printf("%s", i ? ", " : "");
        printf(fixed ? "%.4f" : "%.4g", number[i]);
    }
    printf("%s", count > 1 ? "]" : "");
}

static void print_mean(bool fixed, const double *mean, const double *std, int channels)
{
    printf("mean: ");
    print_numbers(fixed, mean, channels);
    printf(", std: ");
    print_numbers(fixed, std, channels);
    printf("}\n");
}

/* A range for the values of all bands, and their mean and deviation in it. */
static void print_proposal(const tec_check *check, int channels)
{
    double low = check->band[0].low, high = check->band[0].high;
    double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST];
    for (int c = 1; c < channels; c++) {
        low = tec_min_double(low, check->band[c].low);
        high = tec_max_double(high, check->band[c].high);
    }
    if (!(low < high))
        return;
    for (int c = 0; c < channels; c++) {
        mean[c] = (check->mean[c] - low) / (high - low);
        std[c] = check->std[c] / (high - low);
    }
    const double unit = check->high - check->low;
    printf("  or        data: {range: \"%.6g,%.6g\", ", check->low + low * unit, check->low + high * unit);
    print_mean(false, mean, std, channels);
}

static void print_bands(const tec_check *check, int channels)
{
    for (int c = 0; c < channels; c++) {
        const tec_check_band *b = &check->band[c];
        printf("  band %-4d %.6g to %.6g, 2 %% below %.4g, 2 %% above %.4g, mean %.4g, deviation %.4g\n", c + 1,
               b->least, b->most, b->low, b->high, b->mean, b->std);
    }
}

/* Ready for the settings. */
static void print_colours(const tec_check *check, int channels)
{
    if (check->band)
        print_bands(check, channels);
    printf("  settings  data: {");
    print_mean(!check->band, check->mean, check->std, channels);
    if (check->band && check->scales == 1)
        print_proposal(check, channels);
}

void tec_check_print(const tec_check_set *s, int channels, tec_size size)
{
    const tec_check *check = &s->check;
    int classes = tec_dataset_classes(s->set);
    printf("%s: %lld image%s, %lld bad, ", s->path, (long long)check->images, tec_plural(check->images),
           (long long)(check->images - check->readable));
    if (classes)
        printf("%d class%s\n", classes, classes == 1 ? "" : "es");
    else
        printf("no labels\n");
    for (int64_t i = 0; i < check->bad.count; i++)
        printf("  bad       %s\n", check->bad.message[i]);
    if (check->readable)
        print_sizes(check, size);
    print_classes(s);
    if (check->readable)
        print_colours(check, channels);
}

/* ---- the same pixels ---- */

static const char *class_of(const tec_check_set *sets, const tec_check_twin *t)
{
    const tec_dataset *set = sets[t->set].set;
    int label = tec_dataset_label(set, t->sample);
    return label < 0 ? "" : tec_dataset_class_name(set, label);
}

/* How many from `at` on have the pixels of the first of them. */
static int64_t group_from(const tec_check_twin *twin, int64_t at, int64_t twins)
{
    int64_t end = at + 1;
    while (end < twins && twin[end].content == twin[at].content)
        end++;
    return end - at;
}

typedef struct summary {
    int64_t groups, superfluous, classes, sets; /* groups that span several classes, several sets */
} summary;

static summary summarise(const tec_check_set *sets, const tec_check_twin *twin, int64_t twins)
{
    summary out = {0};
    for (int64_t at = 0, count; at < twins; at += count) {
        bool classes = false, several = false;
        count = group_from(twin, at, twins);
        for (int64_t i = at + 1; i < at + count; i++) {
            const char *one = class_of(sets, &twin[at]), *other = class_of(sets, &twin[i]);
            classes |= *one && *other && strcmp(one, other) != 0;
            several |= twin[i].set != twin[at].set;
        }
        out.groups++;
        out.superfluous += count - 1;
        out.classes += classes;
        out.sets += several;
    }
    return out;
}

static void print_group(const tec_check_set *sets, const tec_check_twin *twin, int64_t count)
{
    char name[1024];
    printf("  same     ");
    for (int64_t i = 0; i < count; i++)
        printf("%s%s", i ? " = " : " ",
               tec_string_printable(tec_dataset_name(sets[twin[i].set].set, twin[i].sample, name, sizeof name)));
    printf("\n");
}

void tec_check_print_twins(const tec_check_set *sets, const tec_check_twin *twin, int64_t twins)
{
    summary s = summarise(sets, twin, twins);
    printf("duplicates: %lld image%s the pixels of another one", (long long)s.superfluous,
           s.superfluous == 1 ? " has" : "s have");
    if (s.groups)
        printf(" (groups: %lld, of several classes: %lld, in several sets: %lld)", (long long)s.groups,
               (long long)s.classes, (long long)s.sets);
    printf("\n");
    int64_t at = 0;
    for (int g = 0; g < MOST_GROUPS && at < twins; g++) {
        int64_t count = group_from(twin, at, twins);
        print_group(sets, twin + at, count);
        at += count;
    }
    if (s.groups > MOST_GROUPS)
        printf("  same      ... and %lld more groups (--json FILE has all)\n", (long long)s.groups - MOST_GROUPS);
}

/* ---- JSON ---- */

static json_t *json_image(const tec_dataset *set, int64_t sample)
{
    char name[4096];
    return tec_job_name_json(tec_dataset_name(set, sample, name, sizeof name));
}

static json_t *json_bad(const tec_check_set *s)
{
    json_t *all = json_array();
    for (int64_t i = 0; i < s->check.bad.count; i++)
        json_array_append_new(all, json_pack("{s:o, s:o}", "image", json_image(s->set, s->check.bad.sample[i]),
                                             "reason", tec_job_name_json(s->check.bad.message[i])));
    return all;
}

static json_t *json_classes(const tec_check_set *s)
{
    json_t *all = json_array();
    tally *count = count_classes(s);
    for (int c = 0; c < tec_dataset_classes(s->set); c++)
        json_array_append_new(all,
                              json_pack("{s:o, s:I, s:I}", "name", tec_job_name_json(tec_dataset_class_name(s->set, c)),
                                        "images", (json_int_t)count[c].images, "bad", (json_int_t)count[c].bad));
    free(count);
    return all;
}

static json_t *json_bands(const tec_check *check, int channels)
{
    json_t *all = json_array();
    for (int c = 0; c < channels; c++) {
        const tec_check_band *b = &check->band[c];
        json_array_append_new(all, json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "minimum", b->least, "maximum", b->most,
                                             "percentile_2", b->low, "percentile_98", b->high, "mean", b->mean, "std",
                                             b->std));
    }
    return all;
}

static json_t *json_set(const tec_check_set *s, int channels)
{
    tec_check_sizes z = tec_check_measure(&s->check, (tec_size){0});
    /* clang-format off */
    json_t *set = json_pack("{s:o, s:I, s:I, s:o, s:o, s:[i,i], s:[i,i], s:i, s:o, s:o}",
        "path", tec_job_name_json(s->path),
        "images", (json_int_t)s->check.images,
        "readable", (json_int_t)s->check.readable,
        "bad", json_bad(s),
        "classes", json_classes(s),
        "width", z.least[1], z.most[1],
        "height", z.least[0], z.most[0],
        "median_shorter_side", z.median,
        "mean", tec_job_numbers_json(s->check.mean, channels),
        "std", tec_job_numbers_json(s->check.std, channels));
    /* clang-format on */
    if (s->check.band)
        json_object_set_new(set, "bands", json_bands(&s->check, channels));
    return set;
}

static json_t *json_twins(const tec_check_set *sets, const tec_check_twin *twin, int64_t twins)
{
    json_t *all = json_array();
    for (int64_t at = 0, count; at < twins; at += count) {
        json_t *group = json_array();
        count = group_from(twin, at, twins);
        for (int64_t i = at; i < at + count; i++)
            json_array_append_new(group, json_pack("{s:i, s:o, s:o}", "set", twin[i].set, "image",
                                                   json_image(sets[twin[i].set].set, twin[i].sample), "class",
                                                   tec_job_name_json(class_of(sets, &twin[i]))));
        json_array_append_new(all, group);
    }
    return all;
}

tec_status tec_check_write_json(const char *path, const tec_check_set *sets, int count, int channels,
                                const tec_check_twin *twin, int64_t twins)
{
    json_t *all = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(all, json_set(&sets[i], channels));
    json_t *object = json_pack("{s:s, s:i, s:o, s:o}", "version", tec_version(), "channels", channels, "sets", all,
                               "duplicates", json_twins(sets, twin, twins));
    tec_status status = tec_json_write(path, object, 9);
    json_decref(object);
    return status;
}
