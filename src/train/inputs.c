/* The files of a training run, staged on a disk of the node. */
#include "tec/inputs.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/room.h"
#include "tec/stop.h"

#include <stdlib.h>

static char *name_below(const char *folder, const char *path)
{
    return tec_path_join(folder, tec_path_name(path));
}

static tec_stage_file *list_files(const tec_inputs *in, int64_t *count)
{
    const tec_store_spec *spec = in->store ? tec_store_get_spec(in->store) : NULL;
    int64_t targets = spec ? tec_store_shards(spec) : 0, images = tec_dataset_shards(in->set);
    tec_stage_file *file = tec_allocate_zeroed((size_t)(targets + images), sizeof *file);
    *count = targets + images;
    for (int64_t i = 0; i < targets; i++) {
        file[i].source = tec_store_shard_file(in->store, i, &file[i].bytes);
        file[i].name = name_below("targets", file[i].source);
    }
    for (int64_t i = targets; i < *count; i++) {
        file[i].source = tec_dataset_shard_file(in->set, (int)(i - targets), &file[i].bytes);
        file[i].name = name_below("images", file[i].source);
    }
    return file;
}

static void read_from_stage(tec_inputs *in)
{
    char *targets = tec_path_join(tec_stage_directory(in->stage), "targets");
    char *images = tec_path_join(tec_stage_directory(in->stage), "images");
    if (in->store)
        tec_store_read_from(in->store, targets);
    if (tec_dataset_shards(in->set) > 0)
        tec_dataset_read_from(in->set, images);
    free(images);
    free(targets);
}

/* What the ranks of a node read in all epochs: every image of an epoch is read by one node, and of each image one view of
 * the store. */
static double bytes_read(const tec_comm *comm, const tec_inputs *in, int epochs)
{
    double epoch = in->store ? (double)tec_store_bytes(in->store) / tec_store_get_spec(in->store)->views : 0;
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
    tec_online_free(in->online);
    tec_store_close(in->store);
    tec_dataset_close(in->set);
    tec_stage_close(in->stage);
    *in = (tec_inputs){0};
}
