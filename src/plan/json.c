/* plan.json: everything that a plan says. */
#include "tec/plan.h"

#include "tec/json.h"
#include "tec/version.h"

#include <math.h>
#include <string.h>

static const char FORMAT[] = "tec-plan";
enum { VERSION = 1 };

typedef struct member {
    const char *name; /* NULL: no more members */
    double value;
} member;

/* Whole numbers are written as such; what is not finite is left out. */
static void put(json_t *object, const char *name, double value)
{
    const bool whole = fabs(value) < 0x1p53 && value == floor(value);
    if (isfinite(value))
        json_object_set_new(object, name, whole ? json_integer((json_int_t)value) : json_real(value));
}

static json_t *numbers(const member *m)
{
    json_t *object = json_object();
    for (; m->name; m++)
        put(object, m->name, m->value);
    return object;
}

/* An entry of a list: its name, and a number. */
static json_t *named(const char *name, const char *what, double value)
{
    json_t *object = json_pack("{ss}", "name", name);
    put(object, what, value);
    return object;
}

static json_t *job_json(const tec_plan_job *job)
{
    json_t *object = numbers((const member[]){{"images", (double)job->images},
                                              {"nodes", job->nodes},
                                              {"ranks_per_node", job->ranks_per_node},
                                              {"threads", job->threads},
                                              {"batch", job->recipe.batch},
                                              {0}});
    if (job->val_images > 0)
        put(object, "val_images", (double)job->val_images);
    if (job->model.kind == TEC_MODEL_CLASSIFIER)
        put(object, "classes", job->model.classes);
    return object;
}

static json_t *machine_json(const tec_plan_machine *machine)
{
    return numbers((const member[]){{"cores", machine->cores},
                                    {"memory_bytes", machine->memory},
                                    {"rank_flops_per_second", machine->train_rate},
                                    {"allreduce_bytes_per_second", machine->node_reduce_rate},
                                    {"network_bits_per_second", 8 * machine->network_rate},
                                    {"image_seconds", machine->fetch_seconds},
                                    {0}});
}

static json_t *memory_json(const char *command, const tec_plan_memory *memory, const tec_plan_job *job, double node)
{
    const double all = tec_plan_node_bytes(job, memory);
    json_t *object = json_pack("{ss}", "command", command), *items = json_array();
    for (int i = 0; i < TEC_PLAN_MEMORY_ITEMS && memory->item[i].name; i++)
        json_array_append_new(items, named(memory->item[i].name, "bytes", memory->item[i].bytes));
    json_object_set_new(object, "items", items);
    put(object, "rank_bytes", memory->bytes);
    put(object, "node_bytes", all);
    json_object_set_new(object, "fits", json_boolean(!(all > node)));
    return object;
}

static json_t *stores_json(const tec_plan_job *job)
{
    const double half = tec_plan_store_bytes(job, TEC_TARGET_FLOAT16);
    json_t *list = json_array();
    for (int type = TEC_TARGET_FLOAT32; type <= TEC_TARGET_INT8; type++) {
        const double bytes = tec_plan_store_bytes(job, (tec_target_type)type);
        json_t *store = named(tec_target_type_name((tec_target_type)type), "bytes", bytes);
        put(store, "of_float16", bytes / half);
        json_object_set_new(store, "chosen", json_boolean(type == (int)job->targets.type && !job->targets.online));
        json_array_append_new(list, store);
    }
    return list;
}

static json_t *parts_json(const tec_plan_job *job, const tec_plan_time *t)
{
    const member part[] = {{"forward and backward", t->compute},
                           {"AdamW", t->update},
                           {"allreduce inside a node", t->node_reduce},
                           {"allreduce between nodes", t->network_reduce},
                           {"decoding beyond free cores", t->fetch},
                           {job->targets.online ? "base model" : NULL, t->online},
                           {0}};
    json_t *list = json_array();
    for (const member *p = part; p->name; p++) {
        json_t *object = named(p->name, "seconds", p->value);
        put(object, "share", p->value / t->step);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *time_json(const tec_plan_job *job, const tec_plan_time *t)
{
    const member always[] = {{"steps", (double)t->steps},
                             {"step_seconds", t->step},
                             {"images_per_second", job->recipe.batch / t->step},
                             {"communication_share", (t->node_reduce + t->network_reduce) / t->step},
                             {"checkpoints", (double)t->checkpoints},
                             {"checkpoint_seconds", t->checkpoint},
                             {"seconds", t->seconds},
                             {"node_hours", t->node_hours + (job->targets.online ? 0 : t->targets_node_hours)},
                             {0}};
    json_t *object = numbers(always);
    if (t->validations > 0) {
        put(object, "validations", (double)t->validations);
        put(object, "validation_seconds", t->validation);
    }
    if (job->model.kind == TEC_MODEL_TEC && !job->targets.online) {
        put(object, "targets_seconds", t->targets_seconds);
        put(object, "targets_node_hours", t->targets_node_hours);
    }
    json_object_set_new(object, "parts", parts_json(job, t));
    return object;
}

/* A store of the job's views beside targets that are computed in the step: what each costs, and for how many epochs the
 * latter takes fewer node-hours. */
static json_t *online_json(const tec_plan_job *job, const tec_plan_time *t)
{
    json_t *object = numbers(
        (const member[]){{"views", job->targets.views},
                         {"store_bytes", tec_plan_store_bytes(job, job->targets.type)},
                         {"store_node_hours", t->targets_node_hours},
                         {"epochs", job->recipe.epochs},
                         {"step_seconds", t->online},
                         {"node_hours", t->online_node_hours},
                         {"epochs_cheaper", floor(t->targets_node_hours / t->online_node_hours * job->recipe.epochs)},
                         {0}});
    json_object_set_new(object, "chosen", json_boolean(job->targets.online));
    return object;
}

tec_status tec_plan_json(const tec_plan_job *job, const tec_plan_machine *machine, json_t **out)
{
    const char *command = tec_recipe_section(&job->recipe);
    const bool tec = job->model.kind == TEC_MODEL_TEC, stored = tec && !job->targets.online;
    tec_plan_memory training, targets;
    tec_plan_time time;
    double checkpoint;
    *out = NULL;
    TEC_TRY(tec_plan_training_memory(job, &training));
    if (stored)
        TEC_TRY(tec_plan_targets_memory(job, &targets));
    TEC_TRY(tec_plan_checkpoint_bytes(job, &checkpoint));
    TEC_TRY(tec_plan_time_of(job, machine, &time));
    json_t *memory = json_array(), *disk = json_object();
    json_array_append_new(memory, memory_json(command, &training, job, machine->memory));
    if (stored)
        json_array_append_new(memory, memory_json("targets", &targets, job, machine->memory));
    put(disk, "checkpoint_bytes", checkpoint);
    if (tec)
        json_object_set_new(disk, "stores", stores_json(job));
    /* clang-format off */
    *out = json_pack("{ss si ss ss so so so so so}",
        "format", FORMAT,
        "version", VERSION,
        "software", tec_version(),
        "command", command,
        "job", job_json(job),
        "machine", machine_json(machine),
        "memory", memory,
        "disk", disk,
        "time", time_json(job, &time));
    /* clang-format on */
    if (tec)
        json_object_set_new(*out, "online", online_json(job, &time));
    return TEC_OK;
}

tec_status tec_plan_json_read(const char *path, json_t **out)
{
    TEC_TRY(tec_json_read(path, out));
    const char *format = json_string_value(json_object_get(*out, "format"));
    const bool ours = format && strcmp(format, FORMAT) == 0;
    if (ours && json_integer_value(json_object_get(*out, "version")) == VERSION)
        return TEC_OK;
    json_decref(*out);
    *out = NULL;
    return ours ? tec_fail(TEC_USER_ERROR, "%s was written by a different version of `tec plan --json`", path) : TEC_OK;
}
