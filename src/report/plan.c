/* The section about a job that is planned: what `tec plan --json` has written. */
#include "plan.h"

#include "html.h"
#include "rows.h"

#include "tec/log.h"
#include "tec/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A row of the table of facts: a member of an object of the file. */
typedef struct fact {
    const char *object;
    tec_rows_column is;
    bool optional;
} fact;

static const fact facts[] = {{"job", {"images", "images", 1, 6}, false},
                             {"job", {"images of the validation", "val_images", 1, 6}, true},
                             {"job", {"classes", "classes", 1, 6}, true},
                             {"job", {"nodes", "nodes", 1, 6}, false},
                             {"job", {"ranks on a node", "ranks_per_node", 1, 6}, false},
                             {"job", {"threads of a rank", "threads", 1, 6}, false},
                             {"job", {"images a step", "batch", 1, 6}, false},
                             {"machine", {"cores of a node", "cores", 1, 6}, false},
                             {"machine", {"memory of a node, GB", "memory_bytes", 1e-9, 4}, false},
                             {"machine", {"GFLOP/s of a rank in steps", "rank_flops_per_second", 1e-9, 4}, false},
                             {"machine", {"allreduce in a node, GB/s", "allreduce_bytes_per_second", 1e-9, 3}, true},
                             {"machine", {"network, Gbit/s", "network_bits_per_second", 1e-9, 4}, false},
                             {"machine", {"decoding of an image, ms", "image_seconds", 1e3, 3}, false},
                             {"disk", {"a checkpoint (2 are kept), MB", "checkpoint_bytes", 1e-6, 4}, false},
                             {"time", {"targets, s", "targets_seconds", 1, 4}, true},
                             {"time", {"targets, node-hours", "targets_node_hours", 1, 4}, true},
                             {"time", {"steps", "steps", 1, 6}, false},
                             {"time", {"a step, s", "step_seconds", 1, 4}, false},
                             {"time", {"images/s", "images_per_second", 1, 4}, false},
                             {"time", {"share of communication, %", "communication_share", 100, 3}, false},
                             {"time", {"checkpoints", "checkpoints", 1, 6}, false},
                             {"time", {"a checkpoint, s", "checkpoint_seconds", 1, 4}, false},
                             {"time", {"validations", "validations", 1, 6}, true},
                             {"time", {"a validation, s", "validation_seconds", 1, 4}, true},
                             {"time", {"all steps, checkpoints and validations, s", "seconds", 1, 4}, false},
                             {"time", {"node-hours, with targets", "node_hours", 1, 4}, false}};
enum { FACTS = sizeof facts / sizeof *facts };

static const tec_rows_column texts[] = {{"command", "command", 0, 0}, {"performance", "performance", 0, 0}};
static const tec_rows_column memory_columns[] = {{"of", "command", 0, 0},
                                                 {"a rank, MB", "rank_bytes", 1e-6, 4},
                                                 {"a node, MB", "node_bytes", 1e-6, 4},
                                                 {"fits into a node", "fits", 0, 0}};
static const tec_rows_column item_columns[] = {{"part", "name", 0, 0}, {"MB", "bytes", 1e-6, 4}};
static const tec_rows_column store_columns[] = {{"type", "name", 0, 0},
                                                {"MB", "bytes", 1e-6, 4},
                                                {"of float16", "of_float16", 1, 3},
                                                {"as the settings say", "chosen", 0, 0}};
static const tec_rows_column part_columns[] = {
    {"part of a step", "name", 0, 0}, {"share, %", "share", 100, 3}, {"s a step", "seconds", 1, 4}};

#define COLUMNS(of) (of), sizeof(of) / sizeof *(of)

/* -- damage -- */

/* Names a member once. */
static void lacks(char **what, const char *object, const char *member)
{
    char *name = tec_string_format("%s.%s", object, member);
    if (!*what)
        *what = tec_string_copy(name);
    else if (!strstr(*what, name))
        tec_string_append(what, ", %s", name);
    free(name);
}

static bool has(const json_t *object, const tec_rows_column *column)
{
    const json_t *value = json_object_get(object, column->member);
    return column->factor > 0 ? isfinite(tec_json_number(object, column->member))
                              : json_is_string(value) || json_is_boolean(value);
}

/* A list with a row at least. */
static void check_rows(char **what, const json_t *object, const char *of, const char *name,
                       const tec_rows_column *columns, size_t count)
{
    const json_t *list = json_object_get(object, name), *row;
    size_t i;
    if (json_array_size(list) == 0)
        lacks(what, of, name);
    json_array_foreach(list, i, row)
    {
        for (size_t c = 0; c < count; c++)
            if (!has(row, &columns[c]))
                lacks(what, name, columns[c].member);
    }
}

void tec_report_check_plan(tec_report_plan *plan)
{
    const json_t *memory = json_object_get(plan->json, "memory"), *disk = json_object_get(plan->json, "disk"),
                 *time = json_object_get(plan->json, "time"), *of;
    char *what = NULL;
    size_t i;
    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!has(plan->json, &texts[i]))
            lacks(&what, "plan", texts[i].member);
    for (i = 0; i < FACTS; i++) {
        const json_t *object = json_object_get(plan->json, facts[i].object);
        if (!has(object, &facts[i].is) && !(facts[i].optional && !json_object_get(object, facts[i].is.member)))
            lacks(&what, facts[i].object, facts[i].is.member);
    }
    check_rows(&what, plan->json, "plan", "memory", COLUMNS(memory_columns));
    json_array_foreach(memory, i, of) check_rows(&what, of, "memory", "items", COLUMNS(item_columns));
    if (json_object_get(disk, "stores"))
        check_rows(&what, disk, "disk", "stores", COLUMNS(store_columns));
    check_rows(&what, time, "time", "parts", COLUMNS(part_columns));
    plan->note = what ? tec_string_format("%s is damaged: it lacks %s", plan->path, what) : NULL;
    free(what);
    if (plan->note)
        tec_warn("%s", plan->note);
}

/* -- the section -- */

static void put_facts(FILE *out, const json_t *plan)
{
    const json_t *text;
    size_t i;
    tec_facts_begin(out);
    tec_facts_put(out, "performance", tec_json_text(plan, "performance", ""));
    json_array_foreach(json_object_get(plan, "assumptions"), i, text)
        tec_facts_put(out, "assumed", json_is_string(text) ? json_string_value(text) : "");
    for (i = 0; i < FACTS; i++) {
        const json_t *object = json_object_get(plan, facts[i].object);
        const tec_rows_column *is = &facts[i].is;
        if (json_object_get(object, is->member) || !facts[i].optional)
            tec_facts_put_number(out, is->title, is->factor * tec_json_number(object, is->member), is->digits);
    }
    tec_facts_put(out, "tec", tec_json_text(plan, "software", ""));
    tec_facts_end(out);
}

void tec_report_plan_put(FILE *out, const tec_report_plan *plan)
{
    const json_t *json = plan->json, *memory = json_object_get(json, "memory"), *of;
    size_t i;
    fputs("<section><h2>Plan of tec ", out);
    tec_html_text(out, tec_json_text(json, "command", ""));
    tec_html_put(out, ": ", plan->path, "</h2>\n");
    put_facts(out, json);
    tec_rows_put(out, "Parts of a step", json_object_get(json_object_get(json, "time"), "parts"), SIZE_MAX,
                 COLUMNS(part_columns));
    tec_rows_put(out, "Memory", memory, SIZE_MAX, COLUMNS(memory_columns));
    json_array_foreach(memory, i, of)
    {
        char *caption = tec_string_format("Memory of a rank: %s", tec_json_text(of, "command", ""));
        tec_rows_put(out, caption, json_object_get(of, "items"), SIZE_MAX, COLUMNS(item_columns));
        free(caption);
    }
    tec_rows_put(out, "The target store, by its type", json_object_get(json_object_get(json, "disk"), "stores"),
                 SIZE_MAX, COLUMNS(store_columns));
    fputs("</section>\n", out);
}
