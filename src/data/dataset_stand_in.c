/* A data set in name only: its images are read from a target store. It is found at no path and has no list, so that its
 * kind is not in dataset.c's table. */
#include "dataset_parts.h"

#include "tec/memory.h"
#include "tec/text.h"

static void name_sample(const tec_dataset *set, int64_t index, char *text, size_t size)
{
    snprintf(text, size, "sample %lld of %s", (long long)index, set->root);
}

static tec_status read_nothing(const tec_dataset *set, int64_t index, tec_image *out)
{
    (void)out;
    return tec_fail(TEC_SYSTEM_ERROR, "sample %lld of %s: only the store has this image", (long long)index, set->root);
}

static const tec_dataset_kind stand_in = {.title = "stand-in", .name = name_sample, .read = read_nothing};

tec_dataset *tec_dataset_stand_in(const char *name, int64_t samples, uint64_t fingerprint)
{
    tec_dataset *set = tec_allocate_zeroed(1, sizeof *set);
    set->kind = &stand_in;
    set->list = tec_string_copy(name);
    set->root = set->list;
    set->total = set->size = samples;
    set->fingerprint = fingerprint;
    set->findings = tec_findings_create(samples);
    return set;
}
