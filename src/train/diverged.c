/* Error messages of steps that diverge. */
#include "diverged.h"

#include "tec/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sample ids for a message, as many as fit. */
typedef struct id_list {
    char text[512];
    size_t length;
} id_list;

static void list_id(id_list *list, int64_t id)
{
    const size_t room = sizeof list->text - 32;
    if (list->length > room)
        return;
    const char *comma = list->length ? ", " : "";
    list->length += (size_t)snprintf(list->text + list->length, 32, "%s%lld", comma, (long long)id);
    if (list->length > room)
        strcpy(list->text + list->length, ", ...");
}

tec_status tec_diverged_loss(int64_t step, const tec_feed_batch *batch, int inputs, int at, int n, double loss)
{
    id_list ids = {0};
    for (int i = at / inputs; i < batch->count && i * inputs < at + n; i++)
        list_id(&ids, batch->item[i].sample);
    return tec_fail(TEC_DIVERGED, "step %lld: the loss is %g; sample ids: %s", (long long)step + 1, loss, ids.text);
}

tec_status tec_diverged_gradient(tec_sampler *sampler, int64_t step, const tec_step_result *result)
{
    id_list ids = {0};
    tec_request *request = tec_allocate((size_t)sampler->recipe.batch * sizeof *request);
    int count = tec_sampler_step(sampler, step, 0, 1, request);
    for (int i = 0; i < count; i++)
        list_id(&ids, request[i].sample);
    free(request);
    return tec_fail(TEC_DIVERGED, "step %lld: the gradient's norm is %g, with a loss of %g; sample ids: %s",
                    (long long)step + 1, result->gradient_norm, tec_loss_total(result->loss), ids.text);
}
