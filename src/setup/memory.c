/* Models that the memory of a host cannot hold, told from their architecture before anything is allocated or written. */
#include "tec/setup.h"

#include "tec/room.h"

/* Of the blocks and the patch embedding, where nearly all weights are. */
static double least_weights(const tec_model_config *c)
{
    double W = c->width, blocks = (double)c->depth * (4 * W * W + 2 * W * tec_model_hidden(c));
    return blocks + W * c->channels * c->patch * c->patch;
}

tec_status tec_setup_check_memory(const tec_comm *comm, const char *key, const char *path,
                                  const tec_model_config *config, int copies)
{
    char each[32], left[32];
    tec_comm node = tec_comm_node(comm);
    const double need = least_weights(config) * copies * sizeof(real), most = 1e18;
    const double room = (double)tec_room_memory();
    tec_status status = TEC_OK;
    if (room >= 0 && need * node.size > room)
        status = tec_fail(
            TEC_USER_ERROR,
            "%s %s needs at least %s of memory in each rank, and host %s, which has %d of them, has only %s left: "
            "take a smaller model, fewer ranks on a host, or hosts with more memory",
            key, path, tec_room_text(each, (int64_t)(need < most ? need : most)), tec_comm_host(comm, comm->rank),
            node.size, tec_room_text(left, (int64_t)room));
    tec_comm_node_free(&node);
    return tec_comm_agree(comm, status);
}
