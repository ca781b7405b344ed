/* Findings about images, merged over the ranks. */
#include "tec/findings_report.h"

#include "tec/findings.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

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

static char *join(char *text, char *more)
{
    char *longer = tec_string_format("%s%s%s", text ? text : "", text ? ", " : "", more);
    free(text);
    free(more);
    return longer;
}

/* Collective. "3 PNG without an end (first: set/a.png), 1 JPEG ..." on rank 0; NULL: no image is damaged. */
static char *describe_damage(const tec_dataset *set, const tec_comm *comm, const int64_t *noted)
{
    char *text = NULL, name[256];
    for (int note = 0; note < TEC_IMAGE_TURNED; note++) {
        int64_t first = 0;
        int64_t count = noted[note] ? count_noted(tec_dataset_findings(set), comm, (tec_image_note)note, &first) : 0;
        if (count > 0)
            text = join(text, tec_string_format("%lld %s (first: %s)", (long long)count,
                                                tec_image_note_words((tec_image_note)note),
                                                tec_dataset_name(set, first, name, sizeof name)));
    }
    return text;
}

/* Collective. */
static void report_range(const tec_dataset *set, const tec_comm *comm, const char *what, bool deep)
{
    const tec_value_range *range = tec_findings_range(tec_dataset_findings(set), deep);
    int64_t images = atomic_load(&range->images);
    double end[2] = {atomic_load(&range->below), atomic_load(&range->high)};
    tec_comm_sum_int64(comm, &images, 1);
    tec_comm_max_double(comm, end, 2);
    int low = 255 - (int)end[0], high = (int)end[1];
    if (images == 0 || high - low + 1 >= TEC_NARROW_LEVELS)
        return;
    int unit = deep ? 256 : 1, most = deep ? 65535 : 255;
    tec_warn(
        "%s: the values of its %s images lie between %d and %d of 0 to %d, which is less than a quarter of the range, "
        "and become %d levels: scale them to the whole range",
        what, deep ? "16-bit" : "8-bit", low * unit, (high + 1) * unit - 1, most, high - low + 1);
}

void tec_findings_report(const tec_dataset *set, const tec_comm *comm, const char *what)
{
    tec_findings *findings = tec_dataset_findings(set);
    int64_t noted[TEC_IMAGE_NOTES], first = 0;
    for (int note = 0; note < TEC_IMAGE_NOTES; note++)
        noted[note] = tec_findings_has(findings, (tec_image_note)note);
    tec_comm_sum_int64(comm, noted, TEC_IMAGE_NOTES);
    char *damage = describe_damage(set, comm, noted);
    if (damage)
        tec_warn("%s: damaged images were read as Pillow reads them (data.strict_images=true refuses them): %s", what,
                 damage);
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
