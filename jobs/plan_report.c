/* What `tec plan` prints, from the object that --json writes. */
#include "plan_report.h"

#include "tec/clock.h"
#include "tec/text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

/* Infinite if there is no such member: what has no bound is left out. */
static double number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value ? json_number_value(value) : (double)INFINITY;
}

static long long whole(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void print_bytes(const char *what, double bytes, const char *more)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    int unit = 0;
    for (bytes /= 1e3; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1e3;
    printf("  %-34s %9.2f %s%s\n", what, bytes, units[unit], more);
}

static void print_machine(const json_t *machine)
{
    const double allreduce = number(machine, "allreduce_bytes_per_second");
    printf("  %.1f GFLOP/s per rank in training steps, allreduce %.2f GB/s inside a node, network %.0f Gbit/s\n",
           number(machine, "rank_flops_per_second") / 1e9, isinf(allreduce) ? 0 : allreduce / 1e9,
           number(machine, "network_bits_per_second") / 1e9);
}

static void print_heading(const json_t *plan)
{
    const json_t *job = json_object_get(plan, "job"), *line;
    const long long nodes = whole(job, "nodes"), ranks = whole(job, "ranks_per_node"), threads = whole(job, "threads");
    size_t i;
    printf("%lld images, %lld node%s x %lld rank%s x %lld thread%s, %lld images a step\n", whole(job, "images"), nodes,
           tec_plural(nodes), ranks, tec_plural(ranks), threads, tec_plural(threads), whole(job, "batch"));
    json_array_foreach(json_object_get(plan, "assumptions"), i, line) puts(json_string_value(line));
}

static void print_memory(const json_t *memory)
{
    const json_t *item;
    const bool fits = json_is_true(json_object_get(memory, "fits"));
    size_t i;
    printf("\nmemory, %s\n", text_of(memory, "command"));
    json_array_foreach(json_object_get(memory, "items"), i, item)
        print_bytes(text_of(item, "name"), number(item, "bytes"), "");
    print_bytes("a rank", number(memory, "rank_bytes"), "");
    print_bytes("a node", number(memory, "node_bytes"), fits ? "" : "  MORE THAN A NODE HAS");
}

static void print_disk(const json_t *disk)
{
    const json_t *store;
    size_t i;
    puts("\ndisk");
    print_bytes("a checkpoint (2 are kept)", number(disk, "checkpoint_bytes"), "");
    json_array_foreach(json_object_get(disk, "stores"), i, store)
    {
        char name[64], more[64];
        snprintf(name, sizeof name, "target store, %s", text_of(store, "name"));
        snprintf(more, sizeof more, "  %.3f of float16%s", number(store, "of_float16"),
                 json_is_true(json_object_get(store, "chosen")) ? ", as the settings say" : "");
        print_bytes(name, number(store, "bytes"), more);
    }
}

static void print_time(const char *command, const json_t *t)
{
    const json_t *part;
    char text[32];
    size_t i;
    if (json_object_get(t, "targets_seconds"))
        printf("\ntargets: %s, %.2f node-hours\n", tec_duration(text, number(t, "targets_seconds")),
               number(t, "targets_node_hours"));
    printf("\n%s: %lld steps of %.4f s\n", command, whole(t, "steps"), number(t, "step_seconds"));
    json_array_foreach(json_object_get(t, "parts"), i, part) printf(
        "  %-34s %9.4f s %6.2f %%\n", text_of(part, "name"), number(part, "seconds"), 100 * number(part, "share"));
    printf("  %-34s %9.2f\n", "images/s", number(t, "images_per_second"));
    printf("communication share %.2f %%\n", 100 * number(t, "communication_share"));
    printf("checkpoints: %lld, %.1f s each\n", whole(t, "checkpoints"), number(t, "checkpoint_seconds"));
    if (json_object_get(t, "validations"))
        printf("validations: %lld, %.1f s each\n", whole(t, "validations"), number(t, "validation_seconds"));
    printf("time %s, %.1f s\n", tec_duration(text, number(t, "seconds")), number(t, "seconds"));
    printf("node-hours %.2f\n", number(t, "node_hours"));
}

/* A store, or the base model in every step? */
static void print_online(const json_t *o)
{
    const double epochs = number(o, "epochs_cheaper");
    if (!o)
        return;
    printf("\ntargets, stored or computed in the step (targets.online%s)\n",
           json_is_true(json_object_get(o, "chosen")) ? ", as the settings say" : "");
    printf("  a store of %lld view%s: %.3f node-hours once\n", whole(o, "views"), tec_plural(whole(o, "views")),
           number(o, "store_node_hours"));
    print_bytes("its bytes", number(o, "store_bytes"), "");
    printf("  in the step: %.4f s of each, %.3f node-hours in %lld epochs, no bytes\n", number(o, "step_seconds"),
           number(o, "node_hours"), whole(o, "epochs"));
    printf("  node-hours are fewer %s\n",
           number(o, "node_hours") < number(o, "store_node_hours") ? "in the step" : "with a store");
    printf("  in the step takes fewer for up to %.0f epoch%s\n", epochs, tec_plural((long long)epochs));
}

void tec_plan_print(const json_t *plan)
{
    const json_t *memory;
    size_t i;
    print_machine(json_object_get(plan, "machine"));
    print_heading(plan);
    json_array_foreach(json_object_get(plan, "memory"), i, memory) print_memory(memory);
    print_disk(json_object_get(plan, "disk"));
    print_time(text_of(plan, "command"), json_object_get(plan, "time"));
    print_online(json_object_get(plan, "online"));
}
