/* The files of a training run, staged on a disk of the node. */
#include "tec/inputs.h"

#include "tec/files.h"
#include "tec/hash.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/room.h"
#include "tec/stop.h"
#include "tec/text.h"

#include <stdlib.h>

static char *name_below(const char *folder, const char *path)
{
    return tec_path_join(folder, tec_path_name(path));
}

/* Store `i`; NULL: there are not so many. */
static tec_store *store_of(const tec_inputs *in, int i)
{
    if (i == 0)
        return in->store;
    return i < TEC_MAX_BASES ? in->more[i - 1] : NULL;
}

/* The folder for the shards of store `i`: "targets", "targets2" and so on. The caller frees it. */
static char *folder_of(int i)
{
    return i == 0 ? tec_string_copy("targets") : tec_string_format("targets%d", i + 1);
}

static int64_t count_shards(const tec_inputs *in)
{
    int64_t shards = 0;
    for (int i = 0; store_of(in, i); i++)
        shards += tec_store_shards(tec_store_get_spec(store_of(in, i)));
    return shards;
}

/* Returns what is behind the shards of store `i` in the list. */
static tec_stage_file *list_store(const tec_inputs *in, int i, tec_stage_file *file)
{
    tec_store *store = store_of(in, i);
    const int64_t shards = tec_store_shards(tec_store_get_spec(store));
    char *folder = folder_of(i);
    for (int64_t shard = 0; shard < shards; shard++, file++) {
        file->source = tec_store_shard_file(store, shard, &file->bytes);
        file->name = name_below(folder, file->source);
    }
    free(folder);
    return file;
}

static tec_stage_file *list_files(const tec_inputs *in, int64_t *count)
{
    const int64_t images = tec_dataset_shards(in->set);
    *count = count_shards(in) + images;
    tec_stage_file *file = tec_allocate_zeroed((size_t)*count, sizeof *file), *next = file;
    for (int i = 0; store_of(in, i); i++)
        next = list_store(in, i, next);
    for (int64_t i = 0; i < images; i++, next++) {
        next->source = tec_dataset_shard_file(in->set, (int)i, &next->bytes);
        next->name = name_below("images", next->source);
    }
    return file;
}

static void read_from_stage(tec_inputs *in)
{
    char *images = tec_path_join(tec_stage_directory(in->stage), "images");
    for (int i = 0; store_of(in, i); i++) {
        char *folder = folder_of(i), *targets = tec_path_join(tec_stage_directory(in->stage), folder);
        tec_store_read_from(store_of(in, i), targets);
        free(targets);
        free(folder);
    }
    if (tec_dataset_shards(in->set) > 0)
        tec_dataset_read_from(in->set, images);
    free(images);
}

uint64_t tec_inputs_identity(const tec_inputs *in)
{
    const tec_store_spec *first = tec_inputs_targets(in);
    uint64_t all = first ? tec_store_identity(first) : 0;
    for (int i = 1; store_of(in, i); i++) {
        const uint64_t identity = tec_store_identity(tec_store_get_spec(store_of(in, i)));
        all = tec_hash_bytes(all, &identity, sizeof identity);
    }
    return all;
}

/* What the ranks of a node read in all epochs: every image of an epoch is read by one node, and of each image one view of
 * the store. */
static double bytes_read(const tec_comm *comm, const tec_inputs *in, int epochs)
{
    double epoch = 0;
    for (int i = 0; store_of(in, i); i++)
        epoch += (double)tec_store_bytes(store_of(in, i)) / tec_store_get_spec(store_of(in, i))->views;
    for (int i = 0; i < tec_dataset_shards(in->set); i++) {
        int64_t bytes;
        free(tec_dataset_shard_file(in->set, i, &bytes));
        epoch += (double)bytes;
    }
    int64_t nodes = tec_comm_first_of_node(comm);
    tec_comm_sum_int64(comm, &nodes, 1);
    return epoch * epochs / (double)nodes;
}

/* Collective. Is less copied than would be read without copies? */
static bool is_worth_it(const tec_comm *comm, const tec_inputs *in, const tec_stage_file *file, int64_t count,
                        int epochs)
{
    int64_t copied = 0;
    char all[32], some[32];
    for (int64_t i = 0; i < count; i++)
        copied += file[i].bytes;
    double read = bytes_read(comm, in, epochs);
    if ((double)copied <= read)
        return true;
    tec_warn(
        "run.stage: nothing is copied: that would be %s for each node, whose ranks read only %s in %d epochs; files "
        "are read where they are",
        tec_room_text(all, copied), tec_room_text(some, (int64_t)read), epochs);
    return false;
}

void tec_inputs_stage(const tec_comm *comm, const char *dir, int epochs, tec_inputs *in)
{
    int64_t count;
    tec_stage_file *file = list_files(in, &count);
    tec_stop_catch(); /* so that a signal during the copying does not leave copies behind */
    if (count == 0)
        tec_warn("run.stage: there is nothing to copy, as data.train is neither a pack nor tar archives of different "
                 "names, and there is no target store; `tec pack` makes a pack");
    else if (is_worth_it(comm, in, file, count, epochs))
        tec_stage_open(&in->stage, comm, dir, file, count);
    if (in->stage)
        read_from_stage(in);
    for (int64_t i = 0; i < count; i++) {
        free(file[i].source);
        free(file[i].name);
    }
    free(file);
}

const tec_store_spec *tec_inputs_targets(const tec_inputs *in)
{
    if (in->online)
        return tec_online_spec(in->online);
    return in->store ? tec_store_get_spec(in->store) : NULL;
}

void tec_inputs_close(tec_inputs *in)
{
    for (int i = 0; i < TEC_MAX_BASES - 1; i++)
        tec_store_close(in->more[i]);
    tec_online_free(in->online);
    tec_store_close(in->store);
    tec_dataset_close(in->set);
    tec_stage_close(in->stage);
    *in = (tec_inputs){0};
}
