/* Findings about images, merged over the ranks. */
#include "tec/findings_report.h"

#include "tec/findings.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* tec_comm_merge: of bits */
static void merge_bits(const void *from, void *into, int rows, size_t row_bytes)
{
    const uint64_t *mine = from;
    uint64_t *all = into;
    for (size_t i = 0; i < (size_t)rows * row_bytes / sizeof *all; i++)
        all[i] |= mine[i];
}

/* Collective. The samples of any rank that have the note: on rank 0 their number, and the first. */
static int64_t count_noted(tec_findings *findings, const tec_comm *comm, tec_image_note note, int64_t *first)
{
    int64_t words = tec_findings_words(findings), count = 0;
    size_t bytes = sizeof(uint64_t);
    uint64_t *mine = tec_allocate((size_t)words * bytes), *all = tec_allocate((size_t)words * bytes);
    tec_findings_copy(findings, note, mine); /* threads of a loader may still read ahead */
    tec_comm_reduce_rows(comm, mine, all, (int)words, bytes, merge_bits, 0);
    for (int64_t i = 0; i < words && comm->rank == 0; i++) {
        if (all[i] && count == 0)
            *first = 64 * i + __builtin_ctzll(all[i]);
        count += __builtin_popcountll(all[i]);
    }
    free(all);
    free(mine);
    return count;
}

/* Collective. "3 PNG without an end (first: set/a.png), 1 JPEG ..." on rank 0; "": no image is damaged. */
static char *describe_damage(const tec_dataset *set, const tec_comm *comm, const int64_t *noted)
{
    char *text = tec_string_copy(""), name[256];
    for (int note = 0; note < TEC_IMAGE_TURNED; note++) {
        int64_t first = 0;
        int64_t count = noted[note] ? count_noted(tec_dataset_findings(set), comm, (tec_image_note)note, &first) : 0;
        if (count > 0)
            tec_string_append(&text, "%s%lld %s (first: %s)", *text ? ", " : "", (long long)count,
                              tec_image_note_words((tec_image_note)note),
                              tec_dataset_name(set, first, name, sizeof name));
    }
    return text;
}

/* The counts of a tec_value_range, over all ranks. */
typedef struct totals {
    int64_t images, aside, window[TEC_NARROW_WINDOWS], low[256], high[256];
} totals;

static void load(const atomic_llong *from, int64_t *to, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = atomic_load(&from[i]);
}

/* Collective. false: there are no such images. */
static bool sum_range(const tec_value_range *range, const tec_comm *comm, totals *t)
{
    load(&range->images, &t->images, 1);
    tec_comm_sum_int64(comm, &t->images, 1);
    if (t->images == 0)
        return false;
    load(&range->aside, &t->aside, 1);
    load(range->window, t->window, TEC_NARROW_WINDOWS);
    load(range->low, t->low, 256);
    load(range->high, t->high, 256);
    tec_comm_sum_int64(comm, &t->aside, (int)((sizeof *t - offsetof(totals, aside)) / sizeof(int64_t)));
    return true;
}

/* "" where all values of all images are meant. */
static void describe_share(const totals *t, int64_t inside, char *text, size_t size)
{
    const char *aside = t->aside ? "single pixels aside" : "";
    if (inside < t->images)
        snprintf(text, size, " (%lld of %lld%s%s)", (long long)inside, (long long)t->images, t->aside ? ", " : "",
                 aside);
    else
        snprintf(text, size, "%s%s%s", t->aside ? " (" : "", aside, t->aside ? ")" : "");
}

/* Collective. */
static void report_range(const tec_dataset *set, const tec_comm *comm, const char *what, bool deep)
{
    totals t;
    char share[96];
    if (!sum_range(tec_findings_range(tec_dataset_findings(set), deep), comm, &t))
        return;
    int at = 0, unit = deep ? 256 : 1, most = deep ? 65535 : 255;
    for (int i = 1; i < TEC_NARROW_WINDOWS; i++)
        at = t.window[i] > t.window[at] ? i : at;
    if (10 * t.window[at] < 9 * t.images)
        return;
    int low = at, high = at + TEC_NARROW_LEVELS - 2;
    while (!t.low[low])
        low++;
    while (!t.high[high])
        high--;
    describe_share(&t, t.window[at], share, sizeof share);
    char *text = tec_string_format(
        "the values of its %s images%s lie between %d and %d of 0 to %d, which is less than a quarter of the range, "
        "and become %d level%s: scale them to the whole range",
        deep ? "16-bit" : "8-bit", share, low * unit, (high + 1) * unit - 1, most, high - low + 1,
        tec_plural(high - low + 1));
    if (comm->rank == 0 && tec_findings_tell(tec_dataset_findings(set), deep, text))
        tec_warn("%s: %s", what, text);
    free(text);
}

void tec_findings_report(const tec_dataset *set, const tec_comm *comm, const char *what)
{
    tec_findings *findings = tec_dataset_findings(set);
    int64_t noted[TEC_IMAGE_NOTES], first = 0;
    for (int note = 0; note < TEC_IMAGE_NOTES; note++)
        noted[note] = tec_findings_has(findings, (tec_image_note)note);
    tec_comm_sum_int64(comm, noted, TEC_IMAGE_NOTES);
    char *damage = describe_damage(set, comm, noted);
    if (*damage)
        tec_warn("%s: damaged images were read all the same (data.strict_images=true refuses them): %s", what, damage);
    free(damage);
    int64_t turned = noted[TEC_IMAGE_TURNED] ? count_noted(findings, comm, TEC_IMAGE_TURNED, &first) : 0;
    char name[256];
    if (turned > 0)
        tec_warn("%s: %lld %s with an EXIF orientation that is ignored, as torchvision does (first: %s); "
                 "data.exif_orientation=apply turns them upright",
                 what, (long long)turned, turned == 1 ? "image" : "images",
                 tec_dataset_name(set, first, name, sizeof name));
    report_range(set, comm, what, false);
    report_range(set, comm, what, true);
}
