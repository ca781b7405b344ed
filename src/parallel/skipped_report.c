/* Lists of images left out, merged over the ranks. */
#include "tec/skipped_report.h"

#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

/* All messages, each with its terminating 0. The caller frees the text. */
static char *joined(const tec_skipped *s, size_t *bytes)
{
    *bytes = 0;
    for (int64_t i = 0; i < s->count; i++)
        *bytes += strlen(s->message[i]) + 1;
    char *text = tec_allocate(*bytes), *end = text;
    for (int64_t i = 0; i < s->count; i++)
        end = stpcpy(end, s->message[i]) + 1;
    return text;
}

/* Collective. Adds to `all` what `rank` has noted. */
static void add_rank(const tec_skipped *mine, const tec_comm *comm, int rank, tec_skipped *all)
{
    int64_t count = mine->count;
    tec_comm_broadcast(comm, &count, sizeof count, rank);
    if (count == 0)
        return;
    size_t sample_bytes = (size_t)count * sizeof(int64_t);
    int64_t *sample = tec_allocate(sample_bytes);
    char *text = NULL;
    size_t bytes = 0;
    if (rank == comm->rank) {
        memcpy(sample, mine->sample, sample_bytes);
        text = joined(mine, &bytes);
    }
    tec_comm_broadcast(comm, sample, sample_bytes, rank);
    tec_comm_share_text(comm, &text, &bytes, rank);
    const char *message = text;
    for (int64_t i = 0; i < count; i++, message += strlen(message) + 1)
        tec_skipped_note(all, sample[i], message);
    free(text);
    free(sample);
}

tec_skipped tec_skipped_merge(const tec_skipped *mine, const tec_comm *comm)
{
    tec_skipped all = {0};
    for (int rank = 0; rank < comm->size; rank++)
        add_rank(mine, comm, rank, &all);
    return all;
}

int64_t tec_skipped_report(const tec_skipped *s, const tec_comm *comm, const char *what)
{
    int64_t total = s->count;
    tec_comm_sum_int64(comm, &total, 1);
    if (total == 0) /* the usual case: saves a broadcast per rank */
        return 0;
    tec_skipped all = tec_skipped_merge(s, comm);
    total = all.count;
    tec_warn("%lld image%s of %s could not be decoded and %s left out:", (long long)total, tec_plural(total), what,
             total == 1 ? "was" : "were");
    for (int64_t i = 0; i < all.count; i++)
        tec_warn("%s", all.message[i]);
    tec_skipped_free(&all);
    return total;
}

tec_status tec_skipped_fail(const tec_skipped *s, const tec_comm *comm, const char *what)
{
    enum { NAMED = 3 };
    tec_skipped all = tec_skipped_merge(s, comm);
    char *text = tec_string_format("%lld %s left out so far, the first of them: ", (long long)all.count,
                                   all.count == 1 ? "was" : "were");
    for (int64_t i = 0; i < all.count && i < NAMED; i++)
        tec_string_append(&text, "%s%s", i ? "; " : "", all.message[i]);
    tec_status status = tec_fail(TEC_USER_ERROR, "%s; %s", what, text);
    free(text);
    tec_skipped_free(&all);
    return status;
}
