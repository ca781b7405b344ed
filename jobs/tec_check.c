/* tec check: reads all images of data sets, and says what is in them. */
#include "jobs.h"

#include "check_report.h"
#include "tec/check.h"
#include "tec/files.h"
#include "tec/findings_report.h"
#include "tec/log.h"
#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_JSON };

static const tec_option options[] = {
    {"json", TEC_OPTION_TEXT, "FILE", .help = "write all results to this file, also all classes and duplicates"}, {0}};

/* ---- which sets ---- */

static int count_sets(const tec_invocation *call)
{
    const tec_settings *s = &call->settings;
    return call->file_count > 0 ? call->file_count : (s->data.train[0] != 0) + (s->data.val[0] != 0);
}

/* What says something of data.train and data.val only. */
static tec_status check_settings(const tec_invocation *call)
{
    const tec_settings *s = &call->settings;
    const struct {
        const char *key;
        bool given;
    } keys[] = {{"data.max_train", s->data.max_train > 0},
                {"data.max_val", s->data.max_val > 0},
                {"data.val_labels", s->data.val_labels[0] != 0}};
    if (call->file_count == 0 && s->data.val_labels[0] && !s->data.train[0])
        return tec_fail(TEC_USER_ERROR, "data.val_labels gives classes of data.train, which is not given: give it too");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (call->file_count > 0 && keys[i].given)
            tec_warn("%s is of no effect on the sets that are named on the command line: to check with it, give %s "
                     "instead of them",
                     keys[i].key,
                     i == 2 ? "data.train=DATA data.val=DATA"
                     : i    ? "data.val=DATA"
                            : "data.train=DATA");
    return TEC_OK;
}

/* Collective. The index-th: of the paths that were given, else data.train and data.val. Links that lead nowhere are images
 * that cannot be read. */
static tec_status open_set(const tec_comm *comm, const tec_invocation *call, int index, tec_check_set *out)
{
    tec_settings s = call->settings; /* its texts are borrowed */
    bool training = call->file_count > 0 || (index == 0 && s.data.train[0]);
    s.data.on_bad_image = TEC_BAD_IMAGE_SKIP;
    s.targets.dir = s.run.dir = (char *)""; /* no list that is kept there: what is checked is what there is */
    if (call->file_count > 0) {
        s.data.train = (char *)call->files[index];
        s.data.max_train = 0;
    }
    out->path = training ? s.data.train : s.data.val;
    return tec_setup_dataset(comm, &s, training, &out->set);
}

/* Collective. */
static tec_status read_set(const tec_comm *comm, const tec_invocation *call, int index, tec_check_set *sets)
{
    tec_check_set *set = &sets[index];
    const tec_settings *s = &call->settings;
    const tec_reading reading = tec_setup_reading(s);
    TEC_TRY(open_set(comm, call, index, set));
    if (index == 1 && !call->file_count)
        TEC_TRY(tec_setup_val_labels(comm, s, sets[0].set, set->set));
    if (index == 1 && !call->file_count && s->data.val_labels[0] && !tec_dataset_classes(sets[0].set))
        tec_warn("data.val_labels is not read: data.train %s has no classes", sets[0].path);
    TEC_TRY(tec_check_read(comm, set->set, s->data.channels, &reading, set->path, &set->check));
    tec_findings_report(set->set, comm, set->path);
    return TEC_OK;
}

/* ---- the command ---- */

static tec_status fail(const tec_invocation *call, const tec_check_set *sets, int count)
{
    const bool skip = call->settings.data.on_bad_image == TEC_BAD_IMAGE_SKIP;
    int64_t images = 0, readable = 0;
    for (int i = 0; i < count; i++) {
        images += sets[i].check.images;
        readable += sets[i].check.readable;
    }
    if (readable == images)
        return TEC_OK;
    return tec_fail(
        TEC_CHECK_FAILED,
        "%lld of %lld images cannot be read: repair or remove them, or %s data.on_bad_image=skip, which leaves them out",
        (long long)(images - readable), (long long)images, skip ? "keep" : "set");
}

static tec_status report(const tec_invocation *call, const tec_check_set *sets, int count)
{
    const char *json = call->option[OPTION_JSON].text;
    tec_check_twin *twin;
    const tec_check **checks = tec_allocate((size_t)count * sizeof *checks);
    for (int i = 0; i < count; i++)
        checks[i] = &sets[i].check;
    int64_t twins = tec_check_twins(checks, count, &twin);
    for (int i = 0; i < count; i++)
        tec_check_print(&sets[i], call->settings.data.channels, call->settings.data.image_size);
    tec_check_print_twins(sets, twin, twins);
    tec_status status =
        json ? tec_check_write_json(json, sets, count, call->settings.data.channels, twin, twins) : TEC_OK;
    free(twin);
    free(checks);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    int count = count_sets(call);
    if (count == 0)
        return tec_fail(TEC_USER_ERROR, "no data set is given: tec check DATA ..., or data.train and data.val");
    const char *json = call->option[OPTION_JSON].text;
    TEC_TRY(check_settings(call));
    TEC_TRY(tec_comm_agree(comm, json && comm->rank == 0 ? tec_file_check_output(json) : TEC_OK));
    tec_check_set *sets = tec_allocate_zeroed((size_t)count, sizeof *sets);
    tec_status status = TEC_OK;
    for (int i = 0; i < count && status == TEC_OK; i++)
        status = read_set(comm, call, i, sets);
    if (status == TEC_OK)
        status = tec_comm_agree(comm, comm->rank == 0 ? report(call, sets, count) : TEC_OK);
    if (status == TEC_OK)
        status = fail(call, sets, count);
    for (int i = 0; i < count; i++) {
        tec_check_free(&sets[i].check);
        tec_dataset_close(sets[i].set);
    }
    free(sets);
    return status;
}

static const char *const sections[] = {"data", "run", NULL};

const tec_command tec_command_check = {
    .name = "check",
    .usage = "[-c CONFIG.yaml] [--json FILE] [DATA ...] [section.key=value ...]",
    .summary = "read all images of data sets, and say what is in them",
    .details =
        "Reads and decodes every image of each DATA (a folder, a pack, a file of arrays or an IDX file; without any: data.train and "
        "data.val), as a job with these settings would, and prints: how many there are and cannot be read, each of "
        "these with its reason; sizes; images per class; mean and standard deviation, ready for the settings (of "
        "pixel / 255; every image counts alike, whatever its size); images with the same pixels, within a set and "
        "between sets. It warns of images that are damaged and decoded all the same, of an EXIF orientation that is "
        "ignored, and of values in less than a quarter of their range. What is printed does not depend on the number of "
        "ranks.\n\n"
        "Paths are as data.train takes them, and data.labels, data.channels, data.strict_images, data.exif_orientation and "
        "data.workers count; data.on_bad_image does not. data.max_train, "
        "data.max_val and data.val_labels are for data.train and data.val, not for DATA.\n\n"
        "The exit code is 0 if every image can be read, and 1 if one cannot. Duplicates do not change it.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .takes_files = true,
    .run = run,
};
